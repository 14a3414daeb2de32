# SPDX-License-Identifier: Apache-2.0
"""Who may call: hosts and origins, keys, what a client may ask for itself, and that no secret shows
anywhere."""

import json
import os
import time

from stage import GOOD, GOOD_PARAMS, Stage, assert_error, assert_refusal, table
from support.sluice import (Client, Process, ScriptedUpstream, Sluice, WebSocket, call, check, equal, get,
                            members, poll, post, upgrade_request)

KEYS = {"bot-a": "CANARY-key-of-bot-a-0123456789abcdef", "bot-b": "CANARY-key-of-bot-b-0123456789abcdef"}
CLIENTS = [
    {"name": "bot-a", "key": KEYS["bot-a"], "priority": "high", "allow": ["steer"],
     "methods": {"allow": ["debug_traceTransaction"], "deny": ["eth_getCode"]}},
    {"name": "bot-b", "key": KEYS["bot-b"], "priority": "low", "rate_limit": "3/s"},
]
GOOD_ORIGIN = "https://app.example"


def headers(**named):
    return [(name.replace("_", "-"), value) for name, value in named.items()]


# --- Hosts and origins ----------------------------------------------------------------------------


def host(stage, name, accepted):
    data = post(GOOD, host=name)
    if accepted:
        stage.served(data)
    else:
        stage.refused(data, 403, -32000, "host_refused")


def origin(stage, value, accepted, allow_origin=None):
    data = post(GOOD, headers=headers(Origin=value))
    if not accepted:
        response = stage.refused(data, 403, -32000, "origin_refused")
        equal(response.header("Access-Control-Allow-Origin"), None, "Access-Control-Allow-Origin")
        return
    response = stage.served(data)
    equal(response.header("Access-Control-Allow-Origin"), allow_origin, "Access-Control-Allow-Origin")
    if allow_origin:
        equal(response.header("Vary"), "Origin", "Vary")
        exposed = {h.strip() for h in response.header("Access-Control-Expose-Headers").split(",")}
        check({"X-Sluice-Upstream", "X-Sluice-Attempts", "X-Sluice-Cache", "X-Sluice-Duration", "X-Request-Id"} <= exposed,
              "exposed headers", exposed)


def preflight(stage, value, accepted):
    with stage.case(1), stage.client() as client:
        client.send(b"OPTIONS /main HTTP/1.1\r\nHost: localhost\r\nOrigin: " + value.encode() + b"\r\n"
                    b"Access-Control-Request-Method: POST\r\n"
                    b"Access-Control-Request-Headers: content-type, x-api-key\r\n\r\n")
        response = client.response(method="OPTIONS")
        equal(response.status, 204, "status")
        allowed = response.header("Access-Control-Allow-Origin")
        equal(allowed, value if accepted else None, "Access-Control-Allow-Origin")
        if accepted:
            check("POST" in response.header("Access-Control-Allow-Methods"), "methods", response)
            names = response.header("Access-Control-Allow-Headers").lower()
            for name in ("content-type", "authorization", "x-api-key", "x-sluice-priority", "x-sluice-timeout"):
                check(name in names, f"{name} is allowed", names)
            equal(response.header("Access-Control-Max-Age"), "1200", "Access-Control-Max-Age")
        equal(response.header("Access-Control-Allow-Credentials"), None, "credentials")
        equal(client.rpc(GOOD).status, 200, "status of the next request on the connection")


def simple_post(stage):
    """What a page may send without asking first does not reach a node."""
    stage.refused(post(GOOD, headers=headers(Content_Type="text/plain", Origin="https://evil.example")), 415,
                  reason="unsupported_content_type")
    stage.refused(post(GOOD, headers=headers(Content_Type="text/plain")), 415, reason="unsupported_content_type")


def any_origin():
    with Stage({"cors": {"origins": ["*"]}}) as stage:
        origin(stage, "https://anything.example", True, "https://anything.example")
        origin(stage, "null", True, "null")


def cors_on_errors(stage):
    """A browser may read refusals too."""
    with stage.client() as client:
        for body, path in ((b"{", "/"), (GOOD, "/nowhere")):
            response = client.rpc(body, path=path, headers=headers(Origin=GOOD_ORIGIN))
            equal(response.header("Access-Control-Allow-Origin"), GOOD_ORIGIN, f"allowed origin of {response.status}")


def websocket_origins(stage):
    with WebSocket(stage.sluice.http, headers=headers(Origin=GOOD_ORIGIN)) as ws:
        check("result" in ws.rpc(GOOD), "a call from the allowed origin")
    for value in ("https://evil.example", "null", "https://app.example.evil.example", "http://app.example"):
        stage.refused(upgrade_request(headers=headers(Origin=value)), 403, -32000, "origin_refused", method="GET")


# --- Keys -----------------------------------------------------------------------------------------


def key_ways(key, chain="main"):
    return [("bearer", "/", headers(Authorization=f"Bearer {key}")), ("bearer_in_small_letters", "/", headers(Authorization=f"bearer {key}")),
            ("header", "/", headers(X_API_Key=key)), ("path", f"/{chain}/{key}", []), ("path_of_chain_id", f"/1337/{key}", [])]


def good_keys(stage):
    for name, path, extra in key_ways(KEYS["bot-a"]):
        before = stage.sluice.metric("sluice_client_calls_total", client="bot-a", outcome="ok")
        with stage.client() as client:
            equal(client.rpc(GOOD, path=path, headers=extra).status, 200, f"status by {name}")
        poll(lambda: stage.sluice.metric("sluice_client_calls_total", client="bot-a", outcome="ok") == before + 1, "counted for bot-a")


def no_key(stage):
    response = stage.refused_kept_alone(post(GOOD))
    equal(response.header("WWW-Authenticate"), 'Bearer realm="sluice"', "WWW-Authenticate")


def wrong_keys(stage):
    """All wrong keys get one and the same answer, however much of them is right."""
    key = KEYS["bot-a"]
    wrong = [key[:n] for n in range(1, len(key))] + [key + "x", key.upper(), key[::-1], "x" * 4000, key[:-1] + "g", "é", "Bearer", "%00", "*"]
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
    for path, extra in [("/", headers(Authorization=f"Basic {key}")), ("/", headers(Authorization=key)), ("/", headers(Authorization="Bearer")),
                        ("/", headers(Authorization=f"Bearer  {key}")), ("/", headers(Authorization=f"Bearer {key} x")), ("/main/wrong", []),
                        ("/?key=" + key, []), ("/main/", []), ("/", headers(Cookie=f"key={key}")), ("/", headers(X_API_Key=""))]:
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
        equal((response.status, response.header("WWW-Authenticate")), (401, 'Bearer realm="sluice"'), "status, WWW-Authenticate")


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


# --- What a client may ask for itself -------------------------------------------------------------


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
            response = client.rpc(call("eth_getBalance", ["slow"]), path=path, headers=headers(X_API_Key=KEYS["bot-a"]) + extra)
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
        config = {"chain_id": 1337, "clients": CLIENTS, "upstreams": [{"name": "one", "url": one.url}, {"name": "two", "url": two.url}]}
        with Sluice(config) as sluice, sluice.client() as client:
            for name, node, other in (("one", one, two), ("two", two, one)):
                one.clear(), two.clear()
                for _ in range(5):
                    response = client.rpc(GOOD, headers=headers(X_API_Key=KEYS["bot-a"], X_Sluice_Use_Upstream=name))
                    equal((response.status, response.header("X-Sluice-Upstream")), (200, name), "status, X-Sluice-Upstream")
                equal((node.count, other.count), (5, 0), "requests at the named and the other upstream")
            response = client.rpc(GOOD, headers=headers(X_API_Key=KEYS["bot-a"], X_Sluice_Use_Upstream="three"))
            equal((response.status, response.json()["error"]["data"]["reason"]), (400, "bad_upstream"), "status, reason")
            one.clear(), two.clear()
            for _ in range(10):
                equal(client.rpc(GOOD, headers=headers(X_Sluice_Use_Upstream="one")).status, 200, "status for who may not steer")
            check(one.count and two.count, "the field of who may not steer is ignored", one.count, two.count)


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
        config = {"chain_id": 1337, "clients": CLIENTS, "pool": {"max": 1, "min": 1}, "queue": {"reserve": "0%", "timeout": "20s"},
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
                    ("a-low", headers(X_Sluice_Priority="low"), "bot-a"), ("a-critical", headers(X_Sluice_Priority="critical"), "bot-a")]:
                ask(what, extra, key)
                depth += 1
                poll(lambda: sluice.metric("sluice_queue_depth") == depth, f"{depth} calls wait")
            release.append(True)
            for client in clients:
                equal(client.response().status, 200, "status")
            equal(order, ["a", "a-critical", "anonymous", "anonymous-critical", "anonymous-low", "b", "a-low"], "order of service")


# --- Secrets --------------------------------------------------------------------------------------


def secrets():
    """Canaries in every place where a secret may stand, looked for in every place that shows anything."""
    def script(connection):
        while True:
            request = connection.read_request()
            if request.params == b'["bad"]':
                connection.send(b"HTTP/1.1 401 No\r\nContent-Length: 6\r\nX: CANARY\r\n\r\nCANARY")
            else:
                connection.send(request.reply())

    with ScriptedUpstream(script) as upstream:
        port = upstream.port
        config = {"chain_id": 1337, "clients": CLIENTS, "retry": {"max": 1}, "log": {"access": {"sample": "100%"}},
                  "upstreams": [
                      {"name": "a", "url": f"http://CANARY-user:CANARY-pass@127.0.0.1:{port}/v2/CANARY-path?key=CANARY-query",
                       "headers": {"x-team": "CANARY-header"}},
                      {"name": "down", "url": "http://127.0.0.1:1/CANARY-down"},
                      {"url": "http://127.0.0.1:2/CANARY-unnamed"}]}
        with Sluice(config, level="trace", env={"CANARY_ENV": "CANARY-env"}) as sluice:
            shown = []
            for key in (KEYS["bot-a"], "CANARY-wrong-key"):
                for _, path, extra in key_ways(key):
                    for params in (["0x1"], ["bad"]):
                        shown.append(sluice.rpc(call("eth_getBalance", params), path=path, headers=extra).raw)
            shown.append(sluice.rpc(GOOD, path="/nowhere/CANARY-nowhere?CANARY=CANARY").raw)
            shown.append(sluice.rpc(b"CANARY-not-json", path="/main/" + KEYS["bot-a"]).raw)
            with sluice.client() as client:
                shown.append(client.send(b"POST /CANARY-broken HTTP/1.1\r\nHost: CANARY bad\r\n\r\n").response().raw)
            with WebSocket(sluice.http, "/main/" + KEYS["bot-a"]) as ws:
                ws.rpc(call("eth_getBalance", ["bad"]))
            sluice.reload()
            sluice.reload({**config, "admin": {"socket": "/nowhere/else.sock"}}, good=False)
            sluice.reload({**config, "upstreams": [{"url": "http://127.0.0.1:1/CANARY-x", "weight": "CANARY-weight-is-shown"}]}, good=False)
            for path in ("/metrics", "/status", "/healthz", "/readyz", "/livez", "/", "/CANARY-admin-path"):
                shown.append(get(sluice.admin, path).raw)
            with open(f"/proc/{sluice.pid}/cmdline", "rb") as file:
                shown.append(file.read())
            sluice.write_config(config)
            effective = Process(["config", "effective", "-c", sluice.config_path], sluice.directory, ready=False)
            shown.append(effective.popen.communicate(timeout=20)[0])
            equal(effective.popen.returncode, 0, "exit code of config effective")
            checked = Process(["check", "-c", sluice.config_path], sluice.directory, ready=False)
            shown.append(checked.popen.communicate(timeout=20)[0])
            sluice.terminate()
            shown.append(sluice.stderr_text().encode().replace(b"CANARY-weight-is-shown", b""))
            check(any(b'"event"' in text for text in shown), "logs were looked at")
            sent = upstream.requests[0]
            equal(sent.line, b"POST /v2/CANARY-path?key=CANARY-query HTTP/1.1", "what the node is sent")
            equal((sent.header("x-team"), sent.header("Authorization")),
                  ("CANARY-header", "Basic Q0FOQVJZLXVzZXI6Q0FOQVJZLXBhc3M="), "the node's own credentials")
            for text in shown:
                at = text.find(b"CANARY")
                check(at < 0, "a secret shows", text[max(0, at - 300):at + 100])
                check(b"Q0FOQVJZ" not in text, "an encoded secret shows")


def addresses():
    """Whose address the access log has: the peer's, or what a trusted proxy says of it."""
    cases = [(["127.0.0.0/8"], "203.0.113.7", "203.0.113.7"), (["127.0.0.0/8"], "198.51.100.1, 203.0.113.7", "203.0.113.7"),
             (["127.0.0.0/8", "203.0.113.0/24"], "198.51.100.1, 203.0.113.7", "198.51.100.1"), (["127.0.0.0/8"], "2001:db8::1", "2001:db8::1"),
             (["127.0.0.0/8"], "nonsense", "127.0.0.1"), (["127.0.0.0/8"], "198.51.100.1, nonsense", "127.0.0.1"),
             (["10.0.0.0/8"], "203.0.113.7", "127.0.0.1"), ([], "203.0.113.7", "127.0.0.1"), (["127.0.0.0/8"], None, "127.0.0.1")]
    with ScriptedUpstream() as upstream:
        for trusted, forwarded, expected in cases:
            config = {"chain_id": 1337, "upstreams": [upstream.url], "trusted_proxies": trusted, "log": {"access": {"sample": "100%"}}}
            extra = headers(X_Forwarded_For=forwarded) if forwarded else []
            with Sluice(config) as sluice:
                sluice.rpc(GOOD, headers=extra)
                with WebSocket(sluice.http, headers=extra) as ws:
                    ws.rpc(GOOD)
                lines = poll(lambda: len(found := sluice.log_lines("call")) == 2 and found, "both calls are logged")
                equal([line["address"] for line in lines], [expected] * 2, f"addresses for {forwarded} with {trusted} trusted")


def admin_port(stage):
    """The side port has limits of its own, and is not to be had on the clients' port."""
    sluice = stage.sluice
    for path in ("/metrics", "/status", "/healthz", "/livez", "/readyz", "/events"):
        with stage.client() as client:
            client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            equal(client.response().status, 404, f"{path} on the clients' port")
    before = len(sluice.metrics())
    with stage.client() as client:
        for i in range(300):
            client.rpc(call(f'test_{i}"}}', []))
            client.rpc(call(f"zz_made_up_{i}", []))
    names = {dict(labels).get("method") for (name, labels) in sluice.metrics() if name == "sluice_calls_total"}
    check("other" in names and not any(n and "made_up" in n for n in names), "made-up methods become labels", names)
    check(len(sluice.metrics()) < before + 100, "series grow with made-up methods")
    for data, statuses in ((post(GOOD), (405, 413)), (b"DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
                           (b"GET /../metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", (404, 400)),
                           (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", (403, 421, 400)),
                           (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n", (431, 400, 413)),
                           (b"\0\1\2\r\n\r\n", (400, None))):
        with Client(sluice.admin) as client:
            client.try_send(data)
            try:
                status = client.response().status
            except (EOFError, ConnectionError):
                status = None
            check(status in statuses or status is None and statuses[0] in (431, 400), f"answer to {data[:40]!r}", status)
    slow = [Client(sluice.admin).send(b"GET /met") for _ in range(30)]
    equal(get(sluice.admin, "/livez").status, 200, "/livez beside slow clients")
    for client in slow:
        client.close()
    stage.good()


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


OPEN = [
    ("host_of_a_rebinding_page", lambda s: host(s, "evil.example", False)),
    ("host_that_begins_with_localhost", lambda s: host(s, "localhost.evil.example", False)),
    ("host_with_a_dot_at_the_end", lambda s: host(s, "evil.example.", False)),
    ("host_configured", lambda s: host(s, "rpc.example", True)),
    ("host_configured_with_port", lambda s: host(s, "RPC.example:4545", True)),
    ("host_below_the_configured", lambda s: host(s, "x.rpc.example", False)),
    ("host_localhost", lambda s: host(s, "localhost:1", True)),
    ("host_literal", lambda s: host(s, "[::1]:99", True)),
    ("origin_foreign", lambda s: origin(s, "https://evil.example", False)),
    ("origin_null", lambda s: origin(s, "null", False)),
    ("origin_empty", lambda s: origin(s, "", True)),
    ("origin_allowed", lambda s: origin(s, GOOD_ORIGIN, True, GOOD_ORIGIN)),
    ("origin_of_another_scheme", lambda s: origin(s, "http://app.example", False)),
    ("origin_of_another_port", lambda s: origin(s, "https://app.example:8443", False)),
    ("origin_with_the_allowed_as_its_beginning", lambda s: origin(s, "https://app.example.evil.example", False)),
    ("origin_of_the_page_itself", lambda s: origin(s, "http://localhost", True)),
    ("preflight_allowed", lambda s: preflight(s, GOOD_ORIGIN, True)),
    ("preflight_foreign", lambda s: preflight(s, "https://evil.example", False)),
    ("preflight_null", lambda s: preflight(s, "null", False)),
    ("simple_posts_of_pages", simple_post),
    ("any_origin", lambda s: any_origin()),
    ("cors_on_errors", cors_on_errors),
    ("websocket_origins", websocket_origins),
    ("admin_port", admin_port),
]
CLOSED = [
    ("key_in_every_place", good_keys), ("key_wrong_is_answered_alike", wrong_keys), ("key_in_wrong_places", wrong_ways),
    ("key_in_the_path_and_more", path_key_and_more), ("key_named_by_connection", connection_header_cannot_hide_the_key),
    ("key_stays_here", key_not_upstream), ("key_of_a_websocket", websocket_keys), ("expect_and_a_wrong_key", expect_needs_a_key),
    ("methods_of_a_client", methods_of_a_client), ("rate_of_a_client", rate), ("timeout_shortens", timeout_shortens),
]
CLOSED += [(f"priority_taken_{word}", lambda s, w=word: [wish_taken(s, "/", headers(X_Sluice_Priority=w)), wish_taken(s, f"/?priority={w}", [])])
           for word in ("critical", "high", "normal", "low")]
CLOSED += [(f"priority_refused_{i}", lambda s, w=word: wish_refused(s, "/", headers(X_Sluice_Priority=w), "bad_priority"))
           for i, word in enumerate(("urgent", "HIGH", "0", "high,low", "high low", "highest"))]
CLOSED += [(f"timeout_taken_{i}", lambda s, w=word: [wish_taken(s, "/", headers(X_Sluice_Timeout=w)), wish_taken(s, f"/?timeout={w}", [])])
           for i, word in enumerate(("800ms", "1s", "5m", "1000000ms"))]
CLOSED += [(f"timeout_refused_{i}", lambda s, w=word: wish_refused(s, "/", headers(X_Sluice_Timeout=w), "bad_timeout"))
           for i, word in enumerate(("800", "0ms", "-1s", "1.5s", "1h", "ms", "1 s", "99999999999999999999s", "1sx", "0x1s", "+1s"))]
CLOSED += [
    ("wishes_in_the_query_refused", lambda s: [wish_refused(s, "/?priority=top", [], "bad_priority"), wish_refused(s, "/main?a=b&timeout=x", [], "bad_timeout")]),
    ("affinity_of_any_text", lambda s: [wish_taken(s, "/", headers(X_Sluice_Affinity=t)) for t in ("a", "x" * 4000, "\xff{}'\"")]),
    ("wish_twice", lambda s: s.refused_only(post(GOOD, headers=headers(X_Sluice_Timeout="1s") * 2), 400, "duplicate_field")),
]


class Guarded(Stage):
    """A stage where a key is needed: its good calls bring one."""

    KEY = headers(X_API_Key=KEYS["bot-a"])

    def good(self):
        before = self.upstream.count
        with self.client() as client:
            response = client.rpc(GOOD, headers=self.KEY)
        equal((response.status, self.upstream.count - before), (200, 1), "the good call afterwards")

    def refused_kept_alone(self, data):
        with self.case(0, "unauthorized"), self.client() as client:
            response = client.send(data).response()
            assert_refusal(response, 401, -32000, "unauthorized")
            check(not response.closes, "the connection must be kept", response)
            return response

    def refused_only(self, data, status, reason):
        return self.refused(data, status, reason=reason)


CLOSED.append(("no_key", no_key))


def cases(full):
    with Stage({"listen": [{"address": "127.0.0.1:0", "hosts": ["rpc.example"]}], "cors": {"origins": [GOOD_ORIGIN], "max_age": "20m"}}) as stage:
        yield from table(stage, OPEN)
    with Guarded({"clients": CLIENTS, "anonymous": {"allow": False}}) as stage:
        yield from table(stage, CLOSED)
        if full:
            yield "key_prefixes_cost_the_same", lambda: key_prefixes_cost_the_same(stage)
    yield "timeout_cannot_lengthen", timeout_cannot_lengthen
    yield "steering", steer
    yield "addresses_in_the_access_log", addresses
    yield "priority_lowers", priority_lowers
    yield "secrets_show_nowhere", secrets
