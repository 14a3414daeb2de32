# SPDX-License-Identifier: Apache-2.0
"""A stage for which a key is needed, and the clients that have one."""

from stage import GOOD, Stage, assert_refusal
from support.sluice import check, equal

KEYS = {"bot-a": "CANARY-key-of-bot-a-0123456789abcdef", "bot-b": "CANARY-key-of-bot-b-0123456789abcdef"}
CLIENTS = [
    {"name": "bot-a", "key": KEYS["bot-a"], "priority": "high", "allow": ["steer", "debug"],
     "methods": {"allow": ["debug_traceTransaction"], "deny": ["eth_getCode"]}},
    {"name": "bot-b", "key": KEYS["bot-b"], "priority": "low", "rate_limit": "3/s"},
]


def headers(**named):
    return [(name.replace("_", "-"), value) for name, value in named.items()]


def key_ways(key, chain="main"):
    return [("bearer", "/", headers(Authorization=f"Bearer {key}")),
            ("bearer_in_small_letters", "/", headers(Authorization=f"bearer {key}")),
            ("header", "/", headers(X_API_Key=key)), ("path", f"/{chain}/{key}", []),
            ("path_of_chain_id", f"/1337/{key}", [])]


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
