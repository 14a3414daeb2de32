# SPDX-License-Identifier: Apache-2.0
"""A raw WebSocket client: any frame out, strict frames in."""

import collections
import json
import struct
import time

from support.expect import DEADLINE, SLOWNESS, check, equal
from support.http_client import Client, encode

Frame = collections.namedtuple("Frame", "final rsv opcode masked payload")


def frame(opcode, payload=b"", final=True, rsv=0, mask=b"\x11\x22\x33\x44", length=None):
    """The bytes of one frame. length: (code, bytes) to write in place of the right one; mask None:
    unmasked."""
    first = (0x80 if final else 0) | rsv << 4 | opcode
    size = len(payload)
    if length is not None:
        code, extra = length
    elif size < 126:
        code, extra = size, b""
    elif size < 65536:
        code, extra = 126, struct.pack(">H", size)
    else:
        code, extra = 127, struct.pack(">Q", size)
    head = bytes([first, code | (0x80 if mask is not None else 0)]) + extra
    if mask is None:
        return head + payload
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


class WebSocket(Client):
    """A raw WebSocket client: any frame out, strict frames in."""

    def __init__(self, where, path="/", headers=(), upgrade=True, **options):
        super().__init__(where, **options)
        if upgrade:
            self.send(upgrade_request(path, headers))
            self.upgraded = self.response(method="GET")
            check(self.upgraded.status == 101, "the upgrade was refused", self.upgraded)
            equal(self.upgraded.header("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                  "Sec-WebSocket-Accept")

    def read_frame(self, timeout=None):
        end = time.monotonic() + (timeout * SLOWNESS if timeout else DEADLINE)
        first, second = self.reader.take(2, end)
        size = second & 0x7f
        if size == 126:
            size = struct.unpack(">H", self.reader.take(2, end))[0]
            check(size >= 126, "a length not in its shortest form", size)
        elif size == 127:
            size = struct.unpack(">Q", self.reader.take(8, end))[0]
            check(size >= 65536, "a length not in its shortest form", size)
        check(not second & 0x80, "a server's frame must not be masked")
        return Frame(bool(first & 0x80), first >> 4 & 7, first & 15, False,
                     self.reader.take(size, end))

    def read_message(self, timeout=None):
        """The payload of the next text message; pings are answered."""
        while True:
            got = self.read_frame(timeout)
            if got.opcode == 9:
                self.send(frame(10, got.payload))
                continue
            check(got.final and got.opcode == 1 and got.rsv == 0, "not a whole text message", got)
            got.payload.decode("utf-8")
            return got.payload

    def read_close(self, timeout=None):
        """The code of the close frame that must come next; None: it has none."""
        got = self.read_frame(timeout)
        check(got.opcode == 8 and got.final, "not a close frame", got)
        return struct.unpack(">H", got.payload[:2])[0] if got.payload else None

    def rpc(self, payload, **_):
        self.send(frame(1, encode(payload)))
        return json.loads(self.read_message())


def upgrade_request(path="/", headers=(), version="1.1", method="GET"):
    given = {name.lower() for name, _ in headers}
    lines = [f"{method} {path} HTTP/{version}"]
    for name, value in (("Host", "localhost"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
                        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                        ("Sec-WebSocket-Version", "13")):
        if name.lower() not in given:
            lines.append(f"{name}: {value}")
    lines += [f"{name}: {value}" for name, value in headers if value is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
