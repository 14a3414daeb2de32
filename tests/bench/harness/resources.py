# SPDX-License-Identifier: Apache-2.0
"""Socket calls, memory of idle connections, memory under a slow reader, and where user time goes."""
import json
import re
import signal
import socket
import subprocess
import time

from . import loads, processes
from .figures import table

SOCKET_CALLS = ("recvfrom", "recvmsg", "sendto", "sendmsg", "readv", "writev", "read", "write")
KIB = 1024


def system_calls(report, world):
    """Counted by strace under 64 connections. A call that only found nothing to do counts too."""
    rows = []
    for name in ("sluice", "haproxy", "nginx"):
        counts, calls = count_calls(world, world.targets[name])
        sockets = sum(counts.get(word, 0) for word in SOCKET_CALLS)
        parts = ", ".join(f"{word} {counts[word] / calls:.2f}" for word in sorted(counts)
                          if counts[word] / calls >= 0.01)
        rows.append([name, f"{sockets / calls:.2f}", f"{calls:,}", parts])
        if name == "sluice":
            report.bar("socket calls per call", sockets / calls, 4.2,
                       "sends and receives under strace, 64 connections", unit="calls", least=4.0)
    report.section("System calls per call, 64 connections",
                   table(["target", "socket calls", "calls counted", "by name"], rows))


def count_calls(world, proxy):
    pids = [word for pid in processes.family(proxy.pid) for word in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "name,calls", *pids],
                              stderr=subprocess.PIPE, text=True)
    try:
        if "attached" not in (line := tracer.stderr.readline()):
            raise processes.Failed(f"strace: {line}")
        sample = loads.wrk(proxy, world.upstream, 64, 3, world.load_cpus)
    finally:
        tracer.send_signal(signal.SIGINT)
        _out, text = tracer.communicate(timeout=20)
    counts = {}
    for line in text.splitlines():
        if found := re.fullmatch(r"\s*(\w+)\s+(\d+)\s*", line):
            counts[found[1]] = int(found[2])
    counts.pop("total", None)
    return counts, sample.calls


def settled(process):
    """The resident size once it has stopped to move: buffers are given back after a moment."""
    seen = process.rss()
    for _ in range(10):
        time.sleep(1.5)
        last, seen = seen, process.rss()
        if abs(seen - last) < 64 * KIB:
            break
    return seen


def idle_memory(report, world, connections):
    """What one connection costs that has made a call and then keeps still."""
    rows = []
    for name, transport in (("sluice", "plain"), ("haproxy", "plain"), ("sluice", "TLS"),
                            ("haproxy", "TLS"), ("sluice", "WebSocket")):
        per_connection, again = idle_one(world, name, connections, transport)
        rows.append([name, transport, f"{connections:,}", f"{per_connection / KIB:.2f}", again])
        if (name, transport) == ("sluice", "plain"):
            report.bar("memory of an idle connection", per_connection / KIB, 3.0,
                       f"{connections:,} connections, resident size", unit="KiB")
    report.section("Idle keep-alive connections, each after one call", table(
        ["target", "transport", "connections", "KiB each", "one more call on each"], rows))


def idle_one(world, name, connections, transport):
    proxy = world.start_fresh(name, transport == "TLS")
    try:
        argv = [processes.programs() / "bench_idle_connections", "--port", proxy.port, "--tls",
                int(transport == "TLS"), "--websocket", int(transport == "WebSocket"),
                "--connections"]
        argv = [str(x) for x in argv]
        # Once with few, so that what is set up only once does not count.
        subprocess.run([*argv, "64"], check=True, stdin=subprocess.DEVNULL, capture_output=True)
        before = settled(proxy)
        with processes.Process([*argv, connections], "idle connections", stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE) as clients:
            opened = json.loads(processes.first_line(clients))
            used = settled(proxy) - before
            clients.child.stdin.write(b"again\n")
            clients.child.stdin.flush()
            again = json.loads(processes.first_line(clients))
            clients.child.stdin.close()
        if opened["wrong"]:
            raise processes.Failed(f"{name}: {opened['wrong']} of {connections} calls failed")
        wrong = again["wrong"]
        return used / connections, "all answered" if wrong == 0 else f"{wrong} failed"
    finally:
        proxy.stop()


def slow_reader(report, world, size, pace):
    """A large reply through a client that reads at `pace` bytes/s: memory must not follow it."""
    with processes.start_devnode() as node:
        proxy = world.start_sluice(upstream=node.port)
        try:
            before = proxy.rss()
            peak, fill, seconds = read_slowly(proxy, size, pace)
        finally:
            proxy.stop()
    growth = (peak - before) / KIB / KIB
    report.section("A large reply through a slow reader", table(
        ["reply", "intact", "seconds", "resident before", "peak", "growth"],
        [[f"{size / KIB / KIB:,.0f} MiB", "yes" if fill == size else f"NO: {fill:,} bytes",
          f"{seconds:.1f}", f"{before / KIB / KIB:.1f} MiB", f"{peak / KIB / KIB:.1f} MiB",
          f"{growth:.1f} MiB"]]))
    report.bar("memory growth under a slow reader", growth if fill == size else float("inf"), 16,
               f"{size / KIB / KIB:,.0f} MiB reply", unit="MiB")


def read_slowly(proxy, size, pace):
    body = f'{{"jsonrpc":"2.0","id":1,"method":"test_size","params":[{size}]}}'
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    peer.settimeout(15)
    peer.connect(("127.0.0.1", proxy.port))
    began = time.monotonic()
    with peer:
        peer.sendall(f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        # Nothing is read for a while: all buffers on the way fill up.
        time.sleep(2)
        peak, seen, fill, looked = proxy.rss(), 0, 0, 0.0
        resumed = time.monotonic()
        tail = b""
        while data := peer.recv(262144):
            # Neither the envelope nor the chunks' sizes have this letter; heads spell it large.
            fill += data.count(b"x")
            seen += len(data)
            tail = (tail + data)[-32:]
            clock = time.monotonic()
            if clock - looked > 0.1:
                peak, looked = max(peak, proxy.rss()), clock
            if (ahead := resumed + seen / pace - clock) > 0.01:
                time.sleep(ahead)
    if not tail.endswith(b'}\r\n0\r\n\r\n') and b'"}' not in tail:
        fill = 0
    return peak, fill, time.monotonic() - began


def profile(report, world, seconds=4):
    """Where Sluice's time goes, by perf's clock sampling; skipped where the kernel does not let us."""
    proxy = world.targets["sluice"]
    data = world.directory + "/perf.data"
    recorder = subprocess.Popen(["perf", "record", "-q", "-F", "2999", "-e", "cpu-clock", "-o", data,
                                 "-p", str(proxy.pid)], stderr=subprocess.PIPE, text=True)
    loads.wrk(proxy, world.upstream, 64, seconds, world.load_cpus)
    recorder.send_signal(signal.SIGINT)
    recorder.communicate(timeout=30)

    def report_by(*fields):
        shown = subprocess.run(["perf", "report", "-i", data, "--stdio", "-q", "--no-children", "-s",
                                ",".join(fields)], capture_output=True, text=True, check=False)
        return [line.strip() for line in shown.stdout.splitlines() if "%" in line]

    by_object = report_by("dso")
    if not by_object:
        report.section("Profile", "perf gave nothing")
        return
    share = sum(float(line.split("%")[0]) for line in by_object if "[kernel" not in line)
    symbols = report_by("dso", "symbol")
    kernel = [line for line in symbols if "[k]" in line]
    user = [line for line in symbols if "[k]" not in line]
    report.section("Profile at 64 connections",
                   f"Where the time goes: {share:.0f} % of the samples are in user space, the rest is the "
                   "kernel moving the bytes. By object, then the largest parts of each side:",
                   "```\n" + "\n".join(line[:150].rstrip() for line in
                                       [*by_object[:6], "", *kernel[:15], "", *user[:25]]) + "\n```")
