# SPDX-License-Identifier: Apache-2.0
"""Listeners behind a balancer: PROXY headers of both versions, whole and in pieces, and those that
are wrong; whose word about a client's address is taken."""

import contextlib
import ipaddress
import ssl
import struct
import time

from support.authority import Authority
from support.sluice import (Client, ScriptedUpstream, Sluice, call, check, equal, poll, post)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(text):
    return b"PROXY " + text + b"\r\n"


def v2(source=None, version=0x2, command=1, family=None, protocol=1, extra=b"", length=None):
    """A binary header; source: the client's address, None for LOCAL or unknown."""
    body = b""
    if source is not None:
        address = ipaddress.ip_address(source)
        other = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
        body = address.packed + other.packed + struct.pack(">HH", 4711, 8545)
        family = (1 if address.version == 4 else 2) if family is None else family
    body += extra
    size = len(body) if length is None else length
    return SIGNATURE + bytes([version << 4 | command, (family or 0) << 4 | protocol]) + struct.pack(">H", size) + body


# Header and the client's address that it names; None: the peer's own.
GOOD = {
    "v1_tcp4": (v1(b"TCP4 192.0.2.7 127.0.0.1 4711 8545"), "192.0.2.7"),
    "v1_tcp6": (v1(b"TCP6 2001:db8::7 ::1 4711 8545"), "2001:db8::7"),
    "v1_unknown": (v1(b"UNKNOWN"), None),
    "v1_unknown_with_more": (v1(b"UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535"), None),
    "v2_tcp4": (v2("192.0.2.8"), "192.0.2.8"),
    "v2_tcp6": (v2("2001:db8::8"), "2001:db8::8"),
    "v2_local": (v2(command=0), None),
    "v2_local_with_an_address": (v2("192.0.2.9", command=0), None),
    "v2_with_more_fields": (v2("192.0.2.10", extra=b"\x03\x00\x04abcd" + b"\x04\x00\x00"), "192.0.2.10"),
    "v2_unspecified": (v2(family=0, protocol=0), None),
}
BAD = {
    "none": b"",
    "v1_without_addresses": v1(b"TCP4"),
    "v1_bad_address": v1(b"TCP4 192.0.2.300 127.0.0.1 4711 8545"),
    "v1_family_that_differs": v1(b"TCP4 2001:db8::7 ::1 4711 8545"),
    "v1_bad_port": v1(b"TCP4 192.0.2.7 127.0.0.1 99999 8545"),
    "v1_one_word_too_many": v1(b"TCP4 192.0.2.7 127.0.0.1 4711 8545 x"),
    "v1_two_spaces": v1(b"TCP4  192.0.2.7 127.0.0.1 4711 8545"),
    "v1_unknown_protocol": v1(b"UDP4 192.0.2.7 127.0.0.1 4711 8545"),
    "v1_too_long": v1(b"UNKNOWN " + b"x" * 120),
    "v1_in_lower_case": b"proxy tcp4 192.0.2.7 127.0.0.1 4711 8545\r\n",
    "v1_ended_by_line_feed": b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 8545\n" + b"x" * 107,
    "v2_version_1": v2("192.0.2.8", version=1),
    "v2_unknown_command": v2("192.0.2.8", command=2),
    "v2_too_short_for_its_family": v2(family=1, extra=b"\x01\x02\x03"),
    "v2_endless": v2("192.0.2.8", length=65535),
    "v2_bad_signature": b"\r\n\r\n\0\r\nQUIX\n" + v2("192.0.2.8")[12:],
}
ACCESS = {"log": {"access": {"sample": "100%"}}}


@contextlib.contextmanager
def balanced(trusted=("127.0.0.0/8",), listen=None, **more):
    with ScriptedUpstream() as node:
        config = {"listen": [{"address": "127.0.0.1:0", "proxy_protocol": True, **(listen or {})}],
                  "trusted_proxies": list(trusted), "upstreams": [node.url], **ACCESS, **more}
        with Sluice(config, listen=False) as sluice:
            yield sluice, node


def served(client, n=1):
    reply = client.rpc(call("test_echo", [n]))
    equal((reply.status, reply.json().get("result")), (200, [n]), "a call")


def assert_named(sluice, address, calls=1):
    def named():
        lines = [e["address"] for e in sluice.log_lines("call")]
        return len(lines) >= calls and lines
    names = poll(named, "the call is in the access log")
    equal(names[-1], address, "the client's address in the access log")


def good(header, address):
    def run():
        with balanced() as (sluice, node):
            with Client(sluice.http) as client:
                client.send(header + post(call("test_echo", [0])))
                equal(client.response().json()["result"], [0], "a call in the header's segment")
                served(client)
            assert_named(sluice, address or "127.0.0.1")
            with Client(sluice.http) as client:
                client.send_slowly(header, range(1, len(header)))
                served(client, 2)
            equal(node.count, 3, "requests")
    return run


def bad(data):
    def run():
        with balanced(timeout={"header": "1s"}) as (sluice, node):
            with Client(sluice.http) as client:
                client.try_send(data + post(call("test_echo", [1])))
                equal(client.wait_closed(3), b"", "bytes to a client whose header is bad")
            poll(lambda: sluice.metric("sluice_rejected_total", reason="bad_proxy_header") == 1, "it is counted")
            equal(node.count, 0, "requests")
            with Client(sluice.http) as client:
                served(client.send(GOOD["v1_tcp4"][0]))
    return run


def cases(_full):
    for name, (header, address) in GOOD.items():
        yield f"good_{name}", good(header, address)
    for name, data in BAD.items():
        yield f"bad_{name}", bad(data)


def test_a_header_that_does_not_come():
    for part in (b"", b"PROXY TC", SIGNATURE[:5], v2("192.0.2.8")[:20]):
        with balanced(timeout={"header": "300ms"}) as (sluice, node):
            with Client(sluice.http) as client:
                client.send(part)
                began = time.monotonic()
                equal(client.wait_closed(3), b"", "bytes")
                check(0.2 < time.monotonic() - began < 2, "cut at its deadline")
            equal(node.count, 0, "requests")


def test_strangers_are_not_believed():
    with balanced(trusted=("10.0.0.0/8",)) as (sluice, node):
        with Client(sluice.http) as client:
            client.try_send(GOOD["v1_tcp4"][0] + post(call("test_echo", [1])))
            equal(client.wait_closed(3), b"", "bytes to a peer that is no balancer of ours")
        equal(node.count, 0, "requests")


def test_a_header_on_a_listener_that_expects_none():
    with ScriptedUpstream() as node, Sluice({"upstreams": [node.url]}) as sluice, sluice.client() as client:
        client.try_send(GOOD["v1_tcp4"][0] + post(call("test_echo", [1])))
        equal(client.response().status, 400, "status")
        equal(node.count, 0, "requests")


def test_tls_behind_the_header():
    """The handshake may begin in the header's own segment, as balancers send it."""
    with Authority() as authority:
        certificate, key = authority.issue("front")
        with balanced(listen={"tls": {"certificate": certificate, "key": key}}) as (sluice, node):
            for header, address in GOOD.values():
                for pieces in (1, 2, len(header)):
                    with Client(sluice.http) as raw:
                        handshake_behind(raw.sock, header, pieces, authority.client_context())
            check(node.count == 3 * len(GOOD), "requests", node.count)
            assert_named(sluice, "127.0.0.1", node.count)
            addresses = {e["address"] for e in sluice.log_lines("call")}
            check({"192.0.2.7", "2001:db8::8"} <= addresses, "clients' addresses", addresses)


def handshake_behind(sock, header, pieces, context):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    sock.settimeout(5)
    step = -(-len(header) // pieces)
    parts = [header[i:i + step] for i in range(0, len(header), step)]
    for part in parts[:-1]:
        sock.sendall(part)
    pending = parts[-1]

    def pump(action):
        nonlocal pending
        while True:
            try:
                result = action()
                if outgoing.pending:
                    sock.sendall(outgoing.read())
                return result
            except ssl.SSLWantReadError:
                sock.sendall(pending + outgoing.read())
                pending = b""
                data = sock.recv(65536)
                check(data, "the connection ended in the handshake")
                incoming.write(data)
    pump(tls.do_handshake)
    pump(lambda: tls.write(post(call("test_echo", [1]))))
    check(pump(lambda: tls.read(65536)).startswith(b"HTTP/1.1 200"), "a call over TLS behind the header")


def test_a_balancer_stands_for_many_clients():
    """Its address is not held to the bound of a single client's."""
    with balanced(limits={"connections_per_ip": 3}) as (sluice, _), contextlib.ExitStack() as stack:
        for n in range(10):
            served(stack.enter_context(Client(sluice.http)).send(GOOD["v2_tcp4"][0]), n)


def test_forwarded_for_is_taken_from_balancers_alone():
    rows = [(("127.0.0.0/8",), "192.0.2.1", "192.0.2.1"),
            (("127.0.0.0/8", "10.0.0.0/8"), "192.0.2.1, 10.1.2.3", "192.0.2.1"),
            (("127.0.0.0/8",), "192.0.2.1, 10.1.2.3", "10.1.2.3"),
            (("127.0.0.0/8",), "nonsense", "127.0.0.1"),
            (("10.0.0.0/8",), "192.0.2.1", "127.0.0.1"),
            ((), "192.0.2.1", "127.0.0.1"),
            (("127.0.0.0/8",), ", ".join(["192.0.2.1"] * 800), "192.0.2.1")]
    for trusted, field, expected in rows:
        with ScriptedUpstream() as node:
            config = {"upstreams": [node.url], "trusted_proxies": list(trusted), **ACCESS}
            with Sluice(config) as sluice, sluice.client() as client:
                reply = client.rpc(call("test_echo", [1]), headers=[("X-Forwarded-For", field)])
                equal(reply.status, 200, "status")
                assert_named(sluice, expected)
                equal(node.requests[0].header("X-Forwarded-For"), None, "what goes upstream")
