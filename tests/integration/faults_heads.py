# SPDX-License-Identifier: Apache-2.0
"""Nodes whose heads differ: which calls may go to one that is a little behind, and what becomes of
one that stands still while its chain moves on."""

import contextlib
import threading
import time

from support.sluice import ON_DEMAND, ScriptedUpstream, Sluice, call, check, equal, poll

NAMES = ("one", "two", "three")
HEAD = 0x1000
HASH = "0x" + "11" * 32


@contextlib.contextmanager
def nodes(behind=(0, 0, 0), **health):
    """Three nodes, so many blocks behind the first one's head, before a daemon that looks often."""
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(ScriptedUpstream(head=HEAD - n)) for n in behind]
        config = {"chain_id": 1337, "balance": {"strategy": "round-robin"},
                  "health": {"interval": "100ms", **health},
                  "upstreams": [{"name": name, "url": node.url} for name, node in zip(NAMES, made)]}
        sluice = stack.enter_context(Sluice(config))
        poll(lambda: [u["head"] for u in upstreams(sluice)] == [node.head_block for node in made], "heads are known")
        yield sluice, made


def upstreams(sluice):
    return sluice.status()["chains"][0]["upstreams"]


def states(sluice):
    return [(u["state"], u["reason"]) for u in upstreams(sluice)]


def who(sluice, method, params, times=12):
    with sluice.client() as client:
        return {client.rpc(call(method, params)).header("X-Sluice-Upstream") for _ in range(times)}


# The second node is one block behind, which lag.prefer bears; the third one two.
NEWEST = {
    "names_no_block": ("eth_gasPrice", []),
    "a_transactions_fate": ("eth_getTransactionReceipt", [HASH]),
    "a_block_by_hash": ("eth_getBlockByHash", [HASH, False]),
    "latest": ("eth_getBalance", [HASH[:42], "latest"]),
    "latest_left_out": ("eth_call", [{"to": HASH[:42]}]),
    "pending": ("eth_getTransactionCount", [HASH[:42], "pending"]),
    "a_broadcast": ("eth_sendRawTransaction", ["0x02"]),
    "a_method_nobody_knows": ("test_something", []),
}
ANY = {
    "an_old_block": ("eth_getBalance", [HASH[:42], "0x10"]),
    "the_last_block_of_the_last_node": ("eth_getBlockByNumber", [hex(HEAD - 2), False]),
    "the_first_block": ("eth_getBlockByNumber", ["earliest", False]),
}
# Only who has the block.
NUMBERED = {hex(HEAD - 2): {"one", "two", "three"}, hex(HEAD - 1): {"one", "two"}, hex(HEAD): {"one"}}


def asks(method, params, expected):
    def run():
        with nodes((0, 1, 2)) as (sluice, _):
            equal([s for s, _ in states(sluice)], ["in"] * 3, "states of nodes that are a little behind")
            equal(who(sluice, method, params), expected, "who is asked")
    return run


def cases(_full):
    for name, (method, params) in NEWEST.items():
        yield f"newest_{name}", asks(method, params, {"one", "two"})
    for name, (method, params) in ANY.items():
        yield f"any_{name}", asks(method, params, set(NAMES))
    for number, expected in NUMBERED.items():
        yield f"number_{number}", asks("eth_getBalance", [HASH[:42], number], expected)


def test_lag_prefer_is_followed():
    with nodes((0, 1, 2), lag={"prefer": 0}) as (sluice, _):
        equal(who(sluice, "eth_gasPrice", []), {"one"}, "who is asked when no lag is preferred")
    with nodes((0, 1, 2), lag={"prefer": 2}) as (sluice, _):
        equal(who(sluice, "eth_gasPrice", []), set(NAMES), "who is asked when two blocks are borne")


def test_one_that_is_behind_is_better_than_none():
    with nodes((0, 0, 2)) as (sluice, made):
        for node in made[:2]:
            node.stop()
        poll(lambda: [s for s, _ in states(sluice)] == ["out", "out", "in"], "the newest are gone")
        equal(who(sluice, "eth_gasPrice", []), {"three"}, "who is asked")


class Mining:
    """Heads that go up by one block each `interval`, while they are in `going`."""

    def __init__(self, made, interval=0.3):
        self.made, self.interval = made, interval
        self.going = set(range(len(made)))
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.end.wait(self.interval):
            for i in self.going:
                self.made[i].head_block += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


def test_a_head_that_stands_still():
    """A node that answers and does not follow its chain leaves, however far behind one may be; a
    chain that pauses harms nobody; and who follows again is back."""
    with nodes(lag={"prefer": 1000000, "out": 1000000}) as (sluice, made), Mining(made) as mining:
        began = time.monotonic()
        poll(lambda: made[0].head_block > HEAD + 6, "the chain moves")
        mining.going = set()
        time.sleep(6)
        equal(states(sluice), [("in", "none")] * 3, "states while the whole chain pauses")
        mining.going = {0, 1, 2}
        poll(lambda: made[0].head_block > HEAD + 12, "the chain moves again")
        equal(states(sluice), [("in", "none")] * 3, "states after the pause")
        mining.going = {0, 1}
        stopped = time.monotonic()
        poll(lambda: states(sluice)[2][0] == "out", "the one that stands still leaves", 15)
        took = time.monotonic() - stopped
        check(took > 4, f"it had {took:.1f} s only: one that pauses for a moment is not frozen")
        equal(states(sluice), [("in", "none")] * 2 + [("out", "frozen")], "states")
        equal(who(sluice, "eth_gasPrice", []), {"one", "two"}, "who is asked")
        equal(who(sluice, "eth_getBlockByNumber", ["0x10", False]), {"one", "two"}, "who is asked for an old block")
        made[2].head_block = made[0].head_block
        mining.going = {0, 1, 2}
        poll(lambda: states(sluice) == [("in", "none")] * 3, "it follows again and is back", 15)
        check(time.monotonic() - began < 60, "all of it took too long")


# --- How closely nodes are watched ------------------------------------------------------------------

def probes(node):
    """Probes of a node within two seconds."""
    before = node.probes
    time.sleep(2)
    return node.probes - before


def test_an_upstreams_own_interval():
    with ScriptedUpstream() as often, ScriptedUpstream() as seldom:
        config = {"chain_id": 1337, "health": {"interval": "10m"}, **ON_DEMAND,
                  "upstreams": [{"name": "often", "url": often.url, "health": {"interval": "100ms"}},
                                {"name": "seldom", "url": seldom.url}]}
        with Sluice(config):
            # The first probe asks for three things; the second comes soon, as long as one is not in.
            poll(lambda: seldom.probes == 4, "the first two probes are over")
            check(probes(often) >= 8, "an interval of its own is not kept")
            equal(seldom.probes, 4, "probes at the interval of the chain")


def test_an_upstreams_own_lag():
    with ScriptedUpstream(head=HEAD) as one, ScriptedUpstream(head=HEAD - 4) as two:
        config = {"chain_id": 1337, "balance": {"strategy": "round-robin"}, "health": {"interval": "100ms"},
                  "upstreams": [{"name": "one", "url": one.url},
                                {"name": "two", "url": two.url, "health": {"lag": {"prefer": 4, "out": 8}}}]}
        with Sluice(config) as sluice:
            poll(lambda: upstreams(sluice)[1]["lag_blocks"] == 4, "the lag is known")
            equal(who(sluice, "eth_gasPrice", []), {"one", "two"}, "who is asked")


def test_spares_are_watched_less():
    """While an earlier tier serves; when it is gone, the spare is known as closely as any."""
    with ScriptedUpstream() as first, ScriptedUpstream() as spare:
        config = {"chain_id": 1337, "health": {"interval": "100ms"},
                  "upstreams": [{"name": "first", "url": first.url}, {"name": "spare", "url": spare.url, "tier": 2}]}
        with Sluice(config) as sluice:
            poll(lambda: [s for s, _ in states(sluice)] == ["in", "in"], "both are in")
            seldom = probes(spare)
            first.stop()
            poll(lambda: states(sluice)[0][0] == "out", "the first is gone")
            often = probes(spare)
            check(often > 1.6 * seldom > 0, f"{seldom} probes of a spare, {often} of the one that serves")


def test_probes_count_against_the_rate_limit():
    with ScriptedUpstream() as node:
        for interval, served in (("100ms", False), ("10m", True)):
            config = {"chain_id": 1337, "health": {"interval": interval},
                      "upstreams": [{"name": "node", "url": node.url, "rate_limit": "6/s"}]}
            with Sluice(config) as sluice, sluice.client() as client:
                time.sleep(2)
                got = [client.rpc(call("eth_gasPrice")).status for _ in range(4)]
                equal(got.count(200) == 4, served, f"calls beside probes at {interval}: {got}")
