# SPDX-License-Identifier: Apache-2.0
"""Batches: one reply per id in the order asked, each item judged for itself, a bound on how many run
at a time, and no batch that costs more than its bytes."""

import json
import threading
import time

from stage import GOOD, GOOD_PARAMS, Stage, assert_error, table
from support.sluice import ScriptedUpstream, Sluice, call, check, elements, equal, members, post, sanitized


def item(id, n=None, method="eth_getBalance"):
    return call(method, ["0x%x" % (id if n is None else n)], id)


def reply_ids(response):
    return [json.loads(e)["id"] for e in elements(response.body)]


def codes(response):
    return [json.loads(e).get("error", {}).get("code") for e in elements(response.body)]


def exchange(stage, batch, upstream):
    with stage.case(upstream), stage.client() as client:
        response = client.rpc(batch)
        check(not response.closes, "the connection must be kept", response)
        return response


def in_order(stage):
    """Replies arrive in any order upstream; the client gets them in its own."""
    def script(connection):
        while True:
            request = connection.read_request()
            if b'"0x0"' in request.params or b'"0x7"' in request.params:
                connection.wait(0.05)
            connection.send(request.reply())
    with stage.playing(script):
        response = exchange(stage, [item(i) for i in range(40)], 40)
    equal(response.status, 200, "status")
    for i, element in enumerate(elements(response.body)):
        got = members(element)
        equal((got[b"id"], got.get(b"result")), (b"%d" % i, b'["0x%x"]' % i), f"item {i}")


def mixed(stage):
    """The batch of the specification's examples and more: what is good runs, the rest is judged
    item by item."""
    body = (b'[{"jsonrpc":"2.0","id":"1","method":"eth_getBalance","params":[1,2,4]},'
            b'{"jsonrpc":"2.0","method":"eth_getBalance","params":[7]},'
            b'{"foo":"boo"},1,"x",[],null,[{"jsonrpc":"2.0","id":9,"method":"eth_getBalance"}],'
            b'{"jsonrpc":"2.0","id":"5","method":"admin_peers"},'
            b'{"jsonrpc":"1.0","id":6,"method":"eth_getBalance"},'
            b'{"jsonrpc":"2.0","id":7,"method":"eth_getBalance","params":"x"},'
            b'{"jsonrpc":"2.0","id":8,"method":"eth_chainId"},'
            b'{"jsonrpc":"2.0","id":1.50,"method":"eth_getBalance","params":{"a":1}}]')
    with stage.case(3), stage.client() as client:
        response = client.rpc(body)
        equal(response.status, 200, "status")
        expected = [(b'"1"', None), (b"null", -32600), (b"null", -32600), (b"null", -32600), (b"null", -32600),
                    (b"null", -32600), (b"null", -32600), (b'"5"', -32601), (b"6", -32600), (b"7", -32602),
                    (b"8", None), (b"1.50", None)]
        got = [(members(e)[b"id"], json.loads(e).get("error", {}).get("code")) for e in elements(response.body)]
        equal(got, expected, "ids and codes")
        sent = sorted(r.params for r in stage.upstream.requests)
        equal(sent, [b"[1,2,4]", b"[7]", b'{"a":1}'], "params upstream")


def duplicates(stage):
    response = exchange(stage, [item(1, n) for n in range(5)], 5)
    equal([json.loads(e)["result"] for e in elements(response.body)], [["0x%x" % n] for n in range(5)], "results")
    equal(reply_ids(response), [1] * 5, "ids")


def single(stage, body, expected):
    """expected: code of a single error object, or a list of codes: an array."""
    response = exchange(stage, body, 0)
    equal(response.status, 200, "status")
    if isinstance(expected, list):
        equal(codes(response), expected, "codes")
        for element in elements(response.body):
            assert_error(element, json.loads(element)["error"]["code"], b"null")
    else:
        assert_error(response.body, expected, b"null")


def notifications(stage):
    batch = [{"jsonrpc": "2.0", "method": "eth_getBalance", "params": [i]} for i in range(5)]
    response = exchange(stage, batch, 5)
    equal((response.status, response.header("Content-Length"), response.body), (200, "0", b""), "status, length, body")


def notification_among(stage):
    response = exchange(stage, [item(1), {"jsonrpc": "2.0", "method": "eth_getBalance", "params": []}, item(2)], 3)
    equal(reply_ids(response), [1, 2], "ids")


def denied_at_the_end(stage):
    batch = [item(i) for i in range(999)] + [call("debug_traceTransaction", ["0x1"], 999)]
    response = exchange(stage, batch, 999)
    equal(codes(response), [None] * 999 + [-32601], "codes")
    check(all(r.method == "eth_getBalance" for r in stage.upstream.requests), "a denied method went upstream")


def too_many(stage, items, id):
    response = exchange(stage, items, 0)
    equal(response.status, 200, "status")
    got = elements(response.body)
    equal(len(got), 1, "errors in the array")
    error = assert_error(got[0], -32600, id)
    equal(error["message"], "batch too large", "message")


def million(stage):
    """Counted and refused, with no storage for what is beyond the limit."""
    before = stage.sluice.peak_rss()
    body = b"[" + b"1," * 999999 + b"1]"
    with stage.case(0), stage.client() as client:
        response = client.rpc(body)
        equal((response.status, codes(response)), (200, [-32600]), "status, codes")
    grown = stage.sluice.peak_rss() - before
    check(sanitized() or grown < 24 << 20, "memory for a million items", f"{grown} bytes for a body of {len(body)}")


def not_json_at_the_end(stage):
    response = exchange(stage, json.dumps([item(i) for i in range(50)]).encode()[:-1] + b",}]", 0)
    assert_error(response.body, -32700, b"null")


def concurrency(stage, limit):
    """At most `limit` items run at a time, and as many as that do."""
    running, most, lock, release = [0], [0], threading.Lock(), threading.Event()

    def script(connection):
        while True:
            request = connection.read_request()
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            if running[0] >= limit:
                release.set()
            release.wait(3)
            connection.wait(0.005)
            with lock:
                running[0] -= 1
            connection.send(request.reply())

    with ScriptedUpstream(script) as upstream:
        config = {"upstreams": [upstream.url], "chain_id": 1337, "batch": {"max": 1}, "limits": {"batch_concurrency": limit}}
        with Sluice(config) as sluice:
            response = sluice.rpc([item(i) for i in range(limit * 5)])
            equal(reply_ids(response), list(range(limit * 5)), "ids")
            equal(most[0], limit, "items that ran at one time")


def some_fail(stage):
    """One item's failure is that item's alone."""
    def script(connection):
        while True:
            request = connection.read_request()
            n = int(json.loads(request.params)[0], 16)
            if n % 3 == 1:
                connection.send(request.reply(error=b'{"code":3,"message":"execution reverted","data":"0x"}'))
            elif n % 3 == 2:
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope")
            else:
                connection.send(request.reply())
    with ScriptedUpstream(script) as upstream, \
            Sluice({"upstreams": [upstream.url], "chain_id": 1337, "batch": {"max": 1}, "retry": {"max": 0}}) as sluice:
        response = sluice.rpc([item(i) for i in range(12)])
        equal(response.status, 200, "status")
        equal(reply_ids(response), list(range(12)), "ids")
        equal(codes(response), [None, 3, -32603] * 4, "codes")


def refused_whole(stage):
    """No item was run: the status says so, and every id has its error."""
    with Sluice({"upstreams": ["http://127.0.0.1:1"], "chain_id": 1}, serving=False) as sluice:
        response = sluice.rpc([item(i) for i in range(3)])
        equal(response.status, 503, "status")
        equal(response.header("Retry-After"), "1", "Retry-After")
        equal((reply_ids(response), codes(response)), ([0, 1, 2], [-32603] * 3), "ids, codes")
        partly = sluice.rpc([item(1), call("eth_chainId", [], 2)])
        equal((partly.status, codes(partly)), (200, [-32603, None]), "status and codes when one item was answered")


def large_results(stage):
    """Items are held whole whatever their size, below limits.response; beyond it geth's words."""
    def script(connection):
        while True:
            request = connection.read_request()
            connection.send(request.reply(b'"' + b"x" * 200000 + b'"'))
    with ScriptedUpstream(script) as upstream:
        config = {"upstreams": [upstream.url], "chain_id": 1337, "batch": {"max": 1}, "limits": {"response": "1MiB"}}
        with Sluice(config) as sluice, sluice.client() as client:
            response = client.rpc([item(i) for i in range(5)])
            equal([len(json.loads(e)["result"]) for e in elements(response.body)], [200000] * 5, "sizes")
            response = client.rpc([item(i) for i in range(8)])
            equal(reply_ids(response), list(range(8)), "ids")
            got = codes(response)
            equal((got.count(None), got.count(-32003)), (5, 3), f"codes {got}")


def client_leaves(stage):
    """A client that goes while its batch runs leaves nothing behind."""
    def script(connection):
        while True:
            request = connection.read_request()
            connection.wait(0.05)
            connection.send(request.reply())
    with ScriptedUpstream(script) as upstream, Sluice({"upstreams": [upstream.url], "chain_id": 1337, "batch": {"max": 1}}) as sluice:
        for _ in range(5):
            seen, client = upstream.count, sluice.client()
            client.send(post([item(i) for i in range(100)]))
            upstream.wait_count(seen + 1)
            client.reset()
        end = time.monotonic() + 15
        while sluice.metric("sluice_calls_in_flight") != 0:
            check(time.monotonic() < end, "calls of a client that is gone stay in flight")
            time.sleep(0.02)
        equal(members(sluice.rpc(GOOD).body)[b"result"], GOOD_PARAMS, "a good call afterwards")


def white_space(stage):
    body = b" [ " + GOOD + b" , \r\n" + GOOD + b"\t] "
    response = exchange(stage, body, 2)
    equal(len(elements(response.body)), 2, "replies")


ROWS = [
    ("replies_in_the_order_asked", in_order),
    ("every_item_is_judged_for_itself", mixed),
    ("one_id_twice", duplicates),
    ("empty", lambda s: single(s, b"[]", -32600)),
    ("empty_and_spaced", lambda s: single(s, b" [ ] ", -32600)),
    ("of_one_number", lambda s: single(s, b"[1]", [-32600])),
    ("of_three_numbers", lambda s: single(s, b"[1,2,3]", [-32600] * 3)),
    ("within_a_batch", lambda s: single(s, b"[[" + GOOD + b"]]", [-32600])),
    ("of_an_empty_batch", lambda s: single(s, b"[[]]", [-32600])),
    ("of_notifications_only", notifications),
    ("notification_among_calls", notification_among),
    ("denied_method_as_the_last_of_a_thousand", denied_at_the_end),
    ("of_a_thousand", lambda s: equal(len(elements(exchange(s, [item(i) for i in range(1000)], 1000).body)), 1000,
                                      "replies")),
    ("of_a_thousand_and_one", lambda s: too_many(s, [item(i) for i in range(5, 1006)], b"5")),
    ("too_large_and_first_a_notification", lambda s: too_many(
        s, [{"jsonrpc": "2.0", "method": "eth_getBalance"}] + [item(i) for i in range(7, 1008)], b"7")),
    ("of_a_million", million),
    ("not_json_at_its_end", not_json_at_the_end),
    ("runs_four_at_a_time", lambda s: concurrency(s, 4)),
    ("runs_sixteen_at_a_time", lambda s: concurrency(s, 16)),
    ("failing_items", some_fail),
    ("refused_whole", refused_whole),
    ("large_results", large_results),
    ("client_leaves", client_leaves),
    ("white_space", white_space),
]


def cases(full):
    with Stage() as stage:
        yield from table(stage, ROWS)
