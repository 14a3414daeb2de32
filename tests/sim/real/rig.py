# SPDX-License-Identifier: Apache-2.0
"""The real binary before simulated nodes, played the very calls of a run of the simulator."""

import contextlib
import json
import math
import os
import subprocess
import tempfile

from support.process import Process, Sluice, binary
from support.http_client import Client, address, encode
from support.expect import check, poll

# Deep enough for the longest range of blocks that a workload asks for.
HEAD = 9_500
FIRST_HEAD = 1_024
OLD = "0x64"
ADDRESS = "0x00000000000000000000000000000000000000aa"
# Not answered within this after the last call: never, as in the simulator.
PATIENCE_S = 60
# By the workload's numbers. They are of four classes, and no probe asks them: those meet no queue.
METHODS = ("eth_gasPrice", "eth_call", "eth_getLogs", "eth_getBalance")
UNDISTURBED = {
    # Everything beside the strategy that sends a call elsewhere, or ends it, rests.
    "batch": {"max": 1}, "hedge": {"budget": "off"}, "retry": {"max": 0}, "anomaly": {"mode": "off"},
    "health": {"eject": {"max_percent": "0%"}, "timeout": "10s"},
    "pool": {"max": 65535, "idle_timeout": "off"}, "scaler": {"mode": "off"},
    "timeout": {"call": "10m", "attempt": "10m", "idle": "1h"},
    "limits": {"connections": 100_000, "connections_per_ip": 100_000, "upstream_connections": 100_000},
    "log": {"access": {"sample": "0%", "slow": "1h"}},
}


def program(*parts):
    """A program of the build that the binary under test is of."""
    path = os.path.join(os.path.dirname(binary()), *parts)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"{path} is not built (cmake with -DSLUICE_TESTS=ON -DSLUICE_BENCH=ON)")
    return path


def simulate(workload, load, calls, seed, workers, scale, strategies):
    """What `sluice_sim rehearse` says: rate, warm_up, strategies, nodes, calls."""
    ran = subprocess.run([program("tests", "sim", "sluice_sim"), "rehearse", workload, str(load), str(calls),
                          str(seed), str(workers), str(scale), *strategies],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300)
    if ran.returncode != 0:
        raise SystemExit(f"sluice_sim rehearse: {ran.stderr}")
    return json.loads(ran.stdout)


def request(number, method, work_us, log_params, log_span, historical):
    """The call as JSON: as large, over as many blocks and of as old a state as the simulator's. Its time has
    the same width in all: digits would tell a strategy that looks at sizes how long it takes."""
    block = OLD if historical else "latest"
    work = {"work_us": f"{max(1, work_us):>10}"}
    if method == 2:
        params = [{"fromBlock": hex(HEAD - round(math.expm1(log_span))), "toBlock": "latest", "address": ADDRESS},
                  work]
    else:
        blank = {0: lambda pad: [pad, work], 1: lambda pad: [{"to": ADDRESS, "data": pad}, block, work],
                 3: lambda pad: [ADDRESS, block, pad, work]}[method]
        missing = round(math.expm1(log_params)) - len(json.dumps(blank("0x"), separators=(",", ":")))
        params = blank("0x" + "0" * max(0, missing // 2 * 2))
    text = json.dumps({"jsonrpc": "2.0", "id": number, "method": METHODS[method], "params": params},
                      separators=(",", ":"))
    return text.replace(f'"{work["work_us"]}"', work["work_us"])


class Calls:
    """A run's calls in a file for the generator; all methods of a workload without classes are eth_call."""

    def __init__(self, rehearsed, directory):
        self.classes = len({call[1] for call in rehearsed["calls"]}) > 1
        self.service_us = [call[2] for call in rehearsed["calls"]]
        handle, self.path = tempfile.mkstemp(dir=directory)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            for number, (due, method, *rest) in enumerate(rehearsed["calls"], 1):
                file.write(f"{due} {request(number, self.method(method), *rest)}\n")

    def method(self, number):
        return number if self.classes else 1

    def faults(self, node):
        """How such a node of the simulator is to be played."""
        by_method = {METHODS[self.method(i)]: {"distribution": "asked", "factor": slowness}
                     for i, slowness in enumerate(node["slowness"])}
        return {"workers": node["workers"], "methods": list(by_method), "latency_by_method": by_method}


class Nodes(Process):
    """Simulated nodes in one process, each on a thread of its own."""

    def __init__(self, faults, directory):
        super().__init__(["devnode", "--listen", "127.0.0.1:0", "--nodes", str(len(faults)), "--chain-id", "1337",
                          "--block-interval", "0"], directory)
        self.urls = ["http://" + url.rpartition("/")[2] for url in self.ready["nodes"]]
        for url, each in zip(self.urls, faults):
            self._post(url, "/_dev/mine", {"n": HEAD - FIRST_HEAD})
            self._post(url, "/_dev/faults", each)

    @staticmethod
    def _post(url, path, payload):
        with Client(address(url.rpartition("/")[2])) as client:
            body = encode(payload)
            client.send(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            reply = client.response()
        check(reply.status == 200, f"POST {path}", reply)


class Contestant:
    """One strategy with a daemon and nodes of its own; strategy None: the generator on a node that
    never queues, to see how exact the rig itself is."""

    def __init__(self, stack, strategy, rehearsed, calls, workers, directory):
        self.calls, self.sluice = calls, None
        faults = [calls.faults(node) for node in rehearsed["nodes"]]
        if strategy is None:
            names = {m: {"distribution": "asked"} for m in METHODS}
            faults = [{"methods": list(names), "latency_by_method": names}]
        nodes = Nodes(faults, directory)
        stack.callback(nodes.kill)
        self.port = address(nodes.urls[0].rpartition("/")[2])[1]
        if strategy is None:
            return
        config = {"chain_id": 1337, "balance": {"strategy": strategy}, **UNDISTURBED,
                  "upstreams": [{"name": f"n{i}", "url": url} for i, url in enumerate(nodes.urls)]}
        self.sluice = stack.enter_context(Sluice(config, workers=workers, level="warn"))
        poll(lambda: self.sluice.metric("sluice_upstream_state", state="in") == len(nodes.urls), "all are in")
        self.port = self.sluice.http[1]

    def start(self):
        return subprocess.Popen([program("tests", "bench", "bench_replay_load"), "--port", str(self.port), "--calls",
                                 self.calls.path, "--connections", "64", "--patience_s", str(PATIENCE_S)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def ejections(self):
        """How often health thought a node ill; the fleet of the simulator has no health."""
        return 0 if self.sluice is None else len(self.sluice.log_lines("upstream_out"))


def play(rehearsed, strategies, workers):
    """Plays the calls to each strategy, all at the same time, so that what disturbs the machine disturbs
    all alike. strategy -> what bench_replay_load says."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-ranking-"))
        calls = Calls(rehearsed, directory)
        contestants = [Contestant(stack, s, rehearsed, calls, workers, directory) for s in strategies]
        loads = [contestant.start() for contestant in contestants]
        for load in loads:
            stack.callback(load.wait)
            stack.callback(load.kill)
        said = {strategy: load.communicate()[0] for strategy, load in zip(strategies, loads)}
        result = {strategy: json.loads(text) for strategy, text in said.items()}
        for strategy, contestant in zip(strategies, contestants):
            result[strategy]["ejections"] = contestant.ejections()
    for strategy, each in result.items():
        each["service_us"] = calls.service_us
        unanswered = each["latency_us"].count(-1)
        check(unanswered * 1000 <= len(calls.service_us), f"{strategy}: {unanswered} calls were not answered well")
    return result
