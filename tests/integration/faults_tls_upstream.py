# SPDX-License-Identifier: Apache-2.0
"""TLS towards nodes: versions, certificates that are wrong in every way, resumption, and handshakes
that never end."""

import contextlib
import shutil
import socket
import ssl

from support.authority import Authority
from support.load import Load
from support.sluice import (Devnodes, ScriptedUpstream, Sluice, call, check, echo, equal, free_port,
                            http_reply, poll)
from faults_tls import BACKGROUND, V12, V13, authority, issued


def upstream(pair, script=echo, **versions):
    return ScriptedUpstream(script, tls=authority().server_context(*pair, **versions))


def config_for(*nodes, host="127.0.0.1", **more):
    return {"upstreams": [{"name": f"node-{i}", "url": f"https://{host}:{n.port}/path-secret",
                           "tls": {"ca": authority().certificate}} for i, n in enumerate(nodes)], **more}


def test_a_reload_takes_a_new_authority_from_the_same_file():
    path = authority().path("moving-ca.crt")
    with Authority("another") as other, upstream(issued("good")) as node:
        config = config_for(node)
        config["upstreams"][0]["tls"]["ca"] = path

        def status(client):
            return client.rpc(call("test_echo", [1])).status

        shutil.copy(other.certificate, path)
        with Sluice(config, serving=False) as sluice, sluice.client() as client:
            equal(status(client), 503, "a call while the node's issuer is a stranger")
            shutil.copy(authority().certificate, path)
            sluice.reload()
            poll(lambda: status(client) == 200, "the node is trusted", 5)
            accepted = node.accepted
            sluice.reload()
            equal(status(client), 200, "a call after a reload of the same file")
            equal(node.accepted, accepted, "connections, which are kept")
            shutil.copy(other.certificate, path)
            sluice.reload()
            poll(lambda: status(client) == 503, "the node is a stranger again", 5)


def test_a_heavy_call_that_hangs_on_a_fresh_connection_counts_against_the_node():
    """The handshake took part of the attempt's time: what is left of it is all the node was given."""
    def hangs(connection):
        while True:
            request = connection.read_request()
            if b"heavy" in request.params:
                connection.wait(30)
            connection.send(request.reply())

    fresh = {"timeout": {"attempt": "300ms"}, "retry": {"max": 0}, "breaker": {"min_calls": 3},
             "pool": {"min": 0, "warm_up": {"connections": 0}}}
    with upstream(issued("good"), hangs) as node, Sluice(config_for(node, **fresh)) as sluice:
        for _ in range(3):
            equal(sluice.rpc(call("trace_block", ["heavy"])).status, 504, "status")
        breakers = sluice.status()["chains"][0]["upstreams"][0]["breakers"]
        equal(breakers["trace"]["state"], "open", "the class's breaker after three hangs")


def upstream_versions(version):
    def run():
        with upstream(issued("good"), minimum=version, maximum=version) as node, \
                Sluice(config_for(node)) as sluice, sluice.client() as client:
            for n in range(5):
                equal(client.rpc(call("test_echo", [n])).json()["result"], [n], "result")
            check(node.accepted <= 4, "connections are kept", node.accepted)
    return run


REFUSED = {
    "wrong_host": (lambda: issued("wrong-host", hosts=("DNS:elsewhere.example",)), {}),
    "wrong_address": (lambda: issued("wrong-address", hosts=("IP:127.0.0.2", "DNS:127.0.0.1")), {}),
    "only_a_common_name": (lambda: issued("127.0.0.1", hosts=("DNS:elsewhere.example",)), {}),
    "expired": (lambda: issued("expired", days=-1), {}),
    "unknown_authority": (lambda: stranger(), {}),
    "old_version": (lambda: issued("good"), {"maximum": ssl.TLSVersion.TLSv1_1,
                                             "minimum": ssl.TLSVersion.TLSv1}),
}


def stranger():
    if "stranger-ca" not in BACKGROUND:
        BACKGROUND["stranger-ca"] = Authority("stranger")
        BACKGROUND["stranger"] = BACKGROUND["stranger-ca"].issue("stranger")
    return BACKGROUND["stranger"]


def refused(make, versions):
    def run():
        pair = make()
        with upstream(pair, **versions) as bad, ScriptedUpstream() as good:
            with Sluice(config_for(bad), serving=False) as sluice:
                poll(lambda: bad.accepted >= 2, "it is tried")
                reply = sluice.rpc(call("test_echo", [1]))
                equal((reply.status, reply.json()["error"]["code"]), (503, -32603), "status and code")
                equal(bad.count, 0, "calls that an unproven node got")
                text = reply.raw.decode() + sluice.stderr_text() + sluice.metrics_text()
                check("path-secret" not in text, "the path leaks", text)
            config = config_for(bad)
            config["upstreams"].append({"name": "good", "url": good.url})
            with Sluice(config) as sluice, sluice.client() as client:
                for n in range(10):
                    equal(client.rpc(call("test_echo", [n])).json().get("result"), [n], "result beside a good one")
            equal(bad.count, 0, "calls that an unproven node got")
    return run


def cases(_full):
    for version in (V12, V13):
        yield f"upstream_{version.name}", upstream_versions(version)
    for name, (make, versions) in REFUSED.items():
        yield f"upstream_refused_{name}", refused(make, versions)


def test_the_name_is_indicated_and_checked():
    seen = []
    context = authority().server_context(*issued("local-name", hosts=("DNS:localhost",)))
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    with ScriptedUpstream(tls=context) as node, Sluice(config_for(node, host="localhost")) as sluice:
        equal(sluice.rpc(call("test_echo", [1])).json()["result"], [1], "result")
        equal(set(seen), {"localhost"}, "names indicated")
        equal(node.requests[0].header("Host"), f"localhost:{node.port}", "Host")


def test_no_name_is_indicated_for_an_address():
    seen = []
    context = authority().server_context(*issued("good"))
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    with ScriptedUpstream(tls=context) as node, Sluice(config_for(node)) as sluice:
        equal(sluice.rpc(call("test_echo", [1])).json()["result"], [1], "result")
        equal(set(seen), {None}, "names indicated")


def upstream_sessions(version):
    reused = []

    def script(connection):
        reused.append(connection.sock.session_reused)
        request = connection.read_request()
        connection.send(http_reply(b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (request.id, request.params),
                                   headers=[("Connection", "close")]))
    with upstream(issued("good"), script, minimum=version, maximum=version) as node, \
            Sluice(config_for(node), workers=1) as sluice, sluice.client() as client:
        for n in range(12):
            equal(client.rpc(call("test_echo", [n])).json()["result"], [n], "result")
        check(sum(reused) >= 8, f"{sum(reused)} of {len(reused)} handshakes were resumed")


def test_upstream_sessions_are_resumed_1_2():
    upstream_sessions(V12)


def test_upstream_sessions_are_resumed_1_3():
    upstream_sessions(V13)


def test_kept_tls_connections_that_die_are_never_seen():
    def script(connection):
        for _ in range(3):
            connection.send(connection.read_request().reply())
    with upstream(issued("good"), script) as node, Sluice(config_for(node)) as sluice:
        with Load(sluice.http, 4, pause=0.001) as load:
            poll(lambda: load.calls > 400 or load.failed_count, "calls", 30)
        load.expect_clean("on TLS connections that die")


def test_a_node_that_speaks_plain_http():
    with ScriptedUpstream() as plain, Devnodes(1) as nodes:
        config = config_for(plain)
        config["upstreams"].append({"name": "good", "url": nodes.urls[0]})
        with Sluice(config) as sluice, sluice.client() as client:
            for n in range(10):
                equal(client.rpc(call("test_echo", [n])).json().get("result"), [n], "result")


def test_a_node_that_stalls_in_the_handshake():
    with socket.socket() as listener, Devnodes(1) as nodes:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        config = {"upstreams": [{"name": "stalls", "url": f"https://127.0.0.1:{listener.getsockname()[1]}"},
                                {"name": "good", "url": nodes.urls[0]}], "timeout": {"connect": "300ms"}}
        with Sluice(config) as sluice, sluice.client() as client:
            for n in range(10):
                equal(client.rpc(call("test_echo", [n])).json().get("result"), [n], "result")


def test_a_certificate_that_expires_while_serving():
    """The node comes back with a bad certificate, then with a good one again."""
    port = free_port()
    ca = authority()
    with contextlib.ExitStack() as stack:
        node = ScriptedUpstream(tls=ca.server_context(*issued("good")), port=port)
        stack.callback(lambda: node.stop())
        config = config_for(node, health={"interval": "100ms", "eject": {"base": "100ms", "max": "100ms"}})
        sluice = stack.enter_context(Sluice(config))
        equal(sluice.rpc(call("test_echo", [1])).status, 200, "before")
        node.stop()
        node = ScriptedUpstream(tls=ca.server_context(*issued("expired", days=-1)), port=port)
        poll(lambda: sluice.rpc(call("test_echo", [1])).status == 503, "refused with the bad certificate")
        equal(node.count, 0, "calls over the bad certificate")
        node.stop()
        node = ScriptedUpstream(tls=ca.server_context(*issued("good")), port=port)
        poll(lambda: sluice.rpc(call("test_echo", [1])).status == 200, "served again")
