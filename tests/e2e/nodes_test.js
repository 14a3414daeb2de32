// SPDX-License-Identifier: Apache-2.0
// Three real nodes behind one Sluice: whoever answers, the answer is the same, and what belongs to
// one node stays with it.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Contract, JsonRpcProvider } from 'ethers';
import { createPublicClient, http } from 'viem';
import { Web3 } from 'web3';
import { kAccounts } from './support/anvil.js';
import { abi } from './support/contract.js';
import { PollingProvider } from './support/polling_provider.js';
import { poll } from './support/process.js';
import { post } from './support/rpc.js';
import { Sluice } from './support/sluice.js';
import { test } from './support/test.js';
import { Trio } from './support/trio.js';

describe('nodes: three with one chain', { concurrency: false }, () => {
  let trio, sluice, block;
  before(async () => {
    trio = await Trio.start();
    for (let value = 1n; value <= 5n; value += 1n) await trio.transfer(value);
    sluice = await Sluice.start(trio.nodes, {
      balance: { strategy: 'round-robin' }, health: { interval: '200ms' },
    });
    block = await trio.nodes[0].rpc('eth_getBlockByNumber', ['latest', true]);
  });
  after(async () => {
    await sluice?.stop();
    await trio?.stop();
  });

  test('every node has the same chain to begin with', async () => {
    for (const node of trio.nodes) {
      assert.deepEqual(await node.rpc('eth_getBlockByNumber', ['latest', true]), block);
    }
  });

  test('every read is answered to the byte as each node answers it, by all three in turn', async () => {
    const hash = block.transactions[0].hash;
    const transfer = { to: trio.ledger, data: trio.interface.encodeFunctionData('balanceOf', [kAccounts[1]]) };
    const reads = [
      ['eth_getBlockByNumber', ['latest', true]], ['eth_getBlockByNumber', ['0x1', false]],
      ['eth_getBlockByHash', [block.hash, true]], ['eth_getBlockReceipts', ['latest']],
      ['eth_getBlockTransactionCountByNumber', ['latest']], ['eth_getTransactionByHash', [hash]],
      ['eth_getTransactionReceipt', [hash]], ['eth_getRawTransactionByHash', [hash]],
      ['eth_getTransactionByBlockNumberAndIndex', ['latest', '0x0']],
      ['eth_getBalance', [kAccounts[0], 'latest']], ['eth_getBalance', [kAccounts[0], { blockHash: block.hash }]],
      ['eth_getCode', [trio.ledger, 'latest']], ['eth_getStorageAt', [trio.ledger, '0x0', 'latest']],
      ['eth_getTransactionCount', [kAccounts[0], 'pending']], ['eth_getProof', [trio.ledger, [], 'latest']],
      ['eth_call', [transfer, 'latest']], ['eth_estimateGas', [{ ...transfer, from: kAccounts[0] }]],
      ['eth_getLogs', [{ fromBlock: '0x0', toBlock: 'latest', address: trio.ledger }]],
      ['eth_getLogs', [{ blockHash: block.hash }]], ['eth_gasPrice', []], ['eth_feeHistory', ['0x4', 'latest', [50]]],
      ['eth_blockNumber', []], ['eth_chainId', []], ['net_version', []], ['eth_syncing', []],
      ['eth_getTransactionByHash', [`0x${'ab'.repeat(32)}`]], ['eth_noSuchThing', []],
      ['eth_call', [{ to: trio.ledger, data: trio.interface.encodeFunctionData('refuse') }, 'latest']],
    ];
    const answered = new Set();
    for (const [method, params] of reads) {
      const call = { jsonrpc: '2.0', id: 'x', method, params };
      const expected = (await post(trio.nodes[0].url, call)).text;
      for (let turn = 0; turn < 3; turn += 1) {
        const reply = await post(sluice.url, call);
        assert.equal(reply.text.trim(), expected.trim(), `${method}(${JSON.stringify(params)})`);
        answered.add(reply.headers['x-sluice-upstream']);
      }
    }
    for (const index of [0, 1, 2]) assert.ok(answered.has(`node-${index}`), `${[...answered]}`);
  });

  test('libraries read what is there, a hundred calls each at once', async () => {
    const provider = new JsonRpcProvider(sluice.url, undefined, { cacheTimeout: -1 });
    const viem = createPublicClient({ transport: http(sluice.url, { retryCount: 0 }) });
    const web3 = new Web3(sluice.url);
    const each = (read) => Promise.all(Array.from({ length: 100 }, read));
    const [ethersFound, viemFound, web3Found] = await Promise.all([
      each(() => provider.getBlock('latest').then((found) => found.hash)),
      each(() => viem.getBlock().then((found) => found.hash)),
      each(() => web3.eth.getBlock('latest').then((found) => found.hash)),
    ]);
    provider.destroy();
    for (const found of [...ethersFound, ...viemFound, ...web3Found]) assert.equal(found, block.hash);
  });

  test('filters stay on the node that made them, whichever asks', async () => {
    const made = await Promise.all(Array.from({ length: 9 }, () => (
      post(sluice.url, { jsonrpc: '2.0', id: 1, method: 'eth_newFilter', params: [{ address: trio.ledger }] }))));
    const ids = made.map((reply) => reply.json.result);
    assert.equal(new Set(ids).size, 9, `${ids}`);
    const owners = made.map((reply) => reply.headers['x-sluice-upstream']);
    assert.equal(new Set(owners).size, 3, `${owners}`);
    const hash = await trio.transfer(77n);
    for (const [index, id] of ids.entries()) {
      // A node tells its filters of a block a moment after it is mined.
      const changes = await poll(`the filter on ${owners[index]}`, async () => {
        const reply = await post(sluice.url, { jsonrpc: '2.0', id: 2, method: 'eth_getFilterChanges', params: [id] });
        assert.equal(reply.headers['x-sluice-upstream'], owners[index]);
        return reply.json.result.length !== 0 && reply.json.result;
      });
      assert.deepEqual(changes.map((log) => log.transactionHash), [hash]);
      const gone = await post(sluice.url, { jsonrpc: '2.0', id: 3, method: 'eth_uninstallFilter', params: [id] });
      assert.equal(gone.json.result, true);
    }
  });

  test('ethers contract.on hears every event once', async () => {
    const provider = new PollingProvider(sluice.url, undefined, { cacheTimeout: -1, pollingInterval: 50 });
    const filterMade = new Promise((resolve) => {
      const send = provider.send.bind(provider);
      provider.send = async (method, params) => {
        const result = await send(method, params);
        if (method === 'eth_newFilter') resolve();
        return result;
      };
    });
    const ledger = new Contract(trio.ledger, abi, provider);
    const heard = [];
    await ledger.on('Transfer', (from, to, value) => heard.push(value));
    await filterMade;
    const sent = [11n, 12n, 13n, 14n, 15n, 16n];
    for (const value of sent) await trio.transfer(value);
    // ethers looks into its filter when it sees one more block.
    await poll('all events', async () => {
      if (heard.length < sent.length) await trio.send({ to: kAccounts[2], value: 1n });
      return heard.length >= sent.length;
    }, { every: 200 });
    await ledger.removeAllListeners();
    await provider.putAway();
    assert.deepEqual(heard, sent);
  });

  test('viem hears every block, in order, though each look may reach another node', async () => {
    const viem = createPublicClient({ transport: http(sluice.url, { retryCount: 0 }), pollingInterval: 20, cacheTime: 0 });
    const heard = [];
    const from = BigInt(trio.head);
    const errors = [];
    const unwatch = viem.watchBlockNumber({
      emitOnBegin: true, emitMissed: true, onBlockNumber: (number) => heard.push(number), onError: (error) => errors.push(error),
    });
    for (let i = 0; i < 10; i += 1) await trio.transfer(1n);
    await poll('the last block', () => heard.at(-1) === from + 10n);
    unwatch();
    assert.deepEqual(errors, []);
    assert.ok(heard.every((number, index) => index === 0 || number === heard[index - 1] + 1n), `${heard}`);
  });

  test('the head that Sluice knows is the chain\'s', async () => {
    await poll('the metric to say so', async () => await sluice.total('sluice_chain_head_block') === trio.head);
    await poll('no node to lag', async () =>
      (await sluice.samples('sluice_upstream_lag_blocks')).every((sample) => sample.value === 0));
  });
});
