# SPDX-License-Identifier: Apache-2.0
"""Whether two places rank strategies alike. Ratios are geometric means over the runs, each of which both
strategies had the same calls in; the interval is that of 95 % by bootstrap of the runs."""

import itertools
import math
import random
from dataclasses import dataclass

RESAMPLES = 2000
# Below this the simulator itself calls two strategies even.
GAP = 1.10


def quantile(values, q):
    """Nearest rank, as in the simulator."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


@dataclass
class Ratio:
    value: float
    low: float
    high: float

    @property
    def clear(self):
        """Whether the interval leaves the order in no doubt."""
        return self.low > 1 or self.high < 1


def ratio(a, b, seed=1):
    """a/b, run by run."""
    logs = [math.log(x / y) for x, y in zip(a, b, strict=True)]
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(logs, k=len(logs))) / len(logs) for _ in range(RESAMPLES))
    return Ratio(math.exp(sum(logs) / len(logs)), math.exp(means[int(0.025 * RESAMPLES)]),
                 math.exp(means[int(0.975 * RESAMPLES) - 1]))


@dataclass
class Pair:
    a: str
    b: str
    real: Ratio
    simulated: Ratio

    @property
    def judged(self):
        return max(self.simulated.value, 1 / self.simulated.value) > GAP

    @property
    def agrees(self):
        return (self.real.value < 1) == (self.simulated.value < 1)

    @property
    def verdict(self):
        if not self.judged:
            return "even"
        return "pass" if self.agrees else "fail"


def pairs(real, simulated):
    """strategy -> figure by run, of the real binary and of the simulator; the better one of each pair
    in the simulator is named first."""
    order = sorted(real, key=lambda s: sum(map(math.log, simulated[s])))
    return [Pair(a, b, ratio(real[a], real[b]), ratio(simulated[a], simulated[b]))
            for a, b in itertools.combinations(order, 2)]


def best(simulated, count):
    """The strategies of the least figure, best first."""
    return sorted(simulated, key=lambda s: sum(map(math.log, simulated[s])))[:count]
