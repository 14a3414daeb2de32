// SPDX-License-Identifier: Apache-2.0
// Anvil, a real node, with a chain that depends on nothing but what is sent to it: two of them that
// got the same transactions in the same order have the same blocks, byte for byte.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Program, poll } from './process.js';
import { rpc } from './rpc.js';

const kGenesisTime = 1_700_000_000;

function binary() {
  const require = createRequire(import.meta.url);
  const name = `@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  return join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'anvil');
}

export class Anvil {
  /** Port 0 is a free one, which anvil prints; another serves to come back after a kill. */
  static async start({ port = 0, args = [] } = {}) {
    const node = new Anvil();
    node.program = new Program(binary(), [
      '--host', '127.0.0.1', '--port', String(port), '--timestamp', String(kGenesisTime),
      '--color', 'never', '--threads', '1', ...args,
    ], { env: { ...process.env, RUST_LOG: 'off' } });
    node.port = Number((await node.program.line(/Listening on 127\.0\.0\.1:(\d+)/))[1]);
    node.url = `http://127.0.0.1:${node.port}`;
    node.ws = `ws://127.0.0.1:${node.port}`;
    await poll('anvil to answer', () => node.rpc('eth_chainId'));
    // Blocks are a second apart by the chain's own clock, whatever the wall's says.
    await node.rpc('anvil_setBlockTimestampInterval', [1]);
    return node;
  }

  /** One call past Sluice; the result, or an error thrown. */
  rpc(method, params = []) {
    return rpc(this.url, method, params);
  }

  mine(blocks = 1) {
    return this.rpc('anvil_mine', [`0x${blocks.toString(16)}`, '0x1']);
  }

  stop() {
    this.program.signal('SIGSTOP');
  }

  continue() {
    this.program.signal('SIGCONT');
  }

  kill() {
    return this.program.kill();
  }
}

/** The first of anvil's accounts, of the mnemonic that everyone knows. */
export const kKeys = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
];
export const kAccounts = [
  '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
  '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',
];
