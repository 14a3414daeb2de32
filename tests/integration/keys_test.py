# SPDX-License-Identifier: Apache-2.0
"""Keys of clients: where they may stand, what they open, and that a wrong one says nothing."""

import json
import time

from guarded import CLIENTS, KEYS, Guarded, headers, key_ways
from stage import GOOD, assert_error, table
from support.sluice import WebSocket, call, check, equal, poll, post, upgrade_request


def good_keys(stage):
    for name, path, extra in key_ways(KEYS["bot-a"]):
        before = stage.sluice.metric("sluice_client_calls_total", client="bot-a", outcome="ok")
        with stage.client() as client:
            equal(client.rpc(GOOD, path=path, headers=extra).status, 200, f"status by {name}")
        poll(lambda: stage.sluice.metric("sluice_client_calls_total", client="bot-a", outcome="ok") == before + 1,
             "counted for bot-a")


def no_key(stage):
    response = stage.refused_kept_alone(post(GOOD))
    equal(response.header("WWW-Authenticate"), 'Bearer realm="sluice"', "WWW-Authenticate")


def wrong_keys(stage):
    """All wrong keys get one and the same answer, however much of them is right."""
    key = KEYS["bot-a"]
    wrong = [key[:n] for n in range(1, len(key))] + [key + "x", key.upper(), key[::-1], "x" * 4000, key[:-1] + "g",
                                                     "é", "Bearer", "%00", "*"]
    seen = set()
    with stage.case(0):
        for text in wrong:
            with stage.client() as client:
                response = client.rpc(GOOD, headers=headers(X_API_Key=text.encode().decode("latin-1")))
                stable = sorted((n, v) for n, v in response.headers if n not in ("Date", "X-Request-Id"))
                seen.add((response.status, response.body, str(stable)))
        equal(len(seen), 1, "different answers to wrong keys")
        status, body, _ = seen.pop()
        equal(status, 401, "status")
        assert_error(body, -32000, b"null")


def wrong_ways(stage):
    key = KEYS["bot-a"]
    for path, extra in [("/", headers(Authorization=f"Basic {key}")), ("/", headers(Authorization=key)),
                        ("/", headers(Authorization="Bearer")),
                        ("/", headers(Authorization=f"Bearer  {key}")),
                        ("/", headers(Authorization=f"Bearer {key} x")), ("/main/wrong", []),
                        ("/?key=" + key, []), ("/main/", []), ("/", headers(Cookie=f"key={key}")),
                        ("/", headers(X_API_Key=""))]:
        with stage.case(0), stage.client() as client:
            equal(client.rpc(GOOD, path=path, headers=extra).status, 401, f"status of {path} {extra}")


def path_key_and_more(stage):
    for path in (f"/main/{KEYS['bot-a']}/x", f"/{KEYS['bot-a']}", f"/nowhere/{KEYS['bot-a']}"):
        with stage.case(0), stage.client() as client:
            equal(client.rpc(GOOD, path=path).status, 404, f"status of {path[:8]}…")


def connection_header_cannot_hide_the_key(stage):
    with stage.case(1), stage.client() as client:
        response = client.rpc(GOOD, headers=headers(X_API_Key=KEYS["bot-a"], Connection="X-API-Key, Authorization"))
        equal(response.status, 200, "status")
    with stage.case(0), stage.client() as client:
        response = client.rpc(GOOD, headers=headers(X_API_Key="wrong", Connection="X-API-Key"))
        equal(response.status, 401, "status")


def key_not_upstream(stage):
    with stage.case(4), stage.client() as client:
        for _, path, extra in key_ways(KEYS["bot-a"])[1:]:
            client.rpc(GOOD, path=path, headers=extra)
        for request in stage.upstream.requests:
            check(b"CANARY" not in request.head + request.body, "a key went upstream", request.head)


def websocket_keys(stage):
    for _, path, extra in key_ways(KEYS["bot-a"]):
        with WebSocket(stage.sluice.http, path, extra) as ws:
            check("result" in ws.rpc(GOOD), "a call with the key")
    with stage.client() as client:
        response = client.send(upgrade_request("/main/wrong")).response(method="GET")
        equal((response.status, response.header("WWW-Authenticate")), (401, 'Bearer realm="sluice"'),
              "status, WWW-Authenticate")


def expect_needs_a_key(stage):
    """No 100 for whom it is not going to be served."""
    data = post(GOOD, headers=headers(Expect="100-continue", X_API_Key="wrong"))
    with stage.case(0, "unauthorized"), stage.client() as client:
        client.send(data[:-len(GOOD)])
        equal((client.response().status, client.interim), (401, []), "status, interim responses")
        equal(client.wait_closed(3), b"", "bytes after the refusal")


def methods_of_a_client(stage):
    with stage.client() as client:
        def code(method, who):
            got = client.rpc(call(method, ["0x1"]), headers=headers(X_API_Key=KEYS[who])).json()
            return got.get("error", {}).get("code")
        equal(code("debug_traceTransaction", "bot-a"), None, "a method that the client is allowed")
        equal(code("debug_traceCall", "bot-a"), -32601, "its neighbour")
        equal(code("eth_getCode", "bot-a"), -32601, "a method that the client is denied")
        equal(code("eth_getCode", "bot-b"), None, "the same for another client")
        equal(code("debug_traceTransaction", "bot-b"), -32601, "the allowed one for another client")


def rate(stage):
    """Each item of a batch counts; refusals say how long to wait; WebSockets stay open."""
    who = headers(X_API_Key=KEYS["bot-b"])
    with stage.client() as client:
        time.sleep(1.1)
        statuses = [client.rpc(GOOD, headers=who).status for _ in range(6)]
        check(statuses[:3] == [200] * 3 and 429 in statuses[3:], "statuses", statuses)
        response = client.rpc([call("eth_getBalance", ["0x1"], i) for i in range(20)], headers=who)
        got = json.loads(response.body)
        refused = [g for g in got if "error" in g]
        check(len(got) == 20 and len(refused) >= 18, "a batch pays for each item", response.body)
        for g in refused:
            equal(g["error"]["code"], -32005, "code")
            check(0 < g["error"]["data"]["retry_after_ms"] <= 1000, "retry_after_ms", g)
        equal(response.status, 200 if len(refused) < 20 else 429, "status")
        single = client.rpc(GOOD, headers=who)
        equal((single.status, single.header("Retry-After")), (429, None), "status, Retry-After")
        with WebSocket(stage.sluice.http, headers=who) as ws:
            codes = [ws.rpc(GOOD).get("error", {}).get("code") for _ in range(5)]
            check(codes.count(-32005) >= 4, "codes over WebSocket", codes)
            time.sleep(0.4)
            check("result" in ws.rpc(GOOD), "the WebSocket goes on")


def key_prefixes_cost_the_same(stage):
    """A right beginning of a key takes no longer than a wrong one, as far as a median can tell."""
    def median(key):
        times = []
        data = post(GOOD, headers=headers(X_API_Key=key))
        with stage.client() as client:
            for _ in range(400):
                began = time.perf_counter()
                client.send(data).response()
                times.append(time.perf_counter() - began)
        return sorted(times)[200]
    right = KEYS["bot-a"][:-1] + "0"
    pairs = [(median(right), median("x" * len(right))) for _ in range(5)]
    ratio = sorted(a / b for a, b in pairs)[2]
    check(0.7 < ratio < 1.4, "a key that is nearly right takes another time", ratio)


ROWS = [
    ("in_every_place", good_keys),
    ("none", no_key),
    ("wrong_ones_are_answered_alike", wrong_keys),
    ("in_wrong_places", wrong_ways),
    ("in_the_path_and_more", path_key_and_more),
    ("named_by_connection", connection_header_cannot_hide_the_key),
    ("stays_here", key_not_upstream),
    ("of_a_websocket", websocket_keys),
    ("expect_and_a_wrong_one", expect_needs_a_key),
    ("methods_of_a_client", methods_of_a_client),
    ("rate_of_a_client", rate),
]


def cases(full):
    with Guarded({"clients": CLIENTS, "anonymous": {"allow": False}}) as stage:
        yield from table(stage, ROWS, quiet=True)
        if full:
            yield "prefixes_cost_the_same", lambda: key_prefixes_cost_the_same(stage)
