# SPDX-License-Identifier: Apache-2.0
"""Clients that call without a pause and check every reply.

Each call has parameters of its own, and the node answers test_echo with just these: a reply that
belongs to another call is found out whatever its form.
"""

import json
import selectors
import socket
import ssl
import threading
import time

from support.expect import SLOWNESS, check

KEPT = 12


class _Connection:
    """One keep-alive connection with one call at a time."""

    def __init__(self, load, number):
        self.load, self.number = load, number
        self.sock = None
        self.calls = 0
        self.due = 0.0
        self.began = 0.0
        self.idle = True

    def open(self):
        self.data = bytearray()
        sock = socket.socket()
        sock.settimeout(10 * SLOWNESS)
        sock.connect(self.load.where)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.load.tls is not None:
            sock = self.load.tls.wrap_socket(sock, server_hostname=self.load.server_name)
        sock.setblocking(False)
        self.sock = sock
        self.load.selector.register(sock, selectors.EVENT_READ, self)

    def close(self):
        if self.sock is not None:
            self.load.selector.unregister(self.sock)
            self.sock.close()
            self.sock = None

    def send(self, now):
        load = self.load
        self.calls += 1
        self.id = f"{self.number}-{self.calls}"
        self.params = [load.seed, self.number, self.calls, load.padding]
        self.request = load.request(self.id, self.params)
        self.began, self.idle = now, False
        try:
            if self.sock is None:
                self.open()
            self.sock.settimeout(10 * SLOWNESS)
            self.sock.sendall(self.request)
            self.sock.setblocking(False)
        except OSError as error:
            self.fail(f"cannot send: {error!r}")

    def fail(self, what):
        self.load.failed(self, what)
        self.close()
        self.idle, self.due = True, time.monotonic() + 0.01

    def read(self):
        try:
            got = self.sock.recv(262144)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as error:
            got = b""
            if not self.idle:
                self.fail(f"the connection broke: {error!r}")
                return
        if self.idle:
            if got:
                self.fail(f"bytes that nobody asked for: {got[:200]!r}")
            else:
                self.close()
            return
        if not got:
            self.fail(f"the connection ended in the reply: {bytes(self.data[:300])!r}")
            return
        self.data += got
        self.advance()

    def advance(self):
        head_end = self.data.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self.data[:head_end]).lower()
        at = head.find(b"\r\ncontent-length: ")
        if at < 0:
            self.fail(f"no length: {head!r}")
            return
        size = int(head[at + 18:].split(b"\r\n", 1)[0])
        whole = head_end + 4 + size
        if len(self.data) < whole:
            return
        if len(self.data) > whole:
            self.fail(f"bytes after the reply: {bytes(self.data[whole:whole + 200])!r}")
            return
        body = bytes(self.data[head_end + 4:])
        self.data.clear()
        self.judge(head, body)

    def judge(self, head, body):
        load = self.load
        took = time.monotonic() - self.began
        try:
            reply = json.loads(body)
        except ValueError:
            reply = None
        ok = (head.startswith(b"http/1.1 200") and isinstance(reply, dict) and
              reply.get("id") == self.id and "error" not in reply and
              reply.get("result") == self.params)
        wrong = isinstance(reply, dict) and ("result" in reply and not ok or
                                             reply.get("id") not in (self.id, None))
        if not ok:
            load.failed(self, f"after {took:.3f} s: {head.splitlines()[0]!r} {body[:400]!r}", wrong,
                        reply, head)
        else:
            load.answered(took)
        if b"connection: close" in head:
            self.close()
        self.idle, self.due = True, time.monotonic() + load.pause


class Load:
    """`connections` clients in one thread. In a `with`; .stop() ends it with every call answered.

    .calls, .failures (texts, the first few), .failed_count, .wrong (replies of other calls, or with
    other contents than the node gave), .slowest in seconds, .codes {(status, code): count} of what
    failed.
    """

    def __init__(self, where, connections=16, method="test_echo", timeout=25, headers=(), path="/",
                 pause=0.0, padding="", seed=0, tls=None, server_name=None):
        self.where, self.method, self.headers, self.path = where, method, headers, path
        self.timeout, self.pause, self.padding, self.seed = timeout * SLOWNESS, pause, padding, seed
        self.tls, self.server_name = tls, server_name
        self.selector = selectors.DefaultSelector()
        self.calls = self.failed_count = self.wrong = 0
        self.slowest = 0.0
        self.failures, self.codes = [], {}
        self.connections = [_Connection(self, i) for i in range(connections)]
        self._stopping = False
        self._error = None
        self._thread = threading.Thread(target=self._guarded, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def request(self, id, params):
        body = json.dumps({"jsonrpc": "2.0", "id": id, "method": self.method, "params": params},
                          separators=(",", ":")).encode()
        lines = [f"POST {self.path} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
                 f"Content-Length: {len(body)}", *(f"{n}: {v}" for n, v in self.headers)]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def answered(self, took):
        self.calls += 1
        self.slowest = max(self.slowest, took)

    def failed(self, connection, what, wrong=False, reply=None, head=b""):
        self.failed_count += 1
        self.wrong += bool(wrong)
        code = reply["error"].get("code") if isinstance(reply, dict) and "error" in reply else None
        key = (head[9:12].decode(), code)
        self.codes[key] = self.codes.get(key, 0) + 1
        if len(self.failures) < KEPT or wrong and len(self.failures) < 2 * KEPT:
            request = connection.request.split(b"\r\n\r\n", 1)[1][:200]
            self.failures.append(f"{'WRONG ' if wrong else ''}at {time.monotonic() - self.started:.3f} s "
                                 f"{request!r}: {what}")

    def stop(self):
        self._stopping = True
        self._thread.join()
        if self._error is not None:
            raise self._error

    def reset_slowest(self):
        slowest, self.slowest = self.slowest, 0.0
        return slowest

    def expect_clean(self, what, *details):
        check(self.failed_count == 0,
              f"{what}: {self.failed_count} of {self.calls + self.failed_count} calls failed "
              f"{self.codes}", *self.failures, *details)

    def expect_no_wrong(self, what, *details):
        check(self.wrong == 0, f"{what}: {self.wrong} wrong answers among {self.calls}",
              *self.failures, *details)

    def _guarded(self):
        try:
            self._run()
        except BaseException as error:  # pylint: disable=broad-except
            self._error = error
        finally:
            for connection in self.connections:
                connection.close()
            self.selector.close()

    def _run(self):
        self.started = time.monotonic()
        checked = 0.0
        while True:
            now = time.monotonic()
            busy, next_due = 0, now + 0.05
            for c in self.connections:
                if c.idle and not self._stopping and c.due <= now:
                    c.send(now)
                if not c.idle:
                    busy += 1
                elif c.due < next_due:
                    next_due = c.due
            if self._stopping and busy == 0:
                return
            for key, _ in self.selector.select(max(0.0, next_due - now)):
                key.data.read()
                c = key.data
                if c.idle and self.pause == 0 and not self._stopping and c.due <= time.monotonic():
                    c.send(time.monotonic())
            if now - checked > 0.25:
                checked = now
                for c in self.connections:
                    if not c.idle and now - c.began > self.timeout:
                        c.fail("no reply in time")
