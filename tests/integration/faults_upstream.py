# SPDX-License-Identifier: Apache-2.0
"""Nodes that break HTTP, JSON-RPC or the connection: what the client of a read, of a write and of a
chain with a second node gets, and how often each node was asked."""

import contextlib
import threading
import time

from support.sluice import (ScriptedUpstream, Sluice, call, check, echo, equal, http_reply, members, poll)

SECRET = "secret-of-the-provider"
READ, WRITE = "eth_getBalance", "unknown_write"
PARAMS = ["0x00000000000000000000000000000000000000aa", "0x1"]
RETRIES = 2


def body_of(request, result=b'"0x1"'):
    return b'{"jsonrpc":"2.0","id":' + request.id + b',"result":' + result + b"}"


def raw(make, close=False):
    """The script of a node that answers each call with make(request) and may close after it."""
    def script(connection):
        while True:
            connection.send(make(connection.read_request()))
            if close:
                return
    return script


def head(fields, body, status=b"200 OK"):
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


def length(body):
    return b"Content-Length: %d" % len(body)


def sized(fields, body, **more):
    return head([length(body), *fields], body, **more)


def chunked(body, size=b"%x"):
    return (size % len(body) if b"%" in size else size) + b"\r\n" + body + b"\r\n0\r\n\r\n"


CODING = b"Transfer-Encoding: chunked"

# What a node sends in place of a sound reply, and whether it closes after it.
UNUSABLE = {
    "length_and_coding": (lambda r: head([length(body_of(r)), CODING], chunked(body_of(r))), True),
    "two_lengths": (lambda r: head([length(body_of(r)), b"Content-Length: 3"], body_of(r)), True),
    "equal_lengths_twice": (lambda r: sized([length(body_of(r))], body_of(r)), True),
    "length_not_a_number": (lambda r: head([b"Content-Length: 0x20"], body_of(r)), True),
    "negative_length": (lambda r: head([b"Content-Length: -1"], body_of(r)), True),
    "length_beyond_64_bits": (lambda r: head([b"Content-Length: 99999999999999999999"], body_of(r)), True),
    "chunked_twice": (lambda r: head([b"Transfer-Encoding: chunked, chunked"], chunked(body_of(r))), True),
    "unknown_coding": (lambda r: head([b"Transfer-Encoding: gzip"], body_of(r)), True),
    "bad_chunk_size": (lambda r: head([CODING], chunked(body_of(r), b"zz")), True),
    "chunk_longer_than_said": (lambda r: head([CODING], chunked(body_of(r), b"5")), True),
    "huge_chunk_size": (lambda r: head([CODING], chunked(body_of(r), b"fffffffffffffffff")), True),
    "no_head": (body_of, True),
    "garbage": (lambda r: b"\x00\x01\x02 nonsense \r\n\r\n", True),
    "wrong_version": (lambda r: sized([], body_of(r)).replace(b"HTTP/1.1", b"HTTP/3.0"), True),
    "no_status": (lambda r: sized([], body_of(r)).replace(b" 200 OK", b""), True),
    "bare_line_feeds": (lambda r: sized([], body_of(r)).replace(b"\r\n", b"\n"), True),
    "folded_field": (lambda r: sized([b"X: a\r\n b"], body_of(r)), True),
    "nul_in_a_field": (lambda r: sized([b"X: a\0b"], body_of(r)), True),
    "head_without_end": (lambda r: b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000, True),
    "too_many_fields": (lambda r: sized([b"X: y"] * 500, body_of(r)), True),
    "body_cut": (lambda r: sized([], body_of(r))[:-5], True),
    "head_cut": (lambda r: sized([], body_of(r))[:20], True),
    "chunked_body_cut": (lambda r: head([CODING], chunked(body_of(r)))[:-5], True),
    "nine_interim_responses": (
        lambda r: b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9 + sized([], body_of(r)), True),
    "switching_protocols": (lambda r: head([b"Upgrade: websocket", b"Connection: Upgrade"], b"",
                                           status=b"101 Switching Protocols"), True),
    "no_content": (lambda r: head([], b"", status=b"204 No Content"), False),
    "not_modified": (lambda r: head([], b"", status=b"304 Not Modified"), False),
    "html": (lambda r: sized([b"Content-Type: text/html"], b"<html>it works</html>"), False),
    "empty_body": (lambda r: sized([], b""), False),
    "half_of_the_json": (lambda r: sized([], body_of(r)[:-3]), False),
    "two_json_values": (lambda r: sized([], body_of(r) + b"{}"), False),
    "not_an_object": (lambda r: sized([], b"[1,2,3]"), False),
    "a_batch": (lambda r: sized([], b"[" + body_of(r) + b"]"), False),
    "neither_result_nor_error": (lambda r: sized([], b'{"jsonrpc":"2.0","id":%s}' % r.id), False),
    "result_twice": (lambda r: sized([], b'{"id":%s,"result":1,"result":2}' % r.id), False),
    "invalid_utf8": (lambda r: sized([], body_of(r, b'"\xff\xfe"')), False),
    "utf16": (lambda r: sized([], body_of(r).decode().encode("utf-16")), False),
    "too_deep": (lambda r: sized([], body_of(r, b"[" * 5000 + b"]" * 5000)), False),
    "id_missing": (lambda r: sized([], b'{"jsonrpc":"2.0","result":"0x2"}'), False),
    "id_null": (lambda r: sized([], b'{"jsonrpc":"2.0","id":null,"result":"0x2"}'), False),
    "id_of_another_call": (lambda r: sized([], b'{"jsonrpc":"2.0","id":%d,"result":"0x2"}' % (int(r.id) + 1)), False),
    "id_of_the_call_before": (lambda r: sized([], b'{"jsonrpc":"2.0","id":%d,"result":"0x2"}' % max(int(r.id) - 1, 0)), False),
    "id_twice": (lambda r: sized([], b'{"id":%s,"id":%s,"result":1}' % (r.id, r.id)), False),
    "id_as_fraction": (lambda r: sized([], b'{"id":%s.5,"result":1}' % r.id), False),
    "moved": (lambda r: sized([b"Location: http://127.0.0.1:1/"], b"", status=b"301 Moved Permanently"), False),
    "temporary_redirect": (lambda r: sized([b"Location: /elsewhere"], b"{}", status=b"307 Temporary Redirect"), False),
    "unauthorized": (lambda r: sized([], b"key " + SECRET.encode() + b" is wrong", status=b"401 Unauthorized"), False),
    "forbidden": (lambda r: sized([], b"plan of " + SECRET.encode(), status=b"403 Forbidden"), False),
    "payment": (lambda r: sized([], SECRET.encode(), status=b"402 Payment Required"), False),
    "not_found": (lambda r: sized([], SECRET.encode(), status=b"404 Not Found"), False),
    "server_error": (lambda r: sized([], SECRET.encode(), status=b"500 Internal Server Error"), False),
    "bad_gateway": (lambda r: sized([], SECRET.encode(), status=b"502 Bad Gateway"), False),
    "overloaded": (lambda r: sized([], SECRET.encode(), status=b"503 Service Unavailable"), False),
    "node_timed_out": (lambda r: sized([], SECRET.encode(), status=b"504 Gateway Timeout"), False),
    "status_of_its_own": (lambda r: sized([], SECRET.encode(), status=b"599 Whatever"), False),
}

# What looks odd and is sound.
SOUND = {
    "close_after_it": (lambda r: sized([b"Connection: close"], body_of(r)), True),
    "until_the_end": (lambda r: head([], body_of(r)), True),
    "http_1_0": (lambda r: sized([], body_of(r)).replace(b"HTTP/1.1", b"HTTP/1.0"), True),
    "chunked": (lambda r: head([CODING], chunked(body_of(r))), False),
    "one_byte_chunks": (lambda r: head([CODING], b"".join(
        b"1\r\n%c\r\n" % c for c in body_of(r)) + b"0\r\n\r\n"), False),
    "chunk_extension_and_trailer": (lambda r: head([CODING], b'%x;a="b"\r\n%s\r\n0\r\nX-T: v\r\n\r\n' % (
        len(body_of(r)), body_of(r))), False),
    "eight_interim_responses": (
        lambda r: b"HTTP/1.1 100 Continue\r\n\r\n" * 8 + sized([], body_of(r)), False),
    "no_reason": (lambda r: sized([], body_of(r)).replace(b"200 OK", b"200 "), False),
    "spaces_in_the_json": (lambda r: sized([], b' { "id" : %s , "result"\t:\n"0x1" } ' % r.id), False),
    "id_as_string": (lambda r: sized([], b'{"jsonrpc":"2.0","id":"%s","result":"0x1"}' % r.id), False),
    "without_jsonrpc": (lambda r: sized([], b'{"id":%s,"result":"0x1"}' % r.id), False),
    "null_error_beside": (lambda r: sized([], b'{"id":%s,"error":null,"result":"0x1"}' % r.id), False),
    "other_content_type": (lambda r: sized([b"Content-Type: text/plain"], body_of(r)), False),
    "unknown_members": (lambda r: sized([], b'{"id":%s,"took":{"ms":1},"result":"0x1"}' % r.id), False),
}


@contextlib.contextmanager
def before_one(script, config=None, **node_options):
    with ScriptedUpstream(script, **node_options) as node:
        with Sluice({"upstreams": [{"name": "bad", "url": node.url + "/" + SECRET}], "retry": {"backoff": "1ms"},
                     **(config or {})}) as sluice:
            yield sluice, node


def fine_after(sluice, node):
    """The node comes to its senses: the next call is served, whatever was left on the wires."""
    node.script = echo
    node.close_connections()
    reply = sluice.rpc(call(READ, PARAMS, "fine"))
    equal((reply.status, reply.json().get("result"), reply.json()["id"]), (200, PARAMS, "fine"),
          f"a call when the node is well again ({reply})")


def assert_silent(sluice, reply):
    text = reply.raw.decode("latin-1") + sluice.stderr_text() + sluice.metrics_text()
    check(SECRET not in text, "the provider's words or path leak", text[max(0, text.find(SECRET) - 300):][:600])


def unusable_alone(make, close):
    def run():
        with before_one(raw(make, close)) as (sluice, node), sluice.client() as client:
            reply = client.rpc(call(READ, PARAMS, 7))
            equal(reply.status, 502, f"status ({reply.body[:300]!r})")
            equal((reply.json()["id"], reply.json()["error"]["code"]), (7, -32603), "id and code")
            check(1 <= node.count <= 1 + RETRIES, "requests for a read", node.count)
            check(not reply.closes, "the client's connection is kept", reply)
            assert_silent(sluice, reply)
            node.clear()
            write = client.rpc(call(WRITE, PARAMS, 8))
            equal((write.status, write.json()["error"]["code"]), (200, -32000),
                  f"status and code of a write ({write.body[:300]!r})")
            equal(write.json()["error"]["data"]["reason"], "outcome_unknown", "reason of a write")
            equal(node.count, 1, "requests for a write")
            fine_after(sluice, node)
    return run


def unusable_beside_a_sound_one(make, close):
    def run():
        with ScriptedUpstream(raw(make, close)) as bad, ScriptedUpstream() as good:
            with Sluice({"upstreams": [{"name": "bad", "url": bad.url}, {"name": "good", "url": good.url, "tier": 2}]}) as sluice:
                poll(lambda: {u["state"] for u in sluice.status()["chains"][0]["upstreams"]} == {"in"}, "both are in")
                with sluice.client() as client:
                    for n in range(6):
                        bad_before, good_before = bad.count, good.count
                        reply = client.rpc(call(READ, PARAMS, n))
                        equal((reply.status, reply.json().get("result"), reply.json()["id"]), (200, PARAMS, n),
                              f"reply ({reply.body[:300]!r})")
                        equal(reply.header("X-Sluice-Upstream"), "good", "who answered")
                        equal((bad.count - bad_before in (0, 1), good.count - good_before), (True, 1), "requests")
                check(bad.count >= 1, "the bad one was asked")
                check(bad.accepted <= bad.count + bad.probes + 2, "connections to the bad one", bad.accepted)
    return run


def sound(make, close):
    def run():
        with before_one(raw(make, close)) as (sluice, node), sluice.client() as client:
            for n in range(3):
                reply = client.rpc(call(READ, PARAMS, n))
                equal((reply.status, reply.json().get("result"), reply.json()["id"]), (200, "0x1", n),
                      f"reply ({reply.body[:300]!r})")
            equal(node.count, 3, "requests")
    return run


def cases(full):
    for name, (make, close) in UNUSABLE.items():
        yield f"unusable_{name}", unusable_alone(make, close)
        yield f"another_node_for_{name}", unusable_beside_a_sound_one(make, close)
    for name, (make, close) in SOUND.items():
        yield f"sound_{name}", sound(make, close)


# --- Errors of nodes are the client's ------------------------------------------------------------

def test_errors_of_a_node_pass_byte_for_byte():
    error = b'{ "code":-32015, "message":"VM \\u0065xecution error", "data":"0x08c379a0" }'
    with before_one(raw(lambda r: r.reply(error=error))) as (sluice, node):
        reply = sluice.rpc(call("eth_call", [{}, "latest"], "a"))
        equal((reply.status, members(reply.body)[b"error"]), (200, error), "the error")


def test_throttling_is_told_as_such():
    with before_one(raw(lambda r: http_reply(b"slow down", 429, [("Retry-After", "7")]))) as (sluice, node):
        reply = sluice.rpc(call(READ, PARAMS))
        equal((reply.status, reply.json()["error"]["code"]), (429, -32005), "status and code")
        check(reply.json()["error"]["data"]["retry_after_ms"] > 0, "retry_after_ms", reply)
        count = node.count
        equal(sluice.rpc(call(READ, PARAMS)).status in (429, 503), True, "status while it is left alone")
        equal(node.count, count, "a throttled node is left alone")


# --- Connections ---------------------------------------------------------------------------------

def dies_when_reused(connection):
    """Serves one call, then closes at the second one without a byte."""
    connection.send(connection.read_request().reply())
    connection.read_request()


def stale(method, result, requests):
    def run():
        with before_one(dies_when_reused) as (sluice, node), sluice.client() as client:
            equal(client.rpc(call(READ, PARAMS)).status, 200, "the call before")
            node.clear()
            reply = client.rpc(call(method, PARAMS))
            got = reply.json().get("result", reply.json().get("error", {}).get("code"))
            equal((reply.status, got, node.count), (200, result, requests), "status, result, requests")
    return run


test_a_kept_connection_dies_under_a_read = stale(READ, PARAMS, 2)
test_a_kept_connection_dies_under_a_broadcast = stale("eth_sendRawTransaction", PARAMS, 2)
test_a_kept_connection_dies_under_a_write = stale(WRITE, -32000, 1)


def test_bytes_after_a_reply_spoil_the_connection():
    forged = http_reply(b'{"jsonrpc":"2.0","id":1,"result":"forged"}')
    def script(connection):
        request = connection.read_request()
        connection.send(request.reply() + forged)
        connection.wait_gone()
    with before_one(script) as (sluice, node), sluice.client() as client:
        for n in range(20):
            equal(client.rpc(call(READ, PARAMS, n)).json().get("result"), PARAMS, "result")
        equal(node.count, 20, "requests")
        check(sluice.metric("sluice_pool_connections_closed_total", reason="extra_bytes") >= 20,
              "connections with bytes too many are counted")


def test_bytes_on_an_idle_connection_spoil_it():
    sent = threading.Event()
    def script(connection):
        connection.send(connection.read_request().reply())
        if not sent.is_set():
            connection.wait(0.05)
            connection.send(http_reply(b'{"jsonrpc":"2.0","id":2,"result":"forged"}'))
            sent.set()
            connection.wait_gone()
        echo(connection)
    with before_one(script) as (sluice, node), sluice.client() as client:
        equal(client.rpc(call(READ, PARAMS, 1)).json().get("result"), PARAMS, "first result")
        poll(lambda: sluice.metric("sluice_pool_connections_closed_total", reason="extra_bytes") == 1,
             "the connection is given up")
        equal(client.rpc(call(READ, PARAMS, 2)).json().get("result"), PARAMS, "second result")
        equal(node.count, 2, "requests")


def test_a_reply_cut_at_every_byte(full=False):
    """However much of its reply a node gives before it goes, the next attempt's answer is given."""
    whole = sized([], b'{"jsonrpc":"2.0","id":1,"result":"0x12345678"}')
    cut = {"at": 0, "reset": False, "done": True}

    def script(connection):
        while True:
            request = connection.read_request()
            if cut["done"]:
                connection.send(request.reply(b'"good"'))
                continue
            cut["done"] = True
            connection.send(sized([], body_of(request, b'"0x12345678"'))[:cut["at"]])
            if cut["reset"]:
                connection.reset()
            return

    with before_one(script, {"retry": {"budget": "100%", "backoff": "1ms"}}) as (sluice, node), \
            sluice.client() as client:
        for reset in (False, True):
            for at in range(0, len(whole), 1 if full else 3):
                cut.update(at=at, reset=reset, done=False)
                node.clear()
                reply = client.rpc(call(READ, PARAMS, at))
                equal((reply.status, reply.json().get("result"), reply.json()["id"]), (200, "good", at),
                      f"reply when the node first {'resets' if reset else 'closes'} after {at} bytes")
                equal(node.count, 2, f"requests when the node first goes after {at} bytes")


def test_one_byte_at_a_time():
    def script(connection):
        while True:
            connection.send_slowly(connection.read_request().reply())
    with before_one(script) as (sluice, node), sluice.client() as client:
        for n in range(5):
            equal(client.rpc(call(READ, PARAMS, n)).json()["result"], PARAMS, "result")


def test_a_reply_that_trickles_is_given_up():
    def script(connection):
        connection.send_slowly(connection.read_request().reply(), pause=0.2)
    with before_one(script, {"timeout": {"call": "900ms", "attempt": "400ms"}}) as (sluice, node):
        began = time.monotonic()
        reply = sluice.rpc(call(READ, PARAMS))
        equal((reply.status, reply.json()["error"]["code"]), (504, -32603), "status and code")
        check(0.4 <= time.monotonic() - began < 2, "within the deadline of the call")


def test_a_node_that_never_answers():
    with before_one(lambda c: (c.read_request(), c.wait_gone()),
                    {"timeout": {"call": "700ms", "attempt": "10s"}}) as (sluice, node), sluice.client() as client:
        began = time.monotonic()
        reply = client.rpc(call(READ, PARAMS))
        equal((reply.status, reply.json()["error"]["code"]), (504, -32603), "status and code of a read")
        check(0.65 <= time.monotonic() - began < 1.5, "the deadline of the call is kept")
        reply = client.rpc(call(WRITE, PARAMS))
        equal((reply.status, reply.json()["error"]["code"]), (200, -32000), "status and code of a write")
        reply = client.rpc(call(READ, PARAMS), headers=[("X-Sluice-Timeout", "100ms")])
        equal(reply.status, 504, "status with a deadline of its own")
