// SPDX-License-Identifier: Apache-2.0
// The tools of operators, as Debian has them: curl, wrk, Prometheus and promtool.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { Program, poll, run, temporaryDirectory } from './support/process.js';
import { get, post } from './support/rpc.js';
import { Sluice } from './support/sluice.js';
import { test } from './support/test.js';
import { Trio } from './support/trio.js';

const kCall = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBalance', params: [`0x${'00'.repeat(20)}`, 'latest'] });

const kWrkScript = `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[${kCall}]]
local threads = {}
function setup(thread) table.insert(threads, thread) end
wrong = 0
function response(status, headers, body)
  if status ~= 200 or not body:find('"result":"0x0"', 1, true) then wrong = wrong + 1 end
end
function done(summary)
  local all = 0
  for _, thread in ipairs(threads) do all = all + thread:get("wrong") end
  local e = summary.errors
  print(string.format("SUM %d %d %d", summary.requests, all, e.connect + e.read + e.write + e.status + e.timeout))
end
`;

describe('operators', () => {
  let trio, sluice;
  before(async () => {
    trio = await Trio.start();
    sluice = await Sluice.start(trio.nodes);
  });
  after(async () => {
    await sluice?.stop();
    await trio?.stop();
  });

  const curl = (...args) => run('curl', ['--silent', '--show-error', '--max-time', '30', ...args]);

  test('curl: the line of the README', async () => {
    const { stdout, code } = await curl('-H', 'content-type: application/json', '-d',
      '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}', sluice.url);
    assert.deepEqual([code, JSON.parse(stdout)], [0, { jsonrpc: '2.0', id: 1, result: '0x1' }]);
  });

  test('curl: HTTP/1.0, Expect: 100-continue, a body by chunks, HEAD, GET, OPTIONS', async () => {
    const json = ['-H', 'content-type: application/json'];
    const expected = { jsonrpc: '2.0', id: 1, result: '0x0' };
    for (const way of [['--http1.0'], ['-H', 'expect: 100-continue'], ['-H', 'transfer-encoding: chunked'],
      ['--http1.1', '-H', 'connection: close']]) {
      const { stdout, stderr } = await curl(...json, ...way, '-d', kCall, sluice.url);
      assert.deepEqual(JSON.parse(stdout || '{}'), expected, `${way}: ${stderr}`);
    }
    const status = ['-o', '/dev/null', '-w', '%{http_code}'];
    assert.equal((await curl(...status, '--head', sluice.url)).stdout, '200');
    assert.equal((await curl(...status, sluice.url)).stdout, '200');
    assert.match((await curl(...status, '-X', 'OPTIONS', sluice.url)).stdout, /^2/);
    assert.equal((await curl(...status, ...json, '-d', kCall, `${sluice.url}/31337`)).stdout, '200');
    assert.equal((await curl(...status, '-H', 'content-type: text/html', '-d', kCall, sluice.url)).stdout, '415');
  });

  test('curl: fifty calls on one connection', async () => {
    const next = ['-H', 'content-type: application/json', '-d', kCall, '-o', '/dev/null', '-w', '%{http_code} %{num_connects}\n', sluice.url];
    const { stdout } = await curl(...Array.from({ length: 50 }, (_, index) => (index ? ['--next', ...next] : next)).flat());
    const lines = stdout.trim().split('\n');
    assert.deepEqual([lines.length, lines.filter((line) => line === '200 0').length], [50, 49]);
  });

  test('wrk: two seconds without an error or a wrong answer', async () => {
    const script = join(temporaryDirectory(), 'call.lua');
    writeFileSync(script, kWrkScript);
    const { stdout, stderr, code } = await run('wrk', ['-t1', '-c16', '-d2s', '--timeout', '20s', '-s', script, sluice.url]);
    const [, requests, wrong, errors] = stdout.match(/SUM (\d+) (\d+) (\d+)/) ?? [];
    assert.deepEqual([code, wrong, errors], [0, '0', '0'], stdout + stderr);
    assert.ok(Number(requests) > 20, stdout);
    // What wrk counted Sluice has counted: some calls were cut when the time was over.
    const counted = await sluice.total('sluice_calls_total', { method: 'eth_getBalance' });
    assert.ok(counted >= Number(requests), `${counted} of ${requests}`);
  });

  test('promtool finds nothing to complain of in the live page', async () => {
    const { code, stdout, stderr } = await run('promtool', ['check', 'metrics'], { input: await sluice.metricsText() });
    assert.deepEqual([code, stdout + stderr], [0, '']);
  });

  test('Prometheus scrapes it and answers what operators ask', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'data'));
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [{ job_name: 'sluice', static_configs: [{ targets: [new URL(sluice.admin).host] }] }],
    };
    writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config));
    // Its log names the port it was given only in newer versions, so it is asked of the system.
    const program = new Program('prometheus', [`--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`, '--web.listen-address=127.0.0.1:0']);
    try {
      const port = await poll('Prometheus to listen', async () => {
        if (program.how) throw Object.assign(new Error(program.stderr.slice(-2000)), { final: true });
        const { stdout } = await run('ss', ['-ltnpH']);
        return stdout.split('\n').find((line) => line.includes(`pid=${program.child.pid},`))?.match(/127\.0\.0\.1:(\d+)/)?.[1];
      }, { every: 200 });
      const ask = async (query) => {
        const reply = await get(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`);
        return JSON.parse(reply.text).data?.result ?? [];
      };
      const one = (query, fits) => poll(query, async () => {
        const [found] = await ask(query);
        return found && fits(Number(found.value[1])) && found;
      }, { every: 200 });

      await one('up{job="sluice"}', (value) => value === 1);
      await one('count(sluice_upstream_state{state="in"} == 1)', (value) => value === 3);
      await one('sluice_chain_head_block', (value) => value === 1);
      await one('sluice_build_info', (value) => value === 1);
      // A rate needs calls between two looks.
      const busy = setInterval(() => post(sluice.url, JSON.parse(kCall)).catch(() => {}), 20);
      try {
        await one('sum(rate(sluice_calls_total{method="eth_getBalance"}[20s])) > 0', (value) => value > 0);
        await one('histogram_quantile(0.99, sum by (le) (rate(sluice_call_duration_seconds_bucket[20s])))',
          (value) => value > 0 && value < 60);
        await one('sum(rate(sluice_overhead_seconds_sum[20s])) / sum(rate(sluice_overhead_seconds_count[20s]))',
          (value) => value >= 0 && value < 1);
      } finally {
        clearInterval(busy);
      }
      // A scrape that came too late for its time leaves a gap, so each is asked for until it is there.
      for (const name of ['sluice_http_requests_total', 'sluice_upstream_attempts_total', 'sluice_pool_connections',
        'sluice_queue_depth', 'process_resident_memory_bytes', 'process_cpu_seconds_total']) {
        await one(`count(${name}{job="sluice"})`, (value) => value > 0);
      }
    } finally {
      program.signal('SIGTERM');
      await Promise.race([program.ended, new Promise((resolve) => setTimeout(resolve, 10_000))]);
      await program.kill();
    }
  });
});
