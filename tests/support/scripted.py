# SPDX-License-Identifier: Apache-2.0
"""A node that does exactly what a test says, and remembers what it was asked."""

import contextlib
import json
import re
import socket
import struct
import threading

from support.expect import poll
from support.json_text import members

# What the health monitor asks; tests call other methods.
PROBE_METHODS = (b"eth_chainId", b"eth_blockNumber", b"eth_syncing")


class Request:
    """What a scripted upstream was sent: head bytes, body bytes, and views into them."""

    def __init__(self, head, body):
        self.head, self.body = head, body
        self.line, *rest = head.split(b"\r\n")
        self.headers = [(n.decode(), v.strip().decode("latin-1"))
                        for n, _, v in (line.partition(b":") for line in rest if line)]

    def header(self, name):
        for n, v in self.headers:
            if n.lower() == name.lower():
                return v
        return None

    @property
    def members(self):
        return members(self.body)

    @property
    def id(self):
        return self.members[b"id"]

    @property
    def method(self):
        return json.loads(self.members[b"method"])

    @property
    def params(self):
        """Raw bytes; b"" when there are none."""
        return self.members.get(b"params", b"")

    def is_probe(self):
        return any(b'"method":"' + m + b'"' in self.body for m in PROBE_METHODS)

    def reply(self, result=None, error=None, status=200, headers=(), id=None):
        """Bytes of a well-formed answer. result, error: raw bytes of JSON; by default the params."""
        what = b'"error":' + error if error is not None else b'"result":' + (
            result if result is not None else self.params or b"[]")
        body = b'{"jsonrpc":"2.0","id":' + (self.id if id is None else id) + b"," + what + b"}"
        return http_reply(body, status, headers)


def http_reply(body, status=200, headers=()):
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{n}: {v}" for n, v in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Gone(Exception):
    """The proxy has closed the connection."""


class UpstreamConnection:
    """One accepted connection, in the hands of a script."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.data = bytearray()

    def _more(self):
        try:
            got = self.sock.recv(262144)
        except OSError:
            got = b""
        if not got:
            raise Gone
        self.data += got

    def _take(self, size):
        while len(self.data) < size:
            self._more()
        out = bytes(self.data[:size])
        del self.data[:size]
        return out

    def read_request(self):
        """The next request that is not a probe; probes are answered on the way. Gone: none comes."""
        while True:
            while b"\r\n\r\n" not in self.data:
                self._more()
            head = self._take(self.data.index(b"\r\n\r\n") + 4)
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)\r\n", head)
            request = Request(head[:-2], self._take(int(length[1])) if length else b"")
            if not request.is_probe():
                self.server._record(request)
                return request
            self.server.probes += 1
            answer = self.server.answer_probe(request)
            if answer is None:
                continue
            self.send(answer)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone from None
        return self

    def send_slowly(self, data, size=1, pause=0.0):
        for at in range(0, len(data), size):
            self.send(data[at:at + size])
            if pause:
                self.wait(pause)
        return self

    def wait(self, seconds):
        """Waits, or goes at once when the server stops."""
        if self.server.stopping.wait(seconds):
            raise Gone

    def wait_for(self, event):
        """Waits for a threading.Event of the test's."""
        while not event.wait(0.02):
            if self.server.stopping.is_set():
                raise Gone

    def wait_gone(self):
        """Until the proxy closes."""
        while True:
            self._more()
            self.data.clear()

    def close(self):
        """An orderly end: FIN."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def half_close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """RST."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def echo(connection):
    """The script of a well-behaved node: every call is answered with its own params."""
    while True:
        connection.send(connection.read_request().reply())


class ScriptedUpstream:
    """A node that does exactly what the test says: `script(connection)` runs on a thread of its own
    for each accepted connection and ends with it. Every request but the probes' is recorded.

    script may be replaced while the server runs: .script = …; connections made before keep theirs.
    """

    def __init__(self, script=echo, chain_id=1337, head=0x1000, tls=None, port=0, backlog=128):
        self.script, self.chain_id, self.head_block, self.tls = script, chain_id, head, tls
        self.handshake_delay = 0.0
        self.requests = []
        self.accepted = 0
        self.probes = 0
        self.errors = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open = set()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(backlog)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
        if self.errors and error is None:
            raise self.errors[0]

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def count(self):
        """Requests so far, without probes."""
        return len(self.requests)

    def answer_probe(self, request):
        """Bytes, or None for silence. Replace it to play a node that is ill."""
        method = request.method
        if method == "eth_syncing":
            return request.reply(b"false")
        value = self.chain_id if method == "eth_chainId" else self.head_block
        return request.reply(b'"0x%x"' % value)

    def clear(self):
        with self._lock:
            self.requests = []

    def wait_count(self, count):
        poll(lambda: self.count >= count, f"{count} requests reach the upstream")

    def close_connections(self, reset=False):
        """Cuts every open connection at once, as a node does that restarts. But for resets, each thread
        closes its own: a descriptor that is closed under a TLS object may be another's when that
        sends its last alert."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            if reset:
                connection.reset()
                continue
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def stop(self):
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close_connections()
        self._thread.join(5)

    def _record(self, request):
        with self._lock:
            self.requests.append(request)

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        connection = None
        try:
            if self.tls is not None:
                self.stopping.wait(self.handshake_delay)
                sock = self.tls.wrap_socket(sock, server_side=True)
            connection = UpstreamConnection(self, sock)
            with self._lock:
                self._open.add(connection)
            if not self.stopping.is_set():
                self.script(connection)
        except (Gone, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)
        finally:
            if connection is not None:
                with self._lock:
                    self._open.discard(connection)
                connection.close()
            else:
                sock.close()


class Held:
    """A script for a node that answers test_sleep when it is told to, and all else at once."""

    def __init__(self):
        self.release = threading.Event()

    def __call__(self, connection):
        while True:
            request = connection.read_request()
            if request.method == "test_sleep":
                connection.wait_for(self.release)
            connection.send(request.reply())
