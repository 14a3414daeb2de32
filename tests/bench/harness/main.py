# SPDX-License-Identifier: Apache-2.0
"""Runs all measurements and writes RESULTS.md."""
import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from . import comparisons, processes, resources
from .figures import Report, table

SECTIONS = ("closed", "rate", "shapes", "workers", "calls", "profile", "idle", "slow")
TOOLS = ("haproxy", "nginx", "wrk", "strace", "openssl", "taskset")


@dataclass
class Plan:
    """How long and how often."""
    rounds: int
    seconds: int
    idle: int
    reply: int
    pace: int


SHORT = Plan(rounds=4, seconds=1, idle=2000, reply=64 << 20, pace=32 << 20)
FULL = Plan(rounds=10, seconds=2, idle=10000, reply=1 << 30, pace=100 << 20)


class World:
    """One upstream and one of each proxy before it, for as long as the run lasts."""

    def __init__(self, directory, placement):
        self.directory = directory
        self.load_cpus = placement.rest if placement.pinned else None
        self.proxy_cpus = placement.proxy if placement.pinned else None
        self.certificate = processes.make_certificate(directory)
        self.upstream = processes.start_upstream(self.load_cpus)
        self.targets = {}
        try:
            # In the order of a round: Sluice runs between the two that it is held against.
            for name, start in (
                    ("haproxy", self.haproxy), ("sluice", self.start_pinned_sluice),
                    ("haproxy again", self.haproxy), ("nginx", self.nginx)):
                self.targets[name] = start()
        except Exception:
            self.stop()
            raise
        self.targets["direct"] = self.upstream

    def haproxy(self):
        return processes.start_haproxy(self.directory, self.upstream.port, self.proxy_cpus,
                                       f"haproxy-{len(self.targets)}")

    def nginx(self):
        return processes.start_nginx(self.directory, self.upstream.port, self.proxy_cpus)

    def start_pinned_sluice(self):
        return processes.start_sluice(self.directory, self.upstream.port, self.proxy_cpus)

    def start_sluice(self, workers=1, upstream=None):
        return processes.start_sluice(self.directory, upstream or self.upstream.port,
                                      workers=workers)

    def start_fresh(self, name, tls):
        """One that has served nobody yet."""
        certificate = self.certificate if tls else None
        if name == "sluice":
            return processes.start_sluice(self.directory, self.upstream.port, tls=certificate)
        return processes.start_haproxy(self.directory, self.upstream.port, name="haproxy-fresh",
                                       tls=certificate)

    def stop(self):
        for process in [*self.targets.values(), self.upstream]:
            process.stop()


def version(*argv):
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, check=False)
        text = (ended.stdout + ended.stderr).strip().splitlines()
        return text[0] if text else ""
    except OSError as error:
        return str(error)


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return (f"{os.cpu_count()} x {model[1] if model else platform.machine()}, "
            f"Linux {platform.release()}, {system[1] if system else ''}")


def write(report, path, plan, placement, started, load):
    out = [
        "# Benchmark results", "",
        "Written by `tests/bench/run.sh`; do not edit. Figures of rounds are given as "
        "smallest - **median** - largest, ratios are formed round by round.", "",
        table(["", ""], [
            ["command", "`" + " ".join(["tests/bench/run.sh", *sys.argv[1:]]) + "`"],
            ["date", started.strftime("%Y-%m-%d %H:%M UTC")],
            ["machine", machine()],
            ["placement", placement.words()],
            ["rounds", f"{plan.rounds} of {plan.seconds} s each, targets interleaved"],
            ["load average", f"{load[0]:.2f} at the start, {os.getloadavg()[0]:.2f} at the end"],
            ["processors used by others",
             f"median {median(report.foreign):.2f}, at most {max(report.foreign):.2f}"
             if report.foreign else "not measured"],
            ["sluice", version(processes.sluice_binary(), "version")],
            ["haproxy", version("haproxy", "-v")],
            ["nginx", version("nginx", "-v")],
            ["wrk", version("wrk", "-v").split(" Copyright")[0]]]), "",
        "## Bars", "",
        table(["what", "measured", "bar", "", "how"], [bar.row() for bar in report.bars]), ""]
    for title, lines in report.sections:
        out += [f"## {title}", ""]
        for line in lines:
            out += [line, ""]
    path.write_text("\n".join(out).rstrip() + "\n")


def run(report, world, plan, wanted):
    peak = 0.0
    if "closed" in wanted:
        peak = comparisons.closed_loop(report, world, plan)
    if "rate" in wanted:
        comparisons.fixed_rate(report, world, plan, peak or 20000.0)
    if "shapes" in wanted:
        comparisons.shapes(report, world, plan)
    if "workers" in wanted:
        comparisons.workers(report, world, plan)
    if "calls" in wanted:
        resources.system_calls(report, world)
    if "profile" in wanted and not processes.missing(["perf"]):
        resources.profile(report, world)
    if "idle" in wanted:
        resources.idle_memory(report, world, plan.idle)
    if "slow" in wanted:
        resources.slow_reader(report, world, plan.reply, plan.pace)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh")
    parser.add_argument("--short", action="store_true", help="a few minutes, rough figures")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="some sections alone")
    parser.add_argument("--results", type=Path, help="file to write (default: RESULTS.md of a "
                        "whole run, none of a part of it)")
    arguments = parser.parse_args()
    plan = SHORT if arguments.short else FULL
    if absent := processes.missing(TOOLS):
        print(f"not installed: {' '.join(absent)}", file=sys.stderr)
        return 2
    processes.raise_file_limit()
    placement, report = processes.Placement(), Report()
    started, load = datetime.datetime.now(datetime.timezone.utc), os.getloadavg()
    print(f"{machine()}; load average {load[0]:.2f}; {placement.words()}")
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as directory:
        world = World(directory, placement)
        try:
            run(report, world, plan, arguments.only or SECTIONS)
        finally:
            world.stop()
    path = arguments.results
    if path is None and not arguments.only:
        path = Path(__file__).resolve().parents[1] / "RESULTS.md"
    if path is not None:
        path = Path(os.environ.get("SLUICE_BENCH_CALLER", ".")) / path
        write(report, path, plan, placement, started, load)
        print(f"written: {path}")
    print(table(["what", "measured", "bar", "", "how"], [bar.row() for bar in report.bars]))
    failed = [bar for bar in report.bars if bar.resolved and not bar.met]
    unclear = [bar for bar in report.bars if not bar.resolved]
    print(f"\n{len(report.bars) - len(failed) - len(unclear)} bars met, {len(failed)} missed, "
          f"{len(unclear)} too noisy to tell")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except processes.Failed as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(3)
