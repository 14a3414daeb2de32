# SPDX-License-Identifier: Apache-2.0
"""The concurrency limit: how many calls an upstream is given at once, found while it is overloaded,
kept to or only shown, and given up again afterwards."""

import contextlib
import time

from support.devnodes import Devnodes
from support.load import Load
from support.sluice import Sluice, call, check, equal, poll, post, total

PER_S = 400  # calls that the node can do
WORKERS = 8
MAX = 40
CLIENTS = 60


def settings(node, mode, most=MAX, **limit):
    return {"upstreams": [{"url": node.urls[0], "name": "a"}], "hedge": {"budget": "off"},
            "batch": {"max": 1}, "queue": {"timeout": "20s"},
            "pool": {"max": most, "concurrency_limit": {"mode": mode, **limit}}}


def upstream(sluice):
    return sluice.status()["chains"][0]["upstreams"][0]


def limit_of(sluice):
    return upstream(sluice)["concurrency_limit"]


@contextlib.contextmanager
def scene(mode, workers=WORKERS, most=MAX, **limit):
    """A node that works on `workers` calls at a time, and has been seen without load."""
    with Devnodes() as node:
        node.faults(0, {"workers": workers, "latency": 1000 * workers / PER_S})
        with Sluice(settings(node, mode, most, **limit), workers=2, level="debug") as sluice:
            quiet(sluice, min(3, workers))
            equal(limit_of(sluice)["limit"], most, "the limit before any overload")
            yield node, sluice


def quiet(sluice, clients, until=None):
    """A load that the node bears, for 120 calls or until something is so."""
    with Load(sluice.http, clients) as load:
        poll(until or (lambda: load.calls >= 120), "quiet times", 30)
        load.stop()
        load.expect_clean("quiet times")


def test_calls_wait_here_instead_of_in_the_node():
    with scene("act") as (_, sluice), Load(sluice.http, CLIENTS) as load:
        poll(lambda: WORKERS <= limit_of(sluice)["limit"] <= WORKERS + 4, "the limit is near what the node works on", 20)
        calls, began = load.calls, time.monotonic()
        seen = []
        while load.calls < calls + 600:
            seen.append(upstream(sluice))
        per_s = (load.calls - calls) / (time.monotonic() - began)
        metrics = sluice.metrics()
        busy = [each["connections"]["busy"] for each in seen]
        # Now and then the limit looks for more.
        check(max(busy) <= 2 * WORKERS, "most calls at the node", max(busy))
        check(sum(busy) / len(busy) <= WORKERS + 5, "calls at the node", sum(busy) / len(busy))
        check(total(metrics, "sluice_queue_depth") >= CLIENTS - 2 * WORKERS, "the others wait", metrics)
        check(per_s >= 0.75 * PER_S, f"the node is not kept at work: {per_s:.0f} calls/s")
        equal(total(metrics, "sluice_upstream_limiting"), 1, "calls are held back")
        check(WORKERS <= total(metrics, "sluice_upstream_concurrency_limit") <= WORKERS + 6, "the limit as a metric")
        check(total(metrics, "sluice_upstream_concurrency_inflation_ratio") < 1.5, "calls do not queue in the node")
        load.stop()
        load.expect_clean("overload")
        equal(len(sluice.log_lines("limiting")), 1, "one episode is told")
        quiet(sluice, 2, lambda: limit_of(sluice)["limit"] == MAX)
        poll(lambda: sluice.log_lines("limiting_over"), "its end is told")
        equal(sluice.metric("sluice_upstream_limiting"), 0, "nothing is held back")


def test_observed_and_not_kept_to():
    with scene("observe") as (_, sluice), Load(sluice.http, CLIENTS) as load:
        poll(lambda: limit_of(sluice)["limit"] <= 2 * WORKERS, "what the limit would be", 20)
        found = upstream(sluice)
        equal(found["concurrency_limit"]["mode"], "observe", "its mode")
        check(found["connections"]["busy"] >= MAX - 2, "calls at the node", found)
        equal(sluice.metric("sluice_upstream_limiting"), 1, "calls would be held back")
        load.stop()
        load.expect_clean("overload")


def test_off_leaves_it_at_the_maximum():
    with scene("off") as (_, sluice), Load(sluice.http, CLIENTS) as load:
        poll(lambda: load.calls >= 1000, "two and a half seconds of overload", 30)
        found = upstream(sluice)
        equal(found["concurrency_limit"], {"mode": "off", "limit": MAX, "inflation": 1.0, "limiting": False},
              "the limit")
        check(found["connections"]["busy"] >= MAX - 2, "calls at the node", found)
        check("sluice_upstream_concurrency_limit{" not in sluice.metrics_text(), "no metric of what is off")
        load.stop()
        load.expect_clean("overload")


def at_minimum(sluice, least):
    """Whether the limit stands at its minimum when the overload has ended."""
    with Load(sluice.http, 20) as load:
        poll(lambda: limit_of(sluice)["limit"] == least, "the limit is at its minimum", 30)
        load.stop()
        load.expect_clean("overload")
    return limit_of(sluice)["limit"] == least


def test_never_below_the_minimum():
    least = 6
    with scene("act", workers=2, most=14, min=least) as (node, sluice), contextlib.ExitStack() as stack:
        # It is raised from there now and then, to see what comes of it.
        check(any(at_minimum(sluice, least) for _ in range(5)), "the limit does not stay")
        node.faults(0, {"latency": 1500})
        clients = [stack.enter_context(sluice.client()) for _ in range(least + 1)]
        for client in clients[:-1]:
            client.send(post(call("test_echo", [1])))
        poll(lambda: upstream(sluice)["in_flight"] == least, "as many as the minimum are sent")
        equal(sluice.metric("sluice_queue_depth"), 0, "nobody waits")
        clients[-1].send(post(call("test_echo", [1])))
        poll(lambda: sluice.metric("sluice_queue_depth") == 1, "one more waits")
        equal(upstream(sluice)["in_flight"], least, "calls at the node")
        for client in clients:
            equal(client.response().status, 200, "a call")


def test_a_reload_keeps_what_was_found():
    with scene("act") as (node, sluice):
        with Load(sluice.http, CLIENTS) as load:
            poll(lambda: limit_of(sluice)["limit"] <= WORKERS + 4, "the limit is found", 20)
            sluice.reload(settings(node, "act", MAX + 1))
            check(limit_of(sluice)["limit"] <= WORKERS + 6, "the limit after a reload", limit_of(sluice))
            # Now and then the calls of the earlier configuration are still there, and its places too.
            poll(lambda: upstream(sluice)["connections"]["draining"] == 0, "the earlier connections go")
            check(upstream(sluice)["connections"]["busy"] <= WORKERS + 8, "calls at the node")
            sluice.reload(settings(node, "off"))
            poll(lambda: upstream(sluice)["connections"]["busy"] >= MAX - 2, "who waited is served at once")
            load.stop()
            load.expect_clean("overload")
