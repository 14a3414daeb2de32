# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC over WebSocket: calls side by side, in any order, by clients that leave, read slowly or
are told that the daemon goes away."""

import json
import threading

from stage import GOOD, GOOD_PARAMS, Stage, table
from support.sluice import WebSocket, call, check, elements, equal, members, poll, sanitized
from ws_words import PING, answered, closing, stage_answer, text


def notification(stage, batch=False):
    body = b'{"jsonrpc":"2.0","method":"eth_getBalance","params":["0xcc"]}'
    with stage.case(2), WebSocket(stage.sluice.http) as ws:
        ws.send(text(b"[" + body + b"]" if batch else body))
        stage.upstream.wait_count(1)
        ws.send(text())
        stage_answer(ws)
        check(ws.is_open(0.05), "a frame that nobody asked for")


def batch(stage):
    with stage.case(3), WebSocket(stage.sluice.http) as ws:
        calls = [call("eth_getBalance", [i], i) for i in range(3)] + [call("admin_peers", [], 3)]
        ws.send(text(json.dumps(calls).encode()))
        got = [json.loads(e) for e in elements(ws.read_message())]
        equal([g["id"] for g in got], [0, 1, 2, 3], "ids")
        equal([g.get("result") for g in got], [[0], [1], [2], None], "results")


def one_id_twice(stage):
    with stage.case(2), WebSocket(stage.sluice.http) as ws:
        ws.send(text(json.dumps(call("eth_getBalance", ["a"], 1)).encode()) + text(json.dumps(call("eth_getBalance",
                ["b"], 1)).encode()))
        got = [json.loads(ws.read_message()) for _ in range(2)]
        equal((sorted(g["result"] for g in got), [g["id"] for g in got]), ([["a"], ["b"]], [1, 1]), "results, ids")


def out_of_order(stage):
    """A slow call holds up none behind it."""
    release = threading.Event()

    def script(connection):
        while True:
            request = connection.read_request()
            if request.params == b'["slow"]':
                connection.wait_for(release)
            connection.send(request.reply())
    with stage.case(3), stage.playing(script), WebSocket(stage.sluice.http) as ws:
        for i, what in enumerate(("slow", "fast", "faster")):
            ws.send(text(json.dumps(call("eth_getBalance", [what], i), separators=(",", ":")).encode()))
        equal({json.loads(ws.read_message())["id"] for _ in range(2)}, {1, 2}, "the first answers")
        release.set()
        equal(json.loads(ws.read_message())["id"], 0, "the last answer")


def many_in_flight(stage):
    """More calls than may be in flight: the rest waits in the socket, and all are answered."""
    with stage.case(3000), WebSocket(stage.sluice.http) as ws:
        data = b"".join(text(json.dumps(call("eth_getBalance", [i], i)).encode()) for i in range(3000))
        sender = threading.Thread(target=ws.send, args=(data,))
        sender.start()
        got = [json.loads(ws.read_message(30)) for _ in range(3000)]
        sender.join()
        equal(sorted(g["id"] for g in got), list(range(3000)), "ids")
        check(all(g.get("result") == [g["id"]] for g in got), "a result went to another id",
              next((g for g in got if g.get("result") != [g["id"]]), None))


def leaves(stage):
    def script(connection):
        while True:
            request = connection.read_request()
            if request.params != GOOD_PARAMS:
                connection.wait(0.1)
            connection.send(request.reply())
    with stage.playing(script):
        for cut in ("reset", "close"):
            seen, ws = stage.upstream.count, WebSocket(stage.sluice.http)
            ws.send(b"".join(text(json.dumps(call("eth_getBalance", [i], i)).encode()) for i in range(50)))
            stage.upstream.wait_count(seen + 1)
            getattr(ws, cut)()
        poll(lambda: stage.sluice.metric("sluice_calls_in_flight") == 0,
             "no call of a client that is gone is in flight")
    stage.good()


def large_result(stage):
    """A reply that HTTP would stream is held whole and sent as one message."""
    def script(connection):
        while True:
            request = connection.read_request()
            connection.send(request.reply(b'"' + b"z" * (3 << 20) + b'"'))
    with stage.playing(script), WebSocket(stage.sluice.http) as ws:
        ws.send(text())
        got = members(ws.read_message(20))
        check(got[b"result"] == b'"' + b"z" * (3 << 20) + b'"', "the result", len(got[b"result"]))


def slow_reader(stage):
    """Who asks for much and reads nothing is cut before it costs much; others do not notice."""
    def script(connection):
        while True:
            request = connection.read_request()
            result = None if request.params == GOOD_PARAMS else b'"' + b"z" * (1 << 20) + b'"'
            connection.send(request.reply(result))
    before = stage.sluice.rss()
    with stage.playing(script), WebSocket(stage.sluice.http, receive_buffer=4096) as ws:
        ws.try_send(b"".join(text(json.dumps(call("eth_getBalance", [i], i)).encode()) for i in range(200)))
        poll(lambda: stage.sluice.metric("sluice_rejected_total", reason="slow_reader") >= 1,
             "the slow reader is cut", 30)
        stage.sluice.rpc(GOOD)
    grown = stage.sluice.rss() - before
    check(sanitized() or grown < 150 << 20, "memory for a slow reader", f"{grown} bytes")


def unanswered_close(stage):
    """Who never says goodbye in return is left behind after some seconds."""
    def open_ones():
        return stage.sluice.metric("sluice_client_connections", protocol="websocket")
    poll(lambda: open_ones() == 0, "no other WebSocket is open")
    with stage.case(0, "websocket_protocol"), WebSocket(stage.sluice.http) as ws:
        ws.send(text(mask=None))
        equal(ws.read_close(), 1002, "code of the close frame")
        poll(lambda: open_ones() == 0, "the connection is given up", 8)


def going_away():
    with Stage() as stage:
        with WebSocket(stage.sluice.http) as ws:
            ws.send(text())
            stage_answer(ws)
            stage.sluice.ended = True
            stage.sluice.signal(15)
            equal(ws.read_close(), 1001, "code of the close frame")
            ws.send(closing(1001))
            equal(ws.wait_closed(5), b"", "bytes after the close frame")
            equal(stage._sluice.wait(), 0, "exit code")


def silent(stage):
    with stage.case(0, "websocket_silent"), WebSocket(stage.sluice.http) as ws:
        equal(ws.read_frame(40).opcode, PING, "the first frame")
        equal(ws.wait_closed(40), b"", "what comes for a client that does not answer a ping")


ROWS = [
    ("not_json", answered(text(b"{"), -32700)),
    ("empty_message", answered(text(b""), -32700)),
    ("no_request", answered(text(b"{}"), -32600)),
    ("empty_batch", answered(text(b"[]"), -32600)),
    ("denied_method", answered(text(b'{"jsonrpc":"2.0","id":5,"method":"admin_peers"}'), -32601, b"5")),
    ("eth_subscribe", answered(text(b'{"jsonrpc":"2.0","id":5,"method":"eth_subscribe","params":["newHeads"]}'),
                               -32601, b"5")),
    ("eth_unsubscribe", answered(text(b'{"jsonrpc":"2.0","id":5,"method":"eth_unsubscribe","params":["0x1"]}'),
                                 -32601, b"5")),
    ("scalar_params", answered(text(b'{"jsonrpc":"2.0","id":5,"method":"eth_getBalance","params":1}'), -32602, b"5")),
    ("notification_gets_no_frame", lambda s: notification(s)),
    ("batch", lambda s: batch(s)),
    ("batch_of_notifications_gets_no_frame", lambda s: notification(s, batch=True)),
    ("one_id_twice_in_flight", lambda s: one_id_twice(s)),
    ("answers_as_they_come", lambda s: out_of_order(s)),
    ("a_thousand_calls_in_flight", lambda s: many_in_flight(s)),
    ("client_leaves_with_calls_in_flight", lambda s: leaves(s)),
    ("large_result", lambda s: large_result(s)),
    ("slow_reader_is_cut", lambda s: slow_reader(s)),
    ("close_frame_never_answered", lambda s: unanswered_close(s)),
    ("server_shuts_down", lambda s: going_away()),
]


def cases(full):
    with Stage() as stage:
        yield from table(stage, ROWS)
        if full:
            yield "silent_client_is_cut_after_a_minute", lambda: silent(stage)
