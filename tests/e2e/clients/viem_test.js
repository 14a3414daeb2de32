// SPDX-License-Identifier: Apache-2.0
// viem as bots use it: over HTTP, over HTTP with batches, and over WebSocket.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  BaseError, createPublicClient, createWalletClient, decodeEventLog, defineChain, http, webSocket,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { kAccounts, kKeys } from '../support/anvil.js';
import { compare } from '../support/compare.js';
import { abi, bytecode, kBlobFinger, kBlobLength, kSupply } from '../support/contract.js';

const kOther = kAccounts[1];
const account = privateKeyToAccount(kKeys[0]);
const chain = defineChain({
  id: 31337, name: 'test', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [] } },
});

/** The names of an error and its causes, and what a program would look at; the texts carry URLs. */
async function failure(promise) {
  const error = await promise.then(() => null, (reason) => reason);
  assert.ok(error instanceof BaseError, `it should have failed as viem fails, not ${error}`);
  const chainOf = [];
  for (let at = error; at; at = at.cause) {
    chainOf.push({ name: at.name, code: at.code, reason: at.reason, details: at.details, data: at.data, status: at.status });
  }
  return chainOf;
}

const named = (chainOf, name) => chainOf.find((one) => one.name === name);

/** A transport that tells which calls were answered. */
function watched(transport, onAnswer) {
  return (options) => {
    const inner = transport(options);
    return {
      ...inner,
      request: async (call, more) => {
        const result = await inner.request(call, more);
        onAnswer(call.method);
        return result;
      },
    };
  };
}

function over(transport) {
  return async (url) => {
    const answers = new EventEmitter();
    const reader = createPublicClient({
      chain, transport: watched(transport(url), (method) => answers.emit(method)), pollingInterval: 50, cacheTime: 0,
    });
    const writer = createWalletClient({ account, chain, transport: transport(url) });
    return {
      reader, writer, ledger: undefined,
      // Only what comes after a filter was made is heard by it.
      answered: (method) => once(answers, method),
      read: (it, functionName, args = [], more = {}) =>
        reader.readContract({ address: it.ledger, abi, functionName, args, ...more }),
      send: async (it, functionName, args) => {
        const hash = await writer.writeContract({ address: it.ledger, abi, functionName, args });
        return reader.waitForTransactionReceipt({ hash });
      },
      close: async () => {
        for (const one of [reader, writer]) (await one.transport.getRpcClient?.())?.close();
      },
    };
  };
}

const basics = [
  ['chain id, head and genesis', async ({ reader }) => {
    assert.equal(await reader.getChainId(), 31337);
    return [await reader.getBlockNumber(), await reader.getBlock({ blockNumber: 0n })];
  }],
  ['balance, nonce and code of an account', async ({ reader }) => {
    const balance = await reader.getBalance({ address: kOther });
    assert.equal(balance, 10_000n * 10n ** 18n);
    return [balance, await reader.getTransactionCount({ address: kOther }), await reader.getCode({ address: kOther })];
  }],
  ['deploys a contract and has its receipt', async (it) => {
    const hash = await it.writer.deployContract({ abi, bytecode, args: [kSupply] });
    const receipt = await it.reader.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, 'success');
    it.ledger = receipt.contractAddress;
    return receipt;
  }],
  ['calls view functions', async (it) => {
    const found = [await it.read(it, 'totalSupply'), await it.read(it, 'balanceOf', [account.address])];
    assert.deepEqual(found, [kSupply, kSupply]);
    return found;
  }],
  ['simulates, sends, waits, and decodes the event', async (it) => {
    const { request, result } = await it.reader.simulateContract({
      account, address: it.ledger, abi, functionName: 'transfer', args: [kOther, 25n] });
    assert.equal(result, true);
    const hash = await it.writer.writeContract(request);
    const receipt = await it.reader.waitForTransactionReceipt({ hash });
    const event = decodeEventLog({ abi, ...receipt.logs[0] });
    assert.deepEqual([event.eventName, event.args.value], ['Transfer', 25n]);
    return [receipt, event];
  }],
  ['finds events', async (it) => {
    const found = await it.reader.getContractEvents({ address: it.ledger, abi, eventName: 'Transfer', fromBlock: 0n, strict: true });
    const mine = await it.reader.getContractEvents({ address: it.ledger, abi, eventName: 'Transfer', args: { to: kOther }, fromBlock: 0n });
    assert.deepEqual([found.length, mine.length], [2, 1]);
    return [found, mine];
  }],
  ['reads transactions and full blocks', async ({ reader }) => {
    const block = await reader.getBlock({ includeTransactions: true });
    const hash = block.transactions[0].hash;
    return [block, await reader.getTransaction({ hash }), await reader.getTransactionConfirmations({ hash })];
  }],
  ['what is not there', async ({ reader }) => {
    const hash = `0x${'ab'.repeat(32)}`;
    const found = [await failure(reader.getTransaction({ hash })), await failure(reader.getTransactionReceipt({ hash })),
      await failure(reader.getBlock({ blockNumber: 99_999n }))];
    assert.deepEqual(found.map(([first]) => first.name),
      ['TransactionNotFoundError', 'TransactionReceiptNotFoundError', 'BlockNotFoundError']);
    return found;
  }],
  ['fees, fee history, proofs, past state', async ({ reader, ledger }) => [
    await reader.estimateFeesPerGas(),
    await reader.getFeeHistory({ blockCount: 2, rewardPercentiles: [25, 75] }),
    await reader.getProof({ address: ledger, storageKeys: [`0x${'00'.repeat(32)}`] }),
    await reader.getBalance({ address: account.address, blockNumber: 1n }),
  ]],
  ['a reply of 600 kB arrives whole', async (it) => {
    const blob = await it.read(it, 'blob', [BigInt(kBlobLength)]);
    assert.equal(kBlobFinger(blob), 'whole');
    return blob.length;
  }],
  ['a revert with a reason', async (it) => {
    const error = await failure(it.read(it, 'refuse'));
    assert.equal(named(error, 'ContractFunctionRevertedError').reason, 'not today');
    return error;
  }],
  ['a revert with an error of the contract\'s own', async (it) => {
    const error = await failure(it.reader.simulateContract({
      account: kAccounts[2], address: it.ledger, abi, functionName: 'transfer', args: [kOther, 5n] }));
    const { data } = named(error, 'ContractFunctionRevertedError');
    assert.deepEqual([data.errorName, data.args], ['InsufficientBalance', [0n, 5n]]);
    return error;
  }],
  ['a panic', async (it) => {
    const error = await failure(it.read(it, 'overflow', [1n]));
    assert.match(named(error, 'ContractFunctionRevertedError').reason, /overflow/);
    return error;
  }],
  ['a transaction that reverts in its block', async (it) => {
    const hash = await it.writer.writeContract({ address: it.ledger, abi, functionName: 'refuse', gas: 100_000n });
    const receipt = await it.reader.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, 'reverted');
    return receipt;
  }],
  ['no funds', async ({ reader }) => {
    const poor = privateKeyToAccount(`0x${'11'.repeat(32)}`);
    const serializedTransaction = await poor.signTransaction({
      chainId: 31337, type: 'eip1559', to: kOther, value: 1n, gas: 21_000n, nonce: 0, maxFeePerGas: 3n * 10n ** 9n });
    const error = await failure(reader.sendRawTransaction({ serializedTransaction }));
    assert.match(error[0].details, /insufficient funds/i);
    return error;
  }],
  ['a nonce that is used up', async ({ writer }) => {
    const error = await failure(writer.sendTransaction({ to: kOther, value: 1n, nonce: 0, gas: 21_000n }));
    assert.ok(named(error, 'NonceTooLowError'), JSON.stringify(error));
    return error;
  }],
];

const unknown = [
  ['a method that no one has', async ({ reader }) => {
    const error = await failure(reader.request({ method: 'eth_noSuchThing' }));
    assert.ok(named(error, 'MethodNotFoundRpcError'), JSON.stringify(error));
    return error;
  }],
  ['parameters that make no sense', async ({ reader }) =>
    failure(reader.request({ method: 'eth_getBalance', params: ['no address', 'latest'] }))],
];

/** Watches until `count` have come, while `act` makes them. */
async function heard(count, watch, act) {
  const found = [];
  let unwatch;
  const enough = new Promise((resolve, reject) => {
    unwatch = watch((more) => {
      found.push(...more);
      if (found.length >= count) resolve();
    }, reject);
  });
  try {
    await act();
    await enough;
  } finally {
    unwatch();
  }
  return found;
}

const events = [
  ['watchContractEvent: events by a filter on the node', async (it) => {
    const ready = it.answered('eth_newFilter');
    const found = await heard(3, (onLogs, onError) => it.reader.watchContractEvent({
      address: it.ledger, abi, eventName: 'Transfer', onLogs, onError,
    }), async () => {
      await ready;
      for (const value of [1n, 2n, 3n]) await it.send(it, 'transfer', [kOther, value]);
    });
    assert.deepEqual(found.map((log) => log.args.value), [1n, 2n, 3n]);
    return found;
  }],
  ['watchPendingTransactions: hashes by a filter on the node', async (it) => {
    const ready = it.answered('eth_newPendingTransactionFilter');
    const found = await heard(1, (onTransactions, onError) => it.reader.watchPendingTransactions({
      onTransactions, onError,
    }), async () => {
      await ready;
      await it.send(it, 'note', ['seen?']);
    });
    assert.match(found[0], /^0x[0-9a-f]{64}$/);
    return found;
  }],
  ['watchBlockNumber: every block', async (it) => {
    const from = await it.reader.getBlockNumber();
    const found = await heard(3, (onEach, onError) => it.reader.watchBlockNumber({
      emitMissed: true, emitOnBegin: true, onBlockNumber: (number) => onEach([number]), onError,
    }), async () => {
      for (let i = 0; i < 3; i += 1) await it.send(it, 'note', ['tick']);
    });
    assert.ok(found.every((number, index) => index === 0 || number === found[index - 1] + 1n), `${found}`);
    return from;
  }],
];

const batches = [
  ['forty calls at once in one batch', async (it) => {
    const found = await Promise.all(Array.from({ length: 40 }, (_, index) => (
      index % 2 ? it.reader.getBalance({ address: kOther, blockNumber: BigInt(index % 4) })
        : it.read(it, 'balanceOf', [kAccounts[index % 3]], { blockNumber: 2n }))));
    assert.equal(found.length, 40);
    return found;
  }],
  ['in one batch, each call fails or not for itself', async (it) => {
    const settled = await Promise.allSettled([it.read(it, 'totalSupply'), it.read(it, 'refuse'),
      it.reader.getBlock(), it.reader.request({ method: 'eth_noSuchThing' }), it.reader.getGasPrice()]);
    const found = settled.map((one) => [one.status, one.value ?? one.reason.name]);
    assert.deepEqual(found.map(([status]) => status[0]), ['f', 'r', 'f', 'r', 'f']);
    return found;
  }],
];

const plainly = { retryCount: 0, timeout: 30_000 };
compare('viem over HTTP', {
  open: over((url) => http(url, plainly)), cases: [...basics, ...unknown, ...events],
});
compare('viem over HTTP in batches', {
  open: over((url) => http(url, { ...plainly, batch: { batchSize: 100, wait: 5 } })),
  cases: [...basics, ...unknown, ...batches],
});
compare('viem over WebSocket', {
  open: over((url) => webSocket(url, { ...plainly, reconnect: false, keepAlive: false })), wire: 'ws', cases: basics,
});
