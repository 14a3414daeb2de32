// SPDX-License-Identifier: Apache-2.0
// A test that hangs has failed.
import * as runner from 'node:test';

export function test(name, body) {
  return runner.test(name, { timeout: 240_000 }, body);
}
