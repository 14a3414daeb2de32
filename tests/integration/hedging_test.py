# SPDX-License-Identifier: Apache-2.0
"""A second attempt beside a late first one: the client does not see the node that stalls, writes are
never doubled, and the extra attempts stay within their budget."""

import threading
import time

from support.devnodes import Devnodes
from support.sluice import Sluice, call, check, equal, poll, post, total

READ = call("eth_getBalance", ["0x00000000000000000000000000000000000000aa", "latest"])
SENT = {"latency": {"mean_ms": 2}}


class Scene:
    """Two nodes, of which the first is preferred; enough calls were answered for its usual times to
    be known."""

    def __init__(self, **config):
        self.nodes = Devnodes(2)
        self.config = {"chain_id": 1337, "balance": {"strategy": "latency-based"}, "batch": {"max": 1},
                       "upstreams": [{"name": f"n{i}", "url": url, "tier": 1} for i, url in enumerate(self.nodes.urls)],
                       **config}

    def __enter__(self):
        self.nodes.__enter__()
        self.nodes.faults(0, SENT)
        self.nodes.faults(1, {"latency": {"mean_ms": 30}})
        self.sluice = Sluice(self.config)
        self.sluice.__enter__()
        poll(lambda: self.sluice.metric("sluice_upstream_state", upstream="n1", state="in") == 1, "both are in")
        with self.sluice.client() as client:
            for _ in range(300):
                equal(client.rpc(READ).status, 200, "status")
        return self

    def __exit__(self, *why):
        self.sluice.__exit__(*why)
        self.nodes.__exit__(*why)

    def hedges(self, **labels):
        return total(self.sluice.metrics(), "sluice_hedges_total", **labels)

    def knows_its_times(self):
        """The usual times are worked out once a second."""
        def known():
            upstreams = self.sluice.status()["chains"][0]["upstreams"]
            return any(figures["hedge_after_ms"] > 0 for u in upstreams for figures in u["classes"].values())
        poll(known, "the usual times are known")


def test_a_stalled_node_is_not_noticed():
    with Scene(hedge={"budget": "20%"}, retry={"budget": "50%"}) as scene:
        scene.knows_its_times()
        scene.nodes.faults(0, {"latency": 3000})
        began = time.monotonic()
        reply = scene.sluice.rpc(READ)
        took = time.monotonic() - began
        equal(reply.status, 200, "status")
        equal(reply.header("X-Sluice-Upstream"), "n1", "upstream")
        equal(reply.header("X-Sluice-Attempts"), "2", "attempts")
        check(took < 1.5, "the client waited for the stalled node", took)
        equal(scene.hedges(outcome="won"), 1, "hedges that won")


def test_the_first_answer_counts_and_the_other_attempt_ends():
    with Scene(hedge={"budget": "20%"}, retry={"budget": "50%"}) as scene:
        scene.knows_its_times()
        scene.nodes.faults(0, {"latency": 120})
        scene.nodes.faults(1, {"latency": 3000})
        reply = scene.sluice.rpc(READ)
        equal(reply.header("X-Sluice-Upstream"), "n0", "upstream")
        equal(scene.hedges(outcome="lost"), 1, "hedges that lost")
        poll(lambda: scene.sluice.metric("sluice_pool_connections", upstream="n1", state="busy") == 0,
             "the lost attempt's connection is not busy")


def test_a_failed_hedge_leaves_the_first_attempt_alone():
    with Scene(hedge={"budget": "20%"}, retry={"budget": "50%"}) as scene:
        scene.knows_its_times()
        scene.nodes.faults(0, {"latency": 400})
        scene.nodes.faults(1, {"error": {"http_status": 500, "message": "broken"}})
        reply = scene.sluice.rpc(READ)
        equal((reply.status, reply.header("X-Sluice-Upstream")), (200, "n0"), "who answered")
        equal(scene.hedges(outcome="failed"), 1, "hedges that failed")


def test_a_failed_hedges_error_is_better_than_none():
    with Scene(hedge={"budget": "20%"}, retry={"max": 0, "budget": "50%"}) as scene:
        scene.knows_its_times()
        scene.nodes.faults(0, {"latency": 3000})
        scene.nodes.faults(1, {"error": {"code": -32000, "message": "header not found"}})
        with scene.sluice.client() as client:
            client.send(post(READ))
            poll(lambda: scene.hedges(outcome="failed") == 1, "the hedge has failed")
            scene.nodes.kill(0)
            reply = client.response()
        equal((reply.status, reply.header("X-Sluice-Upstream")), (200, "n1"), "who answered")
        equal(reply.json()["error"]["message"], "header not found", "the error")


def test_a_hedge_takes_over_when_the_first_attempt_fails():
    with Scene(hedge={"budget": "20%"}, retry={"budget": "50%"}) as scene:
        scene.knows_its_times()
        scene.nodes.faults(0, {"latency": 200, "error": {"http_status": 500, "message": "broken"}})
        scene.nodes.faults(1, {"latency": 600})
        reply = scene.sluice.rpc(READ)
        equal((reply.status, reply.header("X-Sluice-Upstream"), reply.header("X-Sluice-Attempts")),
              (200, "n1", "2"), "who answered, of how many attempts")


def test_what_must_not_run_twice_is_not_hedged():
    with Scene(hedge={"budget": "20%"}, retry={"budget": "50%"}) as scene:
        scene.knows_its_times()
        for node in (0, 1):
            scene.nodes.faults(node, {"latency": 400})
        for method, params in (("eth_sendRawTransaction", ["0x02"]), ("eth_newFilter", [{}]),
                               ("debug_traceBlockByNumber", ["0x1"])):
            scene.sluice.rpc(call(method, params))
        equal(scene.hedges(), 0, "hedges")


def test_hedges_stay_within_their_budget():
    with Scene(hedge={"budget": "2%"}, pool={"max": 64}) as scene:
        scene.knows_its_times()
        # Both are far slower than they used to be: every call is late, and a copy of each would only
        # make it worse.
        for node in (0, 1):
            scene.nodes.faults(node, {"latency": 150})
        calls = 600

        def some(count):
            with scene.sluice.client() as client:
                for _ in range(count):
                    equal(client.rpc(READ).status, 200, "status")

        threads = [threading.Thread(target=some, args=(calls // 12,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent = sum(scene.nodes.client_calls(i) for i in (0, 1))
        # Ten may be saved up; then one in fifty.
        bound = 10 + 0.02 * (300 + calls) + 1
        check(scene.hedges() <= bound, "hedges above the budget", scene.hedges(), bound)
        check(scene.hedges() >= 1, "no call was hedged at all")
        check(sent <= 300 + calls + bound, "more attempts than calls and hedges", sent)


def test_off_means_off():
    with Scene(hedge={"budget": "0%"}) as scene:
        scene.nodes.faults(0, {"latency": 300})
        reply = scene.sluice.rpc(READ)
        equal(reply.header("X-Sluice-Upstream"), "n0", "upstream")
        equal(scene.hedges(), 0, "hedges")
