# SPDX-License-Identifier: Apache-2.0
"""The connections to a node: made before calls come, more under load and fewer after it, replaced
when bad, drained without a cut call. What metrics say is held against the sockets that `ss` sees."""

import contextlib
import itertools
import random
import shutil
import subprocess
import threading

from support.sluice import (Held, ScriptedUpstream, Skipped, Sluice, call, check, equal, http_reply, poll,
                            post, total)

READ = "eth_getBalance"
PARAMS = ["0x00000000000000000000000000000000000000aa", "0x1"]


def sockets(node):
    """Established connections to the node, by ss: those of the pool and one of the health monitor."""
    if shutil.which("ss") is None:
        raise Skipped("ss is not installed")
    out = subprocess.run(["ss", "-Htn", "state", "established", f"( dport = :{node.port} )"],
                         check=True, capture_output=True, text=True).stdout
    return max(len(out.splitlines()) - 1, 0)


def counted(sluice, *states):
    metrics = sluice.metrics()
    return sum(total(metrics, "sluice_pool_connections", state=state) for state in states)


def test_connections_are_there_before_the_first_call():
    with ScriptedUpstream() as node:
        config = {"upstreams": [node.url], "pool": {"warm_up": {"connections": 4}}}
        with Sluice(config, serving=False) as sluice:
            # The line that says that it is ready has just been read.
            equal(sockets(node), 4, "connections by ss")
            equal(counted(sluice, "idle"), 4, "idle ones by the metrics")
            equal(sluice.metric("sluice_warmups_total", outcome="ok"), 4, "warm-ups")
            created = sluice.metric("sluice_pool_connections_created_total")
            equal(sluice.rpc(call(READ, PARAMS)).status, 200, "a call")
            check(sluice.metric("sluice_pool_connections_created_total") - created <= 1,
                  "the call finds a connection; one more may be dialled ahead of the next")


def test_unverified_and_switched_off():
    with ScriptedUpstream() as node:
        config = {"upstreams": [node.url], "scaler": {"mode": "off"},
                  "pool": {"min": 0, "warm_up": {"connections": 3, "verify": False}}}
        with Sluice(config, serving=False) as sluice:
            equal(sockets(node), 3, "connections that were not tried")
            config["pool"]["warm_up"] = {"connections": 0}
            sluice.reload(config)
            poll(lambda: sockets(node) == 0, "none is kept where none is wanted")


FLAPPING = {"interval": "100ms", "timeout": "300ms", "eject": {"base": "200ms"}}


@contextlib.contextmanager
def two_of_which_one_is_out(**config):
    """Two nodes; the second is gone when the body begins. `revive(script)` starts it again at its
    port."""
    with ScriptedUpstream() as well, contextlib.ExitStack() as stack:
        ill = stack.enter_context(ScriptedUpstream())
        config = {"chain_id": 1337, "health": FLAPPING, "balance": {"strategy": "round-robin"}, "scaler": {"mode": "off"},
                  "upstreams": [{"name": "well", "url": well.url}, {"name": "ill", "url": ill.url}], **config}
        with Sluice(config, workers=1) as sluice:
            poll(lambda: sluice.metric("sluice_upstream_state", state="in") == 2, "both are in")
            ill.stop()
            poll(lambda: state(sluice, "ill") == "out", "it is out")
            yield sluice, lambda: stack.enter_context(ScriptedUpstream(port=ill.port))


def state(sluice, name):
    return next(u["state"] for u in sluice.status()["chains"][0]["upstreams"] if u["name"] == name)


def test_connections_are_warm_before_a_returned_node_gets_calls():
    """The trials are held up: until they are answered the node stays out, though its probes are well.
    When its first call comes, ss sees what it needs."""
    release, seen = threading.Event(), []
    with two_of_which_one_is_out(pool={"min": 0, "warm_up": {"connections": 3}},
                                 timeout={"connect": "20s"}) as (sluice, revive):
        node = revive()
        answer = node.answer_probe

        def hold_trials(request):
            # Trials ask with an id of their own.
            if request.method == "eth_chainId" and request.id == b"1":
                seen.append(request)
                release.wait(20)
            return answer(request)

        def first_call(connection):
            while True:
                request = connection.read_request()
                node.at_first = getattr(node, "at_first", None) or sockets(node)
                connection.send(request.reply())

        node.answer_probe, node.script = hold_trials, first_call
        poll(lambda: len(seen) == 3, "the trials are under way")
        probes = node.probes
        poll(lambda: node.probes >= probes + 4, "probes go on")
        with sluice.client() as client:
            for _ in range(20):
                equal(client.rpc(call(READ, PARAMS)).header("X-Sluice-Upstream"), "well", "who is called meanwhile")
            equal((state(sluice, "ill"), node.count), ("out", 0), "it waits for its connections")
            release.set()
            poll(lambda: client.rpc(call(READ, PARAMS)).header("X-Sluice-Upstream") == "ill", "its first call")
        check(node.at_first >= 3, "connections by ss when the first call came", node.at_first)
        equal(sluice.metric("sluice_upstream_recoveries_total", upstream="ill"), 1, "recoveries")
        equal(sluice.metric("sluice_upstream_outage_seconds_count", upstream="ill"), 1, "outages that were timed")
        out = sluice.metric("sluice_upstream_outage_seconds_sum", upstream="ill")
        back = next(line for line in sluice.log_lines("upstream_in") if line.get("out_s"))
        check(abs(back["out_s"] - out) < 0.01 and out > 0.2, "how long it was out", back, out)


def test_a_node_whose_warm_up_fails_stays_out():
    """Its probes are answered and its trials are not: no time that passes brings it back."""
    with two_of_which_one_is_out(pool={"warm_up": {"connections": 2}}, timeout={"connect": "300ms"}) as (sluice, revive):
        node = revive()
        answer = node.answer_probe
        silent = threading.Event()
        silent.set()
        node.answer_probe = lambda request: (None if silent.is_set() and request.method == "eth_chainId"
                                             and request.id == b"1" else answer(request))
        poll(lambda: sluice.metric("sluice_warmups_total", upstream="ill", outcome="failed") >= 6, "trials fail", 20)
        equal((state(sluice, "ill"), node.count), ("out", 0), "it stays out")
        silent.clear()
        poll(lambda: state(sluice, "ill") == "in", "it is back when its trials are answered", 5)


def test_a_return_without_a_warm_up():
    with two_of_which_one_is_out(pool={"min": 0, "warm_up": {"connections": 0}}) as (sluice, revive):
        revive()
        poll(lambda: state(sluice, "ill") == "in", "it is back", 5)
        equal(sluice.metric("sluice_warmups_total", upstream="ill"), 0, "nothing was warmed up")


def another_chain_once(turn):
    """Whether a trial got the one answer of another chain; the monitor may have got it instead. The
    `turn`th request for the chain gets it."""
    turns = itertools.count(1)
    with ScriptedUpstream() as node:
        answer = node.answer_probe

        def by_turns(request):
            other = request.method == "eth_chainId" and next(turns) == turn
            return request.reply(b'"0x1"') if other else answer(request)

        node.answer_probe = by_turns
        config = {"chain_id": 1337, "upstreams": [node.url], "pool": {"warm_up": {"connections": 2}}}
        with Sluice(config, workers=1) as sluice:
            def told():
                failed = sluice.metric("sluice_warmups_total", outcome="failed")
                return failed or sluice.log_lines("wrong_chain")
            poll(told, "the connection that serves another chain is told")
            if sluice.log_lines("wrong_chain"):
                return False
            equal(sluice.metric("sluice_warmups_total", outcome="failed"), 1, "trials that failed")
            equal(sluice.metric("sluice_upstream_state", state="in"), 1, "the upstream stays")
            return True


def test_a_node_on_another_chain_is_found_by_the_trial():
    """Behind one name there may be a machine that serves something else. The two trials and the
    monitor ask side by side."""
    check(any(another_chain_once(1 + i % 3) for i in range(12)), "no trial got the other chain's answer")


def test_grows_under_load_and_shrinks_after_it():
    held = Held()
    with ScriptedUpstream(held) as node:
        config = {"upstreams": [node.url],
                  "scaler": {"mode": "sized", "interval": "50ms", "cooldown": "300ms"}}
        with Sluice(config) as sluice, contextlib.ExitStack() as stack:
            equal(sockets(node), 2, "connections at first")
            clients = [stack.enter_context(sluice.client()) for _ in range(24)]
            for client in clients:
                client.send(post(call("test_sleep", [1])))
            node.wait_count(24)
            poll(lambda: counted(sluice, "busy") == 24, "each call has a connection")
            poll(lambda: sluice.metric("sluice_pool_target_connections") >= 24 + 6,
                 "the plan: the load and its swing")
            poll(lambda: sockets(node) >= 24 + 6, "connections ahead of the next call")
            poll(lambda: sockets(node) == counted(sluice, "idle", "busy"),
                 "sockets as the metrics have them, once all are dialled")
            check(sluice.metric("sluice_scaler_events_total", direction="up", reason="demand") >= 1,
                  "growth is counted")
            held.release.set()
            for client in clients:
                equal(client.response().status, 200, "a call that was under way")
            poll(lambda: sockets(node) <= 3, "connections go when the load has gone", 20)
            check(sluice.metric("sluice_scaler_events_total", direction="down") >= 1,
                  "shrinkage is counted")
            check(sluice.metric("sluice_pool_connections_closed_total", reason="excess") >= 20,
                  "and the connections' end")
            equal(sluice.rpc(call(READ, PARAMS)).status, 200, "a call afterwards")


def test_never_more_than_max():
    held = Held()
    with ScriptedUpstream(held) as node:
        config = {"upstreams": [node.url], "pool": {"max": 5}, "scaler": {"interval": "50ms"}}
        with Sluice(config) as sluice, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(sluice.client()) for _ in range(20)]
            for client in clients:
                client.send(post(call("test_sleep", [1])))
            node.wait_count(5)
            poll(lambda: sluice.metric("sluice_queue_depth") == 15, "the others wait")
            equal(sockets(node), 5, "connections by ss")
            equal(node.count, 5, "calls at the node")
            held.release.set()
            for client in clients:
                equal(client.response().status, 200, "a call")
            check(sockets(node) <= 5, "connections afterwards")


def test_a_bad_connection_is_replaced_and_the_upstream_stays():
    bad = []

    def script(connection):
        while True:
            request = connection.read_request()
            if not bad:
                bad.append(connection)
            if connection is bad[0]:
                connection.send(http_reply(b"no", 502))
            else:
                connection.send(request.reply())

    with ScriptedUpstream(script) as node:
        config = {"upstreams": [node.url], "retry": {"max": 0}}
        with Sluice(config, workers=1) as sluice, sluice.client() as client:
            statuses = [client.rpc(call(READ, PARAMS)).status for _ in range(12)]
            check(statuses.count(200) >= 8, "after a few failures calls are served", statuses)
            equal(statuses[-4:], [200] * 4, "the last calls")
            equal(sluice.metric("sluice_pool_connections_closed_total", reason="bad"), 1,
                  "connections replaced")
            equal(sluice.metric("sluice_upstream_state", state="in"), 1, "the upstream stays")


def test_drained_without_a_cut_call():
    held = Held()
    with ScriptedUpstream(held) as node:
        config = {"upstreams": [node.url]}
        with Sluice(config) as sluice, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(sluice.client()) for _ in range(6)]
            for client in clients:
                client.send(post(call("test_sleep", [1])))
            node.wait_count(6)
            sluice.reload({**config, "pool": {"max": 32}})
            poll(lambda: counted(sluice, "draining") == 6, "busy for the last time")
            equal(sluice.rpc(call(READ, PARAMS)).status, 200, "a call under the new configuration")
            held.release.set()
            for client in clients:
                equal(client.response().status, 200, "a call that was under way")
            poll(lambda: counted(sluice, "draining") == 0, "drained")
            equal(sluice.metric("sluice_calls_total", outcome="ok"), 7, "calls that ended well")


def test_connections_that_a_node_drops_while_idle_reach_no_client():
    """A node that lets go of idle connections whenever it likes, without a word before."""
    rng = random.Random(7)

    def script(connection):
        for _ in range(rng.randrange(1, 6)):
            connection.send(connection.read_request().reply())
        connection.wait(rng.random() * 0.002)

    with ScriptedUpstream(script) as node, Sluice({"upstreams": [node.url]}) as sluice:
        def calls(number):
            with sluice.client() as client:
                for i in range(400):
                    reply = client.rpc(call(READ, PARAMS, i))
                    equal(reply.status, 200, f"status of call {i} of client {number}")

        failures = []

        def guarded(number):
            try:
                calls(number)
            except Exception as failure:  # pylint: disable=broad-except
                failures.append(failure)

        threads = [threading.Thread(target=guarded, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        closed = sluice.metric("sluice_pool_connections_closed_total", reason="peer_closed")
        check(closed >= 100, f"the node dropped {closed} connections")
