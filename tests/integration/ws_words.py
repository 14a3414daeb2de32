# SPDX-License-Identifier: Apache-2.0
"""What the suites about WebSocket clients say and hear."""

import struct

from stage import GOOD, GOOD_PARAMS, assert_error
from support.sluice import WebSocket, equal, frame, members

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CALL = GOOD.replace(b'"good"', b'"ws"')


def text(body=CALL, **more):
    return frame(TEXT, body, **more)


def closing(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def stage_answer(ws, id=b'"ws"', result=GOOD_PARAMS):
    got = members(ws.read_message())
    equal((got[b"id"], got.get(b"result")), (id, result), "id and result")


def answered(data, code, id=b"null"):
    def run(stage):
        with stage.case(1), WebSocket(stage.sluice.http) as ws:
            ws.send(data)
            assert_error(ws.read_message(), code, id)
            ws.send(text())
            stage_answer(ws)
    return run
