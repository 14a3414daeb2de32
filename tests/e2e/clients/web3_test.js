// SPDX-License-Identifier: Apache-2.0
// web3.js 4 as its users call it: over HTTP, with its batches, and over WebSocket.
import assert from 'node:assert/strict';
import { Web3 } from 'web3';
import { kAccounts, kKeys } from '../support/anvil.js';
import { compare, refusal } from '../support/compare.js';
import { abi, bytecode, kBlobFinger, kBlobLength, kSupply } from '../support/contract.js';

const [kOwner, kOther] = kAccounts;

function open(url) {
  const web3 = new Web3(url);
  web3.eth.transactionPollingInterval = 50;
  // Blocks come only with transactions here, so there is none to wait for.
  web3.eth.transactionConfirmationBlocks = 1;
  web3.eth.accounts.wallet.add(kKeys[0]);
  return {
    web3, ledger: undefined,
    send: (call, options = {}) => call.send({ from: kOwner, gas: '1000000', ...options }),
    close: () => web3.provider.supportsSubscriptions() && web3.provider.disconnect(),
  };
}

const basics = [
  ['chain id, head and genesis', async ({ web3 }) => {
    assert.equal(await web3.eth.getChainId(), 31337n);
    return [await web3.eth.getBlockNumber(), await web3.eth.getBlock(0), await web3.eth.net.getId(),
      await web3.eth.net.isListening(), await web3.eth.isSyncing()];
  }],
  ['balance, nonce and code of an account', async ({ web3 }) => {
    const balance = await web3.eth.getBalance(kOther);
    assert.equal(balance, 10_000n * 10n ** 18n);
    return [balance, await web3.eth.getTransactionCount(kOther), await web3.eth.getCode(kOther)];
  }],
  ['deploys a contract and has its receipt', async (it) => {
    const deployment = new it.web3.eth.Contract(abi).deploy({ data: bytecode, arguments: [kSupply] });
    let receipt;
    it.ledger = await it.send(deployment).on('receipt', (one) => { receipt = one; });
    assert.equal(receipt.status, 1n);
    return receipt;
  }],
  ['calls view functions', async (it) => {
    const found = [await it.ledger.methods.totalSupply().call(), await it.ledger.methods.balanceOf(kOwner).call()];
    assert.deepEqual(found, [kSupply, kSupply]);
    return found;
  }],
  ['sends a transaction, waits, and decodes its event', async (it) => {
    const receipt = await it.send(it.ledger.methods.transfer(kOther, 25n));
    assert.equal(receipt.events.Transfer.returnValues.value, 25n);
    return receipt;
  }],
  ['sends ether', async (it) => {
    const receipt = await it.web3.eth.sendTransaction({ from: kOwner, to: kOther, value: 5n, gas: 21_000n });
    assert.equal(receipt.status, 1n);
    return receipt;
  }],
  ['finds events of the past', async (it) => {
    const found = await it.ledger.getPastEvents('Transfer', { fromBlock: 0, toBlock: 'latest' });
    const mine = await it.ledger.getPastEvents('Transfer', { fromBlock: 0, filter: { to: kOther } });
    assert.deepEqual([found.length, mine.length], [2, 1]);
    return [found, mine, await it.web3.eth.getPastLogs({ address: it.ledger.options.address, fromBlock: 0 })];
  }],
  ['reads transactions, receipts and full blocks', async ({ web3 }) => {
    const block = await web3.eth.getBlock('latest', true);
    const { hash } = block.transactions[0];
    return [block, await web3.eth.getTransaction(hash), await web3.eth.getTransactionReceipt(hash)];
  }],
  ['what is not there', async ({ web3 }) => {
    const nowhere = `0x${'ab'.repeat(32)}`;
    const settled = await Promise.allSettled([web3.eth.getTransaction(nowhere),
      web3.eth.getTransactionReceipt(nowhere), web3.eth.getBlock(99_999)]);
    const found = settled.map((one) => one.reason?.name ?? one.value ?? null);
    assert.deepEqual(found, ['TransactionNotFound', 'TransactionNotFound', null]);
    return found;
  }],
  ['fees, fee history, proofs, past state', async ({ web3, ledger }) => [
    await web3.eth.calculateFeeData(), await web3.eth.getFeeHistory(2, 'latest', [25, 75]),
    await web3.eth.getProof(ledger.options.address, [`0x${'00'.repeat(32)}`], 'latest'),
    await web3.eth.getBalance(kOwner, 1), await web3.eth.getStorageAt(ledger.options.address, 0, 1),
  ]],
  ['a reply of 600 kB arrives whole', async (it) => {
    const blob = await it.ledger.methods.blob(kBlobLength).call();
    assert.equal(kBlobFinger(blob), 'whole');
    return blob.length;
  }],
  ['a revert with a reason', async (it) => {
    const error = await refusal(it.ledger.methods.refuse().call(), ['name', 'code', 'cause.message', 'cause.data', 'cause.code']);
    assert.match(error['cause.message'], /not today/);
    return error;
  }],
  ['a revert with an error of the contract\'s own', async (it) => {
    const error = await refusal(it.ledger.methods.transfer(kOther, 5n).call({ from: kAccounts[2] }),
      ['name', 'code', 'cause.errorName', 'cause.errorArgs', 'cause.data']);
    assert.equal(error['cause.errorName'], 'InsufficientBalance');
    assert.equal(error['cause.errorArgs'].required, 5n);
    return error;
  }],
  ['a panic', async (it) => {
    const error = await refusal(it.ledger.methods.overflow(1n).call(), ['name', 'code', 'cause.data', 'cause.code']);
    assert.match(error['cause.data'], /^0x4e487b71/);
    return error;
  }],
  ['a transaction that reverts in its block', async (it) => {
    const error = await refusal(it.send(it.ledger.methods.refuse()), ['name', 'code', 'receipt']);
    assert.equal(error.receipt.status, 0n);
    return error;
  }],
  ['a nonce that is used up', async (it) => {
    const signed = await it.web3.eth.accounts.signTransaction(
      { to: kOther, value: 1n, gas: 21_000n, nonce: 0n, chainId: 31337n, maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 0n }, kKeys[0]);
    const error = await refusal(it.web3.eth.sendSignedTransaction(signed.rawTransaction, undefined,
      { checkRevertBeforeSending: false }), ['name', 'code', 'cause.code', 'cause.message']);
    assert.match(error['cause.message'], /nonce too low/);
    return error;
  }],
];

const overHttpAlone = [
  ['a method that no one has', async ({ web3 }) => {
    const error = await refusal(web3.requestManager.send({ method: 'eth_noSuchThing', params: [] }),
      ['name', 'code', 'cause.code']);
    assert.equal(error['cause.code'], -32601);
    return error;
  }],
  ['parameters that make no sense', async ({ web3 }) =>
    refusal(web3.requestManager.send({ method: 'eth_getBalance', params: ['no address', 'latest'] }),
      ['name', 'code', 'cause.code', 'cause.message'])],
];

const batches = [
  ['a batch of twenty, with one that fails among them', async ({ web3 }) => {
    const batch = new web3.BatchRequest();
    const calls = Array.from({ length: 20 }, (_, index) => batch.add(index === 7
      ? { method: 'eth_noSuchThing', params: [] }
      : { method: 'eth_getBalance', params: [kAccounts[index % 3], `0x${(index % 3).toString(16)}`] }));
    calls.forEach((call) => call.catch(() => {}));
    const replies = await batch.execute({ timeout: 5_000 }).catch((error) => error);
    const settled = await Promise.allSettled(calls);
    const found = settled.map((one) => [one.status, one.value ?? one.reason?.name]);
    assert.equal(found.filter(([status]) => status === 'fulfilled').length, 19);
    return [found, Array.isArray(replies)];
  }],
];

compare('web3.js over HTTP', { open, cases: [...basics, ...overHttpAlone, ...batches] });
compare('web3.js over WebSocket', { open, wire: 'ws', cases: [...basics, ...batches] });
