# SPDX-License-Identifier: Apache-2.0
"""The operator's side: raw readers of /events and raw clients of the control socket."""

import json
import socket
import time

from support.expect import DEADLINE, Failure, check, shown


class Frame(dict):
    """One server-sent event: its JSON, with .id (None where it has none) and .name."""

    def __init__(self, event_id, name, data):
        super().__init__(json.loads(data))
        self.id, self.name = event_id, name


class EventStream:
    """A reader of /events that takes nothing on trust. after: the Last-Event-ID; query: ?…"""

    def __init__(self, where, after=None, query="", receive_buffer=None):
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(where)
        self.data = b""
        self.comments = 0
        last = f"Last-Event-ID: {after}\r\n" if after is not None else ""
        self.sock.sendall(f"GET /events{query} HTTP/1.1\r\nHost: localhost\r\n"
                          f"Accept: text/event-stream\r\n{last}\r\n".encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def _until(self, mark, end):
        while mark not in self.data:
            self.sock.settimeout(max(end - time.monotonic(), 0.001))
            try:
                got = self.sock.recv(65536)
            except (socket.timeout, TimeoutError):
                raise Failure(f"no event in time, so far: {shown(self.data)}") from None
            if not got:
                raise EOFError(self.data)
            self.data += got
        out, _, self.data = self.data.partition(mark)
        return out.decode()

    def head(self):
        """Status and header fields in lower case; call it first."""
        status, *lines = self._until(b"\r\n\r\n", time.monotonic() + DEADLINE).split("\r\n")
        return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines)

    def open(self):
        status, fields = self.head()
        check(status == 200, "/events", status, fields)
        check(fields["content-type"] == "text/event-stream", "content type", fields)
        return self

    def next(self, name=None, timeout=None):
        """The next event, or the next of that name. EOFError at the end of the stream."""
        end = time.monotonic() + (timeout or DEADLINE)
        while True:
            fields = {}
            for line in self._until(b"\n\n", end).split("\n"):
                field, _, value = line.partition(": ")
                check(field in ("", "id", "event", "data", "retry"), "a field of a frame", line)
                self.comments += field == ""
                check(field not in fields, "a field twice in a frame", line)
                fields[field] = value
            if "data" not in fields:
                continue
            frame = Frame(fields.get("id"), fields["event"], fields["data"])
            check(frame.get("id") == frame.id and frame["event"] == frame.name,
                  "frame and JSON are one", fields)
            if name is None or frame.name == name:
                return frame


def control_line(path, line, timeout=None):
    """Sends raw bytes to the control socket; all that comes back until it closes."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout or DEADLINE)
        sock.connect(path)
        sock.sendall(line)
        out = b""
        while got := sock.recv(65536):
            out += got
        return out


def control(path, command, **members):
    """One command; the answer as a dict."""
    line = json.dumps({"command": command, **members}).encode() + b"\n"
    return json.loads(control_line(path, line))
