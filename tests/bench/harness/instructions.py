# SPDX-License-Identifier: Apache-2.0
"""User-space instructions that one proxied call costs, counted by callgrind. Unlike time they come out
the same on a busy machine, so a change that makes calls dearer can be told from noise."""
import argparse
import re
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from . import processes

BASELINE = Path(__file__).resolve().parents[1] / "instructions.txt"
ALLOWED = 1.10
WARM_UP = 300
SHAPES = {"http": 1000, "batch_of_20": 50, "websocket": 50}
CALL = ('{"jsonrpc":"2.0","id":%d,"method":"eth_call","params":[{"to":'
        '"0xdac17f958d2ee523a2206206994597c13d831ec7","data":"0x18160ddd"},"latest"]}')


class Counted:
    """A proxy under callgrind before the constant upstream, until it has been asked for its total."""

    def __init__(self, directory, upstream, name, keep=None):
        self.out = Path(keep or directory) / f"callgrind.{name}"
        wrap = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out}",
                "--separate-threads=yes", "--quiet"]
        processes.DEADLINE_S = 120
        if name.startswith("haproxy"):
            self.proxy = processes.start_haproxy(directory, upstream.port, wrap=wrap)
        else:
            # Under valgrind all is slow: a slow upstream gets small batches, and late calls a second
            # attempt.
            self.proxy = processes.start_sluice(directory, upstream.port, wrap=wrap,
                                                more="batch: {time: 1m}\nhedge: {percentile: 99.9}")

    def totals(self):
        """Ends the proxy. {thread: instructions}, and where each is in full."""
        self.proxy.child.send_signal(signal.SIGTERM)
        if self.proxy.child.wait(120) not in (0, 143, -15):
            raise processes.Failed(f"under callgrind: {self.proxy.complaint()}")
        self.proxy.stop()
        counts = {}
        for path in self.out.parent.glob(self.out.name + "*"):
            if found := re.search(r"^(?:summary|totals): (\d+)", path.read_text(errors="replace"),
                                  re.MULTILINE):
                counts[path.name.removeprefix(self.out.name)] = int(found[1]), path
        return counts


def http(port, count, batch=0):
    """One request after the other, on one connection."""
    text = CALL % 1 if not batch else "[" + ",".join(CALL % i for i in range(batch)) + "]"
    request = (f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
               f"Content-Length: {len(text)}\r\n\r\n{text}").encode()
    with socket.create_connection(("127.0.0.1", port), 30) as peer:
        for _ in range(count):
            peer.sendall(request)
            reply = b""
            while b"\r\n\r\n" not in reply or len(reply) < whole(reply):
                data = peer.recv(65536)
                if not data:
                    raise processes.Failed("the proxy closed the connection")
                reply += data
            if b" 200 " not in reply[:16] or reply.count(b'"result"') != max(batch, 1):
                raise processes.Failed(f"wrong answer: {reply[:300]!r}")


def whole(reply):
    head, _, _body = reply.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return len(head) + 4 + int(length[1])


def websocket(port, count):
    """16 calls in flight, `count` times 16 in all."""
    subprocess.run([processes.programs() / "bench_ws_load", "--port", str(port), "--connections",
                    "1", "--in-flight", "16", "--seconds", "100", "--calls", str(count * 16)],
                   check=True, capture_output=True)


def drive(shape, port, count):
    if shape == "websocket":
        websocket(port, count)
    else:
        http(port, count, 20 if shape == "batch_of_20" else 0)


def per_call(shape, name, upstream, directory, keep=None):
    """The difference of two runs, one with twice the calls of the other: start-up cancels out. Of
    the thread that had more to do for it, which is the one that serves calls; what others do depends
    on the clock."""
    count, each = SHAPES[shape], {"http": 1, "batch_of_20": 20, "websocket": 16}[shape]
    runs = []
    for factor in (1, 2):
        counted = Counted(directory, upstream, f"{name}.{shape}.{factor}", keep)
        http(counted.proxy.port, WARM_UP)
        drive(shape, counted.proxy.port, count * factor)
        runs.append(counted.totals())
    less, more = runs
    thread = max(more, key=lambda name: more[name][0] - less.get(name, (0,))[0])
    return (more[thread][0] - less.get(thread, (0,))[0]) / count / each, more[thread][1]


def compiler():
    """What the binary was built with, as the baseline file names it: gnu-12, clang-19."""
    text = subprocess.run([processes.sluice_binary(), "version"], capture_output=True, text=True,
                          check=True).stdout
    found = re.search(r"\((\w+) (\d+)", text)
    return f"{found[1].lower()}-{found[2]}" if found else "unknown"


def read_baseline():
    lines = BASELINE.read_text().splitlines() if BASELINE.exists() else []
    fields = [line.split() for line in lines if line and not line.startswith("#")]
    return {(kind, shape): float(value) for kind, shape, value in fields}


def write_baseline(baseline):
    lines = ["# Instructions in user space per call, by the binary's compiler and the shape of the load.",
             "# Written by tests/bench/instructions.sh --update; --check fails above "
             f"{ALLOWED:.2f} times these."]
    lines += [f"{kind} {shape} {value:.0f}" for (kind, shape), value in sorted(baseline.items())]
    BASELINE.write_text("\n".join(lines) + "\n")


def verdict(kind, shape, value, baseline):
    """Words and whether it is within bounds; None without a baseline to hold it to."""
    known = baseline.get((kind, shape))
    if known is None:
        return f"no baseline for {kind}", None
    return f"baseline {known:.0f}, {value / known:.2f} x", value <= known * ALLOWED


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/instructions.sh")
    parser.add_argument("--check", action="store_true", help="fail when a call has become dearer")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--haproxy", action="store_true", help="HAProxy beside, for comparison")
    parser.add_argument("--shape", action="append", choices=list(SHAPES))
    parser.add_argument("--keep", help="directory for callgrind's files, for callgrind_annotate")
    arguments = parser.parse_args()
    if absent := processes.missing(["valgrind"]):
        print(f"not installed: {' '.join(absent)}", file=sys.stderr)
        return 2
    baseline, kind, failed = read_baseline(), compiler(), []
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as directory, \
            processes.start_upstream(None) as upstream:
        for shape in arguments.shape or SHAPES:
            value, path = per_call(shape, "sluice", upstream, directory, arguments.keep)
            words, fine = verdict(kind, shape, value, baseline)
            print(f"{shape}: {value:.0f} instructions per call ({words})", flush=True)
            if arguments.keep:
                print(f"  callgrind_annotate {path}")
            if fine is False:
                failed.append(shape)
            baseline[(kind, shape)] = value
            if arguments.haproxy and shape == "http":
                value, _ = per_call(shape, "haproxy", upstream, directory, arguments.keep)
                print(f"{shape}: {value:.0f} instructions per call by HAProxy", flush=True)
    if arguments.update:
        write_baseline(baseline)
    if arguments.check and failed:
        print(f"FAIL: more than {ALLOWED:.2f} times the baseline: {' '.join(failed)}. If it is worth "
              "it, run tests/bench/instructions.sh --update and say why in the commit.")
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except processes.Failed as error:
        print(f"instructions: {error}", file=sys.stderr)
        sys.exit(3)
