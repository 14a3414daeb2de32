// SPDX-License-Identifier: Apache-2.0
// Reports node's test runner as the other suites do: a line for what failed and why, and a last line
// of counts. What has tests inside is not counted, unless it failed by itself.
import { inspect } from 'node:util';

function why(error) {
  const cause = error?.cause ?? error;
  return (typeof cause === 'string' ? cause : cause?.stack ?? inspect(cause)).split('\n').slice(0, 40)
    .map((line) => `    ${line}`).join('\n');
}

/** A suite's title begins with what is in its file's name. */
const again = (title) => `    repeat: tests/e2e/run.sh ${title.match(/^\w+/)?.[0] ?? ''}\n`;

export default async function* report(source) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  // Parents come after what is inside them: [depth] = did something inside fail?
  const inside = [];
  const path = [];
  for await (const { type, data } of source) {
    if (type === 'test:start') path.splice(data.nesting, path.length, data.name);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const name = [...path.slice(0, data.nesting), data.name].join(': ');
    const isParent = inside.length > data.nesting + 1;
    const failedInside = isParent && inside[data.nesting + 1];
    inside.length = data.nesting + 1;
    if (type === 'test:fail') {
      const { failureType } = data.details.error;
      const cancelled = failureType === 'cancelledByParent';
      inside.fill(true, 0, data.nesting + 1);
      // The suite that could not be set up says why.
      if (failedInside && failureType === 'subtestsFailed') continue;
      count.failed += 1;
      yield `FAIL ${name}\n${cancelled ? '' : `${why(data.details.error)}\n${again(name)}`}`;
    } else if (data.skip !== undefined) {
      count.skipped += 1;
      yield `SKIP ${name}: ${data.skip}\n`;
    } else if (!isParent) {
      count.passed += 1;
      if (process.env.SLUICE_E2E_VERBOSE) yield `ok   ${name} (${Math.round(data.details.duration_ms)} ms)\n`;
    }
    inside[data.nesting] ??= false;
  }
  yield `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`;
}
