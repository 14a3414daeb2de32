# SPDX-License-Identifier: Apache-2.0
"""The life of a client's connection: which requests keep it, which end it, how long it may be idle,
and how a reply is framed for whom."""

import json
import threading
import time

from stage import GOOD, GOOD_PARAMS, Stage, table
from support.sluice import Failure, ScriptedUpstream, Sluice, call, check, equal, poll, post

BIG = b'["0xb16"]'
BIG_RESULT = b'"' + b"r" * 1000000 + b'"'


def big(connection):
    """A node whose reply to one call is too large to be held."""
    while True:
        request = connection.read_request()
        connection.send(request.reply(BIG_RESULT if request.params == BIG else None))


def request(version="1.1", connection=None, params=GOOD_PARAMS):
    body = GOOD.replace(GOOD_PARAMS, params)
    return post(body, version=version, headers=[("Connection", connection)] if connection else [])


def kept(stage, version, connection, says):
    """says: the Connection header of the response."""
    with stage.case(10), stage.client() as client:
        for _ in range(10):
            response = client.send(request(version, connection)).response()
            equal((response.status, response.header("Connection"), response.version), (200, says, "HTTP/1.1"),
                  "status, Connection, version")
            check(response.framing == "content-length", "the framing of a held reply", response)


def ended(stage, version, connection):
    with stage.case(1), stage.client() as client:
        response = client.send(request(version, connection)).response()
        equal((response.status, response.header("Connection")), (200, "close"), "status, Connection")
        equal(response.framing, "content-length", "framing")
        equal(client.wait_closed(3), b"", "bytes after the response")


def streamed(stage, version, framing, closes):
    """A reply that is relayed as it comes: in chunks, or up to the end of the connection."""
    with stage.case(2 if not closes else 1), stage.client() as client:
        response = client.send(request(version, params=BIG)).response()
        equal((response.status, response.framing), (200, framing), "status, framing")
        check(response.body == b'{"jsonrpc":"2.0","id":"good","result":' + BIG_RESULT + b"}", "body",
              len(response.body))
        equal(response.closes, closes, "whether the connection ends")
        if closes:
            equal(client.wait_closed(3), b"", "bytes after the response")
        else:
            equal(client.rpc(GOOD).status, 200, "status of the next request on the connection")


def streamed_pipeline(stage):
    with stage.case(4), stage.client() as client:
        client.send(request(params=BIG) + request() + request(params=BIG) + request())
        sizes = [len(client.response().body) for _ in range(4)]
        check(sizes[0] == sizes[2] > 1000000 and sizes[1] == sizes[3] < 200, "sizes in order", sizes)


def slow_reader(stage):
    """A client that reads a large reply slowly gets all of it; the node is held back meanwhile."""
    received = bytearray()
    with stage.case(1), stage.client(receive_buffer=8192) as client:
        client.send(request(params=BIG))
        time.sleep(0.2)
        response = client.response(sink=received.extend)
        equal((response.status, len(received)), (200, len(BIG_RESULT) + 39), "status, size")


def head_of_a_post(stage):
    """HEAD with a body is refused like any request that may have none."""
    data = request().replace(b"POST", b"HEAD", 1)
    with stage.case(0, "body_not_allowed"), stage.client() as client:
        response = client.send(data).response(method="HEAD")
        equal((response.status, response.header("Connection")), (405, "close"), "status, Connection")
        equal(client.wait_closed(3), b"", "bytes after the head")


def head_pipeline(stage):
    head = b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with stage.case(1), stage.client() as client:
        client.send(head * 3 + request())
        for _ in range(3):
            equal(client.response(method="HEAD").status, 200, "status")
        equal(client.response().status, 200, "status of the call behind")


def idle(stage):
    with stage.client() as client:
        equal(client.rpc(GOOD).status, 200, "status")
        began = time.monotonic()
        equal(client.wait_closed(5), b"", "bytes for an idle connection")
        check(time.monotonic() - began > 1.2, "an idle connection was ended early", time.monotonic() - began)


def busy_past_idle(stage):
    """Calls keep a connection alive beyond any idle time, and so does a long call."""
    with stage.client() as client:
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            equal(client.rpc(GOOD).status, 200, "status")
            time.sleep(0.2)


def parked(stage):
    """A connection that has given its buffer back serves again, once the bytes come."""
    clients = [stage.client() for _ in range(20)]
    for client in clients:
        equal(client.rpc(GOOD).status, 200, "status")
    time.sleep(1.2)
    for i, client in enumerate(clients):
        data = request()
        client.send(data[:i * 9])
        client.send(data[i * 9:])
        equal(client.response().status, 200, f"status when cut at byte {i * 9}")
        client.close()


def race(stage):
    """A request that is sent just as the connection goes idle, parks or ends gets an answer or a
    clean end, never half of one."""
    outcomes, wrong = [], []

    def one(step):
        try:
            with stage.client() as client:
                equal(client.rpc(GOOD).status, 200, "status")
                time.sleep((0.95 if step % 2 else 1.45) + step * 0.002)
                client.try_send(request())
                try:
                    equal(client.response().status, 200, "status")
                    outcomes.append("answered")
                except EOFError as end:
                    equal(end.args[0], b"", "bytes before the end")
                    outcomes.append("ended")
                except ConnectionError:
                    outcomes.append("ended")
        except Failure as failure:
            wrong.append(failure)

    threads = [threading.Thread(target=one, args=(step,)) for step in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not wrong, "races that went wrong", *wrong[:3])
    check("answered" in outcomes, "none was answered", outcomes)


def client_gone_while_waiting(stage):
    """The call of a client that has left ends at its deadline at the latest, and holds nothing after."""
    def script(connection):
        while True:
            request = connection.read_request()
            if request.params == BIG:
                connection.wait_gone()
            connection.send(request.reply())
    with stage.playing(script):
        for way in ("reset", "close", "finish"):
            seen, client = stage.upstream.count, stage.client()
            client.send(post(GOOD.replace(GOOD_PARAMS, BIG), headers=[("X-Sluice-Timeout", "300ms")]))
            stage.upstream.wait_count(seen + 1)
            getattr(client, way)()
        poll(lambda: stage.sluice.metric("sluice_calls_in_flight") == 0, "the calls are given up", 3)
        stage.good()


def client_gone_while_streaming(stage):
    sent = threading.Event()

    def script(connection):
        while True:
            request = connection.read_request()
            if request.params != BIG:
                connection.send(request.reply())
                continue
            body = request.reply(b'"' + b"s" * (16 << 20) + b'"')
            try:
                connection.send(body)
            finally:
                sent.set()
    with stage.playing(script):
        client = stage.client(receive_buffer=8192)
        client.send(request(params=BIG))
        client.reader.take(100000, time.monotonic() + 10)
        client.reset()
        poll(sent.is_set, "the node is let go")
        poll(lambda: stage.sluice.metric("sluice_calls_in_flight") == 0, "the call is given up")
        stage.good()


def sequences(stage):
    """All kinds of requests one after the other on one connection."""
    options = b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    get = b"GET /main HTTP/1.1\r\nHost: localhost\r\n\r\n"
    steps = [(request(), "POST", 200), (options, "OPTIONS", 204), (get, "GET", 200), (request(params=BIG), "POST", 200),
             (post(b"{"), "POST", 200), (post(GOOD, "/nowhere"), "POST", 404), (post(b"[]"), "POST", 200),
             (request(), "POST", 200)]
    for first in steps:
        for second in steps:
            with stage.client() as client:
                client.send(first[0] + second[0])
                equal([client.response(method=m).status for _, m, _ in (first, second)], [first[2], second[2]],
                      f"statuses of {first[0][:30]!r} and {second[0][:30]!r}")
                check(client.is_open(), "bytes beyond the two responses")


def distinct_answers():
    """Many clients, pipelining, each call unique: no answer goes to another."""
    wrong = []

    def one(sluice, who):
        with sluice.client() as client:
            for round_ in range(20):
                ids = [f"{who}-{round_}-{i}" for i in range(5)]
                client.send(b"".join(post(call("eth_getBalance", [i], i)) for i in ids))
                for i in ids:
                    got = json.loads(client.response(timeout=30).body)
                    if (got["id"], got.get("result")) != (i, [i]):
                        wrong.append((i, got))

    with ScriptedUpstream() as upstream, Sluice({"upstreams": [upstream.url], "chain_id": 1337}) as sluice:
        threads = [threading.Thread(target=one, args=(sluice, who)) for who in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(not wrong, "answers for others", *wrong[:5])
        equal(upstream.count, 2000, "requests upstream")


def nothing_leaks(stage):
    """After all of the above no descriptor is left over but those of the daemon's own."""
    poll(lambda: stage.sluice.metric("sluice_client_connections") == 0, "all clients are gone", 5)
    with_pool = stage.sluice.fds()
    check(with_pool < 60, "descriptors that are left open", with_pool)


ROWS = [
    ("http_1_1_is_kept", lambda s: kept(s, "1.1", None, None)),
    ("http_1_1_keep_alive_is_kept", lambda s: kept(s, "1.1", "keep-alive", None)),
    ("http_1_1_close_is_ended", lambda s: ended(s, "1.1", "close")),
    ("http_1_1_close_among_others_is_ended", lambda s: ended(s, "1.1", "foo, CLOSE ,bar")),
    ("http_1_1_close_wins_over_keep_alive", lambda s: ended(s, "1.1", "keep-alive, close")),
    ("http_1_0_is_ended", lambda s: ended(s, "1.0", None)),
    ("http_1_0_keep_alive_is_kept", lambda s: kept(s, "1.0", "keep-alive", "keep-alive")),
    ("http_1_0_keep_alive_in_capitals_is_kept", lambda s: kept(s, "1.0", "Keep-Alive", "keep-alive")),
    ("http_1_0_close_is_ended", lambda s: ended(s, "1.0", "close")),
    ("large_reply_in_chunks", lambda s: streamed(s, "1.1", "chunked", False)),
    ("large_reply_to_the_end_for_http_1_0", lambda s: streamed(s, "1.0", "close", True)),
    ("large_replies_in_a_pipeline", streamed_pipeline),
    ("large_reply_read_slowly", slow_reader),
    ("head_with_a_body", head_of_a_post),
    ("heads_in_a_pipeline", head_pipeline),
    ("parked_connection_serves_again", parked),
    ("client_gone_while_its_call_waits", client_gone_while_waiting),
    ("client_gone_while_its_reply_streams", client_gone_while_streaming),
    ("every_kind_of_request_after_every_other", sequences),
    ("nothing_leaks", nothing_leaks),
]


SHORT_IDLE_ROWS = [
    ("idle_connection_is_ended", idle),
    ("busy_connection_is_kept_past_the_idle_time", busy_past_idle),
    ("request_races_with_the_idle_end", race),
]


def cases(full):
    with Stage(script=big) as stage:
        yield from table(stage, ROWS)
    with Stage({"timeout": {"idle": "1500ms"}}) as stage:
        yield from table(stage, SHORT_IDLE_ROWS)
    yield "answers_of_many_clients_are_their_own", distinct_answers
