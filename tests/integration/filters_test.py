# SPDX-License-Identifier: Apache-2.0
"""Filters live on the node that made them: ids carry the node, no two are alike, and no call about a
filter ever goes to another node."""

import json

from support.sluice import Devnodes, ScriptedUpstream, Sluice, WebSocket, call, check, equal, poll

NAMES = ("one", "two", "three")
NO_FILTER = {"code": -32000, "message": "filter not found"}


class Nodes:
    """Three simulated nodes of one chain behind the daemon."""

    def __init__(self):
        self.nodes = Devnodes(3)
        self.sluice = None

    def __enter__(self):
        try:
            self.sluice = Sluice(self.config()).__enter__()
        except BaseException:
            self.nodes.stop()
            raise
        return self

    def __exit__(self, *error):
        try:
            self.sluice.__exit__(*error)
        finally:
            self.nodes.stop()

    def config(self, names=NAMES):
        return {"chain_id": 1337, "balance": {"strategy": "round-robin"},
                "upstreams": [{"name": n, "url": u} for n, u in zip(NAMES, self.nodes.urls) if n in names]}

    def call(self, method, params, where="/"):
        """(result or error, the upstream that answered)."""
        response = self.sluice.rpc(call(method, params), path=where)
        got = response.json()
        return got.get("result", got.get("error")), response.header("X-Sluice-Upstream")

    def make(self, count, method="eth_newBlockFilter", params=()):
        """{id: upstream} of new filters."""
        made = {}
        for _ in range(count):
            id, upstream = self.call(method, list(params))
            check(id not in made, "a filter id is given twice", id)
            made[id] = upstream
        return made

    def mine(self):
        for i in range(3):
            self.nodes.mine(i)
        poll(lambda: self.sluice.metric("sluice_chain_head_block") ==
             self.nodes.stats(0)["head"], "the new block is seen")

    def asked(self, method):
        """How often each node was asked the method."""
        return [self.nodes.stats(i)["requests"].get(method, 0) for i in range(3)]


def ids_are_distinct(s):
    made = s.make(60)
    on = {u: list(made.values()).count(u) for u in NAMES}
    check(min(on.values()) >= 10, "each node makes its share", on)
    for id in made:
        check(id.startswith("0x1") and len(id) > 7 and int(id, 16) > 0, "an id that libraries can read", id)


def polls_go_to_the_maker(s):
    """Each filter yields each block once, however the polls are mixed."""
    made = s.make(12)
    for _ in range(2):
        s.mine()
        head = s.nodes.stats(0)["head"]
        expected = s.call("eth_getBlockByNumber", [hex(head), False])[0]["hash"]
        for id, upstream in made.items():
            equal(s.call("eth_getFilterChanges", [id]), ([expected], upstream), f"changes of {id}")
            equal(s.call("eth_getFilterChanges", [id]), ([], upstream), f"no further changes of {id}")


def all_kinds(s):
    for method, params in (("eth_newFilter", [{"fromBlock": "0x0"}]), ("eth_newBlockFilter", []),
                           ("eth_newPendingTransactionFilter", [])):
        for id, upstream in s.make(3, method, params).items():
            result, by = s.call("eth_getFilterChanges", [id])
            check(isinstance(result, list) and by == upstream, f"changes of a filter by {method}", result, by)
            if method == "eth_newFilter":
                result, by = s.call("eth_getFilterLogs", [id])
                check(isinstance(result, list) and by == upstream, "logs of a filter", result, by)
            equal(s.call("eth_uninstallFilter", [id]), (True, upstream), "removal")
            equal(s.call("eth_uninstallFilter", [id]), (False, upstream), "removal of what is gone")
            error, by = s.call("eth_getFilterChanges", [id])
            equal((error["code"], by), (-32000, upstream), "changes of what is gone")


def strangers(s):
    """What is no id of ours is not found, and no node is bothered."""
    before = s.asked("eth_getFilterChanges")
    id = next(iter(s.make(1)))
    for params in ([], None, ["0x1"], ["0x"], [""], [5], [None], [[id]], [5, id], [{"id": id}], {"id": id},
                   ["0x2" + id[3:]], [id[2:]], ["0X" + "1" * 100],
                   ["0x1" + "0" * 4], ["0x1ffff" + "1"], [id + "g"], [" " + id]):
        for method in ("eth_getFilterChanges", "eth_getFilterLogs", "eth_uninstallFilter"):
            result, by = s.call(method, params)
            if by is None:
                equal({k: result[k] for k in NO_FILTER}, NO_FILTER, f"answer to {method} of {params}")
            else:
                check(False, f"{method} of {params} went to a node", by)
    equal(s.asked("eth_getFilterChanges"), before, "calls at the nodes")


def across_connections(s):
    """Made over WebSocket, polled over HTTP and the other way round, and in batches."""
    with WebSocket(s.sluice.http) as ws:
        ids = [ws.rpc(call("eth_newBlockFilter", []))["result"] for _ in range(6)]
        s.mine()
        for id in ids[:3]:
            equal(len(s.call("eth_getFilterChanges", [id])[0]), 1, "changes over HTTP")
        batch = [call("eth_getFilterChanges", [id], i) for i, id in enumerate(ids[3:])]
        equal([len(json.loads(json.dumps(g))["result"]) for g in ws.rpc(batch)], [1, 1, 1], "changes in a batch")
        made = s.make(3)
        s.mine()
        for id in made:
            equal(len(ws.rpc(call("eth_getFilterChanges", [id]))["result"]), 1, "changes over WebSocket")


def made_in_a_batch(s):
    got = s.sluice.rpc([call("eth_newBlockFilter", [], i) for i in range(30)]).json()
    ids = [g["result"] for g in got]
    equal(len(set(ids)), 30, "distinct ids")
    s.mine()
    got = s.sluice.rpc([call("eth_getFilterChanges", [id], i) for i, id in enumerate(ids)]).json()
    equal([len(g["result"]) for g in got], [1] * 30, "changes")


def other_chain_path(s):
    id, upstream = s.call("eth_newBlockFilter", [], "/main")
    equal(s.call("eth_getFilterChanges", [id], "/1337"), ([], upstream), "changes by another path")


def dead_node(s):
    """With its node gone a filter has no answer, and nobody else is asked for it."""
    made = s.make(9)
    victim = NAMES.index("two")
    before = s.asked("eth_getFilterChanges")
    s.nodes.kill(victim)
    try:
        for id, upstream in made.items():
            response = s.sluice.rpc(call("eth_getFilterChanges", [id]))
            if upstream == "two":
                check(response.status in (502, 503), "status for a filter of the dead node", response)
                equal(response.json()["error"]["code"], -32603, "code for a filter of the dead node")
            else:
                equal(response.json().get("result"), [], "changes on a living node")
        after = [s.nodes.stats(i)["requests"].get("eth_getFilterChanges", 0) if i != victim else None for i in range(3)]
        expected = [list(made.values()).count(n) for n in NAMES if n != "two"]
        equal([a - b for a, b in zip(after, before) if a is not None], expected, "calls at the living nodes")
        equal(len(s.make(10)), 10, "new filters meanwhile")
    finally:
        s.nodes.restart(victim)
        s.nodes.mine(victim, s.nodes.stats(0)["head"] - s.nodes.stats(victim)["head"])
        poll(lambda: s.sluice.metric("sluice_upstream_state", upstream="two", state="in") == 1, "the node is back", 15)
    for id, upstream in made.items():
        if upstream == "two":
            error, by = s.call("eth_getFilterChanges", [id])
            equal((error["code"], by), (-32000, "two"), "a filter that the node has lost")


def lost_with_its_node(s):
    """Once the node is known to be down, clients are told that the filter is gone: they make another
    one at once, rather than wait for the node."""
    made = s.make(6)
    victim = NAMES.index("three")
    s.nodes.kill(victim)
    try:
        poll(lambda: s.sluice.metric("sluice_upstream_state", upstream="three", state="out") == 1, "the node is out", 15)
        for id, upstream in made.items():
            for method in ("eth_getFilterChanges", "eth_getFilterLogs", "eth_uninstallFilter"):
                if upstream != "three":
                    continue
                response = s.sluice.rpc(call(method, [id]))
                equal(response.status, 200, f"status of {method}")
                equal({k: response.json()["error"][k] for k in NO_FILTER}, NO_FILTER, f"answer to {method}")
                equal(response.json()["error"]["data"]["reason"], "filter_lost", f"reason of {method}")
        with WebSocket(s.sluice.http) as ws:
            lost = next(id for id, upstream in made.items() if upstream == "three")
            equal(ws.rpc(call("eth_getFilterChanges", [lost]))["error"]["code"], -32000, "code over WebSocket")
        check("three" not in s.make(6).values(), "a new filter on the dead node")
        for id, upstream in made.items():
            if upstream != "three":
                equal(s.call("eth_getFilterChanges", [id]), ([], upstream), "changes on a living node")
    finally:
        s.nodes.restart(victim)
        s.nodes.mine(victim, s.nodes.stats(0)["head"] - s.nodes.stats(victim)["head"])
        poll(lambda: s.sluice.metric("sluice_upstream_state", upstream="three", state="in") == 1, "the node is back", 15)


def removed_by_a_reload(s):
    made = s.make(6)
    s.sluice.reload(s.config(("one", "three")))
    for id, upstream in made.items():
        result, by = s.call("eth_getFilterChanges", [id])
        if upstream == "two":
            equal(({k: result[k] for k in NO_FILTER}, by), (NO_FILTER, None), "a filter of the removed upstream")
        else:
            equal((result, by), ([], upstream), "a filter of one that stayed")
    s.sluice.reload(s.config())
    for id, upstream in made.items():
        equal(s.call("eth_getFilterChanges", [id]), ([], upstream), "a filter after its upstream came back")


def restarted(s):
    """Ids outlive the daemon: they hold all there is to know."""
    made = s.make(6)
    with Sluice(s.config()) as again:
        for id, upstream in made.items():
            response = again.rpc(call("eth_getFilterChanges", [id]))
            equal((response.json().get("result"), response.header("X-Sluice-Upstream")), ([], upstream), "changes")


def clashing_names():
    """Names whose 16-bit hashes are alike still have tags of their own."""
    def tag(name):
        value = 2166136261
        for c in name.encode():
            value = (value ^ c) * 16777619 & 0xffffffff
        return (value >> 16 ^ value) & 0xffff
    seen, pair = {}, None
    for i in range(100000):
        name = f"node-{i}"
        if tag(name) in seen:
            pair = (seen[tag(name)], name)
            break
        seen[tag(name)] = name

    def node(number):
        def script(connection):
            while True:
                request = connection.read_request()
                connection.send(request.reply(b'"0x7"' if request.method.startswith("eth_new") else b'["0x%d"]' % number))
        return script

    with ScriptedUpstream(node(1)) as one, ScriptedUpstream(node(2)) as two:
        for order in (1, -1):
            config = {"chain_id": 1337, "balance": {"strategy": "round-robin"},
                      "upstreams": [{"name": n, "url": u.url} for n, u in list(zip(pair, (one, two)))[::order]]}
            with Sluice(config) as sluice:
                ids = {}
                for _ in range(4):
                    response = sluice.rpc(call("eth_newBlockFilter", []))
                    ids[response.header("X-Sluice-Upstream")] = response.json()["result"]
                equal(sorted(ids), sorted(pair), "upstreams that made filters")
                check(len(set(ids.values())) == 2, "two filters of one id", ids)
                for name, number in zip(pair, (1, 2)):
                    response = sluice.rpc(call("eth_getFilterChanges", [ids[name]]))
                    equal((response.json()["result"], response.header("X-Sluice-Upstream")), ([f"0x{number}"], name),
                          "changes")


def odd_ids():
    """Ids of other nodes' making go there and back; what is no hex text is left as it is."""
    ids = [b'"0x0"', b'"0x01"', b'"0x' + b"f" * 64 + b'"', b'"0xAbC"', b'"0x1c53a49d8c9f7bbd6f0b5a5d6d4f6c3a"']
    current = []

    def script(connection):
        while True:
            request = connection.read_request()
            connection.send(request.reply(current[0] if request.method.startswith("eth_new") else None))

    with ScriptedUpstream(script) as upstream, Sluice({"chain_id": 1337, "upstreams": [upstream.url]}) as sluice:
        for raw in ids:
            current[:] = [raw]
            made = sluice.rpc(call("eth_newFilter", [{}])).json()["result"]
            equal(sluice.rpc(call("eth_getFilterChanges", [made])).json()["result"], [json.loads(raw)],
                  "the id that the node is asked for")
        for raw in (b"7", b"null", b'"0x"', b'"abc"', b'"0x' + b"1" * 65 + b'"', b"true"):
            current[:] = [raw]
            equal(sluice.rpc(call("eth_newFilter", [{}])).json()["result"], json.loads(raw), "what is no id")


ROWS = [ids_are_distinct, polls_go_to_the_maker, all_kinds, strangers, across_connections, made_in_a_batch,
        other_chain_path,
        restarted, removed_by_a_reload, dead_node, lost_with_its_node]


def cases(full):
    with Nodes() as nodes:
        for row in ROWS:
            yield row.__name__, lambda row=row: row(nodes)
    yield "clashing_names", clashing_names
    yield "odd_ids", odd_ids
