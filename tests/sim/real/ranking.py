#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays calls of the simulator to the real binary, and asks whether both rank the strategies alike.

    tests/sim/real/ranking.py             short: two workloads, the winner against an anchor
    tests/sim/real/ranking.py --full      all workloads, the simulator's three best and the anchors, 1 and 2 workers
                                          [--rounds N] [--only CASE]... [--report]

Prints a line for each pair of strategies and figure,

    bar ranking.<case>.<a>.<b>.<figure> <measured a/b> <simulated a/b> pass|fail

and `even …` where the simulator sees less than 10 % between the two, so that there is no order to find. Every
round has calls of its own, the simulator's of that seed: the same times of arrival, methods, sizes and service
times. The daemon is `sluice run` before nodes of `sluice devnode` with the simulator's workers and speeds, one
set for each strategy, all at the same time. SLUICE_BIN: the binary (default: the release build); sluice_sim and
bench_replay_load are taken from the same build. --report, and --full of all cases, write tests/sim/RANKING.md.
While an order differs and its interval leaves that in doubt, further rounds are played, up to three times as many.
Ends with `N passed, N failed, N skipped`; exit code 1: an order differs.
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]

import report  # noqa: E402
import rig  # noqa: E402
import verdict  # noqa: E402

# All that can be configured and whose order does not rest on weights or keys.
FIELD = ("round-robin", "least-connections", "p2c", "peak-ewma", "latency-based", "random", "adaptive", "learned")
ANCHORS = ("round-robin", "least-connections")
BEST = 3
FIGURES = ("p99", "mean")
# So many times the rounds at most, where they leave in doubt what they say.
MORE = 3


@dataclass
class Case:
    """A workload of the simulator; scale: its times are so many times longer, on both sides."""
    name: str
    workload: str
    load: float
    calls: int
    scale: float = 1
    strategies: tuple = ()
    workers: tuple = (1, 2)
    rounds: int = 1
    """Times as many as usual: runs differ widely where queues stand."""


FULL = (
    Case("mix.l70", "mix", 0.7, 11_000),
    Case("mix.l130", "mix", 1.3, 11_000, rounds=2),
    Case("speeds.l70", "speeds", 0.7, 8_000),
    Case("slow.l10", "slow", 0.1, 5_000),
)
SHORT = (
    Case("speeds.l70", "speeds", 0.7, 3_500, strategies=("adaptive", "peak-ewma"), workers=(1,)),
    Case("slow.l10", "slow", 0.1, 1_800, strategies=("adaptive", "round-robin"), workers=(1,)),
)


@dataclass
class Result:
    case: Case
    workers: int
    real: dict        # figure -> strategy -> by round, ms
    simulated: dict   # figure -> strategy -> by seed, ms
    rate: float
    noise_ms: list    # what the rig adds to calls that never queue
    late_ms: float    # p99 of how late calls were sent, the worst of all generators
    load_average: tuple
    ejections: dict   # strategy -> times a node was thought ill, of all rounds


def figures(latencies_us, warm_up):
    counted = [us / 1000 for us in latencies_us[int(warm_up * len(latencies_us)):] if us >= 0]
    return {"p99": verdict.quantile(counted, 0.99), "mean": sum(counted) / len(counted)}


def simulated_figures(case, workers, strategies, seeds):
    runs = [rig.simulate(case.workload, case.load, case.calls, seed, workers, case.scale, strategies)["strategies"]
            for seed in range(1, seeds + 1)]
    return {figure: {s: [run[s][figure + "_ms"] for run in runs] for s in strategies} for figure in FIGURES}


def contestants(case, simulated):
    if case.strategies:
        return list(case.strategies)
    best = verdict.best(simulated["p99"], BEST)
    return best + [anchor for anchor in ANCHORS if anchor not in best]


def settled(result):
    """Whether no order differs by what may be chance."""
    return all(pair.verdict != "fail" or pair.real.clear for figure in FIGURES
               for pair in verdict.pairs(result.real[figure], result.simulated[figure]))


def run(case, workers, rounds, seeds):
    simulated = simulated_figures(case, workers, case.strategies or FIELD, seeds)
    names = contestants(case, simulated)
    real = {figure: {name: [] for name in names} for figure in FIGURES}
    result = Result(case, workers, real, simulated, 0, [], 0, os.getloadavg(), dict.fromkeys(names, 0))
    for seed in range(1, MORE * rounds + 1):
        if seed > rounds and settled(result):
            break
        rehearsed = rig.simulate(case.workload, case.load, case.calls, seed, workers, case.scale, names[:1])
        result.rate = rehearsed["rate"]
        # Turns at being started first.
        turned = names[seed % len(names):] + names[:seed % len(names)]
        said = rig.play(rehearsed, [None, *turned], workers)
        direct = said.pop(None)
        result.noise_ms += [(took - own) / 1000 for took, own in zip(direct["latency_us"], direct["service_us"])
                            if took >= 0]
        result.late_ms = max([result.late_ms, *(each["late_p99_us"] / 1000 for each in said.values())])
        for name in names:
            result.ejections[name] += said[name]["ejections"]
            for figure, value in figures(said[name]["latency_us"], rehearsed["warm_up"]).items():
                real[figure][name].append(value)
        shown = ", ".join(f"{name} {real['p99'][name][-1]:.0f}" for name in names)
        print(f"# {case.name} {workers}w round {seed}: p99 ms {shown}", flush=True)
    return result


def judge(result):
    """Prints the lines; (passed, failed)."""
    passed = failed = 0
    for figure in FIGURES:
        for pair in verdict.pairs(result.real[figure], result.simulated[figure]):
            said = pair.verdict
            word = "even" if said == "even" else "bar"
            ident = f"ranking.{result.case.name}.{result.workers}w.{pair.a}.{pair.b}.{figure}"
            print(f"{word} {ident} {pair.real.value:.3g} {pair.simulated.value:.3g}"
                  f"{'' if said == 'even' else ' ' + said}", flush=True)
            passed += said == "pass"
            failed += said == "fail"
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the long form")
    parser.add_argument("--rounds", type=int, help="rounds of each case (long form: 5, else 2)")
    parser.add_argument("--only", action="append", metavar="CASE", help="only this case of the form")
    parser.add_argument("--report", action="store_true", help="write tests/sim/RANKING.md")
    options = parser.parse_args()
    rounds = options.rounds or (5 if options.full else 2)
    cases = [c for c in (FULL if options.full else SHORT) if not options.only or c.name in options.only]
    if not cases:
        parser.error(f"no such case: {', '.join(options.only)}")
    writes = options.report or (options.full and not options.only)
    began, results, passed, failed = time.monotonic(), [], 0, 0
    for case in cases:
        for workers in case.workers:
            results.append(run(case, workers, rounds * case.rounds, 20 if options.full else 8))
            counts = judge(results[-1])
            passed, failed = passed + counts[0], failed + counts[1]
            if writes:
                report.write(os.path.join(os.path.dirname(HERE), "RANKING.md"), results, passed, failed)
    for line in report.rig_lines(results):
        print(f"# {line}")
    print(f"# {time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
