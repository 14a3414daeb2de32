# SPDX-License-Identifier: Apache-2.0
"""What the daemon shows of itself: no secret anywhere, the client's address in the access log, and a
side port with limits of its own."""

from guarded import CLIENTS, KEYS, headers, key_ways
from stage import GOOD, Stage
from support.sluice import (Client, Process, ScriptedUpstream, Sluice, WebSocket, call, check, equal, get, poll,
                            post)


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
            sluice.reload({**config, "upstreams": [{"url": "http://127.0.0.1:1/CANARY-x",
                                                    "weight": "CANARY-weight-is-shown"}]}, good=False)
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
    cases = [(["127.0.0.0/8"], "203.0.113.7", "203.0.113.7"),
             (["127.0.0.0/8"], "198.51.100.1, 203.0.113.7", "203.0.113.7"),
             (["127.0.0.0/8", "203.0.113.0/24"], "198.51.100.1, 203.0.113.7", "198.51.100.1"),
             (["127.0.0.0/8"], "2001:db8::1", "2001:db8::1"),
             (["127.0.0.0/8"], "nonsense", "127.0.0.1"), (["127.0.0.0/8"], "198.51.100.1, nonsense", "127.0.0.1"),
             (["10.0.0.0/8"], "203.0.113.7", "127.0.0.1"), ([], "203.0.113.7", "127.0.0.1"),
             (["127.0.0.0/8"], None, "127.0.0.1")]
    with ScriptedUpstream() as upstream:
        for trusted, forwarded, expected in cases:
            config = {"chain_id": 1337, "upstreams": [upstream.url], "trusted_proxies": trusted,
                      "log": {"access": {"sample": "100%"}}}
            extra = headers(X_Forwarded_For=forwarded) if forwarded else []
            with Sluice(config) as sluice:
                sluice.rpc(GOOD, headers=extra)
                with WebSocket(sluice.http, headers=extra) as ws:
                    ws.rpc(GOOD)
                lines = poll(lambda: len(found := sluice.log_lines("call")) == 2 and found, "both calls are logged")
                equal([line["address"] for line in lines], [expected] * 2,
                      f"addresses for {forwarded} with {trusted} trusted")


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
                           (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n",
                            (431, 400, 413)),
                           (b"\0\1\2\r\n\r\n", (400, None))):
        with Client(sluice.admin) as client:
            client.try_send(data)
            try:
                status = client.response().status
            except (EOFError, ConnectionError):
                status = None
            check(status in statuses or status is None and statuses[0] in (431, 400), f"answer to {data[:40]!r}",
                  status)
    slow = [Client(sluice.admin).send(b"GET /met") for _ in range(30)]
    equal(get(sluice.admin, "/livez").status, 200, "/livez beside slow clients")
    for client in slow:
        client.close()
    stage.good()


def cases(full):
    with Stage() as stage:
        yield "admin_port", lambda: admin_port(stage)
    yield "addresses_in_the_access_log", addresses
    yield "secrets_show_nowhere", secrets
