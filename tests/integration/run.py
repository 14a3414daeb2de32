#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the suites of this folder against the real binary.

    python3 tests/integration/run.py [--full] [--list] [FILTER…]

A suite is a module `*_test.py` or `faults_*.py`. Its cases are its functions `test_*()` (they may
take `full`) and what its generator `cases(full)` yields: (name, function). A FILTER is a part of
`module.case`. A case fails by an exception and is skipped by raising Skipped(reason). Ends with
`N passed, N failed, N skipped`; exit code 1 when a case failed.
"""

import argparse
import glob
import importlib
import inspect
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from support.sluice import Defect, Failure, Skipped, binary  # noqa: E402


def modules():
    names = {os.path.basename(p)[:-3] for pattern in ("*_test.py", "faults_*.py")
             for p in glob.glob(os.path.join(HERE, pattern))}
    return sorted(names)


def cases_of(module, full):
    for name, function in list(vars(module).items()):
        if name.startswith("test_") and callable(function):
            takes_full = "full" in inspect.signature(function).parameters
            yield name[5:], (lambda f=function: f(full=full)) if takes_full else function
    if hasattr(module, "cases"):
        yield from module.cases(full)


class Report:
    # More than so many failures are no accident of a busy machine.
    AGAIN_MAX = 8

    def __init__(self, again=False):
        self.passed, self.failed, self.skipped = 0, 0, 0
        self.slow = []
        self.again_left = self.AGAIN_MAX if again else 0

    def run(self, name, function):
        began = time.monotonic()
        try:
            function()
            self.passed += 1
        except Skipped as reason:
            self.skipped += 1
            print(f"SKIP {name}: {reason}", flush=True)
        except Defect as defect:
            self.fail(name, str(defect))
        except Failure as failure:
            self.judge(name, function, str(failure))
        except Exception:  # pylint: disable=broad-except
            self.judge(name, function, traceback.format_exc())
        self.slow.append((time.monotonic() - began, name))

    def judge(self, name, function, text):
        """A first failure: with --again the case has one more chance, and is named if it takes it."""
        if self.again_left == 0:
            self.fail(name, text)
            return
        self.again_left -= 1
        try:
            function()
        except Exception:  # pylint: disable=broad-except
            self.fail(name, text)
            return
        self.passed += 1
        print(f"UNSTEADY {name}: failed once, passed when repeated: {text.rstrip()}", flush=True)

    def fail(self, name, text):
        self.failed += 1
        print(f"FAIL {name}: {text.rstrip()}\n    repeat: python3 tests/integration/run.py '{name}'",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("filter", nargs="*", help="parts of module.case")
    parser.add_argument("--full", action="store_true", help="the long form")
    parser.add_argument("--list", action="store_true", help="name the cases, run none")
    parser.add_argument("--again", action="store_true",
                        help="repeat a failed case once, and say UNSTEADY where it passes then")
    parser.add_argument("--times", action="store_true", help="name the ten slowest cases")
    options = parser.parse_args()
    binary()
    report = Report(options.again)
    for module_name in modules():
        # A filter "module.case" opens only that module, which saves its fixtures.
        wanted = [f for f in options.filter if "." not in f or f.startswith(module_name + ".")]
        if options.filter and not wanted:
            continue
        module = importlib.import_module(module_name)
        try:
            for name, function in cases_of(module, options.full):
                full_name = f"{module_name}.{name}"
                if wanted and not any(f in full_name for f in wanted):
                    continue
                if options.list:
                    print(full_name)
                else:
                    report.run(full_name, function)
        except Exception:  # pylint: disable=broad-except
            report.fail(module_name, "its fixtures failed: " + traceback.format_exc())
    if options.times:
        for seconds, name in sorted(report.slow, reverse=True)[:10]:
            print(f"{seconds:8.2f} s  {name}")
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
