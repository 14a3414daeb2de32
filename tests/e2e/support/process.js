// SPDX-License-Identifier: Apache-2.0
// Programs that the tests start: awaited by a line of their output, always ended by their own
// process id, whatever becomes of the test.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Milliseconds after which a condition that should have come true counts as failed. */
export const kDeadline = 60_000;

/** A directory of its own that goes with the process. */
export function temporaryDirectory() {
  const path = mkdtempSync(join(tmpdir(), 'sluice-e2e-'));
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Asks `condition` until it gives something truthy; an error it throws is shown on failure, a final one at once. */
export async function poll(what, condition, { deadline = kDeadline, every = 20 } = {}) {
  const end = Date.now() + deadline;
  let last;
  for (;;) {
    try {
      const got = await condition();
      if (got) return got;
      last = undefined;
    } catch (error) {
      if (error.final) throw error;
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`waited ${deadline} ms for ${what}${last ? `; last: ${last.message}` : ''}`);
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

/** A child process; its output is kept to be shown when something fails. */
export class Program {
  constructor(command, args, options = {}) {
    this.name = command.split('/').pop();
    this.stdout = '';
    this.stderr = '';
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(this.child);
    this.child.stdout.on('data', (data) => { this.stdout += data; });
    this.child.stderr.on('data', (data) => { this.stderr = (this.stderr + data).slice(-200_000); });
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve({ error }));
      this.child.on('exit', (code, signal) => resolve({ code, signal }));
    }).then((how) => {
      running.delete(this.child);
      this.how = how;
      return how;
    });
  }

  /** The match of `pattern` in stdout, as soon as it is there. */
  async line(pattern) {
    return poll(`${this.name} to print ${pattern}`, () => {
      const found = this.stdout.match(pattern);
      if (!found && this.how) {
        const how = this.how.error?.message ?? JSON.stringify(this.how);
        const said = (this.stderr + this.stdout).slice(-2000);
        throw Object.assign(new Error(`${this.name} ended (${how}): ${said}`), { final: true });
      }
      return found;
    });
  }

  signal(name) {
    this.child.kill(name);
  }

  /** Ends it at once. */
  async kill() {
    this.child.kill('SIGCONT');
    this.child.kill('SIGKILL');
    return this.ended;
  }
}

/** Runs a command to its end. */
export async function run(command, args, { input, ...options } = {}) {
  const program = new Program(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  program.child.stdin.on('error', () => {});
  program.child.stdin.end(input ?? '');
  const how = await program.ended;
  if (how.error) throw how.error;
  return { code: how.code, stdout: program.stdout, stderr: program.stderr };
}
