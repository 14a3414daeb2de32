// SPDX-License-Identifier: Apache-2.0
// Real nodes that die, hang and come back, under the calls of real clients: no call fails, no answer
// is of another time.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import { Contract, JsonRpcProvider, Wallet } from 'ethers';
import { createPublicClient, http } from 'viem';
import { Web3 } from 'web3';
import { Anvil, kAccounts, kKeys } from './support/anvil.js';
import { abi } from './support/contract.js';
import { poll } from './support/process.js';
import { post } from './support/rpc.js';
import { Sluice } from './support/sluice.js';
import { test } from './support/test.js';
import { Trio } from './support/trio.js';

const kQuick = {
  // A node that is one block behind is not asked either, so that the head never goes back.
  health: { interval: '200ms', timeout: '500ms', lag: { prefer: 0 } },
  timeout: { call: '10s', attempt: '1s' },
};

/** Clients of all three libraries that read without pause and retry nothing themselves. */
class Readers {
  constructor(url, trio) {
    this.provider = new JsonRpcProvider(url, undefined, { cacheTimeout: -1, batchMaxCount: 1 });
    const ledger = new Contract(trio.ledger, abi, this.provider);
    const viem = createPublicClient({ transport: http(url, { retryCount: 0, timeout: 30_000 }), cacheTime: 0 });
    const web3 = new Web3(url);
    this.reads = [
      () => this.provider.getBlockNumber(), () => viem.getBlockNumber(), () => web3.eth.getBlockNumber(),
      () => ledger.balanceOf(kAccounts[1]).then((value) => this.same('balance', value)),
      () => viem.getBlock({ blockNumber: 2n }).then((block) => this.same('block 2', block.hash)),
      () => web3.eth.getBlock(2).then((block) => this.same('block 2', block.hash)),
    ];
    this.known = new Map();
    this.calls = 0;
    this.failures = [];
    this.going = true;
    this.least = BigInt(trio.head);
    this.loops = this.reads.flatMap((read, index) => [this.loop(read, index), this.loop(read, index)]);
  }

  same(what, value) {
    if (!this.known.has(what)) this.known.set(what, value);
    assert.equal(value, this.known.get(what), what);
  }

  async loop(read, index) {
    while (this.going) {
      const { least } = this;
      try {
        const value = await read();
        // The first three ask for the head, which never goes back.
        if (index < 3) assert.ok(BigInt(value) >= least, `the head was ${least}, now it is ${value}`);
      } catch (error) {
        this.failures.push(error);
      }
      this.calls += 1;
    }
  }

  /** So many calls more. */
  async past(count) {
    const until = this.calls + count;
    await poll(`${count} calls`, () => this.calls >= until);
  }

  stop() {
    this.going = false;
    this.provider.destroy();
  }

  async end() {
    this.going = false;
    await Promise.all(this.loops);
    assert.deepEqual(this.failures.slice(0, 3), [], `${this.failures.length} of ${this.calls} calls failed`);
  }
}

describe('failover: one of three nodes', () => {
  let trio, sluice, readers;
  beforeEach(async () => {
    trio = await Trio.start();
    for (let value = 1n; value <= 6n; value += 1n) await trio.transfer(value);
    sluice = await Sluice.start(trio.nodes, { ...kQuick, balance: { strategy: 'round-robin' } });
    readers = new Readers(sluice.url, trio);
    await readers.past(60);
  });
  afterEach(async () => {
    readers?.stop();
    await sluice?.stop();
    await trio?.stop();
  });

  const attempts = (index) => sluice.total('sluice_upstream_attempts_total', { upstream: `node-${index}` });
  const state = (index, name) => async () =>
    await sluice.total('sluice_upstream_state', { upstream: `node-${index}`, state: name }) === 1;

  const lag = (index, blocks) => async () =>
    await sluice.total('sluice_upstream_lag_blocks', { upstream: `node-${index}` }) === blocks;

  test('dies, comes back empty, catches up', async () => {
    await trio.nodes[1].kill();
    await readers.past(120);
    await poll('Sluice to notice', state(1, 'out'));
    // Back, but at the genesis block: what it says of the head is old.
    const node = await trio.revive(1);
    await readers.past(120);
    await trio.catchUp(node);
    await poll('it to be trusted again', state(1, 'in'));
    const before = await attempts(1);
    await poll('it to get calls again', async () => await attempts(1) > before + 20);
    await readers.end();
  });

  test('hangs, and goes on', async () => {
    trio.nodes[2].stop();
    await readers.past(120);
    await poll('Sluice to notice', state(2, 'out'));
    await readers.past(120);
    trio.nodes[2].continue();
    await poll('it to be trusted again', state(2, 'in'));
    await readers.past(60);
    await readers.end();
  });

  test('falls behind, and catches up', async () => {
    // Every transaction goes to two nodes alone, as if the third had lost its peers.
    const [lost] = trio.nodes.splice(2, 1);
    try {
      for (let value = 1n; value <= 6n; value += 1n) await trio.send({ to: kAccounts[2], value });
      await poll('Sluice to notice', lag(2, 6));
      readers.least = BigInt(trio.head);
      await readers.past(120);
      for (const raw of trio.raw.slice(-6)) await lost.rpc('eth_sendRawTransaction', [raw]);
      await poll('the lag to end', lag(2, 0));
      await readers.end();
    } finally {
      trio.nodes.push(lost);
    }
  });

  test('all but one die', async () => {
    await trio.nodes[0].kill();
    await readers.past(120);
    await trio.nodes[1].kill();
    await readers.past(120);
    await readers.end();
  });

  test('with the filter on it dies: viem makes another', async () => {
    let asked, owner;
    const viem = createPublicClient({
      pollingInterval: 50, cacheTime: 0,
      transport: http(sluice.url, {
        retryCount: 0,
        onFetchRequest: (_, { body }) => { asked = JSON.parse(body).method; },
        onFetchResponse: (reply) => {
          if (asked === 'eth_newFilter' && reply.ok) owner = reply.headers.get('x-sluice-upstream');
        },
      }),
    });
    const heard = [];
    const unwatch = viem.watchContractEvent({
      address: trio.ledger, abi, eventName: 'Transfer', onError: () => {},
      onLogs: (logs) => heard.push(...logs.map((log) => log.args.value)),
    });
    try {
      // What came before the filter is not in it.
      await poll('the filter', () => owner);
      await trio.transfer(41n, kAccounts[2]);
      await poll('the first event', () => heard.includes(41n));
      const first = owner;
      owner = undefined;
      await trio.nodes[Number(first.slice(-1))].kill();
      const second = await poll('another filter', () => owner);
      assert.notEqual(second, first);
      await trio.transfer(42n, kAccounts[2]);
      await poll('the second event', () => heard.includes(42n));
    } finally {
      unwatch();
    }
    await readers.end();
  });
});

describe('failover: writes', () => {
  let nodes, sluice, provider;
  before(async () => {
    nodes = await Promise.all([Anvil.start(), Anvil.start()]);
    sluice = await Sluice.start(nodes, { ...kQuick, balance: { strategy: 'round-robin' } });
    provider = new JsonRpcProvider(sluice.url, undefined, { cacheTimeout: -1, pollingInterval: 50 });
  });
  after(async () => {
    provider?.destroy();
    await sluice?.stop();
    await Promise.all((nodes ?? []).map((node) => node.kill()));
  });

  test('sent while one of two nodes is dead, each is mined once', async () => {
    await nodes[0].kill();
    const wallet = new Wallet(kKeys[0], provider);
    const receipts = [];
    for (let nonce = 0; nonce < 20; nonce += 1) {
      receipts.push(await (await wallet.sendTransaction({ to: kAccounts[1], value: 1n, nonce })).wait());
    }
    assert.deepEqual(receipts.map((receipt) => receipt.blockNumber), Array.from({ length: 20 }, (_, index) => index + 1));
    assert.equal(await nodes[1].rpc('eth_blockNumber'), '0x14');
  });

  test('with no node left a call is refused at once, in words that ask to come again', async () => {
    await nodes[1].kill();
    const reply = await poll('503', async () => {
      const got = await post(sluice.url, { jsonrpc: '2.0', id: 7, method: 'eth_gasPrice', params: [] });
      return got.status === 503 && got;
    });
    assert.equal(reply.json.error.code, -32603);
    assert.match(reply.headers['retry-after'], /^\d+$/);
    const viem = createPublicClient({ transport: http(sluice.url, { retryCount: 0 }) });
    const error = await viem.getGasPrice().catch((reason) => reason);
    assert.equal(error.walk((one) => one.code === -32603)?.code, -32603);
  });

  test('and it serves again when a node is back', async () => {
    nodes[1] = await Anvil.start({ port: nodes[1].port });
    // viem asks again by itself: -32603 and 503 are worth it to it.
    const viem = createPublicClient({ transport: http(sluice.url, { retryCount: 20, retryDelay: 50 }) });
    assert.equal(await viem.getBalance({ address: kAccounts[1] }), 10_000n * 10n ** 18n);
  });
});
