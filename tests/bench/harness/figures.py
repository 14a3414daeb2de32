# SPDX-License-Identifier: Apache-2.0
"""Figures of several rounds, bars, and how both are written down."""
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Spread:
    """The smallest, the middle and the largest of some rounds."""
    values: list

    @property
    def mid(self):
        return median(self.values)

    def text(self, digits=2):
        low, high = min(self.values), max(self.values)
        if digits == 0:
            return f"{low:,.0f} - **{self.mid:,.0f}** - {high:,.0f}"
        return f"{low:.{digits}f} - **{self.mid:.{digits}f}** - {high:.{digits}f}"


def ratio(samples, reference, value):
    """Round by round: a noisy neighbour disturbs both of a round alike."""
    return Spread([value(a) / value(b) for a, b in zip(samples, reference)])


def noise(spread):
    """How far from 1 a program's ratio to itself strays: what no comparison here can resolve."""
    return max(max(v, 1 / v) for v in spread.values)


@dataclass
class Bar:
    what: str
    measured: float
    limit: float
    how: str
    unit: str = "x"
    least: float = None
    resolved: bool = True
    """False: this run is too noisy to tell; neither met nor missed."""

    @property
    def met(self):
        return self.measured <= self.limit and (self.least is None or self.measured >= self.least)

    def row(self):
        bound = f"<= {self.limit:.2f} {self.unit}"
        if self.least is not None:
            bound = f"{self.least:.2f} - {self.limit:.2f} {self.unit}"
        return [self.what, f"{self.measured:.2f} {self.unit}", bound,
                self.verdict(), self.how]

    def verdict(self):
        if not self.resolved:
            return "too noisy"
        return "pass" if self.met else "**FAIL**"


@dataclass
class Report:
    sections: list = field(default_factory=list)
    bars: list = field(default_factory=list)
    foreign: list = field(default_factory=list)

    def section(self, title, *lines):
        self.sections.append((title, [line for line in lines if line]))
        print(f"\n## {title}\n")
        for line in self.sections[-1][1]:
            print(line + "\n", flush=True)

    def bar(self, *args, **more):
        self.bars.append(Bar(*args, **more))

    def saw(self, samples):
        """Keeps how busy others were during these samples."""
        for each in samples.values():
            self.foreign += [sample.foreign for sample in each]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
