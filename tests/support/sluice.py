# SPDX-License-Identifier: Apache-2.0
"""What every suite against the real binary needs: the daemon under test, simulated and scripted
nodes before which it runs, and a raw client that believes nothing.

Standard library only. Every port is chosen by the system, every wait has a deadline, and whatever
was started is ended by its own process id.
"""

import collections
import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# A slow machine (a sanitizer, a busy CI) stretches every wait, and no expectation.
SLOWNESS = float(os.environ.get("SLUICE_TEST_SLOWNESS", "1"))
DEADLINE = 10.0 * SLOWNESS
PROBE_METHODS = (b"eth_chainId", b"eth_blockNumber", b"eth_syncing")
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def binary():
    """Path of the program under test: SLUICE_BIN, else the release build, else the debug build."""
    named = os.environ.get("SLUICE_BIN")
    candidates = [named] if named else [os.path.join(ROOT, "build", kind, "sluice")
                                        for kind in ("release", "debug")]
    for path in candidates:
        if os.access(path, os.X_OK):
            return path
    raise SystemExit(f"no program to test: tried {', '.join(candidates)}")


class Failure(AssertionError):
    """An expectation that did not hold; the text is enough to repeat the case."""


class Skipped(Exception):
    """A case that cannot run here, with the reason."""


def check(condition, what, *details):
    if not condition:
        raise Failure(what + "".join(f"\n    {d}" for d in details))


def equal(actual, expected, what):
    check(actual == expected, what, f"expected {shown(expected)}", f"actual   {shown(actual)}")


def shown(value, most=600):
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def poll(condition, what, deadline=None, pause=0.01):
    """Waits until condition() is true and returns its value. An exception counts as false."""
    end = time.monotonic() + (DEADLINE if deadline is None else deadline * SLOWNESS)
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, KeyError, IndexError, ValueError) as error:
            last = error
        if time.monotonic() > end:
            raise Failure(f"not so in time: {what}" + (f" ({last!r})" if last else ""))
        time.sleep(pause)


def free_port():
    """A port that was free a moment ago, for what has to be named before it listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


# --- HTTP, as strictly as a test can read it ------------------------------------------------------


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
        left = end - time.monotonic()
        check(left > 0, "no further bytes in time", f"so far: {shown(bytes(self.data))}")
        self.sock.settimeout(left)
        try:
            got = self.sock.recv(262144)
        except (socket.timeout, TimeoutError):
            raise Failure(f"no further bytes in time, so far: {shown(bytes(self.data))}") from None
        self.data += got
        return bool(got)

    def take(self, size, end):
        while len(self.data) < size:
            check(self.more(end), f"the connection ended {size - len(self.data)} bytes early",
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


def _split(text, opening):
    """The outermost object's or array's text cut at its commas (and, in an object, its colons)."""
    json.loads(text)
    text = text.strip()
    check(text[:1] == opening, f"expected {opening!r}", text)
    pieces, depth, begin, quoted, at = [], 0, 1, False, 0
    while at < len(text):
        c = text[at:at + 1]
        if quoted:
            at += c == b"\\"
            quoted = c != b'"'
        elif c == b'"':
            quoted = True
        elif c in (b"{", b"["):
            depth += 1
        elif depth == 1 and c in (b",", b":", b"}", b"]"):
            pieces.append(text[begin:at].strip())
            begin = at + 1
        if not quoted and c in (b"}", b"]"):
            depth -= 1
        at += 1
    return [] if pieces == [b""] else pieces


def members(text):
    """The members of a JSON object as raw bytes: {b"id": b"1.0", …}. The text must be valid."""
    pieces = _split(text, b"{")
    keys = [json.loads(key).encode() for key in pieces[::2]]
    check(len(set(keys)) == len(keys), "a member is repeated", text)
    return dict(zip(keys, pieces[1::2]))


def elements(text):
    """The elements of a JSON array as raw bytes."""
    return _split(text, b"[")


# --- Processes ------------------------------------------------------------------------------------


class Process:
    """A program with its first line of stdout awaited and its stderr in a file."""

    def __init__(self, arguments, directory, env=None, prefix=(), stderr=None, ready=True):
        self.stderr_path = os.path.join(directory, "stderr")
        self._stderr = stderr if stderr is not None else open(self.stderr_path, "ab")
        environment = dict(os.environ)
        environment.update(env or {})
        self.arguments = [*prefix, binary(), *arguments]
        self.popen = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=self._stderr, env=environment)
        self.pid = self.popen.pid
        self.ready = None
        if ready:
            try:
                self.ready = json.loads(self._first_line())
            except BaseException:
                self.kill()
                raise

    def _first_line(self):
        end = time.monotonic() + 30 * SLOWNESS
        line = bytearray()
        fd = self.popen.stdout.fileno()
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
            got = os.read(fd, 65536) if readable else b""
            if not got:
                self.kill()
                raise Failure(f"did not start: {' '.join(self.arguments)}\n{self.stderr_text()[-2000:]}")
            line += got
        return line

    def stderr_text(self):
        try:
            with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def signal(self, number):
        os.kill(self.pid, number)

    def alive(self):
        return self.popen.poll() is None

    def wait(self, timeout=None):
        """The exit code; negative: the signal that ended it."""
        try:
            return self.popen.wait(DEADLINE if timeout is None else timeout * SLOWNESS)
        except subprocess.TimeoutExpired:
            raise Failure(f"process {self.pid} does not end") from None

    def kill(self):
        if self.popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
                os.kill(self.pid, signal.SIGKILL)
        self.popen.wait()
        self.popen.stdout.close()
        if hasattr(self._stderr, "close") and not self._stderr.closed:
            self._stderr.close()

    def status_field(self, field):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise KeyError(field)

    def rss(self):
        """Resident memory in bytes."""
        return self.status_field("VmRSS") * 1024

    def peak_rss(self):
        return self.status_field("VmHWM") * 1024

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Sluice(Process):
    """The daemon under test. Use it in a `with`.

    config: a dict (written as JSON, which is YAML), YAML text, or None; urls: upstreams without a
    file. Both listeners are bound to free ports of 127.0.0.1 unless `listen=False` (the file says
    where) or args name them. serving: wait until every chain has an upstream in rotation.
    """

    def __init__(self, config=None, urls=(), args=(), env=None, prefix=(), command="run",
                 listen=True, serving=True, level="info", workers=2, stderr=None, ready=True):
        self.directory = tempfile.mkdtemp(prefix="sluice-test-")
        self.config_path = os.path.join(self.directory, "sluice.yaml")
        arguments = [command]
        if config is not None:
            self.write_config(config)
            arguments += ["-c", self.config_path]
        if listen and "--listen" not in args:
            arguments += ["--listen", "127.0.0.1:0"]
        if "--admin-listen" not in args:
            arguments += ["--admin-listen", "127.0.0.1:0"]
        if level is not None and "--log-level" not in args:
            arguments += ["--log-level", level]
        if workers is not None and "--workers" not in args:
            arguments += ["--workers", str(workers)]
        arguments += ["--log-format", "json"] if "--log-format" not in args else []
        arguments += [*args, *urls]
        try:
            super().__init__(arguments, self.directory, env, prefix, stderr, ready)
            if self.ready is not None:
                self.listeners = [address(a) for a in self.ready["listen"]]
                self.http = self.listeners[0]
                self.admin = address(self.ready["admin"])
                if serving:
                    self.wait_serving()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        text = self.stderr_text()
        died = None
        if self.ready is not None and not self.alive() and not getattr(self, "ended", False):
            died = self.popen.returncode
        self.stop()
        found = SANITIZER.search(text)
        if found and error is None:
            raise Failure("a sanitizer complains:\n" + text[found.start():][:6000])
        if died is not None and error is None:
            raise Failure(f"the daemon ended by itself with {died}:\n{text[-3000:]}")
        if error is not None and os.environ.get("SLUICE_TEST_LOGS"):
            print(text[-5000:])

    def stop(self):
        if hasattr(self, "popen"):
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def write_config(self, config):
        """In place of the file there is; takes hold with the next sighup()."""
        text = config if isinstance(config, str) else json.dumps(config)
        with open(self.config_path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.config_path + ".new", self.config_path)

    def client(self, **options):
        return Client(self.http, **options)

    def rpc(self, payload, **options):
        """One call on a connection of its own."""
        with self.client() as client:
            return client.rpc(payload, **options)

    def metrics_text(self):
        return get(self.admin, "/metrics").body.decode()

    def metrics(self):
        return parse_metrics(self.metrics_text())

    def metric(self, name, **labels):
        """The sum of the samples of a metric that have these labels."""
        return total(self.metrics(), name, **labels)

    def status(self):
        return get(self.admin, "/status").json()

    def readyz(self):
        return get(self.admin, "/readyz").status

    def wait_serving(self):
        poll(lambda: self.readyz() == 200, "the daemon is ready", 15, pause=0.005)

    def log_lines(self, event=None):
        lines = []
        for line in self.stderr_text().splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if event is None or entry.get("event") == event:
                    lines.append(entry)
        return lines

    def sighup(self):
        self.signal(signal.SIGHUP)

    def reload(self, config=None, good=True):
        """Writes, signals, and waits until the reload is counted; fails when it went the other way."""
        def counts():
            samples = self.metrics()
            return tuple(total(samples, "sluice_config_reloads_total", result=r)
                         for r in ("success", "failure"))
        before = counts()
        if config is not None:
            self.write_config(config)
        self.sighup()
        after = poll(lambda: (now := counts()) != before and now, "the reload is counted")
        check((after[0] > before[0]) == good, f"the reload should have {'succeeded' if good else 'failed'}",
              *self.stderr_text().splitlines()[-5:])

    def terminate(self, timeout=None):
        """SIGTERM; the exit code."""
        self.ended = True
        self.signal(signal.SIGTERM)
        return self.wait(timeout)


SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')


def parse_metrics(text):
    """{(name, ((label, value), …)): number}. A line that is not the text format is a Failure."""
    out = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        check(match, "malformed metrics line", line)
        labels = tuple(sorted(LABEL.findall(match[2] or "")))
        check((match[1], labels) not in out, "a series is repeated", line)
        out[match[1], labels] = float(match[3])
    return out


def total(samples, name, **labels):
    wanted = set(labels.items())
    return sum(v for (n, have), v in samples.items() if n == name and wanted <= set(have))


# --- Nodes ----------------------------------------------------------------------------------------


class Devnodes:
    """Simulated nodes of one chain, each a process of its own, so that one can be killed, stopped
    and brought back on its port."""

    def __init__(self, count=1, seed=1, chain_id=1337, block_interval=0, threads=1):
        self.options = ["--seed", str(seed), "--chain-id", str(chain_id), "--block-interval",
                        str(block_interval), "--threads", str(threads)]
        self.directory = tempfile.mkdtemp(prefix="sluice-nodes-")
        self.processes, self.ports = [], []
        try:
            for _ in range(count):
                self.processes.append(self._start(0))
                self.ports.append(address(self.processes[-1].ready["nodes"][0])[1])
        except BaseException:
            self.stop()
            raise

    def _start(self, port):
        return Process(["devnode", "--listen", f"127.0.0.1:{port}", *self.options], self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for process in self.processes:
            process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def urls(self):
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def where(self, i=0):
        return "127.0.0.1", self.ports[i]

    def _dev(self, i, method, path, payload=None):
        body = b"" if payload is None else encode(payload)
        with Client(self.where(i)) as client:
            client.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            reply = client.response()
        check(reply.status == 200, f"{method} {path}", reply)
        return reply.json()

    def faults(self, i=0, faults=None):
        """Sets the misbehaviour of a node in place of the one before; None: none."""
        if faults is None:
            return self._dev(i, "DELETE", "/_dev/faults")
        return self._dev(i, "POST", "/_dev/faults", faults)

    def stats(self, i=0):
        return self._dev(i, "GET", "/_dev/stats")

    def clear_stats(self, i=0):
        return self._dev(i, "DELETE", "/_dev/stats")

    def client_calls(self, i=0):
        """Calls of clients that a node has seen: all but the probes' methods."""
        requests = self.stats(i)["requests"]
        return sum(n for name, n in requests.items() if name.encode() not in PROBE_METHODS)

    def mine(self, i=0, blocks=1):
        return self._dev(i, "POST", "/_dev/mine", {"n": blocks})

    def kill(self, i):
        self.processes[i].kill()

    def freeze(self, i):
        self.processes[i].signal(signal.SIGSTOP)

    def thaw(self, i):
        self.processes[i].signal(signal.SIGCONT)

    def restart(self, i):
        """Anew on the same port, killed before if need be."""
        self.processes[i].kill()
        end = time.monotonic() + DEADLINE
        while True:
            try:
                self.processes[i] = self._start(self.ports[i])
                return
            except Failure:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


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
        """Cuts every open connection at once, as a node does that restarts."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.reset() if reset else connection.close()

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


# --- WebSocket ------------------------------------------------------------------------------------

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
