# SPDX-License-Identifier: Apache-2.0
"""Which upstream a call gets, before real sockets: slow nodes get less, and a client with a key stays
where it is until its upstream fails."""

import collections
import threading

from support.devnodes import Devnodes
from support.sluice import Sluice, call, check, equal, poll

READ = call("eth_getBalance", ["0x00000000000000000000000000000000000000aa", "latest"])


class Scene:
    def __init__(self, strategy, nodes=3, **config):
        self.nodes = Devnodes(nodes)
        self.config = {"chain_id": 1337, "balance": {"strategy": strategy}, "batch": {"max": 1},
                       "hedge": {"budget": "0%"},
                       "upstreams": [{"name": f"n{i}", "url": url} for i, url in enumerate(self.nodes.urls)], **config}

    def __enter__(self):
        self.nodes.__enter__()
        self.sluice = Sluice(self.config)
        self.sluice.__enter__()
        count = len(self.nodes.urls)
        poll(lambda: self.sluice.metric("sluice_upstream_state", state="in") == count, "all are in")
        return self

    def __exit__(self, *why):
        self.sluice.__exit__(*why)
        self.nodes.__exit__(*why)

    def ask(self, count, clients=8, payload=READ, headers=()):
        """So many calls by each of some clients side by side; who answered how many."""
        served, lock = collections.Counter(), threading.Lock()

        def some():
            with self.sluice.client() as client:
                for _ in range(count):
                    reply = client.rpc(payload, headers=headers)
                    with lock:
                        served[reply.header("X-Sluice-Upstream") if reply.status == 200 else reply.status] += 1

        threads = [threading.Thread(target=some) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return served


def strategies():
    """Every strategy answers every call; those that look at the nodes leave the slow one alone."""
    looking = ("latency-based", "peak-ewma", "adaptive", "learned")
    for strategy in ("round-robin", "least-connections", "weighted", "random", "p2c", "affinity", *looking):
        def case(strategy=strategy):
            with Scene(strategy) as scene:
                for i, latency in enumerate((2, 2, 60)):
                    scene.nodes.faults(i, {"latency": latency})
                served = scene.ask(40)
                equal(sum(n for who, n in served.items() if isinstance(who, str)), 320, "calls that were answered")
                if strategy in looking:
                    check(served["n2"] <= 32, "the slow node gets more than a tenth", served)
                if strategy in ("round-robin", "weighted"):
                    check(all(served[f"n{i}"] >= 90 for i in range(3)), "turns are not even", served)
        yield f"strategy.{strategy}", case


def test_each_node_is_left_out_for_what_it_is_slow_at():
    with Scene("adaptive", nodes=2) as scene:
        scene.nodes.faults(0, {"latency": 2, "latency_by_method": {"eth_getBalance": 60}})
        scene.nodes.faults(1, {"latency": 2, "latency_by_method": {"eth_getTransactionByHash": 60}})
        look_up = call("eth_getTransactionByHash", ["0x" + "11" * 32])
        scene.ask(20)
        scene.ask(20, payload=look_up)
        reads, look_ups = scene.ask(30, clients=4), scene.ask(30, clients=4, payload=look_up)
        check(reads["n1"] >= 100, "reads go to the node that is slow for them", reads)
        check(look_ups["n0"] >= 100, "look-ups go to the node that is slow for them", look_ups)


def test_affinity_keeps_its_upstream_until_that_fails():
    with Scene("affinity") as scene:
        key = [("X-Sluice-Affinity", "bot-7")]
        served = scene.ask(30, clients=1, headers=key)
        equal(len(served), 1, f"one key is on one upstream: {served}")
        [home] = served
        equal(scene.sluice.metric("sluice_affinity_total", outcome="kept"), 30, "choices that kept it")
        scene.nodes.kill(int(home[1:]))
        poll(lambda: scene.sluice.metric("sluice_upstream_state", upstream=home, state="out") == 1, "it is out")
        moved = scene.ask(30, clients=1, headers=key)
        equal(len(moved), 1, f"then it is on one other: {moved}")
        check(home not in moved, "a dead upstream answered", moved)
        check(scene.sluice.metric("sluice_affinity_total", outcome="moved") >= 30, "choices that moved it")
        scene.nodes.restart(int(home[1:]))
        poll(lambda: scene.sluice.metric("sluice_upstream_state", upstream=home, state="in") == 1, "it is back")
        poll(lambda: scene.ask(1, clients=1, headers=key)[home] == 1, "the key goes home")


def test_other_keys_go_elsewhere():
    with Scene("affinity") as scene:
        homes = set()
        for i in range(40):
            homes |= set(scene.ask(1, clients=1, headers=[("X-Sluice-Affinity", f"bot-{i}")]))
        equal(homes, {"n0", "n1", "n2"}, "homes of forty keys")


def cases(full):
    del full
    yield from strategies()
