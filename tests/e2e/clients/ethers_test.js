// SPDX-License-Identifier: Apache-2.0
// ethers 6 as bots use it, over HTTP (with its batches and filters) and over WebSocket.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Contract, ContractFactory, Wallet, WebSocketProvider } from 'ethers';
import { kAccounts, kKeys } from '../support/anvil.js';
import { compare, refusal } from '../support/compare.js';
import { abi, bytecode, kBlobFinger, kBlobLength, kSupply } from '../support/contract.js';
import { PollingProvider } from '../support/polling_provider.js';

const kOther = kAccounts[1];

function client(provider) {
  // A key that may be spent by hand: no nonce kept between sends.
  return {
    provider, wallet: new Wallet(kKeys[0], provider), ledger: undefined,
    close: () => provider.putAway?.() ?? provider.destroy(),
  };
}

const reading = [
  ['network, chain id and genesis', async ({ provider }) => {
    const network = await provider.getNetwork();
    assert.equal(network.chainId, 31337n);
    return [network.toJSON(), (await provider.getBlock(0)).toJSON(), await provider.getBlockNumber()];
  }],
  ['balance, nonce and code of an account', async ({ provider }) => {
    const found = [await provider.getBalance(kOther), await provider.getTransactionCount(kOther),
      await provider.getCode(kOther)];
    assert.equal(found[0], 10_000n * 10n ** 18n);
    return found;
  }],
];

const writing = [
  ['deploys a contract and has its receipt', async (it) => {
    const factory = new ContractFactory(abi, bytecode, it.wallet);
    const deployed = await factory.deploy(kSupply);
    const receipt = await deployed.deploymentTransaction().wait();
    assert.equal(receipt.status, 1);
    it.ledger = new Contract(await deployed.getAddress(), abi, it.wallet);
    return receipt.toJSON();
  }],
  ['calls view functions', async (it) => {
    const found = [await it.ledger.totalSupply(), await it.ledger.balanceOf(kAccounts[0])];
    assert.deepEqual(found, [kSupply, kSupply]);
    return found;
  }],
  ['sends a transaction, waits, and decodes its event', async (it) => {
    const sent = await it.ledger.transfer(kOther, 25n);
    const receipt = await sent.wait();
    const event = it.ledger.interface.parseLog(receipt.logs[0]);
    assert.deepEqual([event.name, event.args.value], ['Transfer', 25n]);
    return [sent.hash, receipt.toJSON(), event.args.toArray()];
  }],
  ['text of any language comes back from an event', async (it) => {
    const text = 'Grüße, κόσμε, 世界 \u{1F680} "quoted" \\ \u0000 end';
    const receipt = await (await it.ledger.note(text)).wait();
    const event = it.ledger.interface.parseLog(receipt.logs[0]);
    assert.equal(event.args.text, text);
    return receipt.logs[0].data;
  }],
  ['finds logs by topic, by event and by block hash', async (it) => {
    const address = await it.ledger.getAddress();
    const topics = await it.ledger.filters.Transfer(null, kOther).getTopicFilter();
    const byTopic = await it.provider.getLogs({ address, fromBlock: 0, toBlock: 'latest', topics });
    const events = await it.ledger.queryFilter('Transfer', 0);
    const byHash = await it.provider.getLogs({ address, blockHash: byTopic[0].blockHash });
    assert.deepEqual([byTopic.length, events.length, byHash.length], [1, 2, 1]);
    return [byTopic, byHash].map((logs) => logs.map((log) => log.toJSON()));
  }],
  ['reads transactions, receipts and blocks by hash', async (it) => {
    const block = await it.provider.getBlock('latest', true);
    const [hash] = block.transactions;
    const found = await it.provider.getTransaction(hash);
    assert.equal(found.blockHash, block.hash);
    return [block.toJSON(), found.toJSON(), (await it.provider.getTransactionReceipt(hash)).toJSON(),
      (await it.provider.getBlock(block.hash)).toJSON()];
  }],
  ['what is not there is null', async ({ provider }) => {
    const nowhere = `0x${'ab'.repeat(32)}`;
    const found = [await provider.getTransaction(nowhere), await provider.getTransactionReceipt(nowhere),
      await provider.getBlock(nowhere), await provider.getBlock(99_999)];
    assert.deepEqual(found, [null, null, null, null]);
    return found;
  }],
  ['state of the past', async (it) => {
    const supplied = await it.ledger.balanceOf(kAccounts[0], { blockTag: 1 });
    assert.equal(supplied, kSupply);
    return [supplied, await it.provider.getBalance(kAccounts[0], 1),
      await it.provider.getStorage(await it.ledger.getAddress(), 0, 1)];
  }],
  ['fees, fee history and proofs', async (it) => [
    (await it.provider.getFeeData()).toJSON(),
    await it.provider.send('eth_feeHistory', ['0x3', 'latest', [25, 75]]),
    await it.provider.send('eth_getProof', [await it.ledger.getAddress(), [`0x${'00'.repeat(32)}`], 'latest']),
  ]],
  ['a reply of 600 kB arrives whole', async (it) => {
    const blob = await it.ledger.blob(kBlobLength);
    assert.equal(kBlobFinger(blob), 'whole');
    return blob.length;
  }],
];

const failing = [
  ['a revert with a reason', async (it) => {
    const error = await refusal(it.ledger.refuse(), ['code', 'reason', 'data', 'shortMessage', 'revert.name']);
    assert.deepEqual([error.code, error.reason], ['CALL_EXCEPTION', 'not today']);
    return error;
  }],
  ['a revert with an error of the contract\'s own', async (it) => {
    const error = await refusal(it.ledger.connect(it.provider).transfer.staticCall(kOther, 5n),
      ['code', 'revert.name', 'revert.args', 'data']);
    assert.equal(error['revert.name'], 'InsufficientBalance');
    assert.deepEqual([...error['revert.args']], [0n, 5n]);
    return error;
  }],
  ['a panic', async (it) => {
    const error = await refusal(it.ledger.overflow(1), ['code', 'reason', 'data', 'shortMessage']);
    assert.match(error.reason, /OVERFLOW/);
    return error;
  }],
  ['gas cannot be estimated of what reverts', async (it) => {
    const error = await refusal(it.ledger.refuse.estimateGas(), ['code', 'reason', 'action']);
    assert.deepEqual([error.code, error.reason], ['CALL_EXCEPTION', 'not today']);
    return error;
  }],
  ['a transaction that reverts in its block', async (it) => {
    const sent = await it.wallet.sendTransaction({
      to: await it.ledger.getAddress(), data: it.ledger.interface.encodeFunctionData('refuse'), gasLimit: 100_000,
    });
    const error = await refusal(sent.wait(), ['code', 'receipt.status', 'receipt.gasUsed']);
    assert.equal(error['receipt.status'], 0);
    return error;
  }],
  ['no funds', async (it) => {
    const poor = new Wallet(`0x${'11'.repeat(32)}`, it.provider);
    const error = await refusal(
      poor.sendTransaction({ to: kOther, value: 1n, gasLimit: 21_000, nonce: 0 }), ['code', 'info.error']);
    assert.equal(error.code, 'INSUFFICIENT_FUNDS');
    return error;
  }],
  ['a nonce that is used up', async (it) => {
    const error = await refusal(it.wallet.sendTransaction({ to: kOther, value: 1n, nonce: 0 }), ['code', 'info.error']);
    assert.equal(error.code, 'NONCE_EXPIRED');
    return error;
  }],
];

// Over WebSocket anvil itself words these otherwise than over HTTP, which is what Sluice speaks to it.
const unknown = [
  ['a method that no one has', async ({ provider }) => {
    const error = await refusal(provider.send('eth_noSuchThing', []), ['code', 'error.code']);
    assert.equal(error['error.code'], -32601);
    return error;
  }],
  ['parameters that make no sense', async ({ provider }) =>
    refusal(provider.send('eth_getBalance', ['no address', 'latest']), ['code', 'error'])],
];

const batches = [
  ['sixty calls at once, in the batches ethers makes', async (it) => {
    const sizes = [];
    const watch = (event) => event.action === 'sendRpcPayload' && sizes.push(event.payload.length ?? 1);
    it.provider.on('debug', watch);
    const found = await Promise.all(Array.from({ length: 60 }, (_, index) => (
      index % 3 === 0 ? it.provider.getBalance(kOther, index % 4)
        : index % 3 === 1 ? it.provider.getBlock(index % 4).then((block) => block.hash)
          : it.ledger.balanceOf(kAccounts[index % 2], { blockTag: 2 }))));
    it.provider.off('debug', watch);
    assert.ok(Math.max(...sizes) > 10, `batches of ${sizes}`);
    return found;
  }],
  ['in one batch, each call fails or not for itself', async (it) => {
    const settled = await Promise.allSettled([
      it.ledger.totalSupply(), it.ledger.refuse(), it.provider.getBlock('latest'),
      it.provider.send('eth_noSuchThing', []), it.ledger.balanceOf(kOther)]);
    const found = settled.map((one) => [one.status, one.reason?.code ?? null, one.reason?.reason ?? null]);
    assert.deepEqual(found.map(([status]) => status[0]), ['f', 'r', 'f', 'r', 'f']);
    return found;
  }],
];

const kFilterMethods = ['eth_newFilter', 'eth_getFilterChanges'];

/**
 * ethers asks a filter for changes when it sees a new block, and looks for the next one only when it
 * is done: what comes before it looks, or while it is busy, waits for one more block.
 */
async function looking(it) {
  for (let polls = 0; polls < 2; polls += 1) await once(it.answers, 'eth_blockNumber');
}

const events = [
  ['contract.on: events by a filter on the node', async (it) => {
    const heard = new EventEmitter();
    const filter = Promise.all(kFilterMethods.map((method) => once(it.answers, method)));
    await it.ledger.on('Transfer', (from, to, value, event) => {
      heard.emit('one', from, to, value, event.log.blockNumber, event.log.transactionHash);
    });
    await filter;
    const found = [];
    for (const value of [1n, 2n, 3n]) {
      await looking(it);
      const next = once(heard, 'one');
      await (await it.ledger.transfer(kOther, value)).wait();
      found.push(await next);
    }
    await it.ledger.removeAllListeners();
    assert.deepEqual(found.map((event) => event[2]), [1n, 2n, 3n]);
    return found;
  }],
  ['provider.on("block"): every block once', async (it) => {
    const from = await it.provider.getBlockNumber();
    const heard = [];
    const enough = new Promise((resolve) => {
      it.provider.on('block', (number) => heard.push(number) === 3 && resolve());
    });
    await looking(it);
    for (let i = 0; i < 3; i += 1) await (await it.wallet.sendTransaction({ to: kOther, value: 1n })).wait();
    await enough;
    it.provider.removeAllListeners();
    assert.deepEqual(heard, [from + 1, from + 2, from + 3]);
    return heard;
  }],
];

function overHttp(url) {
  const provider = new PollingProvider(url, undefined, { cacheTimeout: -1, pollingInterval: 50 });
  const it = { ...client(provider), answers: new EventEmitter() };
  const send = provider.send.bind(provider);
  provider.send = async (method, params) => {
    const result = await send(method, params);
    it.answers.emit(method);
    return result;
  };
  return it;
}

const overWebSocket = (url) => client(new WebSocketProvider(url, undefined, { cacheTimeout: -1 }));

compare('ethers over HTTP', {
  open: overHttp, cases: [...reading, ...writing, ...failing, ...unknown, ...batches, ...events],
});
compare('ethers over WebSocket', {
  open: overWebSocket, wire: 'ws', cases: [...reading, ...writing, ...failing],
});
