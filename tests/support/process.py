# SPDX-License-Identifier: Apache-2.0
"""The program under test as a process: started, watched, signalled, and always ended."""

import contextlib
import functools
import json
import mmap
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

from support.expect import DEADLINE, SLOWNESS, Defect, Failure, check, poll
from support.http_client import Client, address, get

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")


# A connection for each call that finds none, and no other: for tests that count connections.
ON_DEMAND = {"pool": {"min": 0, "warm_up": {"connections": 0}}, "scaler": {"mode": "off"}}


def binary():
    """Path of the program under test: SLUICE_BIN, else the release build, else the debug build."""
    named = os.environ.get("SLUICE_BIN")
    candidates = [named] if named else [os.path.join(ROOT, "build", kind, "sluice")
                                        for kind in ("release", "debug")]
    for path in candidates:
        if os.access(path, os.X_OK):
            return path
    raise SystemExit(f"no program to test: tried {', '.join(candidates)}")


@functools.lru_cache
def sanitized():
    """Whether the program under test is a sanitizer's build, which keeps freed memory for a while:
    no bound on memory holds for it."""
    with open(binary(), "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b"__asan_") >= 0 or content.find(b"__tsan_") >= 0


def check_sanitizers(text):
    found = SANITIZER.search(text)
    if found:
        raise Defect("a sanitizer complains:\n" + text[found.start():][:6000])


class Process:
    """A program with its first line of stdout awaited and its stderr in a file."""

    def __init__(self, arguments, directory, env=None, prefix=(), stderr=None, ready=True):
        self.stderr_path = os.path.join(directory, "stderr")
        self._stderr = stderr if stderr is not None else open(self.stderr_path, "ab")
        environment = {"TSAN_OPTIONS": f"suppressions={ROOT}/tests/support/tsan.supp", **os.environ}
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
    file. The control socket is in a folder of its own unless `socket=False`. Both listeners are bound to free ports of 127.0.0.1 unless `listen=False` (the file says
    where) or args name them. serving: wait until every chain has an upstream in rotation.
    """

    def __init__(self, config=None, urls=(), args=(), env=None, prefix=(), command="run",
                 listen=True, serving=True, level="info", workers=2, stderr=None, ready=True,
                 socket=True):
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
        self.socket = os.path.join(self.directory, "ctl.sock")
        if socket and "--socket" not in args:
            arguments += ["--socket", self.socket]
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
        check_sanitizers(text)
        # After another failure an orderly end may be the doing of the case.
        if died is not None and (error is None or died < 0):
            raise Defect(f"the daemon ended by itself with {died}:\n{text[-3000:]}")
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

    def ctl(self, *arguments, code=0, timeout=None):
        """Runs `sluice ctl` against this daemon; what it printed to stdout, and with another code
        than 0 to stderr."""
        ran = subprocess.run([binary(), "ctl", "--socket", self.socket, *arguments],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                             timeout=(timeout or DEADLINE) * SLOWNESS)
        check(ran.returncode == code, f"sluice ctl {' '.join(arguments)}: exit code {ran.returncode}",
              ran.stdout, ran.stderr)
        check_sanitizers(ran.stderr)
        return ran.stdout if code == 0 else ran.stderr

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
