# SPDX-License-Identifier: Apache-2.0
"""tests/sim/RANKING.md: what ranking.py found."""

import math

import verdict

HEAD = """# The simulator against the real binary

Made by `tests/sim/real/ranking.py --full`; do not edit. The simulator's calls, with their times of arrival, methods, sizes and
service times, are played by an open-loop client over loopback to `sluice run` before nodes of `sluice devnode`, which
have the simulator's workers and speeds. Figures of the strategies are geometric means over the rounds; the simulator's stand
beside them for the same calls. A ratio is the geometric mean over the rounds (of the simulator: over {seeds} seeds), with the interval
that holds the true one with 95 % confidence (bootstrap over rounds). Both must name the same better one of two strategies
wherever the simulator sees more than {gap:.0f} % between them; below that they are even, and nothing is asked.

Retries, hedges, upstream batches and scaling rest meanwhile, as the simulator's fleet has none. It has no health either, and that of the
binary does not rest: it finds a node slow or silent whose cheap calls wait behind heavy ones, and takes it out for a second or more. That
helps a strategy which overloads nodes, and costs one which does not where queues stand. The last column counts these findings, of all
rounds together; where there are few, figures are the simulator's within a few percent.

{passed} orders agree, {failed} differ; {doubtful} of them are within the noise, that is the interval holds 1: they are not evidence for
either order. Where an order differs within the noise further rounds are played, and they end as soon as it agrees. That favours
agreement, so that an order which took more than the usual rounds and is still within the noise has not been shown.
"""


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def rig_lines(results):
    """How exact the rig was, and how busy the machine."""
    for each in results:
        noise = [verdict.quantile(each.noise_ms, q) for q in (0.5, 0.99)]
        yield (f"{each.case.name} {each.workers}w: {each.rate:.0f} calls/s for each strategy at once, times x {each.case.scale:g}; "
               f"a call past the proxy that never queues takes {noise[0]:.2f} ms longer than its service time at the "
               f"median, {noise[1]:.2f} ms at p99; calls are sent {each.late_ms:.2f} ms late at p99; load average "
               f"{each.load_average[0]:.1f}")


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def of_ratio(ratio):
    return f"{ratio.value:.3g} ({ratio.low:.3g} to {ratio.high:.3g})"


def section(result):
    rounds = len(next(iter(result.real["p99"].values())))
    workers = f"{result.workers} worker{'s' if result.workers > 1 else ''}"
    yield f"## {result.case.name}, {workers}, {rounds} rounds of {result.case.calls:,} calls\n"
    order = sorted(result.real["p99"], key=lambda s: geometric_mean(result.simulated["p99"][s]))
    yield from table(
        ["strategy", "p99 ms", "simulated", "mean ms", "simulated", "found ill"],
        [[name, *(f"{geometric_mean(of[figure][name][:rounds]):.4g}" for figure in ("p99", "mean")
                  for of in (result.real, result.simulated)), str(result.ejections[name])] for name in order])
    yield from table(
        ["figure", "pair", "measured", "simulated", "order"],
        [[figure, f"{pair.a} / {pair.b}", of_ratio(pair.real), of_ratio(pair.simulated),
          {"pass": "the same", "fail": "**differs**", "even": "even"}[pair.verdict] +
          ("" if pair.real.clear or not pair.judged else ", within the noise")]
         for figure in ("p99", "mean") for pair in verdict.pairs(result.real[figure], result.simulated[figure])])


def write(path, results, passed, failed):
    seeds = len(next(iter(results[0].simulated["p99"].values())))
    doubtful = sum(pair.judged and not pair.real.clear for result in results for figure in ("p99", "mean")
                   for pair in verdict.pairs(result.real[figure], result.simulated[figure]))
    lines = [HEAD.format(seeds=seeds, doubtful=doubtful, gap=100 * (verdict.GAP - 1), passed=passed, failed=failed)]
    for result in results:
        lines += section(result)
    lines += ["## How exact the rig was\n", *(f"- {line}" for line in rig_lines(results))]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
