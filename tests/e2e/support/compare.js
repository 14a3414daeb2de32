// SPDX-License-Identifier: Apache-2.0
// One suite of cases, run against a node and, on a second node with the same chain, through Sluice:
// what the client library makes of it must be the same to the last byte.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Anvil } from './anvil.js';
import { Sluice } from './sluice.js';
import { test } from './test.js';

/** Outcomes as text: numbers of any size, bytes, errors' own fields; no functions, no order of keys. */
export function canonical(value) {
  return JSON.stringify(value, (key, part) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (part instanceof Uint8Array) return Buffer.from(part).toString('hex');
    if (part instanceof Map) return [...part];
    if (part && typeof part === 'object' && !Array.isArray(part)) {
      return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
    }
    return part;
  }, 1);
}

/** What a promise was refused with, as the fields that `pick` names (dots go deeper). */
export async function refusal(promise, pick) {
  const error = await promise.then(() => null, (reason) => reason);
  assert.ok(error, 'it should have failed');
  return Object.fromEntries(pick.map((path) => [path, path.split('.').reduce((at, key) => at?.[key], error)]));
}

async function told(where, action) {
  try {
    return await action();
  } catch (error) {
    error.message = `${where}: ${error.message}`;
    throw error;
  }
}

/**
 * `open(url)` makes the client, with `close()` if it needs one; `cases` are [name, run(client)] in
 * order, and what `run` returns is compared. `wire` is 'url' for HTTP or 'ws' for WebSocket.
 */
export function compare(title, { open, cases, wire = 'url', config = {} }) {
  describe(title, () => {
    let nodes, sluice, direct, through;
    before(async () => {
      nodes = await Promise.all([Anvil.start(), Anvil.start()]);
      sluice = await Sluice.start([nodes[1]], config);
      direct = await open(nodes[0][wire]);
      through = await open(sluice[wire]);
    });
    after(async () => {
      await direct?.close?.();
      await through?.close?.();
      await sluice?.stop();
      await Promise.all((nodes ?? []).map((node) => node.kill()));
    });
    for (const [name, run] of cases) {
      test(name, async () => {
        const sides = await Promise.allSettled([
          told('directly', () => run(direct)), told('through Sluice', () => run(through))]);
        const failed = sides.find((side) => side.status === 'rejected');
        if (failed) throw failed.reason;
        const [expected, got] = sides.map((side) => side.value);
        assert.equal(canonical(got), canonical(expected), 'through Sluice it is not what the node says');
      });
    }
    test('both nodes have the same chain in the end', async () => {
      const heads = await Promise.all(nodes.map((node) => node.rpc('eth_getBlockByNumber', ['latest', true])));
      assert.deepEqual(heads[1], heads[0]);
      // A suite that went past Sluice would prove nothing.
      assert.ok(await sluice.total('sluice_calls_total') > 0);
    });
  });
}
