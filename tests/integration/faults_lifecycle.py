# SPDX-License-Identifier: Apache-2.0
"""How the process ends: what is under way is finished, what is idle is told, and the exit code says
whether anything was cut."""

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time

from support.sluice import (Client, Devnodes, Failure, Held, ScriptedUpstream, Sluice, WebSocket, call,
                            check, encode, equal, frame, get, poll, post)


@contextlib.contextmanager
def scene(config=None, **options):
    held = Held()
    with ScriptedUpstream(held) as node:
        with Sluice({"upstreams": [node.url], **(config or {})}, **options) as sluice:
            yield sluice, node, held


def refuses(where):
    with socket.socket() as probe:
        return probe.connect_ex(where) != 0


def phase(sluice):
    return sluice.status()["phase"]


def test_what_is_under_way_is_finished():
    with scene() as (sluice, node, held), contextlib.ExitStack() as stack:
        sluice.ended = True
        busy = stack.enter_context(sluice.client())
        idle = stack.enter_context(sluice.client())
        silent = stack.enter_context(sluice.client())
        busy_socket = stack.enter_context(WebSocket(sluice.http))
        idle_socket = stack.enter_context(WebSocket(sluice.http))
        equal(idle.rpc(call("test_echo", [1])).status, 200, "a call before")
        busy.send(post(call("test_sleep", [7])))
        busy_socket.send(frame(1, encode(call("test_sleep", [8], 8))))
        node.wait_count(3)
        sluice.signal(signal.SIGTERM)
        poll(lambda: sluice.readyz() == 503, "readyz says no")
        poll(lambda: refuses(sluice.http), "nobody is accepted any more")
        equal(get(sluice.admin, "/livez").status, 200, "livez while draining")
        equal(idle_socket.read_close(), 1001, "close code of the idle WebSocket")
        idle_socket.send(frame(8, b"\x03\xe9"))
        equal(idle_socket.wait_closed(), b"", "bytes after the close frame")
        equal(idle.wait_closed(), b"", "bytes on the idle connection")
        equal(silent.wait_closed(), b"", "bytes on the connection that never asked")
        check(sluice.alive(), "the process waits for the calls")
        held.release.set()
        reply = busy.response()
        equal((reply.status, reply.json()["result"]), (200, [7]), "the call under way")
        equal(reply.header("Connection"), "close", "Connection")
        equal(json.loads(busy_socket.read_message())["result"], [8], "the call under way on the WebSocket")
        equal(busy_socket.read_close(), 1001, "close code of the busy WebSocket")
        busy_socket.send(frame(8, b"\x03\xe9"))
        equal(sluice.wait(), 0, "exit code")


def test_a_batch_under_way_is_finished():
    with scene() as (sluice, node, held), sluice.client() as client:
        sluice.ended = True
        client.send(post([call("test_sleep", [n], n) for n in range(40)]))
        node.wait_count(10)
        sluice.signal(signal.SIGTERM)
        poll(lambda: refuses(sluice.http), "draining")
        held.release.set()
        equal([r["result"] for r in client.response().json()], [[n] for n in range(40)], "the batch")
        equal(sluice.wait(), 0, "exit code")


def test_past_the_grace_time_calls_are_cut_and_counted():
    with scene({"shutdown": {"grace": "700ms"}}) as (sluice, node, held):
        sluice.ended = True
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(sluice.client()) for _ in range(3)]
            for client in clients:
                client.send(post(call("test_sleep", [1])))
            sleeper = stack.enter_context(WebSocket(sluice.http))
            for n in range(2):
                sleeper.send(frame(1, encode(call("test_sleep", [n], n))))
            node.wait_count(5)
            began = time.monotonic()
            sluice.signal(signal.SIGTERM)
            equal(sluice.wait(), 3, "exit code")
            took = time.monotonic() - began
            check(0.7 <= took < 2.5, f"the end took {took:.2f} s for a grace time of 0.7 s")
            for client in clients:
                equal(client.wait_closed(), b"", "bytes to a client whose call was cut")
        cut = sluice.log_lines("calls_cut")
        equal([line["calls"] for line in cut], [5], "calls that were cut, by the log")
        equal(sluice.log_lines("stopped")[-1]["exit_code"], 3, "exit code, by the log")


def test_an_idle_websocket_that_never_closes_does_not_hold_up_the_end():
    with scene({"shutdown": {"grace": "20s"}}) as (sluice, _, _held), WebSocket(sluice.http):
        began = time.monotonic()
        equal(sluice.terminate(15), 0, "exit code")
        check(time.monotonic() - began < 8, "a client that ignores the close frame is left behind")


def second_signal(number):
    def run():
        with scene() as (sluice, node, _), sluice.client() as client:
            sluice.ended = True
            client.send(post(call("test_sleep", [1])))
            node.wait_count(1)
            sluice.signal(signal.SIGTERM)
            poll(lambda: refuses(sluice.http), "draining")
            began = time.monotonic()
            sluice.signal(number)
            equal(sluice.wait(), 3, "exit code with a call under way")
            check(time.monotonic() - began < 2, "a second signal ends at once")
    return run


def cases(_full):
    for number in (signal.SIGTERM, signal.SIGINT):
        yield f"a_second_signal_ends_at_once_{number.name}", second_signal(number)


def test_a_second_signal_that_cuts_nothing():
    with scene() as (sluice, _, _held), WebSocket(sluice.http):
        sluice.ended = True
        sluice.signal(signal.SIGTERM)
        poll(lambda: refuses(sluice.http), "draining")
        sluice.signal(signal.SIGTERM)
        equal(sluice.wait(), 0, "exit code")


def test_interrupt_is_as_good_as_terminate():
    with scene() as (sluice, _, _held):
        sluice.ended = True
        sluice.signal(signal.SIGINT)
        equal(sluice.wait(), 0, "exit code")


def test_reload_during_the_end_is_ignored():
    with scene() as (sluice, node, held), sluice.client() as client:
        sluice.ended = True
        client.send(post(call("test_sleep", [1])))
        node.wait_count(1)
        sluice.signal(signal.SIGTERM)
        poll(lambda: phase(sluice) == "draining", "draining")
        for _ in range(20):
            sluice.sighup()
        equal(phase(sluice), "draining", "phase")
        held.release.set()
        equal(client.response().json()["result"], [1], "the call under way")
        equal(sluice.wait(), 0, "exit code")


def test_the_end_during_a_reload():
    """The two signals in either order and at one moment: the end wins."""
    for order in ((signal.SIGHUP, signal.SIGTERM), (signal.SIGTERM, signal.SIGHUP),
                  (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP)):
        with scene() as (sluice, _, _held):
            sluice.ended = True
            for number in order:
                sluice.signal(number)
            equal(sluice.wait(), 0, f"exit code after {[n.name for n in order]}")


def test_the_delay_gives_balancers_time():
    with scene({"shutdown": {"delay": "1s"}}) as (sluice, _, _held):
        sluice.ended = True
        began = time.monotonic()
        sluice.signal(signal.SIGTERM)
        poll(lambda: sluice.readyz() == 503, "readyz says no")
        reply = sluice.rpc(call("test_echo", [1]))
        equal((reply.status, reply.header("Connection")), (200, None), "a new connection in the delay")
        check(time.monotonic() - began < 1, "the machine is too slow for this case")
        equal(sluice.wait(), 0, "exit code")
        check(time.monotonic() - began >= 1, "the delay is kept")


def test_no_end_before_the_start_is_over():
    """A signal while the first probes are still waited for."""
    with ScriptedUpstream(lambda connection: connection.wait_gone()) as node:
        node.answer_probe = lambda request: None
        with Sluice({"upstreams": [node.url]}, ready=False, serving=False) as sluice:
            sluice.ended = True
            poll(lambda: node.accepted > 0, "it is starting")
            sluice.signal(signal.SIGTERM)
            equal(sluice.wait(), 0, "exit code")


def test_clients_that_keep_asking_lose_nothing(full=False):
    """A client that looks before it sends is either served or told: never cut off."""
    runs = 40 if full else 4
    lost = served = 0
    for _ in range(runs):
        with Devnodes(1) as nodes, Sluice(urls=nodes.urls) as sluice:
            sluice.ended = True
            stop = threading.Event()
            results = []
            threads = [threading.Thread(target=ask_until_told, args=(sluice.http, stop, results))
                       for _ in range(12)]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            sluice.signal(signal.SIGTERM)
            code = sluice.wait()
            stop.set()
            for thread in threads:
                thread.join()
            equal(code, 0, "exit code")
            served += sum(calls for calls, _ in results)
            lost += sum(1 for _, ok in results if not ok)
    check(lost == 0, f"{lost} of {runs * 12} clients sent a call that was neither served nor refused "
          f"in an orderly way ({served} served)")


def ask_until_told(where, stop, results):
    calls, ok = 0, False
    with contextlib.suppress(OSError), Client(where) as client:
        request = post(call("test_echo", [1]))
        while not stop.is_set():
            readable, _, _ = select.select([client.sock], [], [], 0)
            if readable:
                ok = client.sock.recv(1) == b""
                break
            try:
                client.send(request)
                reply = client.response()
            except (EOFError, Failure, OSError):
                break
            calls += 1
            if reply.closes:
                ok = True
                break
    results.append((calls, ok))


def test_no_trace_is_left():
    """Nothing but the exit code: no process, no socket of ours."""
    with scene() as (sluice, _, _held):
        children = os.listdir(f"/proc/{sluice.pid}/task")
        check(len(children) <= 8, "threads", len(children))
        equal(sluice.terminate(), 0, "exit code")
        check(refuses(sluice.http) and refuses(sluice.admin), "both ports are free")
