# SPDX-License-Identifier: Apache-2.0
"""Load against one proxy, and what the proxy spent on it."""
import json
import os
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import processes

HERE = Path(__file__).resolve().parents[1]


@dataclass
class Sample:
    calls: int
    seconds: float
    p50_us: float
    p99_us: float
    cpu_us: float
    """CPU time of the proxy per call; of the upstream where there is no proxy."""
    busy: float
    """Share of a processor that the proxy used."""
    foreign: float
    """Processors that others used meanwhile, in units of one."""

    @property
    def rate(self):
        return self.calls / self.seconds


def run_measured(argv, proxy, upstream, cpus, env=None, calls_per_request=1, find=None):
    """Runs a load generator to its end beside the processes it loads."""
    if cpus:
        argv = processes.Placement.on(cpus, argv)
    argv = [str(x) for x in argv]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy, stolen = processes.machine_busy_s()
    proxy_ns, upstream_ns = proxy.cpu_ns(), upstream.cpu_ns()
    ended = subprocess.run(argv, capture_output=True, text=True, check=False,
                           env={**os.environ, **(env or {})}, timeout=300)
    proxy_ns, upstream_ns = proxy.cpu_ns() - proxy_ns, upstream.cpu_ns() - upstream_ns
    after, stolen_after = processes.machine_busy_s()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = find(ended.stdout) if find else ended.stdout
    if ended.returncode != 0 or not result:
        raise processes.Failed(f"{' '.join(argv)}: exit {ended.returncode}: "
                               f"{ended.stdout[-500:]}{ended.stderr[-500:]}")
    figures = json.loads(result)
    if figures["wrong"] or not figures["requests"]:
        raise processes.Failed(f"{' '.join(argv)}: wrong answers or none: {result}")
    generator_s = used.ru_utime + used.ru_stime - children.ru_utime - children.ru_stime
    ours = generator_s + (upstream_ns + (proxy_ns if proxy is not upstream else 0)) * 1e-9
    calls = figures["requests"] * calls_per_request
    seconds = figures["seconds"]
    return Sample(calls=calls, seconds=seconds, p50_us=figures["p50_us"],
                  p99_us=figures["p99_us"], cpu_us=proxy_ns / 1e3 / calls,
                  busy=proxy_ns * 1e-9 / seconds,
                  foreign=max(0.0, after - busy + stolen_after - stolen - ours) / seconds)


def wrk(proxy, upstream, connections, seconds, cpus, batch=0):
    """A closed loop over so many connections."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s",
            HERE / "wrk.lua", f"http://127.0.0.1:{proxy.port}/"]

    def find(out):
        return next((line[7:] for line in out.splitlines() if line.startswith("RESULT ")), "")
    return run_measured(argv, proxy, upstream, cpus, {"BATCH": str(batch)}, max(batch, 1), find)


def fixed_rate(proxy, upstream, connections, rate, seconds, cpus):
    """An open loop: latency counts from when a call was due."""
    argv = [processes.programs() / "bench_rate_load", "--port", proxy.port, "--rate", f"{rate:.0f}",
            "--connections", connections, "--seconds", f"{seconds:g}"]
    return run_measured(argv, proxy, upstream, cpus)


def websocket(proxy, upstream, connections, in_flight, seconds, cpus):
    argv = [processes.programs() / "bench_ws_load", "--port", proxy.port, "--connections",
            connections, "--in-flight", in_flight, "--seconds", f"{seconds:g}"]
    return run_measured(argv, proxy, upstream, cpus)
