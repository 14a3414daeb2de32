# SPDX-License-Identifier: Apache-2.0
"""WebSocket clients: handshake, frames, messages, closing. What breaks RFC 6455 ends the connection
with the right code and reaches no node."""

import struct
import time

from stage import GOOD_PARAMS, Stage, assert_canonical, assert_error, table
from support.sluice import WebSocket, check, equal, frame, members, sanitized, upgrade_request
from ws_words import BINARY, CALL, CLOSE, PING, PONG, TEXT, answered, closing, stage_answer, text


def closed(data, code, before=0, reason="websocket_protocol"):
    """The frames end the connection with `code`; the answers to `before` good calls among them may
    come first, or are lost."""
    def run(stage):
        with stage.case(before, reason), WebSocket(stage.sluice.http) as ws:
            ws.try_send(data)
            got = ws.read_frame()
            if got.opcode == TEXT and before:
                got = ws.read_frame()
            ended = struct.unpack(">H", got.payload[:2])[0] if got.payload else None
            equal((got.opcode, ended), (CLOSE, code), "the close frame")
            stage.upstream.wait_count(before)
            equal(ws.wait_closed(7), b"", "bytes after the close frame")
    return run


def served(data, answers=1, pongs=(), params=GOOD_PARAMS):
    """The frames bring `answers` answers, the connection goes on."""
    def run(stage):
        with stage.case(answers + 1), WebSocket(stage.sluice.http) as ws:
            ws.send(data)
            for payload in pongs:
                got = ws.read_frame()
                equal((got.opcode, got.payload), (PONG, payload), "pong")
            for _ in range(answers):
                stage_answer(ws)
            if answers:
                assert_canonical(stage.upstream.requests[0], "eth_getBalance", params)
            ws.send(text())
            stage_answer(ws)
    return run


def split(body, sizes, opcode=TEXT, between=b""):
    """A message in fragments that end at `sizes`, with frames between."""
    pieces, at = [], 0
    for size in [*sizes, len(body)]:
        pieces.append(body[at:size])
        at = size
    out = b""
    for i, piece in enumerate(pieces):
        out += frame(opcode if i == 0 else 0, piece, final=i == len(pieces) - 1)
        if i < len(pieces) - 1:
            out += between
    return out


ROWS = []
# --- Handshake ------------------------------------------------------------------------------------
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ROWS += [(f"handshake_refused_{name}", lambda s, h=headers, st=status: refused(s, h, st)) for name, headers, status in [
    ("without_key", [("Sec-WebSocket-Key", None)], 400), ("key_short", [("Sec-WebSocket-Key", "YQ==")], 400),
    ("key_not_base64", [("Sec-WebSocket-Key", "!" * 22 + "==")], 400),
    ("key_long", [("Sec-WebSocket-Key", KEY + "AA")], 400),
    ("key_empty", [("Sec-WebSocket-Key", "")], 400), ("version_missing", [("Sec-WebSocket-Version", None)], 426),
    ("version_8", [("Sec-WebSocket-Version", "8")], 426), ("version_12", [("Sec-WebSocket-Version", "12")], 426),
    ("version_14", [("Sec-WebSocket-Version", "14")], 426)]]
ROWS += [
    ("handshake_refused_key_twice", lambda s: key_twice(s)),
    ("handshake_in_other_case", lambda s: handshake(s, [("Upgrade", "WebSocket"), ("Connection",
            "keep-alive, UPGRADE")])),
    ("handshake_with_subprotocol", lambda s: handshake(s, [("Sec-WebSocket-Protocol", "json, graphql-ws")])),
    ("handshake_with_extensions_declines_them", lambda s: handshake(s, [
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame")])),
    ("handshake_with_no_origin", lambda s: handshake(s, [])),
    ("handshake_on_the_path_of_the_chain", lambda s: handshake(s, [], "/main")),
    ("handshake_from_a_foreign_origin", lambda s: foreign_origin(s)),
    ("frames_behind_the_handshake_in_one_segment", lambda s: frames_at_once(s)),
    ("handshake_byte_by_byte", lambda s: handshake_slowly(s)),
]
# --- Frames ---------------------------------------------------------------------------------------
ROWS += [(f"reserved_bit_{bits}", closed(text(rsv=bits), 1002)) for bits in (1, 2, 4, 7)]
ROWS += [(f"reserved_bit_in_a_ping", closed(frame(PING, rsv=4), 1002))]
ROWS += [(f"opcode_{n}", closed(frame(n, b"x"), 1002)) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)]
ROWS += [
    ("frame_not_masked", closed(text(mask=None), 1002)),
    ("ping_not_masked", closed(frame(PING, mask=None), 1002)),
    ("second_frame_not_masked", closed(text() + text(mask=None), 1002, before=1)),
    ("mask_of_zeros", served(text(mask=bytes(4)))),
    ("ping_of_126_bytes", closed(frame(PING, b"x" * 126), 1002)),
    ("ping_in_fragments", closed(frame(PING, b"x", final=False), 1002)),
    ("close_in_fragments", closed(frame(CLOSE, b"", final=False), 1002)),
    ("pong_of_126_bytes", closed(frame(PONG, b"x" * 126), 1002)),
    ("continuation_of_nothing", closed(frame(0, b"x"), 1002)),
    ("continuation_after_a_whole_message", closed(text() + frame(0, b"x"), 1002, before=1)),
    ("text_within_a_fragmented_message", closed(frame(TEXT, b"{", final=False) + text(), 1002)),
    ("binary_within_a_fragmented_message", closed(frame(TEXT, b"{", final=False) + frame(BINARY, b"x"), 1002)),
    ("length_with_the_top_bit", closed(frame(TEXT, b"", length=(127, struct.pack(">Q", 1 << 63))), 1002)),
    ("length_of_all_ones", closed(frame(TEXT, b"", length=(127, b"\xff" * 8)), 1002)),
    ("length_125_in_two_bytes", closed(frame(TEXT, b"x" * 125, length=(126, struct.pack(">H", 125))), 1002)),
    ("length_0_in_two_bytes", closed(frame(TEXT, b"", length=(126, b"\0\0")), 1002)),
    ("length_65535_in_eight_bytes", closed(frame(TEXT, b"x" * 65535, length=(127, struct.pack(">Q", 65535))), 1002)),
    ("message_above_16_MiB_by_its_length",
     closed(frame(TEXT, b"", length=(127, struct.pack(">Q", (16 << 20) + 1))), 1009)),
    ("message_above_16_MiB_in_two_fragments", lambda s: too_large_in_fragments(s)),
    ("declared_length_is_not_allocated", lambda s: no_allocation(s)),
    ("message_of_16_MiB", lambda s: large_message(s)),
]
# --- Messages in fragments ------------------------------------------------------------------------
ROWS += [
    ("message_in_two_fragments", served(split(CALL, [10]))),
    ("message_in_fragments_of_one_byte", served(split(CALL, range(1, len(CALL))))),
    ("empty_fragments_within", served(split(CALL, [0, 5, 5, 5, len(CALL)]))),
    ("control_frames_within", served(split(CALL, [3, 9], between=frame(PING, b"p") + frame(PONG, b"q")), pongs=[b"p"])),
    ("binary_message_of_text", served(frame(BINARY, CALL))),
    ("binary_message_in_fragments", served(split(CALL, [7], opcode=BINARY))),
    ("two_messages_in_one_segment", served(text() + text(), answers=2)),
    ("frames_cut_at_every_place", lambda s: cut_everywhere(s)),
    ("fragments_of_one_byte_for_a_MiB", lambda s: fragment_flood(s, b"x")),
    ("empty_fragments_without_end", lambda s: fragment_flood(s, b"")),
    ("long_message", served(text(CALL[:-1] + b" " * 70000 + b"}"))),
    ("message_of_126_bytes", served(text(CALL + b" " * (126 - len(CALL) % 126)))),
]
# --- UTF-8 ----------------------------------------------------------------------------------------
BAD_UTF8 = [b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff",
            b"\xf8\x88\x80\x80\x80", b"a\xc3"]
ROWS += [(f"text_not_utf8_{i}", closed(text(b'["' + bad + b'"]'), 1007)) for i, bad in enumerate(BAD_UTF8)]
ROWS += [
    ("text_cut_within_a_character_at_its_end", closed(text(b'["\xc3'), 1007)),
    ("text_in_fragments_cut_within_a_character", lambda s: split_character(s)),
    ("text_in_fragments_not_utf8", closed(split(b'["\xe2\x28\xa1"]', [3]), 1007)),
    ("bad_byte_before_the_message_ends", closed(frame(TEXT, b'["\xff', final=False), 1007)),
    ("binary_that_is_not_utf8", answered(frame(BINARY, b'["\xff"]'), -32700)),
    ("close_reason_not_utf8", closed(closing(1000, b"\xff"), 1007)),
]
# --- Control frames -------------------------------------------------------------------------------
ROWS += [(f"ping_of_{n}_bytes", served(frame(PING, b"p" * n), answers=0, pongs=[b"p" * n])) for n in (0, 1, 125)]
ROWS += [
    ("pong_unasked", served(frame(PONG, b"hello") + frame(PONG), answers=0)),
    ("ping_flood", lambda s: ping_flood(s)),
    ("pings_below_the_rate", lambda s: pings(s)),
    ("close_without_code", closed(closing(), None, reason=None)),
    ("close_with_one_byte", closed(frame(CLOSE, b"\x03"), 1002)),
    ("data_after_close", closed(closing(1000) + text(), 1000, reason=None)),
    ("close_behind_a_call", lambda s: close_behind(s)),
]
ROWS += [(f"close_code_{n}", closed(closing(n), 1002)) for n in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000,
                                                                 2999, 5000, 65535)]
ROWS += [(f"close_code_{n}_comes_back", closed(closing(n, b"bye"), n, reason=None))
         for n in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)]


def refused(stage, headers, status):
    with stage.case(0, "ws_version" if status == 426 else "ws_key"), stage.client() as client:
        client.send(upgrade_request(headers=headers))
        response = client.response(method="GET")
        equal(response.status, status, f"status ({response.body!r})")
        assert_error(response.body, -32600, b"null")
        if status == 426:
            equal(response.header("Sec-WebSocket-Version"), "13", "Sec-WebSocket-Version")
        equal(client.wait_closed(3), b"", "bytes after the refusal")


def key_twice(stage):
    data = upgrade_request(headers=[("Sec-WebSocket-Key", KEY)])
    stage.refused(data.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Key: " + KEY.encode() + b"\r\n\r\n"), 400,
                  reason="duplicate_field", method="GET")


def handshake(stage, headers, path="/"):
    with stage.case(1), WebSocket(stage.sluice.http, path, headers) as ws:
        names = {n.lower() for n, _ in ws.upgraded.headers}
        check(not names & {"sec-websocket-extensions", "sec-websocket-protocol"}, "something was agreed to",
              ws.upgraded)
        ws.send(text())
        stage_answer(ws)


def foreign_origin(stage):
    stage.refused(upgrade_request(headers=[("Origin", "https://evil.example")]), 403, -32000, "origin_refused",
                  method="GET")


def frames_at_once(stage):
    with stage.case(2), WebSocket(stage.sluice.http, upgrade=False) as ws:
        ws.send(upgrade_request() + text() + frame(PING, b"a") + text())
        equal(ws.response(method="GET").status, 101, "status")
        kinds = [ws.read_frame() for _ in range(3)]
        equal(sorted(f.opcode for f in kinds), [TEXT, TEXT, PONG], "frames")


def handshake_slowly(stage):
    with stage.case(1), WebSocket(stage.sluice.http, upgrade=False) as ws:
        data = upgrade_request() + text()
        ws.send_slowly(data, range(1, len(data)))
        equal(ws.response(method="GET").status, 101, "status")
        stage_answer(ws)


def too_large_in_fragments(stage):
    half = b"x" * (8 << 20)
    data = frame(TEXT, half, final=False) + frame(0, half, final=False) + frame(0, b"x")
    closed(data, 1009)(stage)


def no_allocation(stage):
    before = stage.sluice.rss()
    sockets = []
    with stage.case(0):
        for _ in range(20):
            ws = WebSocket(stage.sluice.http)
            ws.send(frame(TEXT, b"", length=(127, struct.pack(">Q", 16 << 20))) + b"x" * 1000)
            sockets.append(ws)
        stage.good()
        grown = stage.sluice.rss() - before
        check(sanitized() or grown < 8 << 20, "memory for messages that were only announced", f"{grown} bytes")
        for ws in sockets:
            ws.close()
        stage.upstream.requests.clear()


def large_message(stage):
    """As large as allowed, nearly all of it in params."""
    params = b'["' + b"a" * ((16 << 20) - 200) + b'"]'
    body = b'{"jsonrpc":"2.0","id":"ws","method":"eth_getBalance","params":' + params + b"}"
    body += b" " * ((16 << 20) - len(body))
    with stage.case(1), WebSocket(stage.sluice.http) as ws:
        ws.send(text(body))
        got = members(ws.read_message(20))
        check(got[b"result"] == params and stage.upstream.requests[0].params == params, "params of 16 MiB changed")


def cut_everywhere(stage):
    data = split(CALL, [20], between=frame(PONG, b"pp"))
    with stage.case(len(data) - 1), WebSocket(stage.sluice.http) as ws:
        for at in range(1, len(data)):
            ws.send(data[:at])
            if at % 8 == 0:
                time.sleep(0.001)
            ws.send(data[at:])
            stage_answer(ws)


def fragment_flood(stage, piece):
    """Fragments beyond all measure end the connection, at a bounded cost."""
    cpu = stage.sluice.cpu_seconds()
    one = frame(0, piece, final=False)
    with stage.case(0, "websocket_protocol"), WebSocket(stage.sluice.http) as ws:
        ws.try_send(frame(TEXT, b"[", final=False) + one * (1 << 20))
        code = ws.read_close()
        check(code in (1008, 1009), "code of the close frame", code)
    spent = stage.sluice.cpu_seconds() - cpu
    check(spent < 2, "CPU for a flood of fragments", f"{spent} s")


def split_character(stage):
    """A character may lie in two fragments; its bytes are the client's again upstream."""
    body = '{"jsonrpc":"2.0","id":"ws","method":"eth_getBalance","params":["é😀"]}'.encode()
    at = body.index(b"\xc3")
    with stage.case(3), WebSocket(stage.sluice.http) as ws:
        for cuts in ([at + 1], [at + 1, at + 3, at + 4], [at + 5]):
            ws.send(split(body, cuts))
            stage_answer(ws, result='["é😀"]'.encode())


def ping_flood(stage):
    with stage.case(0, "websocket_protocol"), WebSocket(stage.sluice.http) as ws:
        ws.try_send(frame(PING, b"x") * 5000)
        pongs = 0
        while (got := ws.read_frame()).opcode == PONG:
            pongs += 1
        equal((got.opcode, got.payload[:2]), (CLOSE, struct.pack(">H", 1008)), "the last frame")
        check(pongs <= 51, "pongs before the end", pongs)


def pings(stage):
    with stage.case(1), WebSocket(stage.sluice.http) as ws:
        for i in range(20):
            ws.send(frame(PING, b"%d" % i))
            equal(ws.read_frame().payload, b"%d" % i, "pong")
        ws.send(text())
        stage_answer(ws)


def close_behind(stage):
    """What a client asked before it said goodbye may be lost to it, but harms nobody."""
    with stage.case(1), WebSocket(stage.sluice.http) as ws:
        ws.send(text() + closing(1000))
        got = ws.read_frame()
        if got.opcode == TEXT:
            got = ws.read_frame()
        equal((got.opcode, got.payload[:2]), (CLOSE, struct.pack(">H", 1000)), "the close frame")
        equal(ws.wait_closed(7), b"", "bytes after the close frame")
        stage.upstream.wait_count(1)


def cases(full):
    with Stage() as stage:
        yield from table(stage, ROWS, quiet=True)
