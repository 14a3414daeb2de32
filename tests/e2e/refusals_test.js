// SPDX-License-Identifier: Apache-2.0
// What Sluice itself refuses, as the libraries take it: which error they make of it, and whether they
// try again as its words mean them to.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Contract, FetchRequest, JsonRpcProvider } from 'ethers';
import { createPublicClient, createTestClient, http } from 'viem';
import { Web3 } from 'web3';
import { Anvil, kAccounts } from './support/anvil.js';
import { abi } from './support/contract.js';
import { PollingProvider } from './support/polling_provider.js';
import { post } from './support/rpc.js';
import { Sluice } from './support/sluice.js';
import { test } from './support/test.js';
import { Trio } from './support/trio.js';

const call = (method, params = []) => ({ jsonrpc: '2.0', id: 1, method, params });
const failed = (promise) => promise.then(() => assert.fail('it should have failed'), (error) => error);
/** viem wraps: the first error below that has a code. */
const rpcError = (error) => error.walk((one) => typeof one.code === 'number');

function serving(title, makeConfig, body) {
  describe(title, () => {
    const it = {};
    before(async () => {
      it.node = await Anvil.start();
      it.sluice = await Sluice.start([it.node], makeConfig());
    });
    after(async () => {
      await it.sluice?.stop();
      await it.node?.kill();
    });
    body(it);
  });
}

serving('refusals: methods', () => ({
  methods: { deny: ['anvil_*', 'evm_*', 'eth_newFilter', 'eth_sendTransaction'], allow: ['anvil_mine', 'evm_increaseTime'] },
}), (it) => {
  test('what is denied, Sluice\'s own defaults too, never reaches the node', async () => {
    for (const method of ['anvil_setBalance', 'evm_mine', 'anvil_reset', 'eth_newFilter', 'eth_sendTransaction',
      'debug_traceTransaction', 'admin_addPeer', 'personal_listAccounts', 'miner_start', 'engine_newPayloadV1']) {
      const { status, json } = await post(it.sluice.url, call(method));
      assert.deepEqual([status, json.error.code, json.error.message],
        [200, -32601, `the method ${method} does not exist/is not available`]);
    }
    assert.equal(await it.node.rpc('eth_blockNumber'), '0x0');
  });

  test('an exact name that is allowed outweighs a pattern that denies', async () => {
    const viem = createTestClient({ mode: 'anvil', transport: http(it.sluice.url, { retryCount: 0 }) });
    await viem.mine({ blocks: 3 });
    await viem.increaseTime({ seconds: 60 });
    assert.equal(await it.node.rpc('eth_blockNumber'), '0x3');
    const error = await failed(viem.setBalance({ address: kAccounts[1], value: 1n }));
    assert.equal(error.walk((one) => one.name === 'MethodNotFoundRpcError')?.code, -32601);
  });

  test('each library has its own name for it', async () => {
    const provider = new JsonRpcProvider(it.sluice.url);
    const ethersError = await failed(provider.send('evm_mine', []));
    provider.destroy();
    assert.equal(ethersError.code, 'UNSUPPORTED_OPERATION');
    const web3Error = await failed(new Web3(it.sluice.url).requestManager.send({ method: 'evm_mine', params: [] }));
    assert.deepEqual([web3Error.cause.code, web3Error.cause.data.source], [-32601, 'sluice']);
  });
});

serving('refusals: a client\'s rate', () => ({
  anonymous: { rate_limit: '20/s' },
  clients: [{ name: 'whole', key: 'wholesale-key', rate_limit: '100000/s' }],
}), (it) => {
  const flood = () => Promise.all(Array.from({ length: 60 }, () => post(it.sluice.url, call('eth_gasPrice'))));

  test('429, -32005, and when to come again; no Retry-After, which ethers reads as milliseconds', async () => {
    const refused = (await flood()).filter((reply) => reply.status !== 200);
    assert.ok(refused.length > 10, `${refused.length}`);
    for (const { status, headers, json } of refused) {
      assert.deepEqual([status, json.error.code, headers['retry-after']], [429, -32005, undefined]);
      assert.ok(json.error.data.retry_after_ms > 0);
    }
  });

  test('ethers waits and comes through', async () => {
    await flood();
    const provider = new JsonRpcProvider(it.sluice.url, undefined, { batchMaxCount: 1, staticNetwork: true });
    const found = await Promise.all(Array.from({ length: 30 }, () => provider.send('eth_gasPrice', [])));
    provider.destroy();
    assert.equal(new Set(found).size, 1);
    assert.ok(await it.sluice.total('sluice_calls_total', { outcome: 'rate_limited' }) > 0);
  });

  test('viem waits and comes through', async () => {
    await flood();
    const viem = createPublicClient({ transport: http(it.sluice.url, { retryCount: 10, retryDelay: 100 }) });
    const found = await Promise.all(Array.from({ length: 30 }, () => viem.getGasPrice()));
    assert.equal(new Set(found).size, 1);
  });

  test('viem that may not wait sees the code', async () => {
    await flood();
    const viem = createPublicClient({ transport: http(it.sluice.url, { retryCount: 0 }) });
    const settled = await Promise.allSettled(Array.from({ length: 40 }, () => viem.getGasPrice()));
    const refused = settled.filter((one) => one.status === 'rejected');
    assert.ok(refused.length > 0);
    assert.equal(rpcError(refused[0].reason).code, -32005);
  });

  test('web3.js, which never waits, tells status and code', async () => {
    await flood();
    const web3 = new Web3(it.sluice.url);
    const settled = await Promise.allSettled(Array.from({ length: 40 }, () => web3.eth.getGasPrice()));
    const refused = settled.find((one) => one.status === 'rejected');
    assert.equal(refused.reason.statusCode ?? refused.reason.cause?.statusCode, 429);
  });

  test('a client with a rate of its own is not held up by the others', async () => {
    await flood();
    const request = new FetchRequest(it.sluice.url);
    request.setHeader('authorization', 'Bearer wholesale-key');
    const provider = new JsonRpcProvider(request, undefined, { batchMaxCount: 1, staticNetwork: true });
    await Promise.all(Array.from({ length: 100 }, () => provider.send('eth_gasPrice', [])));
    provider.destroy();
    assert.equal(await it.sluice.total('sluice_client_calls_total', { client: 'whole', outcome: 'rate_limited' }), 0);
  });
});

serving('refusals: keys', () => ({
  anonymous: { allow: false },
  clients: [{ name: 'bot', key: 'a-key-of-the-bot' }],
}), (it) => {
  test('ethers brings the key as a header, or in the path', async () => {
    const request = new FetchRequest(it.sluice.url);
    request.setHeader('x-api-key', 'a-key-of-the-bot');
    for (const way of [request, `${it.sluice.url}/main/a-key-of-the-bot`]) {
      const provider = new JsonRpcProvider(way, undefined, { cacheTimeout: -1 });
      assert.equal(await provider.getBlockNumber(), 0);
      provider.destroy();
    }
    assert.ok(await it.sluice.total('sluice_client_calls_total', { client: 'bot' }) >= 2);
  });

  test('viem and web3.js bring it as a header', async () => {
    const headers = { authorization: 'Bearer a-key-of-the-bot' };
    const viem = createPublicClient({ transport: http(it.sluice.url, { fetchOptions: { headers } }) });
    assert.equal(await viem.getChainId(), 31337);
    const web3 = new Web3(new Web3.providers.HttpProvider(it.sluice.url, { providerOptions: { headers } }));
    assert.equal(await web3.eth.getChainId(), 31337n);
  });

  test('without it: 401, and nobody tries again', async () => {
    const before = await it.sluice.total('sluice_http_requests_total');
    const viem = createPublicClient({ transport: http(it.sluice.url) });
    const error = await failed(viem.getGasPrice());
    assert.equal(rpcError(error)?.code, -32000);
    const web3Error = await failed(new Web3(it.sluice.url).eth.getChainId());
    assert.equal(web3Error.statusCode ?? web3Error.cause?.statusCode, 401);
    assert.equal(await it.sluice.total('sluice_http_requests_total') - before, 2);
  });
});

serving('refusals: time', () => ({ timeout: { call: '10s', attempt: '8s' } }), (it) => {
  test('a deadline that has passed is 504 and -32603, which viem tries again', async () => {
    it.node.stop();
    const viem = createPublicClient({
      transport: http(it.sluice.url, { retryCount: 0, fetchOptions: { headers: { 'x-sluice-timeout': '300ms' } } }),
    });
    const error = await failed(viem.getGasPrice());
    it.node.continue();
    assert.equal(rpcError(error)?.code, -32603);
    const patient = createPublicClient({ transport: http(it.sluice.url, { retryCount: 10 }) });
    assert.ok(await patient.getGasPrice() > 0n);
  });
});

describe('refusals: a node without filters', () => {
  let trio, sluice;
  before(async () => {
    trio = await Trio.start();
    sluice = await Sluice.start(trio.nodes, { methods: { deny: ['eth_newFilter'], allow: [] } });
  });
  after(async () => {
    await sluice?.stop();
    await trio?.stop();
  });

  test('ethers, told so in words it knows, looks through the logs itself', async () => {
    const provider = new PollingProvider(sluice.url, undefined, { cacheTimeout: -1, pollingInterval: 50 });
    const ledger = new Contract(trio.ledger, abi, provider);
    const heard = [];
    await ledger.on('Transfer', (from, to, value) => heard.push(value));
    for (let value = 1n; heard.length === 0; value += 1n) {
      assert.ok(value < 200n, 'no event is heard');
      await trio.transfer(value);
      await provider.getBlockNumber();
    }
    await ledger.removeAllListeners();
    await provider.putAway();
  });

  test('viem does, too', async () => {
    const viem = createPublicClient({ transport: http(sluice.url, { retryCount: 0 }), pollingInterval: 50, cacheTime: 0 });
    const heard = [];
    const unwatch = viem.watchContractEvent({ address: trio.ledger, abi, eventName: 'Transfer', onLogs: (logs) => heard.push(...logs) });
    try {
      for (let value = 1n; heard.length === 0; value += 1n) {
        assert.ok(value < 200n, 'no event is heard');
        await trio.transfer(value);
        await viem.getBlockNumber();
      }
    } finally {
      unwatch();
    }
  });
});
