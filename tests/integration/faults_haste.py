# SPDX-License-Identifier: Apache-2.0
"""What one caller does or suffers stays with that caller: short deadlines put no node out, a dead
connection at a full pool makes nobody fail, and whoever is refused is told with their own id."""

import json
import threading

from faults_tls import authority, issued
from support.sluice import (ScriptedUpstream, Sluice, WebSocket, call, check, elements, equal, frame, members, poll)

READ = "eth_getBalance"


def states(sluice):
    return [u["state"] for u in sluice.status()["chains"][0]["upstreams"]]


def test_a_hasty_client_puts_no_node_out():
    """Its deadline is shorter than the nodes ever take: that says nothing of the nodes."""
    def slow(connection):
        while True:
            request = connection.read_request()
            connection.wait(0.25)
            connection.send(request.reply())
    with ScriptedUpstream(slow) as one, ScriptedUpstream(slow) as two:
        with Sluice({"chain_id": 1337, "upstreams": [one.url, two.url], "health": {"interval": "100ms"}}) as sluice:
            with sluice.client() as client:
                equal(client.rpc(call(READ, ["0x1"])).status, 200, "a call with time")
            late = 0
            with sluice.client() as client:
                for n in range(25):
                    reply = client.rpc(call(READ, [n], n), headers=[("X-Sluice-Timeout", "40ms")])
                    # On a machine that stood still the answer may have been there before the deadline.
                    check(reply.status in (200, 504) and reply.json()["id"] == n, "the hasty call", reply)
                    late += reply.status == 504
            check(late >= 10, "too few calls were late to tell", late)
            equal(states(sluice), ["in", "in"], "states")
            equal([sluice.metric("sluice_upstream_consecutive_failures", upstream=u["name"])
                   for u in sluice.status()["chains"][0]["upstreams"]], [0, 0], "failures in a row")


def test_a_node_that_hangs_is_found_out_by_calls_with_time():
    """The other side of it: two seconds are more than enough for a node that takes milliseconds."""
    hang = threading.Event()

    def script(connection):
        while True:
            request = connection.read_request()
            if hang.is_set():
                connection.wait_gone()
            connection.send(request.reply())
    with ScriptedUpstream(script) as node:
        with Sluice({"chain_id": 1337, "upstreams": [node.url], "health": {"interval": "10m"}}) as sluice, \
                sluice.client() as client:
            for n in range(20):
                equal(client.rpc(call(READ, [n])).status, 200, "a call before")
            hang.set()
            equal(client.rpc(call(READ, ["0x1"]), headers=[("X-Sluice-Timeout", "2s")]).status, 504, "status")
            name = sluice.status()["chains"][0]["upstreams"][0]["name"]
            poll(lambda: sluice.metric("sluice_upstream_consecutive_failures", upstream=name) == 1, "it counts")


def test_a_dial_outlives_the_call_that_began_it():
    """Handshakes that take longer than hasty calls have: connections come up all the same."""
    tls = authority().server_context(*issued("good"))
    with ScriptedUpstream(tls=tls) as node:
        config = {"chain_id": 1337, "upstreams": [{"url": node.url, "tls": {"ca": authority().certificate}}],
                  "pool": {"min": 0}}
        with Sluice(config) as sluice, sluice.client() as client:
            equal(client.rpc(call(READ, ["0x1"])).status, 200, "a call with time")
            node.handshake_delay = 0.3
            node.close_connections()
            poll(lambda: sluice.metric("sluice_pool_connections", state="idle") == 0, "no connection is left")
            reply = client.rpc(call(READ, ["0x2"]), headers=[("X-Sluice-Timeout", "50ms")])
            check(reply.status in (503, 504), "status of the hasty call", reply)
            poll(lambda: sluice.metric("sluice_pool_connections", state="idle") >= 1, "the connection comes up")
            equal(sluice.metric("sluice_pool_connections_closed_total", reason="connect_failed"), 0, "dials that failed")


def test_a_stale_connection_at_a_full_pool():
    """Its place goes to a call that waits; the one that met it waits in turn."""
    first = threading.Event()

    def script(connection):
        connection.send(connection.read_request().reply())
        if not first.is_set():
            connection.read_request()
            first.set()
            poll(lambda: depth[0]() >= 3, "others wait")
            return
        while True:
            connection.send(connection.read_request().reply())
    with ScriptedUpstream(script) as node:
        config = {"chain_id": 1337, "upstreams": [node.url], "pool": {"min": 1, "max": 1}, "batch": {"max": 1}}
        with Sluice(config, workers=1) as sluice:
            depth = [lambda: sluice.metric("sluice_queue_depth", priority="normal")]
            equal(sluice.rpc(call(READ, ["0x0"])).status, 200, "the first call")
            got = {}

            def ask(n):
                got[n] = sluice.rpc(call(READ, [n], n))
            threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            equal([(got[n].status, got[n].json().get("result")) for n in range(4)],
                  [(200, [n]) for n in range(4)], "status and result")


def test_denied_methods_that_have_a_local_answer():
    with ScriptedUpstream() as node:
        config = {"chain_id": 1337, "upstreams": [node.url],
                  "methods": {"deny": ["eth_chainId", "net_version", "eth_syncing", "net_listening", "web3_sha3"]}}
        with Sluice(config) as sluice, sluice.client() as client:
            for method in config["methods"]["deny"]:
                reply = client.rpc(call(method, [], 7))
                equal((reply.status, reply.json().get("error", {}).get("code")), (200, -32601), method)
            equal(client.rpc(call("eth_accounts", [], 7)).json().get("result"), [], "eth_accounts")
            equal(client.rpc(call("eth_mining", [], 7)).json().get("result"), False, "eth_mining")
            equal(client.rpc(call(READ, ["0x1"])).status, 200, "another method")


def test_a_chain_is_removed_under_a_websocket():
    """Each call that comes after gets its error under its own id; a notification gets none."""
    with ScriptedUpstream() as node, ScriptedUpstream(chain_id=5) as other:
        chains = {"main": {"name": "main", "chain_id": 1337, "upstreams": [node.url], "default": True},
                  "side": {"name": "side", "chain_id": 5, "upstreams": [other.url]}}

        def config(*names):
            return {"chains": [chains[n] for n in names]}
        with Sluice(config("main", "side")) as sluice, WebSocket(sluice.http, "/side") as client:
            equal(client.rpc(call(READ, ["0x1"], "a"))["result"], ["0x1"], "a call before")
            sluice.reload(config("main"))
            error = client.rpc(call(READ, ["0x1"], "b"))
            equal((error["id"], error["error"]["code"]), ("b", -32603), "id and code")
            reply = client.rpc([call(READ, [], 1), {"jsonrpc": "2.0", "method": READ, "params": []},
                                call(READ, [], "2")])
            equal([(e["id"], e["error"]["code"]) for e in reply], [(1, -32603), ("2", -32603)], "batch")
            sluice.reload(config("main", "side"))
            equal(client.rpc(call(READ, ["0x1"], "c")).get("result"), ["0x1"], "when the chain is back")


def test_short_memory_is_told_with_each_id():
    """limits.memory is reached by the client's own body."""
    with ScriptedUpstream() as node:
        config = {"chain_id": 1337, "upstreams": [node.url], "limits": {"memory": "16MiB", "body": "20MiB"}}
        with Sluice(config) as sluice, sluice.client() as client:
            pad = "0x" + "00" * 1500000
            reply = client.rpc([call(READ, [pad], n) for n in range(6)])
            equal(reply.status, 429, "status")
            got = [members(e) for e in elements(reply.body)]
            equal([m[b"id"] for m in got], [b"%d" % n for n in range(6)], "ids")
            equal({json.loads(m[b"error"])["code"] for m in got}, {-32005}, "codes")
            equal(client.rpc(call(READ, ["0x1"])).status, 200, "a small call")


def test_large_replies_over_websockets_are_bounded_together():
    """Each is within limits.response; all that are under way at one time count against limits.memory."""
    size = 13 << 19
    go = threading.Event()

    def script(connection):
        while True:
            request = connection.read_request()
            reply = request.reply(b'"' + b"x" * size + b'"')
            connection.send(reply[:-(1 << 20)])
            connection.wait_for(go)
            connection.send(reply[-(1 << 20):])
    with ScriptedUpstream(script) as node:
        config = {"chain_id": 1337, "upstreams": [node.url], "batch": {"max": 1}, "retry": {"max": 0},
                  "limits": {"memory": "16MiB", "response": "8MiB"}}
        with Sluice(config, workers=1) as sluice, WebSocket(sluice.http) as client:
            for n in range(5):
                client.send(frame(1, json.dumps(call(READ, [n], n)).encode()))
            refused = [json.loads(client.read_message()) for _ in range(3)]
            equal({r["error"]["code"] for r in refused}, {-32003}, f"codes of those for which there is no room: {refused}")
            go.set()
            served = [json.loads(client.read_message(timeout=20)) for _ in range(2)]
            equal({len(r["result"]) for r in served}, {size}, "sizes of the others")
            equal(sorted(r["id"] for r in refused + served), list(range(5)), "ids")
            equal(len(client.rpc(call(READ, [], 9))["result"]), size, "size of one afterwards")
