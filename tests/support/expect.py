# SPDX-License-Identifier: Apache-2.0
"""Expectations, and waiting for them with a deadline."""

import os
import time

# A slow machine (a sanitizer, a busy CI) stretches every wait, and no expectation.
SLOWNESS = float(os.environ.get("SLUICE_TEST_SLOWNESS", "1"))
DEADLINE = 20.0 * SLOWNESS


class Failure(AssertionError):
    """An expectation that did not hold; the text is enough to repeat the case."""


class Defect(Failure):
    """A failure that no busy machine explains: the program died, or a sanitizer complained."""


class Skipped(Exception):
    """A case that cannot run here, with the reason."""


def check(condition, what, *details):
    if not condition:
        raise Failure(what + "".join(f"\n    {d}" for d in details))


def equal(actual, expected, what):
    check(actual == expected, what, f"expected {shown(expected)}", f"actual   {shown(actual)}")


def shown(value, most=600):
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def poll(condition, what, deadline=None, pause=0.01):
    """Waits until condition() is true and returns its value. An exception counts as false."""
    end = time.monotonic() + (DEADLINE if deadline is None else deadline * SLOWNESS)
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, KeyError, IndexError, ValueError) as error:
            last = error
        if time.monotonic() > end:
            raise Failure(f"not so in time: {what}" + (f" ({last!r})" if last else ""))
        time.sleep(pause)
