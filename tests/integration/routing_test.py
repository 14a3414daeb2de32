# SPDX-License-Identifier: Apache-2.0
"""What decides where a call may go: its path, the method's rules at every level, and what the reply
says about the way it took."""

import re
import time

from support.sluice import ScriptedUpstream, Sluice, WebSocket, call, check, equal

KEY = "a-key-of-a-client-0123456789"


def answer(name):
    def script(connection):
        while True:
            connection.send(connection.read_request().reply(b'"%s"' % name.encode()))
    return script


class Chains:
    """Two chains of their own upstreams; the second answers at / too when `default` says so."""

    def __init__(self, default=True):
        self.one = ScriptedUpstream(answer("one"), chain_id=1)
        self.two = ScriptedUpstream(answer("two"), chain_id=137)
        self.config = {"chains": [
            {"name": "mainnet", "chain_id": 1, "path": "/eth", "upstreams": [self.one.url]},
            {"name": "polygon", "chain_id": 137, "default": default, "upstreams": [self.two.url]}],
            "clients": [{"name": "bot", "key": KEY}]}
        self.sluice = Sluice(self.config)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self.sluice.__exit__(*error)
        finally:
            self.one.stop()
            self.two.stop()

    def at(self, path):
        """Who answers there: a name, or the status of the refusal."""
        response = self.sluice.rpc(call("eth_getBalance", ["0x1"]), path=path)
        return response.json()["result"] if response.status == 200 else response.status


def paths():
    with Chains() as chains:
        for path, who in [("/", "two"), ("/mainnet", "one"), ("/1", "one"), ("/eth", "one"), ("/polygon", "two"),
                          ("/137", "two"), ("/mainnet/", "one"),
                          ("/2", 404), ("/Mainnet", 404), ("/eth/x/y", 404), ("/mainnetx", 404),
                          (f"/mainnet/{KEY}", "one"), (f"/1/{KEY}", "one"),
                          (f"/eth/{KEY}", "one"), ("/mainnet/wrong", 401), ("/mainnet?priority=low", "one"),
                          ("/?x=/mainnet", "two")]:
            equal(chains.at(path), who, f"who answers at {path}")
        for path, id in (("/", "0x89"), ("/eth", "0x1")):
            equal(chains.sluice.rpc(call("eth_chainId", []), path=path).json()["result"], id, f"chain id at {path}")
            with WebSocket(chains.sluice.http, path) as ws:
                equal(ws.rpc(call("eth_chainId", []))["result"], id, f"chain id at {path} over WebSocket")


def no_default():
    with Chains(default=False) as chains:
        equal(chains.at("/"), 404, "who answers at / when no chain is the default one")
        equal(chains.at("/polygon"), "two", "who answers at /polygon")


def reload_that_takes_the_root_away():
    with Chains() as chains:
        config = {**chains.config, "chains": [{**c, "default": False} for c in chains.config["chains"]]}
        chains.sluice.reload(config, good=False)
        equal(chains.at("/"), "two", "who answers at / after a reload that would take it away")
        moved = {**chains.config, "chains": [{**c, "default": c["name"] == "mainnet"} for c in chains.config["chains"]]}
        chains.sluice.reload(moved)
        equal(chains.at("/"), "one", "who answers at / after it moved")


def methods(config, upstreams=1, **more):
    """A daemon with these rules, and asking it: None, or the code of the refusal."""
    def run(asked):
        nodes = [ScriptedUpstream(answer(f"n{i}")) for i in range(upstreams)]
        try:
            ready = {"chain_id": 1337, **config}
            ready["upstreams"] = [{"name": f"n{i}", "url": n.url, **(more.get(f"n{i}", {}))} for i,
                                  n in enumerate(nodes)]
            with Sluice(ready) as sluice:
                for method, expected in asked.items():
                    for _ in range(4):
                        got = sluice.rpc(call(method, [])).json()
                        equal(got.get("error", {}).get("code", got.get("result")), expected, f"answer to {method}")
        finally:
            for node in nodes:
                node.stop()
    return run


def rules_by_default():
    methods({})({"eth_call": "n0", "debug_traceCall": -32601, "admin_peers": -32601, "web3_clientVersion": "n0",
                 "foo_bar": "n0", "personal_sign": -32601,
                 "engine_getPayloadV4": -32601, "miner_start": -32601, "txpool_status": "n0", "rpc.discover": -32601,
                 "eth_sign": -32601})


def rules_allow():
    methods({"methods": {"allow": ["debug_trace*", "admin_peers", "rpc.discover"]}})(
        {"debug_traceCall": "n0", "debug_setHead": -32601, "admin_peers": "n0", "admin_addPeer": -32601,
         "rpc.discover": "n0"})


def rules_deny():
    methods({"methods": {"deny": ["eth_getLogs", "foo_*", "trace_*"]}})(
        {"eth_getLogs": -32601, "eth_getBalance": "n0", "foo_bar": -32601, "trace_block": -32601,
         "eth_newFilter": "n0"})


def rules_allow_only():
    methods({"methods": {"deny": ["*"], "allow": ["eth_call", "eth_get*"]}})(
        {"eth_call": "n0", "eth_getBalance": "n0", "eth_gasPrice": -32601, "foo_bar": -32601, "net_version": -32601})


def rules_of_one_upstream():
    """A method that one upstream is denied goes to the other, and never to it."""
    methods({"balance": {"strategy": "round-robin"}}, 2, n0={"methods": {"deny": ["eth_getLogs"]}},
            n1={"methods": {"allow": ["debug_traceCall"]}})(
        {"eth_getLogs": "n1", "debug_traceCall": "n1"})


def rules_of_a_chain():
    with ScriptedUpstream(answer("one"), chain_id=1) as one, ScriptedUpstream(answer("two"), chain_id=2) as two:
        config = {"methods": {"deny": ["eth_getLogs"]}, "chains": [
            {"name": "a", "chain_id": 1, "upstreams": [one.url], "methods": {"allow": ["eth_getLogs"]}},
            {"name": "b", "chain_id": 2, "upstreams": [two.url], "methods": {"deny": ["eth_call"]}}]}
        with Sluice(config) as sluice:
            for path, method, expected in (("/a", "eth_getLogs", None), ("/b", "eth_getLogs", -32601),
                                           ("/a", "eth_call", None), ("/b", "eth_call", -32601)):
                got = sluice.rpc(call(method, []), path=path).json()
                equal(got.get("error", {}).get("code"), expected, f"{method} at {path}")


def rules_follow_a_reload():
    with ScriptedUpstream() as upstream:
        config = {"chain_id": 1337, "upstreams": [upstream.url]}
        with Sluice(config) as sluice, sluice.client() as client, WebSocket(sluice.http) as ws:
            def codes():
                return [client.rpc(call("eth_call", [])).json().get("error", {}).get("code"),
                        ws.rpc(call("eth_call", [])).get("error", {}).get("code")]
            equal(codes(), [None, None], "codes before")
            sluice.reload({**config, "methods": {"deny": ["eth_call"]}})
            equal(codes(), [-32601, -32601], "codes on the same connections after")
            sluice.reload(config)
            equal(codes(), [None, None], "codes after it was taken back")


def reply_headers():
    """Every reply to a call says which way it took."""
    with ScriptedUpstream() as upstream:
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope")
        with ScriptedUpstream(script) as broken:
            config = {"chain_id": 1337, "upstreams": [{"name": "good", "url": upstream.url, "tier": 2},
                                                      {"name": "broken", "url": broken.url}]}
            with Sluice(config) as sluice, sluice.client() as client:
                response = client.rpc(call("eth_getBalance", ["0x1"]), headers=[("X-Request-Id", "mine-1")])
                got = {n: response.header(n) for n in ("X-Sluice-Upstream", "X-Sluice-Attempts", "X-Sluice-Cache",
                                                       "X-Request-Id")}
                equal(got, {"X-Sluice-Upstream": "good", "X-Sluice-Attempts": "2", "X-Sluice-Cache": "none",
                            "X-Request-Id": "mine-1"}, "headers")
                check(re.fullmatch(r"\d+\.\d{3}ms", response.header("X-Sluice-Duration")), "X-Sluice-Duration",
                      response.header("X-Sluice-Duration"))
                check(re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", response.header("Date")), "Date",
                      response.header("Date"))
                sent = time.mktime(time.strptime(response.header("Date"), "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
                check(abs(sent - time.time()) < 5, "the clock of Date", response.header("Date"))
                local = client.rpc(call("eth_chainId", []))
                equal((local.header("X-Sluice-Upstream"), local.header("X-Sluice-Attempts")), (None, "0"),
                      "headers of an answer without a node")
                check(len(local.header("X-Request-Id")) == 16, "an id of our own", local.header("X-Request-Id"))


CASES = [paths, no_default, reload_that_takes_the_root_away, rules_by_default, rules_allow, rules_deny,
         rules_allow_only, rules_of_one_upstream,
         rules_of_a_chain, rules_follow_a_reload, reply_headers]


def cases(full):
    for case in CASES:
        yield case.__name__, case
