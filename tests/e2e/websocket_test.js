// SPDX-License-Identifier: Apache-2.0
// One WebSocket of each library with many calls in flight, and what they make of subscriptions, which
// Sluice does not offer.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocketProvider } from 'ethers';
import { createPublicClient, webSocket } from 'viem';
import { Web3 } from 'web3';
import WebSocket from 'ws';
import { kAccounts } from './support/anvil.js';
import { poll, run } from './support/process.js';
import { Sluice } from './support/sluice.js';
import { test } from './support/test.js';
import { Trio } from './support/trio.js';

const kRefused = 'the method eth_subscribe does not exist/is not available';

describe('websocket', () => {
  let trio, sluice, hashes;
  const over = (transport) => createPublicClient({ transport, cacheTime: 0, pollingInterval: 50 });
  before(async () => {
    trio = await Trio.start();
    for (let value = 1n; value <= 7n; value += 1n) await trio.transfer(value);
    hashes = await Promise.all(Array.from({ length: 8 }, async (_, number) => (
      (await trio.nodes[0].rpc('eth_getBlockByNumber', [`0x${number.toString(16)}`, false])).hash)));
    sluice = await Sluice.start(trio.nodes, {
      balance: { strategy: 'round-robin' }, queue: { timeout: '30s' }, timeout: { call: '60s' },
    });
  });
  after(async () => {
    await sluice?.stop();
    await trio?.stop();
  });

  /** Block hashes by number, in no order: an answer that went to another call would show. */
  async function manyAtOnce(ask) {
    const numbers = Array.from({ length: 400 }, (_, index) => (index * 5) % 8);
    const found = await Promise.all(numbers.map(ask));
    assert.deepEqual(found, numbers.map((number) => hashes[number]));
  }

  test('ethers: 400 calls at once on one socket, each with its own answer', async () => {
    const provider = new WebSocketProvider(sluice.ws, undefined, { cacheTimeout: -1 });
    await manyAtOnce((number) => provider.getBlock(number).then((block) => block.hash));
    await provider.destroy();
  });

  test('viem: 400 calls at once on one socket, each with its own answer', async () => {
    const viem = over(webSocket(sluice.ws, { retryCount: 0, timeout: 60_000 }));
    await manyAtOnce((number) => (
      // Its own getBlock would ask once for all that are alike.
      viem.request({ method: 'eth_getBlockByNumber', params: [`0x${number.toString(16)}`, false] }, { dedupe: false })
        .then((block) => block.hash)));
    (await viem.transport.getRpcClient()).close();
  });

  test('web3.js: 400 calls at once on one socket, each with its own answer', async () => {
    const web3 = new Web3(sluice.ws);
    await manyAtOnce((number) => web3.eth.getBlock(number).then((block) => block.hash));
    web3.provider.disconnect();
  });

  test('they came by one connection each, and all nodes had their share', async () => {
    for (const index of [0, 1, 2]) {
      assert.ok(await sluice.total('sluice_upstream_attempts_total', { upstream: `node-${index}` }) > 200);
    }
    await poll('the sockets to be gone', async () =>
      await sluice.total('sluice_client_connections', { protocol: 'websocket' }) === 0);
  });

  test('viem on a subscription: it tells its watcher, and calls go on', async () => {
    const viem = over(webSocket(sluice.ws, { retryCount: 0, reconnect: false }));
    const errors = [];
    viem.watchBlockNumber({ onBlockNumber: () => {}, onError: (error) => errors.push(error) });
    const error = await poll('the refusal', () => errors[0]);
    assert.deepEqual([error.code ?? error.cause?.code, error.message], [-32601, kRefused]);
    assert.equal(await viem.getBlockNumber(), 8n);
    (await viem.transport.getRpcClient()).close();
  });

  test('viem told to poll: it watches over a WebSocket all the same', async () => {
    const viem = over(webSocket(sluice.ws, { retryCount: 0, reconnect: false }));
    const heard = [];
    const unwatch = viem.watchBlocks({ poll: true, emitOnBegin: true, onBlock: (block) => heard.push(block.hash) });
    await poll('a block', () => heard.length);
    unwatch();
    assert.equal(heard[0], (await trio.nodes[0].rpc('eth_getBlockByNumber', ['latest', false])).hash);
    (await viem.transport.getRpcClient()).close();
  });

  test('web3.js on a subscription: it is refused, and calls go on', async () => {
    const web3 = new Web3(sluice.ws);
    const error = await web3.eth.subscribe('newHeads').then(() => null, (reason) => reason);
    assert.deepEqual([error.cause.code, error.cause.message], [-32601, kRefused]);
    assert.equal(await web3.eth.getBlockNumber(), 8n);
    web3.provider.disconnect();
  });

  test('ethers on a subscription: a rejection that it leaves to the program', async () => {
    // It would end a process that has not said what to do with it, so it has one of its own.
    const program = `
      import { WebSocketProvider } from 'ethers';
      process.on('unhandledRejection', async (error) => {
        console.log(error.code, await provider.getBlockNumber());
        process.exit();
      });
      const provider = new WebSocketProvider(process.argv[1], undefined, { cacheTimeout: -1 });
      await provider.on('block', () => {});
    `;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program, sluice.ws],
      { cwd: fileURLToPath(new URL('.', import.meta.url)) });
    assert.equal(stdout.trim(), 'UNSUPPORTED_OPERATION 8');
  });

  test('ws: pings are answered, batches come back in order, a close is a close', async () => {
    const socket = new WebSocket(sluice.ws);
    await once(socket, 'open');
    socket.ping('are you there');
    assert.equal(String((await once(socket, 'pong'))[0]), 'are you there');
    const batch = [
      { jsonrpc: '2.0', id: 'a', method: 'eth_blockNumber' },
      { jsonrpc: '2.0', method: 'eth_chainId' },
      { jsonrpc: '2.0', id: 2, method: 'eth_subscribe', params: ['newHeads'] },
      { jsonrpc: '2.0', id: null, method: 'eth_getBalance', params: [kAccounts[2], 'latest'] },
    ];
    socket.send(JSON.stringify(batch));
    const replies = JSON.parse(String((await once(socket, 'message'))[0]));
    assert.deepEqual(replies.map((reply) => [reply.id, reply.result ?? reply.error.code]),
      [['a', '0x8'], [2, -32601], [null, '0x21e19e0c9bab2400000']]);
    socket.close(4000, 'done');
    assert.equal((await once(socket, 'close'))[0], 4000);
  });

  test('ws: a text that is no JSON is answered, and the socket lives', async () => {
    const socket = new WebSocket(sluice.ws);
    await once(socket, 'open');
    socket.send('{"jsonrpc":');
    const [broken] = await once(socket, 'message');
    assert.equal(JSON.parse(String(broken)).error.code, -32700);
    socket.send('{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}');
    assert.deepEqual(JSON.parse(String((await once(socket, 'message'))[0])), { jsonrpc: '2.0', id: 1, result: '0x7a69' });
    socket.terminate();
  });
});
