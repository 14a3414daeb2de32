# SPDX-License-Identifier: Apache-2.0
"""Replies too large to be held: they pass in flat memory however slowly they are read, and one that
turns out bad is cut, never completed."""

import contextlib
import socket
import threading
import time

from support.sluice import (ON_DEMAND, Client, Devnodes, ScriptedUpstream, Sluice, call, check, equal,
                            poll, post)

MIB = 1 << 20
SLACK = 16 * MIB


class Stream:
    """Reads one chunked (or close-delimited) reply without keeping it. .ended: by its last chunk (or
    by the end of the connection); .bytes of the body; .odd: bytes that are not the filling."""

    def __init__(self, client, payload, version="1.1", filling=b"x"):
        self.client, self.filling = client, filling
        self.bytes = self.filled = 0
        self.first = self.last = b""
        self.ended = self.broken = False
        self.data = b""
        client.send(post(payload, version=version))

    def head(self):
        while b"\r\n\r\n" not in self.data:
            got = self.client.sock.recv(4096)
            check(got, "the connection ended in the head", self.data)
            self.data += got
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        self.chunked = b"transfer-encoding: chunked" in head.lower()
        self.left = 0
        return head

    def take(self, piece):
        self.bytes += len(piece)
        self.filled += piece.count(self.filling)
        if len(self.first) < 100:
            self.first = (self.first + piece)[:100]
        self.last = (self.last + piece)[-100:]

    def read(self, most=None, size=262144):
        """Until the reply's end, the connection's, or `most` bytes of the body."""
        self.client.sock.settimeout(30)
        while not self.ended and not self.broken and (most is None or self.bytes < most):
            try:
                got = self.client.sock.recv(size)
            except ConnectionResetError:
                got = b""
            if not got:
                self.broken = self.chunked
                self.ended = not self.chunked
                return self
            self.data = self.data + got if self.data else got
            if self.chunked:
                self._chunks()
            else:
                self.take(self.data)
                self.data = b""
        return self

    def _chunks(self):
        data, at = self.data, 0
        while at < len(data):
            if self.left > 2:
                piece = data[at:at + self.left - 2]
                self.take(piece)
                at += len(piece)
                self.left -= len(piece)
                continue
            if self.left:
                if len(data) - at < self.left:
                    break
                check(data[at:at + self.left] == b"\r\n"[-self.left:], "a chunk must end with CR LF")
                at, self.left = at + self.left, 0
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                break
            size = int(data[at:end], 16)
            if size == 0:
                if len(data) < end + 4:
                    break
                equal(data[end:end + 4], b"\r\n\r\n", "end of the last chunk")
                equal(data[end + 4:], b"", "bytes after the last chunk")
                self.ended = True
                at = len(data)
                break
            at, self.left = end + 2, size + 2
        self.data = data[at:]


def whole(stream, size, id=b"1"):
    begin, end = b'{"jsonrpc":"2.0","id":' + id + b',"result":"', b'"}'
    check(stream.ended and not stream.broken, f"the reply must be complete: {stream.bytes} bytes")
    equal(stream.filled - begin.count(b"x"), size, "bytes of the result")
    equal(stream.bytes, len(begin) + size + len(end), "bytes of the body")
    check(stream.first.startswith(begin) and stream.last.endswith(b"x" + end), "envelope",
          stream.first, stream.last)


def slow_reader(chunked, version):
    def run(full=False):
        size = (1024 if full else 64) * MIB
        with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls, **ON_DEMAND}) as sluice:
            equal(sluice.rpc(call("test_size", [300000])).status, 200, "a large call before")
            before = sluice.rss()
            with Client(sluice.http, receive_buffer=65536) as client:
                stream = Stream(client, call("test_size", [size, "chunked"] if chunked else [size]), version)
                head = stream.head()
                check(head.startswith(b"HTTP/1.1 200"), "status", head)
                for step in range(1, 5):
                    stream.read(most=step * MIB, size=16384)
                    time.sleep(0.3)
                    check(sluice.rss() - before < SLACK, f"memory grew by {sluice.rss() - before} bytes")
                stream.read()
                whole(stream, size)
                if version == "1.1":
                    equal(client.rpc(call("test_echo", [1])).json()["result"], [1], "the next call")
                grown = sluice.peak_rss() - before
                check(grown <= SLACK, f"memory grew by {grown} bytes for a reply of {size}")
            poll(lambda: sluice.rss() - before < SLACK / 2, "memory is given back")
    return run


def cases(full):
    for chunked in (False, True):
        for version in ("1.1", "1.0"):
            name = f"a_slow_reader_{'of_chunks' if chunked else 'of_a_known_length'}_http_{version}"
            yield name, lambda run=slow_reader(chunked, version): run(full)
    for name, (script, relayed) in BAD.items():
        yield f"cut_{name}", bad(script, relayed)
        if relayed:
            yield f"cut_{name}_http_1_0", bad_for_http_1_0(script)


def test_many_slow_readers_at_once():
    readers, size = 24, 32 * MIB
    with Devnodes(2) as nodes, Sluice(urls=nodes.urls) as sluice, contextlib.ExitStack() as stack:
        equal(sluice.rpc(call("test_size", [300000])).status, 200, "a large call before")
        before = sluice.rss()
        streams = []
        for _ in range(readers):
            client = stack.enter_context(Client(sluice.http, receive_buffer=65536))
            streams.append(Stream(client, call("test_size", [size])))
        for stream in streams:
            stream.head()
        time.sleep(0.5)
        grown = sluice.rss() - before
        check(grown < readers * MIB, f"memory grew by {grown} bytes for {readers} readers")
        for stream in streams[:4]:
            whole(stream.read(), size)


def test_a_client_that_goes_away_frees_everything():
    with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls, **ON_DEMAND}) as sluice:
        for reset in (False, True):
            before = sluice.metric("sluice_calls_total", outcome="cancelled")
            client = Client(sluice.http, receive_buffer=65536)
            stream = Stream(client, call("test_size", [512 * MIB]))
            stream.head()
            stream.read(most=MIB)
            client.reset() if reset else client.close()
            poll(lambda: sluice.metric("sluice_calls_total", outcome="cancelled") == before + 1,
                 "the call is counted as cancelled")
            poll(lambda: sluice.metric("sluice_calls_in_flight") == 0, "no call is under way")
            poll(lambda: nodes.stats()["connections"]["open"] <= 4, "the node's connection is closed")


def test_a_client_that_stops_reading_is_cut():
    with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls, "timeout": {"idle": "1s"}}) as sluice:
        with Client(sluice.http, receive_buffer=65536) as client:
            stream = Stream(client, call("test_size", [256 * MIB]))
            stream.head()
            poll(lambda: sluice.metric("sluice_rejected_total", reason="slow_reader") == 1,
                 "the reader is given up")
            stream.read()
            check(stream.broken and not stream.ended, "the reply must not be complete", stream.bytes)


def test_a_slow_reader_outlives_the_deadline_of_the_attempt():
    """What counts is progress: a client that reads on is not cut when the attempt's time is up."""
    config = {"timeout": {"attempt": "1s", "call": "1500ms"}}
    with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls, **config}) as sluice:
        with Client(sluice.http, receive_buffer=65536) as client:
            size = 24 * MIB
            stream = Stream(client, call("test_size", [size]))
            stream.head()
            began, step = time.monotonic(), 0
            while time.monotonic() - began < 2.5:
                step += 1
                stream.read(most=step * 131072, size=16384)
                time.sleep(0.05)
            whole(stream.read(), size)


# --- Replies that turn out bad -------------------------------------------------------------------

FILLING = b"x" * 400000


def reply(request, tail, head=None, fields=None, more=0):
    """A reply with a large result and what `tail` makes of its end."""
    begin = b'{"jsonrpc":"2.0",' + (b'"id":%s,' % request.id if head is None else head) + b'"result":"'
    body = begin + FILLING + tail(request)
    length = b"Content-Length: %d" % (len(body) + more)
    return b"HTTP/1.1 200 OK\r\n" + (length if fields is None else fields) + b"\r\n\r\n", body


def whole_of(**options):
    def script(connection):
        head, body = reply(connection.read_request(), **options)
        connection.send(head + body)
    return script


def in_chunks(last):
    def script(connection):
        head, body = reply(connection.read_request(), lambda r: b'"}', fields=b"Transfer-Encoding: chunked")
        connection.send(head + b"%x\r\n" % len(body) + body + last)
    return script


def then_reset(connection):
    head, body = reply(connection.read_request(), lambda r: b'"}')
    connection.send(head + body[:300000])
    connection.wait(0.2)
    connection.reset()


# A script, and whether bytes of it reach the client before it is found out.
BAD = {
    "short_of_its_length": (whole_of(tail=lambda r: b'"}', more=1), True),
    "ended_in_the_result": (whole_of(tail=lambda r: b"", more=1000), True),
    "reset": (then_reset, True),
    "without_its_last_chunk": (in_chunks(b"\r\n"), True),
    "in_a_bad_chunk": (in_chunks(b"\r\nzz\r\n"), True),
    "not_closed": (whole_of(tail=lambda r: b'"'), True),
    "with_a_second_result": (whole_of(tail=lambda r: b'","result":1}'), True),
    "with_an_error_beside": (whole_of(tail=lambda r: b'","error":{"code":1,"message":"m"}}'), True),
    "with_a_control_character": (whole_of(tail=lambda r: b'\n"}'), True),
    "with_invalid_utf8": (whole_of(tail=lambda r: b'\xff"}'), True),
    "followed_by_more": (whole_of(tail=lambda r: b'"}{}'), True),
    "with_another_id_at_its_end": (whole_of(head=b"", tail=lambda r: b'","id":1%s}' % r.id), True),
    "without_an_id": (whole_of(head=b"", tail=lambda r: b'"}'), True),
    "with_a_second_id": (whole_of(tail=lambda r: b'","id":%s}' % r.id), True),
    "with_another_id_first": (whole_of(head=b'"id":123456789,', tail=lambda r: b'"}'), False),
    "with_a_null_id_first": (whole_of(head=b'"id":null,', tail=lambda r: b'"}'), False),
    "not_json_from_the_start": (whole_of(head=b"nonsense,", tail=lambda r: b'"}'), False),
}


def bad(script, relayed):
    def run():
        with ScriptedUpstream(script) as node, Sluice({"upstreams": [node.url], "retry": {"max": 0},
                                                       **ON_DEMAND}) as sluice:
            with sluice.client() as client:
                if relayed:
                    stream = Stream(client, call("eth_call", [{}, "latest"]))
                    stream.head()
                    stream.read()
                    check(stream.broken and not stream.ended,
                          f"a bad reply was completed after {stream.bytes} bytes: …{stream.last[-40:]}")
                    poll(lambda: sluice.metric("sluice_calls_total", outcome="bad_reply") == 1,
                         "the call is counted as one with a bad reply")
                else:
                    got = client.rpc(call("eth_call", [{}, "latest"]))
                    equal((got.status, got.json()["error"]["code"]), (502, -32603), "status and code")
            poll(lambda: len(node._open) <= 1, "the node's connection is given up, but for the probe's")
            equal(node.count, 1, "requests")
    return run


def bad_for_http_1_0(script):
    """Where only the end of the connection ends a reply, a cut must be a reset or unfinished JSON."""
    def run():
        with ScriptedUpstream(script) as node, Sluice({"upstreams": [node.url], "retry": {"max": 0},
                                                       **ON_DEMAND}) as sluice:
            with sluice.client() as client:
                stream = Stream(client, call("eth_call", [{}, "latest"]), version="1.0")
                stream.head()
                stream.read()
                check(not stream.last.endswith(b'"}'), "a bad reply looks complete", stream.last)
    return run


def test_a_node_that_stalls_in_a_streamed_reply(full=False):
    """Cut once it has sent nothing for the time that is borne."""
    from support.sluice import Skipped
    if not full:
        raise Skipped("takes ten seconds; part of --full")
    def script(connection):
        head, body = reply(connection.read_request(), lambda r: b'"}')
        connection.send(head + body[:300000])
        connection.wait_gone()
    with ScriptedUpstream(script) as node, Sluice(urls=[node.url]) as sluice, sluice.client() as client:
        began = time.monotonic()
        stream = Stream(client, call("eth_call", [{}, "latest"]))
        stream.head()
        stream.read()
        check(stream.broken and not stream.ended, "a stalled reply was completed")
        check(9 < time.monotonic() - began < 15, f"cut after {time.monotonic() - began:.1f} s")


def test_streams_and_small_calls_side_by_side():
    """A stream to a slow reader on the same worker holds up nobody."""
    with Devnodes(1) as nodes, Sluice(urls=nodes.urls, workers=1) as sluice:
        with Client(sluice.http, receive_buffer=65536) as slow, sluice.client() as quick:
            stream = Stream(slow, call("test_size", [64 * MIB]))
            stream.head()
            took = []
            for n in range(100):
                began = time.monotonic()
                equal(quick.rpc(call("test_echo", [n])).json()["result"], [n], "result")
                took.append(time.monotonic() - began)
                if n % 10 == 0:
                    stream.read(most=(n + 1) * 65536)
            check(sorted(took)[50] < 0.1, f"small calls take {sorted(took)[50]:.3f} s beside a stream")
            whole(stream.read(), 64 * MIB)
