// SPDX-License-Identifier: Apache-2.0
// Three nodes with one chain, as a network would keep them: what is sent is sent to each, past Sluice.
import { ContractFactory, Interface, Wallet, getCreateAddress } from 'ethers';
import { Anvil, kAccounts, kKeys } from './anvil.js';
import { abi, bytecode, kSupply } from './contract.js';
import { poll } from './process.js';

/** Anvil mines a transaction by itself, but a moment after it has taken it. */
async function mined(node, raw) {
  const hash = await node.rpc('eth_sendRawTransaction', [raw]);
  await poll('a receipt', () => node.rpc('eth_getTransactionReceipt', [hash]), { every: 2 });
  return hash;
}

export class Trio {
  static async start() {
    const trio = new Trio();
    trio.nodes = await Promise.all([0, 1, 2].map(() => Anvil.start()));
    trio.raw = [];
    trio.interface = new Interface(abi);
    trio.ledger = getCreateAddress({ from: kAccounts[0], nonce: 0 });
    const { data } = await new ContractFactory(abi, bytecode).getDeployTransaction(kSupply);
    await trio.send({ data });
    return trio;
  }

  /** A signed transaction of the first account, the next in its order. */
  async sign(fields) {
    return new Wallet(kKeys[0]).signTransaction({
      type: 2, chainId: 31337, nonce: this.raw.length, gasLimit: 1_000_000,
      maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 0, ...fields,
    });
  }

  /** Mines it on every node that lives; the hash. */
  async send(fields) {
    const raw = await this.sign(fields);
    this.raw.push(raw);
    const living = this.nodes.filter((node) => !node.program.how);
    const hashes = await Promise.all(living.map((node) => mined(node, raw)));
    return hashes[0];
  }

  transfer(value, to = kAccounts[1]) {
    return this.send({ to: this.ledger, data: this.interface.encodeFunctionData('transfer', [to, value]) });
  }

  /** Every block so far, anew: what a node does that comes back and catches up. */
  async catchUp(node) {
    for (const raw of this.raw) await mined(node, raw);
  }

  /** A node at the place and port of one that was killed. */
  async revive(index) {
    this.nodes[index] = await Anvil.start({ port: this.nodes[index].port });
    return this.nodes[index];
  }

  get head() {
    return this.raw.length;
  }

  stop() {
    return Promise.all(this.nodes.map((node) => node.kill()));
  }
}
