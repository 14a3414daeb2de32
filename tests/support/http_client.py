# SPDX-License-Identifier: Apache-2.0
"""A raw HTTP client that sends any bytes and believes nothing of what comes back."""

import contextlib
import json
import re
import select
import socket
import ssl
import struct
import time

from support.expect import DEADLINE, SLOWNESS, Failure, check, shown


def free_port():
    """A port that was free a moment ago, for what has to be named before it listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class Response:
    """One HTTP response. headers: list of (name, value); raw: all its bytes."""

    def __init__(self, version, status, reason, headers):
        self.version, self.status, self.reason, self.headers = version, status, reason, headers
        self.body = b""
        self.framing = None
        self.raw = b""

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def header(self, name, default=None):
        values = self.all(name)
        check(len(values) <= 1, f"header {name} is repeated", values)
        return values[0] if values else default

    @property
    def closes(self):
        """Whether the response says that the connection ends after it."""
        tokens = [t.strip().lower() for v in self.all("Connection") for t in v.split(",")]
        if "close" in tokens or self.framing == "close":
            return True
        return self.version == "HTTP/1.0" and "keep-alive" not in tokens

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {shown(self.body, 300)}>"


HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*")
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) (\d\d\d) ([\x20-\x7e]*)")


class Reader:
    """Takes bytes from a socket and cuts them into what they must be; anything else is a Failure."""

    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()
        self.taken = bytearray()

    def more(self, end):
        # A timeout of zero would make the socket one that does not wait.
        self.sock.settimeout(max(end - time.monotonic(), 0.001))
        try:
            got = self.sock.recv(262144)
        except (socket.timeout, TimeoutError):
            raise Failure(f"no further bytes in time, so far: {shown(bytes(self.data))}") from None
        self.data += got
        return bool(got)

    def take(self, size, end):
        while len(self.data) < size:
            if not self.more(end):
                raise Failure(f"the connection ended {size - len(self.data)} bytes early, "
                              f"so far: {shown(bytes(self.data))}")
        out = bytes(self.data[:size])
        del self.data[:size]
        self.taken += out
        return out

    def line(self, end):
        while b"\n" not in self.data:
            check(len(self.data) < 1 << 20, "a line without end")
            if not self.more(end):
                raise EOFError(bytes(self.data))
        out = self.take(self.data.index(b"\n") + 1, end)
        check(out.endswith(b"\r\n") and b"\r" not in out[:-2], "a line must end with CR LF", out)
        return out[:-2]

    def header_lines(self, end):
        headers = []
        while True:
            line = self.line(end)
            if not line:
                return headers
            match = HEADER_LINE.fullmatch(line)
            check(match, "malformed header line", line)
            headers.append((match[1].decode(), match[2].decode("latin-1")))

    def chunked(self, end, sink):
        while True:
            line = self.line(end)
            check(re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line), "malformed chunk size", line)
            size = int(line, 16)
            if size == 0:
                check(not self.header_lines(end), "a trailer that nobody asked for")
                return
            sink(self.take(size, end))
            check(self.take(2, end) == b"\r\n", "a chunk must end with CR LF")

    def rest(self, end, sink):
        while True:
            if self.data:
                sink(self.take(len(self.data), end))
            if not self.more(end):
                return


class Client:
    """A raw connection to a listener: sends any bytes, reads strictly."""

    def __init__(self, where, tls=None, server_name=None, source=None, receive_buffer=None):
        self.where = where
        family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(DEADLINE)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            sock.bind((source, 0))
        sock.connect(where)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            sock = tls.wrap_socket(sock, server_hostname=server_name)
        self.sock = sock
        self.reader = Reader(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.settimeout(DEADLINE)
        self.sock.sendall(data)
        return self

    def send_slowly(self, data, pieces):
        """`pieces`: positions at which to cut; each part is a packet of its own."""
        at = 0
        for cut in list(pieces) + [len(data)]:
            self.send(data[at:cut])
            at = cut
        return self

    def try_send(self, data):
        """Sends what the peer still takes: it may close at any byte."""
        try:
            self.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def response(self, method="POST", timeout=None, sink=None):
        """Reads one final response; interim ones are in .interim. EOFError: there was none."""
        end = time.monotonic() + (timeout * SLOWNESS if timeout else DEADLINE)
        self.interim = []
        while True:
            response = self._one(method, end, sink)
            if response.status >= 200 or response.status == 101:
                return response
            self.interim.append(response)

    def _one(self, method, end, sink):
        reader = self.reader
        reader.taken.clear()
        line = reader.line(end)
        match = STATUS_LINE.fullmatch(line)
        check(match, "malformed status line", line)
        response = Response(match[1].decode(), int(match[2]), match[3].decode(),
                            reader.header_lines(end))
        self._body(response, method, end, sink)
        response.raw = bytes(reader.taken)
        return response

    def _body(self, response, method, end, sink):
        body = bytearray()
        to = sink or body.extend
        length = response.header("Content-Length")
        coding = response.header("Transfer-Encoding")
        check(length is None or coding is None, "both Content-Length and Transfer-Encoding",
              response.headers)
        if method == "HEAD" or response.status < 200 or response.status in (204, 304):
            check(coding is None or method == "HEAD", "a coding without a body", response.headers)
            response.framing = "none"
        elif coding is not None:
            check(coding == "chunked" and response.version == "HTTP/1.1", "unusable coding", coding)
            response.framing = "chunked"
            self.reader.chunked(end, to)
        elif length is not None:
            check(re.fullmatch(r"0|[1-9]\d*", length), "malformed Content-Length", length)
            response.framing = "content-length"
            to(self.reader.take(int(length), end))
        else:
            response.framing = "close"
            self.reader.rest(end, to)
        response.body = bytes(body)

    def wait_closed(self, timeout=None):
        """Waits for the peer's end of the connection; returns what came before it. A reset is an
        end too."""
        end = time.monotonic() + (timeout * SLOWNESS if timeout else DEADLINE)
        rest = bytearray()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
            self.reader.rest(end, rest.extend)
        return bytes(rest)

    def is_open(self, wait=0.0):
        """Whether the connection is open and silent; `wait`: seconds to give it for the contrary."""
        if self.reader.data:
            return False
        readable, _, _ = select.select([self.sock], [], [], wait)
        return not readable

    def rpc(self, payload, path="/", headers=(), version="1.1", timeout=None):
        """One POST and its response. payload: bytes, or anything that JSON can say."""
        self.send(post(payload, path, headers, version))
        return self.response(timeout=timeout)


def encode(payload):
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode()
    return json.dumps(payload, separators=(",", ":")).encode()


def post(payload, path="/", headers=(), version="1.1", host="localhost"):
    """The bytes of a plain POST. A header in `headers` takes the place of the one by default."""
    body = encode(payload)
    given = {name.lower() for name, _ in headers}
    lines = [f"POST {path} HTTP/{version}"]
    for name, value in (("Host", host), ("Content-Type", "application/json"),
                        ("Content-Length", str(len(body)))):
        if name.lower() not in given:
            lines.append(f"{name}: {value}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def call(method, params=None, id=1):
    out = {"jsonrpc": "2.0", "id": id, "method": method}
    if params is not None:
        out["params"] = params
    return out


def get(where, path, timeout=None, headers=(), method="GET"):
    """One request without a body on a connection of its own."""
    with Client(where) as client:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{n}: {v}" for n, v in headers]
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        return client.response(method=method, timeout=timeout)
