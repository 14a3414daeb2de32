# SPDX-License-Identifier: Apache-2.0
"""Every configured limit on what a client sends and gets: at the limit all is well, one past it is
refused, and what is refused costs nothing."""

import json
import threading

from stage import GOOD, GOOD_PARAMS, Stage, assert_error, table
from support.sluice import (ScriptedUpstream, Sluice, WebSocket, call, check, elements, equal, frame, members,
                            poll, post, sanitized)

LIMITS = {"body": "10KiB", "batch": 20, "header": "2KiB", "headers": 12, "target": "300B", "json_depth": 10,
          "held_reply": "4KiB", "response": "64KiB", "websocket_message": "20KiB", "websocket_in_flight": 5,
          "websocket_pings": "10/s"}


def padded(size):
    return GOOD + b" " * (size - len(GOOD))


def chunked(body):
    return (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")


def head_of(size):
    data = post(GOOD, headers=[("X", "")])
    at = data.index(b"\r\n\r\n")
    return data[:at] + b"a" * (size - (at + 4)) + data[at:]


def target_of(size):
    return post(GOOD, "/?" + "a" * (size - 2))


def fields_of(count):
    return post(GOOD, headers=[(f"X{i}", "y") for i in range(count - 3)])


def depth_of(levels):
    return post(GOOD.replace(GOOD_PARAMS, b"[" * (levels - 1) + b"]" * (levels - 1)))


def batch_of(count):
    return json.dumps([call("eth_getBalance", [i], i) for i in range(count)]).encode()


def batch_at(stage):
    with stage.case(20), stage.client() as client:
        equal(len(elements(client.rpc(batch_of(20)).body)), 20, "replies")


def batch_past(stage):
    with stage.case(0, "batch_too_large"), stage.client() as client:
        response = client.rpc(batch_of(21))
        equal((response.status, len(elements(response.body))), (200, 1), "status, errors")
        assert_error(elements(response.body)[0], -32600, b"0")


def depth_past(stage):
    with stage.case(0, "parse_error"), stage.client() as client:
        response = client.send(depth_of(11)).response()
        equal(response.status, 200, "status")
        assert_error(response.body, -32700, b"null")


def expected_body(stage):
    """A body that is announced too large is refused before any of it came."""
    with stage.case(0, "body_too_large"), stage.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10241\r\n\r\n")
        equal(client.response().status, 413, "status")
        equal(client.wait_closed(3), b"", "bytes after the refusal")


# --- Replies --------------------------------------------------------------------------------------


def sized(connection):
    """A node whose replies are as large as the first param says."""
    while True:
        request = connection.read_request()
        size = json.loads(request.params)[0] if request.params != GOOD_PARAMS else None
        if not isinstance(size, int):
            connection.send(request.reply())
            continue
        filling = size - len(b'{"jsonrpc":"2.0","id":' + request.id + b',"result":""}')
        connection.send(request.reply(b'"' + b"r" * filling + b'"'))


def asking(size):
    return json.dumps(call("eth_getBalance", [size], "good")).encode()


def reply_of(stage, size, framing):
    """A reply is held up to the limit, and relayed as it comes beyond."""
    with stage.case(1), stage.client() as client:
        response = client.rpc(asking(size))
        equal((response.status, response.framing), (200, framing), f"status, framing of a reply of {size} bytes")
        result = json.loads(response.body)["result"]
        check(set(result) == {"r"} and abs(len(result) - size) < 60, "the result", len(result))


def websocket_reply(stage, size, fits):
    with stage.case(1), WebSocket(stage.sluice.http) as ws:
        ws.send(frame(1, asking(size)))
        got = json.loads(ws.read_message())
        if fits:
            check(abs(len(got["result"]) - size) < 60, "the result", len(got["result"]))
        else:
            equal((got["error"]["code"], got["error"]["message"]), (-32003, "response too large"), "code, message")


def too_large_is_no_fault(stage):
    """A reply above our own limit is asked for once, and the node stays in good standing."""
    with stage.case(20), WebSocket(stage.sluice.http) as ws:
        for _ in range(20):
            ws.send(frame(1, asking(70000)))
            equal(json.loads(ws.read_message())["error"]["code"], -32003, "code")
        equal(stage.sluice.metric("sluice_upstream_consecutive_failures", upstream="node"), 0, "failures of the node")


def batch_reply(stage):
    """Together the replies of a batch are at most limits.response; what is past it is refused item by
    item."""
    with stage.case(4), stage.client() as client:
        response = client.rpc([call("eth_getBalance", [30000], i) for i in range(4)])
        got = [json.loads(e) for e in elements(response.body)]
        equal([g["id"] for g in got], [0, 1, 2, 3], "ids")
        codes = [g.get("error", {}).get("code") for g in got]
        equal((codes.count(None), codes.count(-32003)), (2, 2), f"codes {codes}")
        equal(client.rpc(GOOD).status, 200, "status of the next request")
        stage.upstream.requests.pop()


# --- WebSocket ------------------------------------------------------------------------------------


def message_at(stage, size=20480):
    with stage.case(2), WebSocket(stage.sluice.http) as ws:
        ws.send(frame(1, padded(size)))
        equal(members(ws.read_message())[b"result"], GOOD_PARAMS, "result")
        half = size // 2
        ws.send(frame(1, padded(size)[:half], final=False) + frame(0, padded(size)[half:]))
        equal(members(ws.read_message())[b"result"], GOOD_PARAMS, "result of fragments")


def message_past(stage, size=20481):
    for data in (frame(1, padded(size)), frame(1, padded(size)[:100], final=False) + frame(0, padded(size)[100:])):
        with stage.case(0, "websocket_protocol"), WebSocket(stage.sluice.http) as ws:
            ws.try_send(data)
            equal(ws.read_close(), 1009, "code of the close frame")


def in_flight(stage):
    """No more than five calls of one WebSocket are at the node at a time, and none is lost."""
    running, most, lock = [0], [0], threading.Lock()

    def script(connection):
        while True:
            request = connection.read_request()
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            connection.wait(0.02)
            with lock:
                running[0] -= 1
            connection.send(request.reply())

    with ScriptedUpstream(script) as upstream:
        with Sluice({"chain_id": 1337, "upstreams": [upstream.url],
                     "limits": LIMITS}) as sluice, WebSocket(sluice.http) as ws:
            for _ in range(2):
                ws.send(b"".join(frame(1, json.dumps(call("eth_getBalance", ["x"], i)).encode()) for i in range(30)))
            got = sorted(json.loads(ws.read_message())["id"] for _ in range(60))
            equal(got, sorted(list(range(30)) * 2), "ids")
            equal(most[0], 5, "calls at the node at one time")


def ping_rate(stage):
    with stage.case(0, "websocket_protocol"), WebSocket(stage.sluice.http) as ws:
        ws.try_send(frame(9, b"x") * 12)
        pongs = 0
        while (got := ws.read_frame()).opcode == 10:
            pongs += 1
        equal((got.opcode, got.payload[:2]), (8, b"\x03\xf0"), "the last frame")
        check(pongs <= 11, "pongs", pongs)
    with stage.case(0), WebSocket(stage.sluice.http) as ws:
        ws.send(frame(9, b"x") * 10)
        equal(ws.read_frame().opcode, 10, "a pong")
        check(ws.is_open(0.1) or ws.read_frame().opcode == 10, "ten pings are within the rate")


# --- Memory ---------------------------------------------------------------------------------------


def memory():
    """Bodies held beyond limits.memory are shed, and what was held comes back."""
    release = threading.Event()

    def script(connection):
        while True:
            request = connection.read_request()
            if b"hold" in request.params:
                connection.wait_for(release)
            connection.send(request.reply(b"true"))

    with ScriptedUpstream(script) as upstream:
        config = {"chain_id": 1337, "upstreams": [upstream.url], "limits": {"memory": "16MiB"}}
        with Sluice(config, workers=1) as sluice:
            body = json.dumps(call("eth_getBalance", ["hold", "x" * (2 << 20)])).encode()
            clients = [sluice.client().send(post(body)) for _ in range(14)]
            poll(lambda: sluice.metric("sluice_rejected_total", reason="memory") >= 1, "some are shed")
            equal(sluice.rpc(GOOD).status, 200, "status of a small call meanwhile")
            release.set()
            statuses = [c.response().status for c in clients]
            check(set(statuses) <= {200, 503, 429} and statuses.count(200) >= 5 and statuses.count(200) <= 8,
                  "statuses", statuses)
            for client in clients:
                client.close()
            again = [sluice.rpc(body).status for _ in range(8)]
            equal(again, [200] * 8, "statuses when the memory is free again")


def nothing_costs_memory(stage):
    """Ten thousand refusals leave the daemon as it was."""
    bad = [post(b"[" * 5000), post(b"{" * 5000), b"POST / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000,
           target_of(2000),
           post(GOOD, "/nowhere"), chunked(b"x" * 9000), post(batch_of(200))]
    def round_():
        for data in bad * 20:
            with stage.client() as client:
                client.try_send(data)
                client.response()
    round_()
    before = stage.sluice.rss()
    for _ in range(10):
        round_()
    grown = stage.sluice.rss() - before
    check(sanitized() or grown < 4 << 20, "memory after 1,400 refusals", f"{grown} bytes more")


ROWS = [
    ("body_at_the_limit", lambda s: s.served(post(padded(10240)))),
    ("body_one_past", lambda s: s.refused(post(padded(10241)), 413, reason="body_too_large")),
    ("body_one_past_before_it_came", expected_body),
    ("chunked_body_at_the_limit", lambda s: s.served(chunked(padded(10240)))),
    ("chunked_body_one_past", lambda s: s.refused(chunked(padded(10241)), 413, reason="body_too_large")),
    ("head_at_the_limit", lambda s: s.served(head_of(2048))),
    ("head_one_past", lambda s: s.refused(head_of(2049), 431, reason="head_too_large")),
    ("fields_at_the_limit", lambda s: s.served(fields_of(12))),
    ("fields_one_past", lambda s: s.refused(fields_of(13), 431, reason="too_many_fields")),
    ("target_at_the_limit", lambda s: s.served(target_of(300))),
    ("target_one_past", lambda s: s.refused(target_of(301), 414, reason="target_too_long")),
    ("depth_at_the_limit", lambda s: s.served(depth_of(10), params=b"[" * 9 + b"]" * 9)),
    ("depth_one_past", depth_past),
    ("batch_at_the_limit", batch_at),
    ("batch_one_past", batch_past),
    ("reply_held_at_the_limit", lambda s: reply_of(s, 4096, "content-length")),
    ("reply_one_past_is_streamed", lambda s: reply_of(s, 4097, "chunked")),
    ("reply_streamed_beyond_the_limit_of_held_ones", lambda s: reply_of(s, 1 << 20, "chunked")),
    ("websocket_reply_within_the_limit", lambda s: websocket_reply(s, 65000, True)),
    ("websocket_reply_past_the_limit", lambda s: websocket_reply(s, 70000, False)),
    ("too_large_replies_are_no_fault_of_the_node", too_large_is_no_fault),
    ("batch_replies_past_the_limit", batch_reply),
    ("message_at_the_limit", message_at),
    ("message_one_past", message_past),
    ("calls_in_flight", in_flight),
    ("ping_rate", ping_rate),
    ("refusals_leave_no_memory_behind", nothing_costs_memory),
]


def cases(full):
    with Stage({"limits": LIMITS}, script=sized) as stage:
        yield from table(stage, ROWS)
    yield "memory_held", memory
