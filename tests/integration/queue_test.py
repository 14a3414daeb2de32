# SPDX-License-Identifier: Apache-2.0
"""Calls that wait: who goes first, who has to leave, and what they are told."""

import json
import threading

from guarded import headers
from support.sluice import ScriptedUpstream, Sluice, call, check, equal, poll

READ = "eth_getBalance"


def asked(node):
    return [json.loads(request.params)[0] for request in node.requests]


class Crowd:
    """Calls in threads of their own, each with its reply."""

    def __init__(self, sluice):
        self.sluice, self.replies, self.threads = sluice, {}, []

    def ask(self, name, priority="normal"):
        def run():
            self.replies[name] = self.sluice.rpc(call(READ, [name]), headers=headers(X_Sluice_Priority=priority))
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def waiting(self, priority, count):
        poll(lambda: self.sluice.metric("sluice_queue_depth", priority=priority) == count,
             f"{count} of {priority} priority wait")

    def join(self):
        for thread in self.threads:
            thread.join(20)


def one_place(hold, **queue):
    """An upstream that takes one call at a time, and answers none until `hold` is set."""
    def script(connection):
        while True:
            request = connection.read_request()
            hold.wait(20)
            connection.send(request.reply())
    node = ScriptedUpstream(script)
    config = {"chain_id": 1337, "anonymous": {"allow": True, "priority": "critical"},
              "upstreams": [node.url], "batch": {"max": 1}, "pool": {"min": 1, "max": 1},
              "queue": {"timeout": "10s", **queue}}
    return node, config


def order(workers):
    hold = threading.Event()
    node, config = one_place(hold)
    with node, Sluice(config, workers=workers) as sluice:
        crowd = Crowd(sluice)
        crowd.ask("first")
        poll(lambda: node.count == 1, "the only place is taken")
        for priority in ("low", "normal", "high", "critical"):
            crowd.ask(priority, priority)
            crowd.waiting(priority, 1)
        hold.set()
        crowd.join()
        equal(asked(node), ["first", "critical", "high", "normal", "low"],
              "order on the wire")
        equal({r.status for r in crowd.replies.values()}, {200}, "statuses")


def test_the_order_on_the_wire_is_that_of_priorities():
    order(1)


def test_the_order_holds_across_workers():
    order(4)


def test_a_full_queue_makes_room_for_what_matters_more():
    hold = threading.Event()
    node, config = one_place(hold, max=2)
    with node, Sluice(config, workers=2) as sluice:
        crowd = Crowd(sluice)
        crowd.ask("first")
        poll(lambda: node.count == 1, "the only place is taken")
        for n in range(2):
            crowd.ask(f"low-{n}", "low")
            crowd.waiting("low", n + 1)
        crowd.ask("high", "high")
        crowd.waiting("high", 1)
        crowd.waiting("low", 1)
        poll(lambda: len(crowd.replies) == 1, "one of low priority is told")
        (name, reply), = crowd.replies.items()
        check(name.startswith("low-"), "who had to leave", name)
        error = reply.json()["error"]
        equal((reply.status, error["code"], error["data"]["reason"]), (429, -32005, "queue_full"), "what it is told")
        check(error["data"]["retry_after_ms"] > 0, "when to come again", error)
        equal(sluice.metric("sluice_queue_rejected_total", reason="displaced"), 1, "displaced calls")
        late = sluice.rpc(call(READ, ["late"]), headers=headers(X_Sluice_Priority="low"))
        equal((late.status, late.json()["error"]["data"]["reason"]), (429, "queue_full"), "one past the bound")
        equal(sluice.metric("sluice_queue_rejected_total", reason="full"), 1, "refused calls")
        hold.set()
        crowd.join()
        equal(asked(node)[:2], ["first", "high"], "order on the wire")
        equal(node.count, 3, "calls that were sent")
