// SPDX-License-Identifier: Apache-2.0
// The program under test.
import { accessSync, constants, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, poll, temporaryDirectory } from './process.js';
import { get } from './rpc.js';

const kRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

function binary() {
  const named = process.env.SLUICE_BIN;
  const candidates = named ? [named] : ['release', 'debug'].map((kind) => join(kRoot, 'build', kind, 'sluice'));
  for (const path of candidates) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch { /* the next one */ }
  }
  throw new Error(`no program to test: tried ${candidates.join(', ')}`);
}

export class Sluice {
  /**
   * Starts it on free ports before `nodes` (with a `url`), and waits until it serves.
   * `config` is laid over the few settings that every test has.
   */
  static async start(nodes, config = {}) {
    const sluice = new Sluice();
    sluice.path = join(temporaryDirectory(), 'sluice.yaml');
    sluice.config = {
      workers: 2,
      listen: [{ address: '127.0.0.1:0' }],
      admin: { listen: '127.0.0.1:0' },
      upstreams: nodes.map((node, index) => ({ name: `node-${index}`, url: node.url })),
      ...config,
    };
    // JSON is YAML.
    writeFileSync(sluice.path, JSON.stringify(sluice.config));
    sluice.program = new Program(binary(), ['run', '-c', sluice.path, '--log-format', 'json']);
    const ready = JSON.parse((await sluice.program.line(/^\{.*\}$/m))[0]);
    sluice.url = `http://${ready.listen[0]}`;
    sluice.ws = `ws://${ready.listen[0]}`;
    sluice.admin = `http://${ready.admin}`;
    await poll('every upstream to serve', async () => {
      const states = await sluice.samples('sluice_upstream_state');
      return states.filter((s) => s.labels.state === 'in' && s.value === 1).length === nodes.length;
    });
    return sluice;
  }

  async metricsText() {
    return (await get(`${this.admin}/metrics`)).text;
  }

  /** The samples of one metric: [{labels, value}]. */
  async samples(name) {
    const found = [];
    for (const line of (await this.metricsText()).split('\n')) {
      const parts = line.match(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/);
      if (!parts || parts[1] !== name) continue;
      const labels = Object.fromEntries(
        [...(parts[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map((label) => [label[1], label[2]]));
      found.push({ labels, value: Number(parts[3]) });
    }
    return found;
  }

  /** The sum of a metric's samples that carry these labels. */
  async total(name, labels = {}) {
    return (await this.samples(name))
      .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
      .reduce((sum, sample) => sum + sample.value, 0);
  }

  /** Ends it as an operator would; it must not have died before, nor leave calls behind. */
  async stop() {
    if (this.program.how) throw new Error(`sluice ended by itself: ${JSON.stringify(this.program.how)}\n${this.program.stderr.slice(-3000)}`);
    this.program.signal('SIGTERM');
    const { code } = await this.program.ended;
    if (code !== 0) throw new Error(`sluice ended with ${code}\n${this.program.stderr.slice(-3000)}`);
  }
}
