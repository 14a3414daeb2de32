# SPDX-License-Identifier: Apache-2.0
"""What a client may ask for itself: a lower class, less time, an upstream when it may steer."""

import json
import time

from guarded import CLIENTS, KEYS, Guarded, headers
from stage import GOOD, GOOD_PARAMS, assert_error, assert_refusal, table
from support.sluice import ScriptedUpstream, Sluice, WebSocket, call, check, equal, poll, post


def wish_refused(stage, path, extra, reason):
    with stage.case(0, reason), stage.client() as client:
        response = client.rpc(GOOD, path=path, headers=headers(X_API_Key=KEYS["bot-a"]) + extra)
        assert_refusal(response, 400, -32600, reason)
        check(not response.closes, "the connection must be kept", response)


def wish_taken(stage, path, extra):
    with stage.case(1), stage.client() as client:
        response = client.rpc(GOOD, path=path, headers=headers(X_API_Key=KEYS["bot-a"]) + extra)
        equal(response.status, 200, f"status ({response.body})")


def timeout_shortens(stage):
    def script(connection):
        while True:
            request = connection.read_request()
            if request.params != GOOD_PARAMS:
                connection.wait(30)
            connection.send(request.reply())
    with stage.playing(script), stage.client() as client:
        for path, extra in (("/", headers(X_Sluice_Timeout="150ms")), ("/?timeout=150ms", [])):
            began = time.monotonic()
            response = client.rpc(call("eth_getBalance", ["slow"]), path=path,
                                  headers=headers(X_API_Key=KEYS["bot-a"]) + extra)
            took = time.monotonic() - began
            equal(response.status, 504, "status")
            assert_error(response.body, -32603, b"1")
            check(0.14 < took < 1.0, "time of a call with 150 ms", took)
        with WebSocket(stage.sluice.http, "/?timeout=150ms", headers(X_API_Key=KEYS["bot-a"])) as ws:
            began = time.monotonic()
            equal(ws.rpc(call("eth_getBalance", ["slow"]))["error"]["code"], -32603, "code over WebSocket")
            check(time.monotonic() - began < 1.0, "time over WebSocket", time.monotonic() - began)


def timeout_cannot_lengthen():
    def script(connection):
        connection.read_request()
        connection.wait(30)
    with ScriptedUpstream(script) as upstream:
        with Sluice({"upstreams": [upstream.url], "chain_id": 1337, "timeout": {"call": "200ms"}}) as sluice:
            began = time.monotonic()
            equal(sluice.rpc(GOOD, headers=headers(X_Sluice_Timeout="60s")).status, 504, "status")
            check(time.monotonic() - began < 1.5, "time of the call", time.monotonic() - began)


def steer():
    """X-Sluice-Use-Upstream is for those who are allowed to steer, and for nobody else."""
    with ScriptedUpstream() as one, ScriptedUpstream() as two:
        config = {"chain_id": 1337, "clients": CLIENTS,
                  "upstreams": [{"name": "one", "url": one.url}, {"name": "two", "url": two.url}]}
        with Sluice(config) as sluice, sluice.client() as client:
            for name, node, other in (("one", one, two), ("two", two, one)):
                one.clear(), two.clear()
                for _ in range(5):
                    response = client.rpc(GOOD, headers=headers(X_API_Key=KEYS["bot-a"], X_Sluice_Use_Upstream=name))
                    equal((response.status, response.header("X-Sluice-Upstream")), (200, name),
                          "status, X-Sluice-Upstream")
                equal((node.count, other.count), (5, 0), "requests at the named and the other upstream")
            response = client.rpc(GOOD, headers=headers(X_API_Key=KEYS["bot-a"], X_Sluice_Use_Upstream="three"))
            equal((response.status, response.json()["error"]["data"]["reason"]), (400, "bad_upstream"),
                  "status, reason")
            one.clear(), two.clear()
            for _ in range(10):
                equal(client.rpc(GOOD, headers=headers(X_Sluice_Use_Upstream="one")).status, 200,
                      "status for who may not steer")
            check(one.count and two.count, "the field of who may not steer is ignored", one.count, two.count)


def debug_tells_the_choice():
    """X-Sluice-Debug: for those who may, the reply says who was compared and why."""
    mine = headers(X_API_Key=KEYS["bot-a"], X_Sluice_Debug="1")
    with ScriptedUpstream() as one, ScriptedUpstream() as two, ScriptedUpstream() as later:
        config = {"chain_id": 1337, "clients": CLIENTS,
                  "upstreams": [{"name": "one", "url": one.url}, {"name": "two", "url": two.url},
                                {"name": "later", "url": later.url, "tier": 2}]}
        with Sluice(config) as sluice, sluice.client() as client:
            poll(lambda: sluice.metric("sluice_upstream_state", state="in") == 3, "all are in")
            for _ in range(8):
                response = client.rpc(GOOD, headers=mine)
            words = response.header("X-Sluice-Choice")
            chosen = response.header("X-Sluice-Upstream")
            check(words.startswith(f"{chosen} by adaptive (least expected wait); one: "), "who was chosen, by what", words)
            check("; later: tier 2" in words and " ms = service " in words, "how each stands", words)
            check("best" in words.split(f"; {chosen}: ")[1].split(";")[0], "why the one was preferred", words)
            for other in (headers(X_API_Key=KEYS["bot-a"]), headers(X_API_Key=KEYS["bot-a"], X_Sluice_Debug="0"),
                          headers(X_API_Key=KEYS["bot-b"], X_Sluice_Debug="1"), headers(X_Sluice_Debug="1")):
                reply = client.rpc(GOOD, headers=other)
                equal((reply.status, reply.header("X-Sluice-Choice")), (200, None), "who did not ask, or may not")
            reply = client.rpc(GOOD, headers=headers(X_API_Key=KEYS["bot-a"], X_Sluice_Debug="yes"))
            equal((reply.status, reply.json()["error"]["data"]["reason"]), (400, "bad_debug"), "status, reason")
            reply = client.rpc(GOOD, headers=mine + headers(X_Sluice_Use_Upstream="two"))
            words = reply.header("X-Sluice-Choice")
            check(words.startswith("two, the only one; one: not for this call"), "a call that steers", words)
            sluice.ctl("drain", "one")
            words = client.rpc(GOOD, headers=mine).header("X-Sluice-Choice")
            check(words.startswith("two, the only one; one: drained by hand; "), "what bars the others", words)


def choices_of_many_are_bounded():
    """The words of sixty upstreams do not outgrow what clients take as a head."""
    with ScriptedUpstream() as node:
        config = {"chain_id": 1337, "clients": CLIENTS,
                  "upstreams": [{"name": f"a-rather-long-name-{i}", "url": node.url} for i in range(60)]}
        with Sluice(config) as sluice:
            reply = sluice.rpc(GOOD, headers=headers(X_API_Key=KEYS["bot-a"], X_Sluice_Debug="1"))
            words = reply.header("X-Sluice-Choice")
            check(len(words) == 2048 and words.endswith("..."), "its length", len(words), words[-9:])


def status_tells_the_choice():
    """Each strategy says in /status how it would choose now."""
    rules = {"round-robin": "turn by turn", "least-connections": "fewest calls in flight", "weighted": "turns by weight",
             "latency-based": "lowest mean response time", "random": "by chance", "p2c": "the less busy of two",
             "peak-ewma": "the cheaper of two", "affinity": "a call without a key", "adaptive": "least expected wait",
             "learned": "least expected wait, model"}
    with ScriptedUpstream() as one, ScriptedUpstream() as two:
        upstreams = [{"name": "one", "url": one.url, "weight": 3}, {"name": "two", "url": two.url}]
        config = {"chain_id": 1337, "upstreams": upstreams, "balance": {"strategy": "round-robin"}}
        with Sluice(config) as sluice:
            poll(lambda: sluice.metric("sluice_upstream_state", state="in") == 2, "both are in")
            for strategy, rule in rules.items():
                config["balance"]["strategy"] = strategy
                sluice.reload(config)
                for _ in range(4):
                    equal(sluice.rpc(GOOD).status, 200, "a call")
                chain = sluice.status()["chains"][0]
                check(chain["strategy"] == strategy and chain["choice"].startswith(rule), "the rule", chain["choice"])
                for upstream in chain["upstreams"]:
                    check(upstream["choice"], "each has words", upstream)
            check(", best" in " ".join(u["choice"] for u in chain["upstreams"]), "one is best", chain)
            equal(sluice.ctl("weight", "one", "2"), "main/one has weight 2\n", "learned looks at weights")
            check(sluice.metric("sluice_balance_model_error_ratio") > 0, "the model's error is a metric")
            config["balance"]["strategy"] = "p2c"
            sluice.reload(config)
            check("p2c does not look at weights" in sluice.ctl("weight", "one", "1"), "p2c does not")
            check("sluice_balance_model_error_ratio{" not in sluice.metrics_text(), "and has no model")
            sluice.ctl("drain", "one")
            equal(sluice.status()["chains"][0]["upstreams"][0]["choice"], "drained by hand", "what bars one")


def priority_lowers():
    """With the node's only connection taken, waiters are served by class, and no class can be claimed
    that the client does not have."""
    order, release = [], []

    def script(connection):
        while True:
            request = connection.read_request()
            if request.params == b'["first"]':
                while not release:
                    connection.wait(0.01)
            else:
                order.append(json.loads(request.params)[0])
            connection.send(request.reply())

    with ScriptedUpstream(script) as upstream:
        config = {"chain_id": 1337, "clients": CLIENTS, "pool": {"max": 1, "min": 1},
                  "queue": {"reserve": "0%", "timeout": "20s"},
                  "upstreams": [{"name": "node", "url": upstream.url}]}
        with Sluice(config, workers=1) as sluice:
            clients = []

            def ask(what, extra=(), key="bot-a"):
                client = sluice.client()
                clients.append(client)
                who = headers(X_API_Key=KEYS[key]) if key else []
                client.send(post(call("eth_getBalance", [what]), headers=who + list(extra)))

            ask("first")
            upstream.wait_count(1)
            depth = 0
            for what, extra, key in [
                    ("anonymous-low", headers(X_Sluice_Priority="low"), None), ("anonymous", [], None),
                    ("anonymous-critical", headers(X_Sluice_Priority="critical"), None),
                    ("b", headers(X_Sluice_Priority="high"), "bot-b"), ("a", [], "bot-a"),
                    ("a-low", headers(X_Sluice_Priority="low"), "bot-a"),
                    ("a-critical", headers(X_Sluice_Priority="critical"), "bot-a")]:
                ask(what, extra, key)
                depth += 1
                poll(lambda: sluice.metric("sluice_queue_depth") == depth, f"{depth} calls wait")
            release.append(True)
            for client in clients:
                equal(client.response().status, 200, "status")
            equal(order, ["a", "a-critical", "anonymous", "anonymous-critical", "anonymous-low", "b", "a-low"],
                  "order of service")


ROWS = [(f"priority_taken_{word}", lambda s,
            w=word: [wish_taken(s, "/", headers(X_Sluice_Priority=w)), wish_taken(s, f"/?priority={w}", [])])
           for word in ("critical", "high", "normal", "low")]
ROWS += [(f"priority_refused_{i}", lambda s,
            w=word: wish_refused(s, "/", headers(X_Sluice_Priority=w), "bad_priority"))
           for i, word in enumerate(("urgent", "HIGH", "0", "high,low", "high low", "highest"))]
ROWS += [(f"timeout_taken_{i}", lambda s,
            w=word: [wish_taken(s, "/", headers(X_Sluice_Timeout=w)), wish_taken(s, f"/?timeout={w}", [])])
           for i, word in enumerate(("800ms", "1s", "5m", "1000000ms"))]
ROWS += [(f"timeout_refused_{i}", lambda s, w=word: wish_refused(s, "/", headers(X_Sluice_Timeout=w), "bad_timeout"))
           for i, word in enumerate(("800", "0ms", "-1s", "1.5s", "1h", "ms", "1 s", "99999999999999999999s", "1sx",
                                     "0x1s", "+1s"))]
ROWS += [
    ("wishes_in_the_query_refused", lambda s: [wish_refused(s, "/?priority=top", [], "bad_priority"), wish_refused(s,
            "/main?a=b&timeout=x", [], "bad_timeout")]),
    ("affinity_of_any_text", lambda s: [wish_taken(s, "/", headers(X_Sluice_Affinity=t)) for t in ("a", "x" * 4000,
            "\xff{}'\"")]),
    ("wish_twice", lambda s: s.refused(post(GOOD, headers=headers(X_Sluice_Timeout="1s") * 2), 400,
                                            reason="duplicate_field")),
]
ROWS.append(("timeout_shortens", timeout_shortens))


def cases(full):
    with Guarded({"clients": CLIENTS, "anonymous": {"allow": False}}) as stage:
        yield from table(stage, ROWS)
    yield "timeout_cannot_lengthen", timeout_cannot_lengthen
    yield "steering", steer
    yield "debug_tells_the_choice", debug_tells_the_choice
    yield "choices_of_many_are_bounded", choices_of_many_are_bounded
    yield "status_tells_the_choice", status_tells_the_choice
    yield "priority_lowers", priority_lowers
