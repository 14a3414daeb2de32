// SPDX-License-Identifier: Apache-2.0
// The contract that the clients deploy; its source is contracts/ledger.sol.
import { readFileSync } from 'node:fs';

export const { abi, bytecode } =
  JSON.parse(readFileSync(new URL('../contracts/ledger.json', import.meta.url), 'utf8'));

export const kSupply = 1_000_000n * 10n ** 18n;

/** Its large reply: this many bytes are past what Sluice holds of one reply. */
export const kBlobLength = 300_000;
export const kBlobFinger = (byte) => {
  const bytes = typeof byte === 'string' ? Buffer.from(byte.slice(2), 'hex') : byte;
  for (let i = 0; i < kBlobLength; i += 1) {
    const want = i % 997 === 0 ? (i / 997) & 0xff : 0;
    if (bytes[i] !== want) return `byte ${i} is ${bytes[i]}`;
  }
  return bytes.length === kBlobLength ? 'whole' : `of ${bytes.length} bytes`;
};
