# SPDX-License-Identifier: Apache-2.0
"""Sluice, HAProxy (twice), nginx and the direct path under the same load, in interleaved rounds."""
from . import loads
from .figures import Spread, noise, ratio, table

CPU_BAR = 0.92
NOISE_MAX = 1.5
CPU_NOISE_MAX = 0.05
"""A program that differs from itself by more than these is no yardstick: latency, CPU."""


def interleaved(rounds, targets, measure):
    """measure(name) for every target in every round; each round starts with another target."""
    samples = {name: [] for name in targets}
    for turn in range(rounds):
        order = list(targets)
        shift = turn % len(order)
        for name in order[shift:] + order[:shift]:
            samples[name].append(measure(name))
    return samples


def comparison(samples, label="target"):
    reference, direct = samples["haproxy"], samples["direct"]
    rows = []
    for name, each in samples.items():
        rows.append([
            name, Spread([s.cpu_us for s in each]).text(),
            "" if name == "direct" else ratio(each, reference, lambda s: s.cpu_us).text(),
            Spread([s.rate for s in each]).text(0),
            ratio(each, reference, lambda s: s.rate).text(),
            Spread([s.p50_us for s in each]).text(0),
            ratio(each, reference, lambda s: s.p50_us).text(),
            ratio(each, direct, lambda s: s.p50_us).text(1),
            Spread([s.p99_us for s in each]).text(0),
            ratio(each, reference, lambda s: s.p99_us).text(),
            ratio(each, direct, lambda s: s.p99_us).text(1),
            f"{Spread([s.busy for s in each]).mid:.0%}"])
    return table([label, "CPU us/call", "/ HAProxy", "calls/s", "/ HAProxy", "p50 us",
                  "/ HAProxy", "/ direct", "p99 us", "/ HAProxy", "/ direct", "proxy busy"], rows)


def cpu_bar(report, what, samples):
    """Sluice's CPU per call beside HAProxy's, as far as HAProxy beside itself says that this can be told."""
    cpu = lambda sample: sample.cpu_us
    own = ratio(samples["haproxy again"], samples["haproxy"], cpu)
    report.bar(what, ratio(samples["sluice"], samples["haproxy"], cpu).mid, CPU_BAR,
               f"median of the rounds' ratios; HAProxy / itself {own.text()}",
               resolved=abs(own.mid - 1) <= CPU_NOISE_MAX)


def latency_bars(report, connections, samples):
    for name, value in (("p50", lambda s: s.p50_us), ("p99", lambda s: s.p99_us)):
        own = noise(ratio(samples["haproxy again"], samples["haproxy"], value))
        report.bar(f"{name} at {connections} connection{'s' if connections > 1 else ''} / HAProxy",
                   ratio(samples["sluice"], samples["haproxy"], value).mid, own,
                   "limit: the largest ratio of HAProxy to itself in any round",
                   resolved=own <= NOISE_MAX)


def closed_loop(report, world, plan):
    """wrk at 1, 16, 64 and 256 connections. Returns HAProxy's calls/s at 64."""
    peak = 0.0
    for connections in (1, 16, 64, 256):
        samples = interleaved(plan.rounds, world.targets, lambda name, c=connections: loads.wrk(
            world.targets[name], world.upstream, c, plan.seconds, world.load_cpus))
        report.saw(samples)
        report.section(f"wrk, {connections} connections", comparison(samples))
        if connections in (1, 16):
            latency_bars(report, connections, samples)
        if connections == 64:
            peak = Spread([s.rate for s in samples["haproxy"]]).mid
            cpu_bar(report, "CPU per call at 64 connections / HAProxy", samples)
    return peak


def fixed_rate(report, world, plan, peak):
    rate = peak / 2
    samples = interleaved(plan.rounds, world.targets, lambda name: loads.fixed_rate(
        world.targets[name], world.upstream, 64, rate, plan.seconds, world.load_cpus))
    report.saw(samples)
    report.section(
        f"Fixed rate of {rate:,.0f} calls/s (half of HAProxy's peak), 64 connections",
        "An open loop: a call's latency counts from the moment at which it was due.",
        comparison(samples))
    cpu_bar(report, "CPU per call at a fixed rate / HAProxy", samples)


def shapes(report, world, plan):
    """What batches and a WebSocket save, against single calls over HTTP through the same Sluice."""
    sluice, upstream, cpus = world.targets["sluice"], world.upstream, world.load_cpus
    runs = {
        "HTTP, 64 connections": lambda: loads.wrk(sluice, upstream, 64, plan.seconds, cpus),
        "HTTP, 16 connections": lambda: loads.wrk(sluice, upstream, 16, plan.seconds, cpus),
        "batches of 20, 4 connections":
            lambda: loads.wrk(sluice, upstream, 4, plan.seconds, cpus, batch=20),
        "WebSocket, 1 connection, 16 in flight":
            lambda: loads.websocket(sluice, upstream, 1, 16, plan.seconds, cpus),
        "WebSocket, 4 connections, 16 in flight each":
            lambda: loads.websocket(sluice, upstream, 4, 16, plan.seconds, cpus),
    }
    samples = interleaved(plan.rounds, runs, lambda name: runs[name]())
    report.saw(samples)
    single, few, batch, one, four = samples.values()
    rows = [[name, Spread([s.cpu_us for s in each]).text(),
             ratio(each, single, lambda s: s.cpu_us).text(),
             Spread([s.rate for s in each]).text(0), Spread([s.p50_us for s in each]).text(0)]
            for name, each in samples.items()]
    report.section("Shapes of load through Sluice", table(
        ["shape", "CPU us/call", "/ HTTP, 64 connections", "calls/s", "p50 us (of a request)"],
        rows))
    cpu = lambda s: s.cpu_us
    report.bar("batch of 20: CPU per call / single call", ratio(batch, single, cpu).mid, 0.35,
               "single: HTTP, 64 connections")
    report.bar("WebSocket, 16 in flight: CPU per call / HTTP", ratio(one, few, cpu).mid, 0.80,
               "one WebSocket against 16 HTTP connections")
    report.bar("4 WebSockets, 16 in flight each: CPU per call / HTTP", ratio(four, single, cpu).mid,
               0.80, "against 64 HTTP connections")


def workers(report, world, plan):
    """Two workers against one, none of them pinned: both have the same processors to run on."""
    targets = {"1 worker": world.start_sluice(workers=1), "2 workers": world.start_sluice(workers=2)}
    try:
        samples = interleaved(plan.rounds, targets, lambda name: loads.wrk(
            targets[name], world.upstream, 64, plan.seconds, None))
    finally:
        for process in targets.values():
            process.stop()
    report.saw(samples)
    one, two = samples.values()
    rows = [[name, Spread([s.cpu_us for s in each]).text(),
             Spread([s.rate for s in each]).text(0), Spread([s.p50_us for s in each]).text(0),
             Spread([s.p99_us for s in each]).text(0)] for name, each in samples.items()]
    report.section("Two workers, 64 connections, proxy not pinned",
                   table(["Sluice", "CPU us/call", "calls/s", "p50 us", "p99 us"], rows))
    report.bar("CPU per call, 2 workers / 1 worker", ratio(two, one, lambda s: s.cpu_us).mid, 1.10,
               "same processors for both")
