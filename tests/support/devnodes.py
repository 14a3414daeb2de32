# SPDX-License-Identifier: Apache-2.0
"""Simulated nodes as processes."""

import shutil
import signal
import tempfile
import time

from support.expect import DEADLINE, Failure, check
from support.http_client import Client, address, encode
from support.process import Process, check_sanitizers
from support.scripted import PROBE_METHODS


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
        text = self.processes[0].stderr_text()  # one file for all
        self.stop()
        check_sanitizers(text)

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
