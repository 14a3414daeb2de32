# SPDX-License-Identifier: Apache-2.0
"""A node of which one kind of call is broken, one that fails some calls of every kind, and probes
that live traffic makes needless: what breakers and health make of it, by what clients see and by
metrics."""

import time

from support.devnodes import Devnodes
from support.load import Load
from support.sluice import Sluice, call, check, equal, poll, total

TRACE = call("debug_traceTransaction", ["0x" + "11" * 32])
READ = call("eth_getBalance", ["0x00000000000000000000000000000000000000aa", "latest"])
BROKEN = {"http_status": 500, "message": "broken"}


class Scene:
    def __init__(self, count=2, block_interval=0, **config):
        self.nodes = Devnodes(count, block_interval=block_interval)
        self.config = {"chain_id": 1337, "balance": {"strategy": "round-robin"}, "batch": {"max": 1},
                       "methods": {"allow": ["*", "debug_traceTransaction"]},
                       "upstreams": [{"name": f"n{i}", "url": url} for i, url in enumerate(self.nodes.urls)],
                       **config}

    def __enter__(self):
        self.nodes.__enter__()
        self.sluice = Sluice(self.config)
        self.sluice.__enter__()
        poll(lambda: all(self.state(f"n{i}") == "in" for i in range(len(self.nodes.urls))), "all are in")
        return self

    def __exit__(self, *why):
        self.sluice.__exit__(*why)
        self.nodes.__exit__(*why)

    def upstream(self, name):
        return next(u for u in self.sluice.status()["chains"][0]["upstreams"] if u["name"] == name)

    def state(self, name):
        return self.upstream(name)["state"]

    def breaker(self, name, klass="trace"):
        return self.upstream(name)["breakers"].get(klass, {"state": "closed"})["state"]

    def attempts(self, name):
        return total(self.sluice.metrics(), "sluice_upstream_attempts_total", upstream=name)

    def calls(self, body, count):
        with self.sluice.client() as client:
            return [client.rpc(body) for _ in range(count)]


def test_a_broken_method_class_is_kept_away_and_comes_back():
    with Scene(breaker={"open": "1s", "window": "5s"}) as scene:
        scene.calls(TRACE, 4)
        scene.nodes.faults(1, {"error": BROKEN, "methods": ["debug_traceTransaction"]})

        def opened():
            for reply in scene.calls(TRACE, 4) + scene.calls(READ, 4):
                equal(reply.status, 200, "status")
            return scene.breaker("n1") == "open"
        poll(opened, "the breaker of traces opens")
        equal(scene.state("n1"), "in", "the node goes on for other calls")
        equal(scene.upstream("n0")["breakers"], {}, "the other node's breakers")
        equal(scene.sluice.metric("sluice_breaker_state", upstream="n1", state="open", **{"class": "trace"}), 1,
              "metric")
        before = scene.attempts("n1")
        equal({r.header("X-Sluice-Upstream") for r in scene.calls(READ, 8)}, {"n0", "n1"}, "who answers reads")
        check(scene.attempts("n1") > before, "the node was asked for reads")
        scene.nodes.faults(1)

        def closed():
            scene.calls(TRACE, 4)
            return scene.breaker("n1") == "closed"
        poll(closed, "the breaker closes once the node is repaired", 20)
        for to in ("open", "half_open", "closed"):
            poll(lambda to=to: scene.sluice.metric("sluice_breaker_transitions_total", upstream="n1", to=to,
                                                   **{"class": "trace"}) >= 1, f"transitions to {to} are counted")
        equal(total(scene.sluice.metrics(), "sluice_breaker_transitions_total", **{"class": "state_read"}), 0,
              "breakers of other classes moved")


def test_a_class_that_fails_everywhere_is_not_blacked_out():
    with Scene(breaker={"open": "30s"}) as scene:
        for i in range(2):
            scene.nodes.faults(i, {"error": BROKEN, "methods": ["debug_traceTransaction"]})

        def opened():
            scene.calls(TRACE, 4)
            return {scene.breaker("n0"), scene.breaker("n1")} == {"open"}
        poll(opened, "both breakers open", 20)
        before = scene.attempts("n0") + scene.attempts("n1")
        scene.calls(TRACE, 4)
        check(scene.attempts("n0") + scene.attempts("n1") >= before + 4, "the calls are tried all the same")


def test_a_node_that_fails_some_calls_of_all_kinds_is_out_until_it_answers():
    with Scene(3) as scene, Load(scene.sluice.http, 4, pause=0.01) as load:
        poll(lambda: load.calls > 200, "calls are under way")
        scene.nodes.faults(1, {"error": BROKEN, "error_ratio": 0.4})
        poll(lambda: scene.state("n1") == "out", "it leaves the rotation", 10)
        check(scene.upstream("n1")["reason"] in ("errors", "failures"), "reason", scene.upstream("n1"))
        scene.nodes.faults(1)
        poll(lambda: scene.state("n1") == "in", "it is back", 15)
        equal(scene.upstream("n1")["recoveries"], 1, "recoveries")
        check(scene.upstream("n1")["ramp"] < 1, "it begins with a small share", scene.upstream("n1"))
    load.expect_clean("while one node failed")


def test_live_traffic_spares_probes():
    def checks(scene):
        return total(scene.sluice.metrics(), "sluice_health_checks_total")

    # It takes a few blocks until it is known when to expect one.
    with Scene(health={"interval": "200ms"}, block_interval=1) as scene:
        time.sleep(4)
        began = checks(scene)
        time.sleep(3)
        idle = checks(scene) - began
        with Load(scene.sluice.http, 2, pause=0.005) as load:
            poll(lambda: load.calls > 100, "calls are under way")
            began = checks(scene)
            time.sleep(3)
            busy = checks(scene) - began
        check(busy <= 0.6 * idle, "fewer probes under traffic", busy, idle)
