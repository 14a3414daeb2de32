# SPDX-License-Identifier: Apache-2.0
"""Calls of a client's batch that leave for the node together: every item gets its own answer,
whatever the node makes of the batch, and a node that takes none is asked one by one."""

import json
import time

from support.sluice import (ScriptedUpstream, Sluice, call, check, elements, equal, http_reply, members, poll,
                            post, total)

ALWAYS = {"max": 20, "time": "1s"}


def item(id, method="eth_getBalance"):
    return call(method, ["0x%x" % id], id)


def parts(request):
    """The calls in a request: [(id, params)], of a batch or of one."""
    texts = elements(request.body) if request.body.startswith(b"[") else [request.body]
    return [(m[b"id"], m.get(b"params", b"[]")) for m in map(members, texts)]


def is_batch(request):
    return request.body.startswith(b"[")


def answer(id, params):
    return b'{"jsonrpc":"2.0","id":' + id + b',"result":' + params + b"}"


def array(texts):
    return http_reply(b"[" + b",".join(texts) + b"]")


def honest(request):
    if not is_batch(request):
        return request.reply()
    return array([answer(*part) for part in parts(request)])


def playing(on_batch):
    """A node that makes of a batch what `on_batch(request)` says: bytes, or None to hang up; a single
    call is answered as it should be."""
    def script(connection):
        while True:
            request = connection.read_request()
            reply = on_batch(request) if is_batch(request) else request.reply()
            if reply is None:
                return
            connection.send(reply)
    return script


class Scene:
    """The daemon before one or two nodes, of which the first has answered a call."""

    def __init__(self, on_batch, others=0, batch=None, **config):
        self.nodes = [ScriptedUpstream(playing(on_batch))] + [ScriptedUpstream(playing(honest)) for _ in range(others)]
        upstreams = [{"name": f"n{i}", "url": node.url, "tier": 1 + i} for i, node in enumerate(self.nodes)]
        self.sluice = Sluice({"chain_id": 1337, "upstreams": upstreams, "batch": batch or ALWAYS,
                              "limits": {"batch_concurrency": 100, **config.pop("limits", {})}, **config}, workers=1)
        self.node = self.nodes[0]

    def __enter__(self):
        try:
            self.sluice.__enter__()
            poll(lambda: all(node["state"] == "in" for node in self.sluice.status()["chains"][0]["upstreams"]),
                 "all nodes are in rotation")
            equal(self.sluice.rpc(item(0)).status, 200, "the first call")
            for node in self.nodes:
                node.clear()
            return self
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(self, *error):
        self.sluice.__exit__(*error)
        for node in self.nodes:
            node.stop()

    def ask(self, count, method="eth_getBalance"):
        """A batch of so many calls: each must come back with its own params."""
        response = self.sluice.rpc([item(i + 1, method) for i in range(count)])
        equal(response.status, 200, "status")
        got = [members(e) for e in elements(response.body)]
        equal([(m[b"id"], m.get(b"result")) for m in got],
              [(b"%d" % (i + 1), b'["0x%x"]' % (i + 1)) for i in range(count)], "replies")
        return response

    def sizes(self, node=0):
        """Calls in each request that the node has got."""
        return sorted((len(parts(r)) for r in self.nodes[node].requests), reverse=True)

    def batches(self, outcome):
        return total(self.sluice.metrics(), "sluice_upstream_batches_total", outcome=outcome, upstream="n0")


def together(count, sizes, **config):
    def case():
        with Scene(honest, **config) as scene:
            scene.ask(count)
            equal(scene.sizes(), sizes, "calls in each request")
            many = [n for n in sizes if n > 1]
            equal(scene.batches("ok"), len(many), "batches counted")
            equal(scene.sluice.metric("sluice_upstream_batched_calls_total", upstream="n0"), sum(many), "calls counted")
            equal(total(scene.sluice.metrics(), "sluice_upstream_attempts_total", upstream="n0", outcome="ok"),
                  count + 1, "attempts counted")
    return case


def answered(on_batch, sizes=(20,)):
    """The node's reply is unusual, and good enough."""
    def case():
        with Scene(on_batch) as scene:
            scene.ask(20)
            equal(scene.sizes(), sorted(sizes, reverse=True), "calls in each request")
            scene.ask(20)
    return case


def one_by_one(on_batch):
    """What the node did not answer in the batch it is asked alone, and from then on all."""
    def case():
        with Scene(on_batch) as scene:
            scene.ask(20)
            check(1 in scene.sizes(), "calls are sent alone", scene.sizes())
            scene.node.clear()
            scene.ask(20)
            equal(scene.sizes(), [1] * 20, "requests after the refusal")
            equal(total(scene.sluice.metrics(), "sluice_upstream_batches_total"), 1, "batches")
            check(scene.sluice.metric("sluice_retries_total", reason="unbatched") >= 1, "counted as sent again")
            equal(scene.sluice.metric("sluice_upstream_consecutive_failures", upstream="n0"), 0, "failures")
    return case


def elsewhere(on_batch, failures=1):
    """The batch fails as one: its calls succeed on the other node, and it counts once against the
    first."""
    def case():
        with Scene(on_batch, others=1, retry={"budget": "100%"}, health={"interval": "10m"}) as scene:
            scene.ask(20)
            equal(scene.sizes(), [20], "the batch")
            equal(sum(scene.sizes(1)), 20, "calls at the other node")
            equal(scene.batches("failed"), 1, "batches that failed")
            poll(lambda: scene.sluice.metric("sluice_upstream_consecutive_failures", upstream="n0") == failures,
                 f"failures in a row: {failures}")
    return case


def without(count):
    return lambda request: array([answer(*part) for part in parts(request)[count:]])


def repeated(request):
    texts = [answer(*part) for part in parts(request)]
    other = texts[0].replace(b"0x1", b"0xbad")
    return array(texts + [other])


def stranger(request):
    return array([answer(b"1", b'["0xbad"]')] + [answer(*part) for part in parts(request)])


def refusal(status, body=b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches are not supported"}}'):
    return lambda request: http_reply(body, status)


def errors_of_items():
    """A revert is an answer, in a batch too."""
    def on_batch(request):
        revert = b',"error":{"code":3,"message":"execution reverted","data":"0x08c379a0"}}'
        return array([b'{"jsonrpc":"2.0","id":' + id + revert if i % 2 else answer(id, params)
                      for i, (id, params) in enumerate(parts(request))])
    with Scene(on_batch) as scene:
        response = scene.sluice.rpc([item(i) for i in range(10)])
        got = [json.loads(e) for e in elements(response.body)]
        equal([e.get("error", {}).get("code") for e in got], [None, 3] * 5, "codes")
        equal([e["id"] for e in got], list(range(10)), "ids")
        equal(scene.sizes(), [10], "calls in each request")


def heavy_and_unsafe_alone():
    with Scene(honest) as scene:
        raw = "0x02f8" + "00" * 60
        calls = [item(1), call("eth_getLogs", [{}], 2), call("eth_sendRawTransaction", [raw], 3), item(4),
                 call("eth_call", [{"data": "0x" + "00" * 9000}, "latest"], 5)]
        response = scene.sluice.rpc(calls)
        equal([json.loads(e)["id"] for e in elements(response.body)], [1, 2, 3, 4, 5], "ids")
        equal(scene.sizes(), [2, 1, 1, 1], "calls in each request")
        together_ids = [parts(r) for r in scene.node.requests if is_batch(r)][0]
        equal([params for _, params in together_ids], [b'["0x1"]', b'["0x4"]'], "calls in the batch")


def large_replies():
    """Together the replies are over the limit, each alone is not."""
    big = b'"' + b"x" * 200000 + b'"'

    def script(connection):
        while True:
            request = connection.read_request()
            connection.send(array([answer(id, big) for id, _ in parts(request)]) if is_batch(request)
                            else request.reply(big))
    with Scene(honest, limits={"response": "600KiB"}) as scene:
        scene.node.script = script
        scene.node.close_connections()
        response = scene.sluice.rpc([item(i) for i in range(3)])
        sizes = [len(json.loads(e).get("result", "")) for e in elements(response.body)]
        check(sizes.count(200000) >= 2, "replies that fit", sizes)


def client_leaves():
    """The batch is given up with its connection, and nothing stays behind."""
    def script(connection):
        while True:
            request = connection.read_request()
            if is_batch(request):
                connection.wait_gone()
            connection.send(request.reply())
    with Scene(honest) as scene:
        scene.node.script = script
        scene.node.close_connections()
        client = scene.sluice.client()
        client.send(post([item(i) for i in range(10)]))
        poll(lambda: any(is_batch(r) for r in scene.node.requests), "the batch is with the node")
        client.reset()
        poll(lambda: scene.sluice.metric("sluice_calls_in_flight") == 0, "no call is left in flight")
        poll(lambda: scene.sluice.metric("sluice_pool_connections", state="busy") == 0, "no connection stays busy")
        equal(scene.sluice.rpc(item(7)).status, 200, "a call afterwards")


def first_calls_alone():
    """Nothing is known of the node yet."""
    node = ScriptedUpstream(playing(honest))
    with node, Sluice({"chain_id": 1337, "upstreams": [node.url], "batch": ALWAYS}) as sluice:
        equal(sluice.rpc([item(i) for i in range(10)]).status, 200, "status")
        check(not any(is_batch(r) for r in node.requests), "a batch before any reply")


def slow_node_alone():
    def script(connection):
        while True:
            request = connection.read_request()
            connection.wait(0.03 * len(parts(request)))
            connection.send(honest(request))
    with Scene(honest, batch={"max": 20, "time": "40ms"}) as scene:
        scene.node.script = script
        scene.node.close_connections()
        for i in range(60):
            if scene.sizes()[-8:] == [1] * 8:
                break
            scene.ask(8)
        scene.node.clear()
        scene.ask(8)
        equal(scene.sizes(), [1] * 8, "requests to a node that takes 30 ms a call, with 40 ms a batch")


def notification_within():
    with Scene(honest) as scene:
        calls = [item(1), {"jsonrpc": "2.0", "method": "eth_getBalance", "params": ["0x2"]}, item(3)]
        response = scene.sluice.rpc(calls)
        equal([json.loads(e)["id"] for e in elements(response.body)], [1, 3], "ids")
        equal(scene.sizes(), [3], "calls in each request")


def under_the_limit_of_connections():
    """With one connection the batches follow each other."""
    with Scene(honest, batch={"max": 4, "time": "1s"}, pool={"min": 1, "max": 1}) as scene:
        scene.ask(40)
        equal(sum(scene.sizes()), 40, "calls")
        equal(scene.sizes()[0], 4, "the largest request")


def hangs_up():
    """A kept connection that dies at the batch is what may happen to any call: the batch is sent
    again over a new one. When that dies too, each call goes its own way, within the retries there are."""
    times = []

    def once(request):
        times.append(1)
        return None if len(times) == 1 else honest(request)
    with Scene(once) as scene:
        accepted = scene.node.accepted
        scene.ask(20)
        equal(scene.sizes(), [20, 20], "calls in each request")
        equal(scene.node.accepted - accepted, 1, "new connections")
        equal(scene.sluice.metric("sluice_upstream_consecutive_failures", upstream="n0"), 0, "failures")


def rate_limit_holds():
    """Of the upstream: what is gathered counts at once."""
    node = ScriptedUpstream(playing(honest))
    upstreams = [{"name": "n0", "url": node.url, "rate_limit": "10/s"}]
    config = {"chain_id": 1337, "upstreams": upstreams, "batch": ALWAYS, "health": {"interval": "10m"}}
    with node, Sluice(config) as sluice:
        equal(sluice.rpc(item(0)).status, 200, "the first call")
        began = time.monotonic()
        for _ in range(6):
            sluice.rpc([item(i) for i in range(16)])
        most = 10 + 10 * (time.monotonic() - began + 1)
        sent = sum(len(parts(r)) for r in node.requests)
        check(sent <= most, f"at most {most} calls reach the node", sent)


ROWS = {
    "twenty_leave_as_one": together(20, [20]),
    "twenty_one_leave_as_two": together(21, [11, 10]),
    "two_leave_as_one": together(2, [2]),
    "one_leaves_alone": together(1, [1]),
    "max_of_one_is_off": together(6, [1] * 6, batch={"max": 1, "time": "1s"}),
    "time_of_zero_is_off": together(6, [1] * 6, batch={"max": 20, "time": "0s"}),
    "replies_in_another_order": answered(lambda r: array([answer(*p) for p in reversed(parts(r))])),
    "ids_as_strings": answered(lambda r: array([answer(b'"' + i + b'"', p) for i, p in parts(r)])),
    "white_space": answered(lambda r: http_reply(b" [ " + b" ,\n".join(answer(*p) for p in parts(r)) + b" ]\r\n ")),
    "a_reply_to_nobody_is_dropped": answered(stranger),
    "no_reply_in_the_array_is_no_object": answered(lambda r: array([b"null", b"7"] + [answer(*p) for p in parts(r)])),
    "a_reply_twice_is_asked_again": answered(repeated, sizes=(20, 1)),
    "a_reply_is_missing": one_by_one(without(1)),
    "all_replies_are_missing": one_by_one(lambda r: array([])),
    "refused_with_200": one_by_one(refusal(200)),
    "refused_with_400": one_by_one(refusal(400)),
    "refused_with_413": one_by_one(refusal(413, b"too large")),
    "refused_in_an_array": one_by_one(lambda r: array(
        [b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}'])),
    "too_many_requests": elsewhere(refusal(429), failures=0),
    "broken": elsewhere(refusal(500, b"oops")),
    "garbage": elsewhere(lambda r: http_reply(b"<html>")),
    "an_array_that_does_not_end": elsewhere(lambda r: http_reply(honest(r).split(b"\r\n\r\n", 1)[1][:-1])),
    "bytes_after_the_array": elsewhere(lambda r: http_reply(honest(r).split(b"\r\n\r\n", 1)[1] + b"]")),
    "hangs_up": hangs_up,
    "rate_limit_of_the_upstream": rate_limit_holds,
    "hangs_up_within_the_reply": elsewhere(lambda r: honest(r)[:-20]),
    "errors_of_items": errors_of_items,
    "heavy_and_unsafe_calls_leave_alone": heavy_and_unsafe_alone,
    "replies_that_are_too_large_together": large_replies,
    "client_leaves": client_leaves,
    "the_first_calls_leave_alone": first_calls_alone,
    "a_slow_node_is_asked_one_by_one": slow_node_alone,
    "notification_within": notification_within,
    "under_the_limit_of_connections": under_the_limit_of_connections,
}


def cases(full):
    yield from ROWS.items()
