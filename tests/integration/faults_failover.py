# SPDX-License-Identifier: Apache-2.0
"""Nodes that die, hang, come back, stand still and talk nonsense, while clients call without a
pause: no call that may be repeated fails, and no client ever gets another's answer."""

import json
import os
import random
import threading
import time

from support.load import Load
from support.sluice import (Devnodes, Failure, Sluice, WebSocket, call, check, encode, equal,
                            frame, poll, post)

SEED = int(os.environ.get("SLUICE_TEST_SEED", random.randrange(1 << 30)))


def states(sluice):
    return {u["name"]: u["state"] for u in sluice.status()["chains"][0]["upstreams"]}


def wait_all_in(sluice, deadline=20):
    try:
        poll(lambda: set(states(sluice).values()) == {"in"}, "all upstreams are in rotation", deadline)
    except Failure as failure:
        raise Failure(f"{failure}: {sluice.status()['chains'][0]}") from None


class WebSocketLoad:
    """One WebSocket with a few calls in flight; every reply is matched by its id."""

    def __init__(self, where, in_flight=4):
        self.where, self.in_flight = where, in_flight
        self.calls, self.failures = 0, []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stopping = True
        self._thread.join()

    def _run(self):
        try:
            with WebSocket(self.where) as socket:
                waiting, number = {}, 0
                while not self._stopping or waiting:
                    while not self._stopping and len(waiting) < self.in_flight:
                        number += 1
                        waiting[number] = ["ws", number, "x" * (number % 300)]
                        socket.send(frame(1, encode(call("test_echo", waiting[number], number))))
                    reply = json.loads(socket.read_message(25))
                    expected = waiting.pop(reply["id"], None)
                    if reply.get("result") != expected:
                        self.failures.append(str(reply)[:300])
                    self.calls += 1
        except (Failure, OSError, EOFError, KeyError) as error:
            self.failures.append(repr(error))


class Rounds:
    """A random fault after the other on one of three nodes at a time."""

    def __init__(self, nodes, sluice, random_):
        self.nodes, self.sluice, self.random = nodes, sluice, random_
        self.log = []
        self.mined = 0

    def hold(self, least, most):
        time.sleep(self.random.uniform(least, most))

    def kill(self, i):
        self.nodes.kill(i)
        self.hold(0.1, 1.2)
        self.bounce(i)

    def bounce(self, i):
        self.nodes.restart(i)
        # A node begins at the first block; it is not to lag behind the others from now on.
        if self.mined:
            self.nodes.mine(i, self.mined)

    def hang(self, i):
        self.nodes.freeze(i)
        self.hold(*self.random.choice([(0.05, 0.4), (3.5, 4.5)]))
        self.nodes.thaw(i)

    def hang_and_die(self, i):
        self.nodes.freeze(i)
        self.hold(0.2, 1.0)
        self.bounce(i)

    def stand_still(self, i):
        self.nodes.faults(i, {"frozen_head": True})
        for _ in range(8):
            for other in range(3):
                if other != i:
                    self.nodes.mine(other)
            self.hold(0.02, 0.15)
        self.nodes.faults(i)
        self.nodes.mine(i, 8)
        self.mined += 8

    def run(self, rounds):
        kinds = [self.kill, self.hang, self.bounce, self.stand_still, self.hang_and_die]
        order = []
        for number in range(rounds):
            order = order or self.random.sample(kinds, len(kinds))
            fault, victim = order.pop(), self.random.randrange(3)
            self.log.append(f"round {number}: {fault.__name__} node {victim}")
            fault(victim)
            if self.random.random() < 0.7:
                wait_all_in(self.sluice, 70)
            self.hold(0.1, 0.5)


def test_no_call_fails_while_nodes_do(full=False):
    rounds = 100 if full else 5
    print_seed = f"SLUICE_TEST_SEED={SEED}"
    with Devnodes(3) as nodes, Sluice(urls=nodes.urls) as sluice:
        wait_all_in(sluice)
        scene = Rounds(nodes, sluice, random.Random(SEED))
        with Load(sluice.http, 24, seed=SEED) as load, WebSocketLoad(sluice.http) as socket:
            scene.run(rounds)
        details = (print_seed, *scene.log[-6:])
        load.expect_clean(f"in {rounds} rounds", *details)
        equal(socket.failures, [], f"failed calls over WebSocket among {socket.calls}; {print_seed}")
        check(load.slowest < 20, f"a call took {load.slowest:.1f} s", *details)
        check(load.calls > 200 * rounds and socket.calls > 10 * rounds, "too few calls to tell",
              load.calls, socket.calls)


def test_a_hung_node_holds_no_call_for_long():
    """Found by its silence, and the calls under way there are moved, well before their attempt's
    own time is up."""
    with Devnodes(3) as nodes, Sluice(urls=nodes.urls) as sluice:
        wait_all_in(sluice)
        with Load(sluice.http, 16) as load:
            poll(lambda: load.calls > 500, "calls are under way")
            nodes.freeze(1)
            poll(lambda: "out" in states(sluice).values(), "the hung node leaves the rotation")
            poll(lambda: sluice.metric("sluice_retries_total", reason="upstream_lost") > 0,
                 "calls are moved")
            nodes.thaw(1)
            wait_all_in(sluice)
        load.expect_clean("while a node hung")
        check(load.slowest < 8, f"a call was held for {load.slowest:.1f} s")


def test_a_short_deadline_leaves_time_for_another_node():
    """A light read with a deadline shorter than the detection of a hung node is tried elsewhere."""
    with Devnodes(2) as nodes, \
            Sluice({"upstreams": nodes.urls, "balance": {"strategy": "round-robin"}}) as sluice:
        wait_all_in(sluice)
        nodes.freeze(0)
        replies = []
        with sluice.client() as client:
            for n in range(4):
                reply = client.rpc(call("test_echo", [n], n),
                                   headers=[("X-Sluice-Timeout", "600ms")])
                replies.append((reply.status, reply.json().get("result")))
        equal(replies, [(200, [n]) for n in range(4)], "replies with a node that hangs")


def test_writes_are_not_moved():
    """A call that may change something waits for its node, whatever becomes of it, and its fate is
    told to be unknown when the node dies."""
    with Devnodes(2) as nodes:
        config = {"upstreams": nodes.urls, "methods": {"allow": ["eth_sendTransaction"]}}
        with Sluice(config) as sluice:
            wait_all_in(sluice)
            for i in range(2):
                nodes.faults(i, {"hang": 1, "methods": ["unknown_write"]})
            with sluice.client() as client:
                client.send(post(call("unknown_write", [1])))
                victim = poll(lambda: next((i for i in range(2) if nodes.client_calls(i)), None) is not None
                              and [i for i in range(2) if nodes.client_calls(i)], "the write arrives")
                nodes.kill(victim[0])
                reply = client.response()
            equal(reply.status, 200, "status")
            error = reply.json()["error"]
            equal((error["code"], error["data"]["reason"]), (-32000, "outcome_unknown"), "the error")
            equal(nodes.client_calls(1 - victim[0]), 0, "calls that the other node got")


def test_connections_that_die_idle_are_never_seen(full=False):
    wanted = 100000 if full else 5000
    with Devnodes(3) as nodes, Sluice(urls=nodes.urls) as sluice:
        wait_all_in(sluice)
        nodes.faults(0, {"close_after_reply": 3})
        nodes.faults(1, {"close_idle": 1})
        nodes.faults(2, {"close_after_reply": 1})
        with Load(sluice.http, 12) as busy, Load(sluice.http, 12, pause=0.002, seed=1) as pausing:
            poll(lambda: busy.calls + pausing.calls >= wanted, f"{wanted} calls", 600)
        busy.expect_clean("on connections that die")
        pausing.expect_clean("on connections that die after a pause")
        check(sluice.metric("sluice_pool_connections_closed_total", reason="peer_closed") > wanted / 50,
              "the nodes should have closed connections all the time")
        check(set(states(sluice).values()) == {"in"}, "closing an idle connection is no fault of a node",
              *sluice.log_lines("upstream_out"), *sorted(
                  f"{labels} {count}" for (name, labels), count in sluice.metrics().items()
                  if name in ("sluice_health_checks_total", "sluice_upstream_attempts_total") and count))


NONSENSE = [
    {"truncate": 0.3},
    {"disconnect": {"ratio": 0.3, "stage": "mid_head"}},
    {"disconnect": {"ratio": 0.3, "stage": "mid_body"}},
    {"disconnect": {"ratio": 0.3, "stage": "before"}},
    *({"garbage": {"ratio": 0.3, "kind": kind}}
      for kind in ("html", "empty", "bad_json", "wrong_id", "no_id", "extra_bytes")),
    *({"bad_framing": {"ratio": 0.3, "kind": kind}}
      for kind in ("cl_te", "two_cl", "bad_chunk", "http09")),
    {"error_ratio": 0.3, "error": {"code": -32603, "message": "internal error", "http_status": 500}},
    {"rate_limit_429": 0.2, "retry_after": 0},
]
# What may become of a read whose node talked nonsense: the reply is unusable, nobody is fit, or the
# node said itself that it is over its limit.
HONEST = {("502", -32603), ("503", -32603), ("504", -32603), ("429", -32005), ("200", -32005)}


def test_nonsense_is_never_an_answer(full=False):
    random_ = random.Random(SEED)
    seconds = 120 if full else 8
    with Devnodes(3) as nodes, Sluice(urls=nodes.urls) as sluice:
        wait_all_in(sluice)
        with Load(sluice.http, 16, seed=SEED) as load:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for i in range(3):
                    nodes.faults(i, random_.choice(NONSENSE))
                time.sleep(0.25)
            for i in range(3):
                nodes.faults(i)
        load.expect_no_wrong(f"SLUICE_TEST_SEED={SEED}")
        check(set(load.codes) <= HONEST, f"dishonest failures: {load.codes}; SLUICE_TEST_SEED={SEED}",
              *load.failures)
        check(load.calls > 100 * seconds, "too few calls to tell", load.calls)
        wait_all_in(sluice, 70)
        with Load(sluice.http, 16) as load:
            poll(lambda: load.calls > 1000, "calls when all is well again")
        load.expect_clean("when all is well again")
