# SPDX-License-Identifier: Apache-2.0
"""/events: every change of state as one typed event, resumable by id, with slow readers cut off."""

import contextlib
import threading

from support.operator import EventStream, control
from support.sluice import (Devnodes, ScriptedUpstream, Sluice, call, check, equal, get, poll)


@contextlib.contextmanager
def scene(config=None, **options):
    with ScriptedUpstream() as node:
        with Sluice({"upstreams": [{"name": "node", "url": node.url}], **(config or {})},
                    **options) as sluice:
            sluice.node = node
            yield sluice


def many(sluice, count):
    """So many events, made by an operator who cannot make up his mind."""
    for n in range(count):
        control(sluice.socket, "weight", target="node", value=str(n % 1000 + 1))


def test_what_happened_is_told_from_the_beginning_on():
    with scene() as sluice, EventStream(sluice.admin, query="?last_event_id=0").open() as stream:
        first = stream.next()
        equal(first.name, "upstream_in", "the first event")
        equal((first["chain"], first["upstream"], first["to"], first["level"]),
              ("main", "node", "in", "info"), "its fields")
        ready = stream.next("ready")
        boot, number = ready.id.split("-")
        equal((first.id, number), (f"{boot}-1", "2"), "ids count from 1 on")
        logged = poll(lambda: sluice.log_lines("ready"), "it is in the log")[0]
        equal(set(ready) - {"id"}, set(logged), "the log line has the same members")


def test_a_reader_resumes_where_it_left_off():
    with scene() as sluice:
        with EventStream(sluice.admin, query="?last_event_id=0").open() as stream:
            last = stream.next("ready").id
        sluice.reload()
        sluice.reload("upstreams: [", good=False)
        # A line of the file that is no file is in the reason.
        for reader in (EventStream(sluice.admin, after=last),
                       EventStream(sluice.admin, query=f"?last_event_id={last}"),
                       EventStream(sluice.admin, after=last, query="?last_event_id=0")):
            with reader.open() as stream:
                equal(stream.next().name, "reloaded", "the first that it has not seen")
                failed = stream.next()
                equal(failed.name, "reload_failed", "the second")
                check("sluice.yaml:1:" in failed["reason"], "the reason names the place", failed)


def test_without_an_id_only_what_comes_is_told():
    with scene() as sluice, EventStream(sluice.admin).open() as stream:
        sluice.reload()
        equal(stream.next().name, "reloaded", "the first event")


def test_a_restart_is_a_gap():
    with scene() as first, EventStream(first.admin, query="?last_event_id=0").open() as stream:
        last = stream.next("ready").id
    with scene() as sluice, EventStream(sluice.admin, after=last).open() as stream:
        gap = stream.next()
        equal((gap.name, gap["reason"], gap.id), ("gap", "restarted", None), "the first event")
        equal(stream.next().name, "upstream_in", "then all there is")


def test_what_is_not_kept_any_more_is_a_gap_with_its_size():
    with scene(level="error") as sluice:
        with EventStream(sluice.admin, query="?last_event_id=0").open() as stream:
            first = stream.next().id
        many(sluice, 1200)
        with EventStream(sluice.admin, after=first).open() as stream:
            gap = stream.next()
            equal((gap.name, gap["reason"]), ("gap", "overrun"), "the first event")
            told = 0
            with EventStream(sluice.admin, after=gap.id).open() as again:
                equal(again.next().name, "override_set", "behind the gap there is none")
            while True:
                event = stream.next()
                told += 1
                if event["value"] == "200" and told > 1000:
                    break
            equal(told, 1024, "events that are kept")
            equal(gap["missed"], 1200 + 2 - 1 - 1024, "events that are missing")


def test_a_reader_that_does_not_read_is_cut_off_and_counted():
    with scene(level="error") as sluice, EventStream(sluice.admin, receive_buffer=4096).open(), \
            EventStream(sluice.admin).open() as quick:
        stop = threading.Event()

        def operator():
            while not stop.is_set():
                many(sluice, 50)
        thread = threading.Thread(target=operator)
        thread.start()
        try:
            def cut():
                while quick.data and b"\n\n" in quick.data:
                    quick.next()
                with contextlib.suppress(Exception):
                    quick.next(timeout=0.001)
                return sluice.metric("sluice_event_deliveries_total", sink="stream", outcome="cut")
            equal(poll(cut, "the slow reader is cut off", 40), 1, "readers cut off")
        finally:
            stop.set()
            thread.join()
        equal(sluice.rpc(call("test_echo", [1])).status, 200, "a call meanwhile")
        quick.next()
        equal(sluice.metric("sluice_event_deliveries_total", sink="stream", outcome="cut"), 1,
              "who reads is not cut off")


def test_so_many_may_follow_and_no_more():
    with scene() as sluice, contextlib.ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(EventStream(sluice.admin)).open()
        with EventStream(sluice.admin) as refused:
            equal(refused.head()[0], 503, "status for the seventeenth")
        equal(get(sluice.admin, "/readyz").status, 200, "the other pages")
        equal(get(sluice.admin, "/events?level=loud").status, 400, "an unknown level")


def test_connections_are_events_for_who_asks():
    with scene({"pool": {"min": 1}}, workers=1) as sluice, EventStream(sluice.admin).open() as plain, \
            EventStream(sluice.admin, query="?level=debug").open() as all_of_them:
        control(sluice.socket, "drain", target="node")
        closed = all_of_them.next("connection_closed")
        equal((closed["chain"], closed["upstream"], closed["reason"], closed["level"], closed.id),
              ("main", "node", "retired", "debug", None), "a connection that a drain closes")
        control(sluice.socket, "undrain", target="node")
        equal(all_of_them.next("connection_created")["upstream"], "node", "a connection that is made")
        equal([plain.next().name, plain.next().name], ["override_set", "override_cleared"],
              "what others are told")


def test_an_upstream_that_goes_and_comes_is_told():
    with Devnodes(2) as nodes:
        config = {"upstreams": [{"name": n, "url": u} for n, u in zip("ab", nodes.urls)],
                  "health": {"interval": "100ms", "timeout": "300ms", "eject": {"base": "100ms"}}}
        with Sluice(config) as sluice, EventStream(sluice.admin).open() as stream:
            nodes.kill(1)
            out = stream.next("upstream_out")
            equal((out["upstream"], out["from"], out["to"], out["level"]), ("b", "in", "out", "warn"),
                  "the one that went")
            nodes.processes[1] = nodes._start(nodes.ports[1])
            back = stream.next("upstream_in")
            equal((back["upstream"], back["from"], back["to"]), ("b", "out", "in"), "it is back")


def test_an_overloaded_queue_is_one_event_and_its_end_another(full):
    release = threading.Event()

    def script(connection):
        while True:
            request = connection.read_request()
            connection.wait_for(release)
            connection.send(request.reply())
    with ScriptedUpstream(script) as node:
        config = {"upstreams": [{"name": "node", "url": node.url}], "pool": {"min": 0, "max": 1},
                  "queue": {"max": 1, "timeout": "30s"}}
        with Sluice(config) as sluice, EventStream(sluice.admin).open() as stream, \
                contextlib.ExitStack() as stack:
            threads = [threading.Thread(target=lambda: sluice.rpc(call("test_echo", [1])))
                       for _ in range(8)]
            for thread in threads:
                thread.start()
                stack.callback(thread.join)
            stack.callback(release.set)
            event = stream.next()
            equal((event.name, event["chain"], event["waiting"]), ("queue_overloaded", "main", 1),
                  "the first event")
            check(1 <= event["rejected"] <= 6, "calls refused so far", event)
            if full:
                over = stream.next()
                equal((over.name, over["rejected"]), ("queue_relieved", 6), "the end")


def test_the_end_is_told_and_ends_the_stream():
    with scene({"shutdown": {"delay": "300ms"}}) as sluice, EventStream(sluice.admin).open() as stream:
        equal(sluice.terminate(), 0, "exit code")
        equal(stream.next().name, "draining", "the last event")
        try:
            stream.next()
            raise AssertionError("the stream goes on")
        except (EOFError, ConnectionResetError):
            pass
