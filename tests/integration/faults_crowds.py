# SPDX-License-Identifier: Apache-2.0
"""Crowds: clients that never finish their head, and more clients than there are descriptors. Those
who behave must not notice."""

import contextlib
import re
import resource
import selectors
import shutil
import socket
import subprocess
import threading
import time

from support.load import Load
from support.sluice import Client, Devnodes, Skipped, Sluice, call, check, equal, poll, sanitized, total


class SlowHeads:
    """Clients that begin a head and go on with a byte now and then, each until it is cut."""

    HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "

    def __init__(self, where, count, pause):
        self.where, self.count, self.pause = where, count, pause
        self.began, self.cut, self.statuses = {}, {}, []
        self.selector = selectors.DefaultSelector()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)

    def connected(self):
        return len(self.began)

    def _run(self):
        due = []
        while not self.stopping.is_set():
            clock = time.monotonic()
            # A hundred at a time, so that the listener's backlog is not what is tested.
            for _ in range(min(100, self.count - len(self.began))):
                sock = socket.create_connection(self.where, 10)
                sock.sendall(self.HEAD)
                sock.setblocking(False)
                self.began[sock] = time.monotonic()
                self.selector.register(sock, selectors.EVENT_READ)
                due.append((self.began[sock] + self.pause, sock))
            while due and due[0][0] <= clock:
                _, sock = due.pop(0)
                if sock in self.cut:
                    continue
                with contextlib.suppress(OSError):
                    sock.send(b"x")
                due.append((clock + self.pause, sock))
            for key, _ in self.selector.select(0.01):
                self._read(key.fileobj)
        for sock in self.began:
            sock.close()
        self.selector.close()

    def _read(self, sock):
        try:
            data = sock.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data.startswith(b"HTTP/1.1 "):
            self.statuses.append(data[9:12])
        if not data:
            self.cut[sock] = time.monotonic()
            self.selector.unregister(sock)


def test_slow_heads_are_cut_and_nobody_else_notices(full=False):
    count, header_s = (2000, 4) if full else (300, 2)
    config_of = lambda urls: {"upstreams": urls, "timeout": {"header": f"{header_s}s"},
                              "limits": {"connections": 20000, "connections_per_ip": 20000}}
    with Devnodes(2) as nodes, Sluice(config_of(nodes.urls)) as sluice, Load(sluice.http, 8, pause=0.002) as load:
        with SlowHeads(sluice.http, count, 0.5) as crowd:
            poll(lambda: len(crowd.cut) == count, "each is cut", 60)
            equal(set(crowd.statuses), {b"408"}, "what they are told")
            late = [crowd.cut[s] - crowd.began[s] for s in crowd.cut]
            check(min(late) > header_s - 0.1, "cut before its time", min(late))
            check(max(late) < header_s + 2 or sanitized(), "cut long after its time", max(late))
        load.stop()
        load.expect_clean("beside clients with slow heads")
        equal(total(sluice.metrics(), "sluice_rejected_total", reason="header_timeout"), count, "counted")


def healthy_cost(sluice, seconds):
    """CPU microseconds of the daemon for each call of a load that is as it should be."""
    script = ('wrk.method="POST"; wrk.headers["Content-Type"]="application/json"; '
              'wrk.body=\'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance",'
              '"params":["0x00000000000000000000000000000000000000aa","latest"]}\'')
    path = sluice.directory + "/load.lua"
    with open(path, "w", encoding="ascii") as file:
        file.write(script)
    before = sluice.cpu_seconds()
    ended = subprocess.run(["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", path,
                            f"http://127.0.0.1:{sluice.http[1]}/"], capture_output=True, text=True, check=True)
    used = sluice.cpu_seconds() - before
    calls = int(re.search(r"(\d+) requests in", ended.stdout)[1])
    bad = re.search(r"Socket errors.*|Non-2xx.*", ended.stdout)
    check(bad is None, "healthy calls failed", bad and bad[0])
    return used / calls * 1e6


def test_ten_thousand_slow_heads_cost_the_others_little(full=False):
    """CPU per healthy call beside 10,000 clients that trickle: at most 1.1 times what it is without."""
    if not full:
        raise Skipped("takes two minutes; part of --full")
    if shutil.which("wrk") is None:
        raise Skipped("wrk is not installed")
    count = 10000
    config = {"timeout": {"header": "60s"}, "queue": {"timeout": "10s"},
              "limits": {"connections": 20000, "connections_per_ip": 20000}}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seen = []
    try:
        with Devnodes(1) as nodes, Sluice({**config, "upstreams": nodes.urls}, workers=1) as sluice:
            for _ in range(4):
                alone = healthy_cost(sluice, 6)
                with SlowHeads(sluice.http, count, 10) as crowd:
                    poll(lambda: crowd.connected() == count, "all are connected", 60)
                    beside = healthy_cost(sluice, 6)
                    equal(len(crowd.cut), 0, "cut before their time")
                again = healthy_cost(sluice, 6)
                seen.append((alone, beside, again))
                if abs(again / alone - 1) < 0.05 and beside / ((alone + again) / 2) <= 1.1:
                    break
            alone, beside, again = seen[-1]
            ratio = beside / ((alone + again) / 2)
            print(f"CPU per healthy call beside {count} slow heads: {ratio:.2f}x "
                  f"({alone:.1f}, {beside:.1f}, {again:.1f} us)")
            check(ratio <= 1.1, f"CPU per healthy call: {ratio:.2f}x", seen)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_clients_than_descriptors():
    """Whoever is connected is served; who comes too late is shed or waits; nothing spins, and when some
    leave others get in."""
    prefix = ("prlimit", "--nofile=64:64")
    if sanitized():
        raise Skipped("UBSan's checks want descriptors of their own")
    if shutil.which("prlimit") is None:
        raise Skipped("prlimit is not installed")
    with Devnodes(1) as nodes:
        config = {"upstreams": nodes.urls, "pool": {"min": 1, "max": 4}}
        with Sluice(config, prefix=prefix, workers=1) as sluice, sluice.client() as early:
            equal(early.rpc(call("test_echo", [1])).json()["result"], [1], "a call before")
            crowd = [Client(sluice.http) for _ in range(120)]
            try:
                poll(lambda: sluice.fds() >= 63, "descriptors have run out")
                for n in range(20):
                    equal(early.rpc(call("test_echo", [n])).json()["result"], [n], "a call of who was there before")
                began, used = time.monotonic(), sluice.cpu_seconds()
                while time.monotonic() - began < 1.5:
                    equal(early.rpc(call("test_echo", [2])).json()["result"], [2], "a call meanwhile")
                    time.sleep(0.05)
                share = (sluice.cpu_seconds() - used) / (time.monotonic() - began)
                check(share < 0.3, f"it spins: {share:.0%} of a processor")
            finally:
                for client in crowd:
                    client.close()

            def served():
                with contextlib.suppress(Exception), sluice.client() as late:
                    return late.rpc(call("test_echo", [3]), timeout=2).json()["result"] == [3]
                return False
            poll(served, "a new client is served when others have left")
            check(sluice.alive(), "the daemon lives")
