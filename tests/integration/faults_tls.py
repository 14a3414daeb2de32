# SPDX-License-Identifier: Apache-2.0
"""TLS towards clients: versions, resumption, reload, and handshakes that never end."""

import contextlib
import os
import shutil
import socket
import ssl
import time

from support.authority import Authority
from support.load import Load
from support.sluice import (Client, Devnodes, Failure, ScriptedUpstream, Sluice, WebSocket, call, check,
                            equal, poll, post, sanitized)

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
