# SPDX-License-Identifier: Apache-2.0
"""Nodes that cannot be reached, that come and go, that lie about their chain or never end: what
their callers get, and what it costs the daemon."""

import contextlib
import json
import socket
import time

from support.sluice import (Devnodes, ScriptedUpstream, Sluice, WebSocket, call, check, echo, elements, equal,
                            http_reply, poll, post, sanitized)
from faults_upstream import PARAMS, READ, before_one


@contextlib.contextmanager
def black_hole():
    """A port whose connections are never completed: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_black_hole_beside_a_sound_node():
    with black_hole() as hole, Devnodes(1) as nodes:
        config = {"upstreams": [{"name": "hole", "url": hole}, {"name": "node", "url": nodes.urls[0], "tier": 2}],
                  "timeout": {"connect": "300ms"}}
        with Sluice(config) as sluice, sluice.client() as client:
            for n in range(10):
                equal(client.rpc(call("test_echo", [n])).json().get("result"), [n], "result")


def test_resets_on_accept_beside_a_sound_node():
    with ScriptedUpstream() as bad, Devnodes(1) as nodes:
        config = {"upstreams": [{"name": "bad", "url": bad.url}, {"name": "node", "url": nodes.urls[0], "tier": 2}]}
        with Sluice(config) as sluice, sluice.client() as client:
            bad.script = lambda connection: connection.reset()
            bad.close_connections(reset=True)
            for n in range(30):
                equal(client.rpc(call("test_echo", [n])).json().get("result"), [n], "result")


def test_everybody_down_is_told_at_once():
    with Devnodes(2) as nodes, Sluice({"upstreams": nodes.urls}) as sluice, sluice.client() as client:
        equal(client.rpc(call("test_echo", [0])).status, 200, "a call before")
        for i in range(2):
            nodes.kill(i)
        poll(lambda: client.rpc(call("test_echo", [1])).status == 503, "calls are refused")
        poll(lambda: [u["state"] for u in sluice.status()["chains"][0]["upstreams"]].count("in") == 0,
             "the monitor has seen it")
        took = []
        for n in range(50):
            began = time.monotonic()
            reply = client.rpc(call("test_echo", [n], n))
            took.append(time.monotonic() - began)
            equal((reply.status, reply.json()["error"]["code"], reply.json()["id"]), (503, -32603, n), "reply")
            equal(reply.header("Retry-After"), "1", "Retry-After in seconds")
        check(sorted(took)[25] < 0.25, f"refusals take {sorted(took)[25]:.3f} s")
        equal(sluice.metric("sluice_queue_depth"), 0, "nobody waits")
        for i in range(2):
            nodes.restart(i)
        began = time.monotonic()
        poll(lambda: client.rpc(call("test_echo", [1])).status == 200, "calls are served again")
        check(time.monotonic() - began < 4, f"recovery took {time.monotonic() - began:.1f} s")


def test_a_flapping_node_leaks_nothing():
    """Ten times a second: up, down. Calls are served by the other one, descriptors stay bounded."""
    with ScriptedUpstream() as bad, Devnodes(1) as nodes:
        # So many calls meet the bad node that the usual budget could run out.
        config = {"upstreams": [bad.url, nodes.urls[0]], "retry": {"budget": "100%"}}
        with Sluice(config) as sluice, sluice.client() as client:
            equal(client.rpc(call("test_echo", [0])).status, 200, "a call before")
            fds = sluice.fds()
            for n in range(30):
                bad.script = (lambda connection: connection.reset()) if n % 2 else echo
                if n % 2:
                    bad.close_connections(reset=True)
                for m in range(5):
                    reply = client.rpc(call("test_echo", [n, m])).json()
                    equal(reply.get("result"), [n, m], f"result in {reply}")
                time.sleep(0.05)
            poll(lambda: sluice.fds() <= fds + 6, "descriptors are given back")


def test_a_large_reply_over_websocket_is_bounded():
    """What cannot stream is held, up to limits.response."""
    with Devnodes(1) as nodes:
        with Sluice({"upstreams": nodes.urls, "limits": {"response": "1MiB"}}) as sluice:
            with WebSocket(sluice.http) as client:
                got = client.rpc(call("test_size", [500000]))
                equal(len(got["result"]), 500000, "size of a reply within the limit")
                got = client.rpc(call("test_size", [1100000]))
                equal(got["error"]["code"], -32003, "code beyond the limit")
                got = client.rpc(call("test_size", [2000000, "chunked"]))
                equal(got["error"]["code"], -32003, "code of a chunked one beyond the limit")
                equal(client.rpc(call("test_echo", [1]))["result"], [1], "a call afterwards")


def test_an_endless_reply_to_a_batch_is_bounded():
    def endless(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        while True:
            connection.send(piece)
    with before_one(endless, {"limits": {"response": "4MiB"}, "retry": {"max": 0}}) as (sluice, node):
        before = sluice.peak_rss()
        reply = sluice.rpc([call(READ, PARAMS, 5)])
        equal(reply.status, 200, "status of the batch")
        got = json.loads(elements(reply.body)[0])
        equal((got["id"], got["error"]["code"]), (5, -32003), "the item")
        check(sanitized() or sluice.peak_rss() - before < 24 << 20, f"memory grew by {sluice.peak_rss() - before} bytes")


def test_a_client_that_only_listens_still_gets_its_reply():
    with before_one(echo) as (sluice, node), sluice.client() as client:
        client.send(post(call(READ, PARAMS)))
        client.finish()
        equal(client.response().json()["result"], PARAMS, "result")


def test_probes_of_the_wrong_chain_keep_a_node_out():
    with ScriptedUpstream(chain_id=5) as wrong, ScriptedUpstream() as right:
        with Sluice({"chain_id": 1337, "upstreams": [{"name": "wrong", "url": wrong.url},
                                                      {"name": "right", "url": right.url}]}) as sluice:
            for n in range(10):
                equal(sluice.rpc(call(READ, PARAMS)).header("X-Sluice-Upstream"), "right", "who answers")
            equal(wrong.count, 0, "calls to a node of another chain")


def test_a_node_that_changes_its_chain_gets_no_further_call():
    with ScriptedUpstream() as turncoat, ScriptedUpstream() as right:
        config = {"chain_id": 1337, "upstreams": [{"name": "turncoat", "url": turncoat.url},
                                                  {"name": "right", "url": right.url, "tier": 2}],
                  "health": {"interval": "100ms"}}
        with Sluice(config) as sluice, sluice.client() as client:
            equal(client.rpc(call(READ, PARAMS)).header("X-Sluice-Upstream"), "turncoat", "who answers before")
            turncoat.chain_id = 5
            poll(lambda: client.rpc(call(READ, PARAMS)).header("X-Sluice-Upstream") == "right", "it leaves")
            count = turncoat.count
            for _ in range(20):
                client.rpc(call(READ, PARAMS))
            equal(turncoat.count, count, "further calls")
            turncoat.chain_id = 1337
            poll(lambda: client.rpc(call(READ, PARAMS)).header("X-Sluice-Upstream") == "turncoat", "it returns")


def test_a_throttled_probe_is_no_verdict():
    """A provider that counts our probes against a limit is not ill."""
    with ScriptedUpstream() as node:
        with Sluice({"upstreams": [node.url], "health": {"interval": "100ms"}}) as sluice, sluice.client() as client:
            node.answer_probe = lambda request: http_reply(b"slow down", 429)
            probes = node.probes
            poll(lambda: node.probes > probes + 6, "it is probed")
            equal([u["state"] for u in sluice.status()["chains"][0]["upstreams"]], ["in"], "state")
            equal(client.rpc(call(READ, PARAMS)).status, 200, "a call")
