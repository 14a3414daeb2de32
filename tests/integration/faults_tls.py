# SPDX-License-Identifier: Apache-2.0
"""TLS on both legs: versions, certificates that are wrong in every way, resumption, reload, and
handshakes that never end."""

import contextlib
import os
import shutil
import socket
import ssl
import threading
import time

from support.authority import Authority
from support.load import Load
from support.sluice import (Client, Devnodes, Failure, ScriptedUpstream, Sluice, WebSocket, call,
                            check, echo, equal, free_port, http_reply, poll, post, sanitized)

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BACKGROUND = {}


def authority():
    """One for all cases: keys take time to make."""
    if "authority" not in BACKGROUND:
        BACKGROUND["authority"] = Authority()
        BACKGROUND["good"] = BACKGROUND["authority"].issue("good")
    return BACKGROUND["authority"]


def issued(name, **options):
    ca = authority()
    if name not in BACKGROUND:
        BACKGROUND[name] = ca.issue(name, **options)
    return BACKGROUND[name]


# --- The front -----------------------------------------------------------------------------------

@contextlib.contextmanager
def front(config=None, pair=None, node=None, **options):
    certificate, key = pair or issued("good")
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(node or ScriptedUpstream()).url] if not isinstance(node, list) else node
        whole = {"listen": [{"address": "127.0.0.1:0", "tls": {"certificate": certificate, "key": key}}],
                 "upstreams": urls, **(config or {})}
        yield stack.enter_context(Sluice(whole, listen=False, **options))


def dial(sluice, **versions):
    return Client(sluice.http, tls=authority().client_context(**versions), server_name="localhost")


def served(client, params=(1,)):
    reply = client.rpc(call("test_echo", list(params)))
    equal((reply.status, reply.json().get("result")), (200, list(params)), "a call over TLS")


def test_versions():
    with front() as sluice:
        for version, name in ((V12, "TLSv1.2"), (V13, "TLSv1.3")):
            with dial(sluice, minimum=version, maximum=version) as client:
                equal(client.sock.version(), name, "version")
                served(client)
        context = authority().client_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            with Client(sluice.http, tls=context, server_name="localhost"):
                raise Failure("TLS 1.1 was accepted")
        except (ssl.SSLError, OSError):
            pass


def test_weak_suites_are_refused():
    with front(pair=issued("rsa", key="rsa")) as sluice:
        for suite in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384"):
            context = authority().client_context(maximum=V12)
            context.set_ciphers(suite + ":@SECLEVEL=0")
            try:
                with Client(sluice.http, tls=context, server_name="localhost"):
                    raise Failure(f"{suite} was accepted")
            except (ssl.SSLError, OSError):
                pass
        with dial(sluice, maximum=V12) as client:
            served(client)


def test_plain_http_is_closed():
    with front() as sluice, Client(sluice.http) as client:
        client.send(post(call("test_echo", [1])))
        client.wait_closed(3)
        poll(lambda: sluice.metric("sluice_rejected_total", reason="tls_handshake") == 1, "it is counted")
        with dial(sluice) as good:
            served(good)


def test_tls_on_a_plain_port_is_closed():
    with ScriptedUpstream() as node, Sluice(urls=[node.url]) as sluice:
        try:
            with Client(sluice.http, tls=authority().client_context(), server_name="localhost"):
                raise Failure("a handshake on the plain port")
        except (ssl.SSLError, OSError):
            pass
        equal(sluice.rpc(call("test_echo", [1])).status, 200, "a call afterwards")


def test_handshakes_have_a_deadline():
    """However the client dawdles: silent, or byte by byte."""
    with front({"timeout": {"header": "500ms"}}) as sluice:
        hello = client_hello()
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(Client(sluice.http)) for _ in range(50)]
            partial = [stack.enter_context(Client(sluice.http)).send(hello[:20]) for _ in range(20)]
            slow = stack.enter_context(Client(sluice.http))
            began = time.monotonic()
            with contextlib.suppress(OSError):
                for byte in hello:
                    slow.sock.sendall(bytes([byte]))
                    time.sleep(0.01)
                    if time.monotonic() - began > 2:
                        break
            for client in (*silent, *partial, slow):
                equal(client.wait_closed(3)[:0], b"", "closed")
            check(time.monotonic() - began < 4, "cut at their deadline")
            poll(lambda: sluice.metric("sluice_rejected_total", reason="handshake_timeout") >= 70,
                 "each is counted")
        with dial(sluice) as good:
            served(good)


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_garbage_in_the_handshake():
    with front() as sluice:
        hello = client_hello()
        for data in (b"\x16\x03\x01\xff\xff" + b"\0" * 100, hello[:60] + b"\xff" * 200, b"\x80\x2e\x01\x03\x01",
                     b"\x15\x03\x01\x00\x02\x02\x28", hello + b"\xff" * 1000, b"\x17" + hello[1:]):
            with Client(sluice.http) as client:
                client.try_send(data)
                with contextlib.suppress(OSError):
                    client.finish()
                client.wait_closed(7)
        with dial(sluice) as good:
            served(good)


def test_a_hello_in_pieces_is_a_hello():
    with front() as sluice:
        with socket.create_connection(sluice.http) as sock:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = authority().client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
            sock.settimeout(5)
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for byte in outgoing.read():
                        sock.sendall(bytes([byte]))
                    incoming.write(sock.recv(65536))


def test_sessions_are_resumed():
    with front() as sluice:
        for version in (V12, V13):
            context = authority().client_context(minimum=version, maximum=version)
            session, resumed = None, 0
            for _ in range(8):
                sock = socket.create_connection(sluice.http, 5)
                with context.wrap_socket(sock, server_hostname="localhost", session=session) as tls:
                    tls.sendall(post(call("test_echo", [1])))
                    check(tls.recv(65536).startswith(b"HTTP/1.1 200"), "a call")
                    resumed += tls.session_reused
                    session = tls.session
            check(resumed >= 6, f"{version.name}: {resumed} of 7 sessions were resumed")


def test_large_messages_pass():
    with Devnodes(1) as nodes, front(node=nodes.urls) as sluice, dial(sluice) as client:
        text = "y" * 3_000_000
        equal(client.rpc(call("test_echo", [text])).json()["result"], [text], "a large request and reply")
        equal(len(client.rpc(call("test_size", [5_000_000])).json()["result"]), 5_000_000, "a streamed reply")
        served(client)


def test_a_slow_reader_over_tls_keeps_memory_flat():
    with Devnodes(1) as nodes, front(node=nodes.urls) as sluice:
        with dial(sluice) as client:
            client.rpc(call("test_size", [300000]))
        before = sluice.rss()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.connect(sluice.http)
        with authority().client_context().wrap_socket(sock, server_hostname="localhost") as tls:
            tls.sendall(post(call("test_size", [48 << 20])))
            got = filled = 0
            while got < 2 << 20:
                piece = tls.recv(16384)
                got, filled = got + len(piece), filled + piece.count(b"x")
            time.sleep(0.5)
            check(sanitized() or sluice.rss() - before < 16 << 20, f"memory grew by {sluice.rss() - before} bytes")
            tail = b""
            while not tail.endswith(b"\r\n0\r\n\r\n"):
                piece = tls.recv(262144)
                check(piece, "the reply was cut")
                filled, tail = filled + piece.count(b"x"), (tail + piece)[-16:]
            check(48 << 20 <= filled <= (48 << 20) + 200, "content", filled)
        check(sanitized() or sluice.peak_rss() - before < 16 << 20, f"memory grew by {sluice.peak_rss() - before} bytes")


def test_websocket_over_tls():
    with front() as sluice:
        with WebSocket(sluice.http, tls=authority().client_context(), server_name="localhost") as client:
            equal(client.rpc(call("test_echo", [1]))["result"], [1], "a call")


def test_load_over_tls():
    with Devnodes(2) as nodes, front(node=nodes.urls) as sluice:
        with Load(sluice.http, 8, tls=authority().client_context(), server_name="localhost") as load:
            poll(lambda: load.calls > 2000 or load.failed_count, "calls", 30)
        load.expect_clean("over TLS")


def serial(sluice):
    with dial(sluice) as client:
        return client.sock.getpeercert()["serialNumber"]


def test_a_reload_takes_the_new_certificate():
    ca = authority()
    path = ca.path("moving.crt"), ca.path("moving.key")
    first, second, other = issued("good"), issued("second"), issued("rsa", key="rsa")
    for source, target in zip(first, path):
        shutil.copy(source, target)
    with front(pair=path) as sluice, dial(sluice) as old:
        served(old)
        before = serial(sluice)
        expiry = sluice.metric("sluice_tls_certificate_expiry_timestamp_seconds")
        check(time.time() + 9 * 86400 < expiry < time.time() + 11 * 86400, "expiry metric", expiry)
        # The certificate without its key: refused, the old one goes on.
        shutil.copy(second[0], path[0])
        sluice.reload(good=False)
        equal(serial(sluice), before, "certificate after a mismatched pair")
        line = sluice.log_lines("reload_failed")[-1]
        check("key" in line["reason"] and path[1] in line["reason"], "the error names the key", line)
        shutil.copy(second[1], path[1])
        sluice.reload()
        check(serial(sluice) != before, "the new certificate is served")
        served(old, (2,))
        # Not PEM, and gone: refused.
        with open(path[0], "w", encoding="ascii") as file:
            file.write("nonsense")
        sluice.reload(good=False)
        os.remove(path[0])
        sluice.reload(good=False)
        shutil.copy(other[0], path[0])
        shutil.copy(other[1], path[1])
        sluice.reload()
        served(old, (3,))
        with dial(sluice) as client:
            served(client)


def test_reloads_of_certificates_under_load():
    ca = authority()
    path = ca.path("turning.crt"), ca.path("turning.key")
    pairs = [issued("good"), issued("second")]
    for source, target in zip(pairs[0], path):
        shutil.copy(source, target)
    with front(pair=path) as sluice:
        with Load(sluice.http, 4, tls=authority().client_context(), server_name="localhost") as load:
            for n in range(10):
                for source, target in zip(pairs[n % 2], path):
                    shutil.copy(source, target)
                sluice.reload()
                with dial(sluice) as client:
                    served(client, (n,))
        load.expect_clean("while certificates changed")


# --- The upstream --------------------------------------------------------------------------------

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
