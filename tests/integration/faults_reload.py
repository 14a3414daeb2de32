# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: all or nothing, never a lost call, and no end of it."""

import os
import random
import socket
import threading
import time

from guarded import headers
from support.load import Load
from support.sluice import (Client, Devnodes, ScriptedUpstream, Sluice, WebSocket, address, call, check,
                            equal, free_port, poll, post)

SEED = int(os.environ.get("SLUICE_TEST_SEED", random.randrange(1 << 30)))


def upstreams(sluice):
    return sorted(u["name"] for u in sluice.status()["chains"][0]["upstreams"])


ALIAS_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)) + "upstreams: *a11\n"

# Texts that must change nothing, each with words that its error line must have.
BAD_TEXTS = [
    ("not_yaml", "upstreams: [http://127.0.0.1:1\nlisten: {", "sluice.yaml:"),
    ("unknown_key", "upstreams: [http://127.0.0.1:1]\nupstrems: 1\n", "sluice.yaml:2:1"),
    ("wrong_type", "upstreams: [http://127.0.0.1:1]\ntimeout: {call: [1]}\n", "sluice.yaml:2"),
    ("out_of_range", "upstreams: [http://127.0.0.1:1]\ntimeout: {call: 9000h}\n", "sluice.yaml:2"),
    ("empty", "", "sluice.yaml"),
    ("no_upstreams", "chain_id: 1\n", "sluice.yaml"),
    ("binary", "\x00\x01\x02\x7f", "sluice.yaml"),
    ("alias_bomb", ALIAS_BOMB, "sluice.yaml"),
    ("deep", "[" * 5000, "sluice.yaml"),
    ("large", "# " + "x" * 20_000_000 + "\nupstreams: [http://127.0.0.1:1]\n", "sluice.yaml"),
    ("missing_secret", "upstreams: [http://127.0.0.1:1]\nclients: [{name: a, key: \"${file:/nowhere/key}\"}]\n",
     "/nowhere/key"),
    ("unset_variable", "upstreams: [\"http://127.0.0.1:1/${SLUICE_TEST_UNSET_VARIABLE}\"]\n",
     "SLUICE_TEST_UNSET_VARIABLE"),
    ("twice_the_same_name", "upstreams: [{name: a, url: http://127.0.0.1:1}, {name: a, url: http://127.0.0.1:2}]\n",
     "sluice.yaml:1"),
    ("unknown_scheme", "upstreams: [ws://127.0.0.1:1]\n", "sluice.yaml:1"),
    ("missing_certificate",
     "upstreams: [http://127.0.0.1:1]\nlisten: [{address: 127.0.0.1:0, tls: {certificate: /nowhere/c, key: /nowhere/k}}]\n",
     "/nowhere/c"),
    ("missing_authority", "upstreams: [{name: a, url: https://127.0.0.1:1, tls: {ca: /nowhere/ca}}]\n",
     "/nowhere/ca"),
    ("bad_method_pattern", "upstreams: [http://127.0.0.1:1]\nmethods: {deny: [\"a*b\"]}\n", "a*b"),
    ("workers_need_a_restart", "upstreams: [http://127.0.0.1:1]\nworkers: 7\n", "workers"),
]


def bad_case(name, text, words):
    def run():
        with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls}, workers=None) as sluice:
            before = upstreams(sluice)
            sluice.reload(text, good=False)
            equal(sluice.metric("sluice_config_last_reload_successful"), 0, "the gauge")
            equal(upstreams(sluice), before, "upstreams after the bad file")
            equal(sluice.rpc(call("test_echo", [1])).json()["result"], [1], "a call after the bad file")
            lines = poll(lambda: sluice.log_lines("reload_failed"), "the error is logged")
            equal(len(lines), 1, "error lines")
            check(words in lines[0]["reason"], f"the error should say {words!r}", lines[0]["reason"][:500])
            check(len(lines[0]["reason"]) < 5000, "an error line without measure", len(lines[0]["reason"]))
            sluice.reload({"upstreams": nodes.urls}, good=True)
            equal(sluice.metric("sluice_config_last_reload_successful"), 1, "the gauge when all is well")
    return run


def cases(full):
    for name, text, words in BAD_TEXTS:
        yield f"bad_file_{name}", bad_case(name, text, words)


def test_reloads_under_load_fail_no_call(full=False):
    """Upstreams come and go, all of them at once too, and bad files in between change nothing."""
    reloads = 200 if full else 40
    random_ = random.Random(SEED)
    with Devnodes(4) as nodes:
        def config(chosen):
            return {"upstreams": [{"name": f"node-{i}", "url": nodes.urls[i],
                                   "pool": {"max": random_.choice([16, 64])}} for i in chosen]}
        current = [0, 1, 2]
        with Sluice(config(current)) as sluice, Load(sluice.http, 16, seed=SEED) as load:
            for number in range(reloads):
                if random_.random() < 0.3:
                    name, text, _ = random_.choice(
                        [b for b in BAD_TEXTS if b[0] not in ("large", "workers_need_a_restart")])
                    sluice.reload(text, good=False)
                    kind = f"bad file {name}"
                else:
                    current = sorted(random_.sample(range(4), random_.randint(1, 4)))
                    sluice.reload(config(current))
                    kind = f"nodes {current}"
                equal(upstreams(sluice), [f"node-{i}" for i in current],
                      f"upstreams after reload {number} ({kind}), SLUICE_TEST_SEED={SEED}")
                load.expect_clean(f"up to reload {number} ({kind}), SLUICE_TEST_SEED={SEED}")
            load.stop()
            load.expect_clean(f"in {reloads} reloads, SLUICE_TEST_SEED={SEED}")
            check(load.calls > 20 * reloads, "too few calls to tell", load.calls)


def test_a_storm_of_signals_leaks_nothing():
    with Devnodes(2) as nodes, Sluice({"upstreams": nodes.urls}) as sluice, \
            Load(sluice.http, 4, pause=0.002) as load:
        sluice.reload()
        fds = sluice.fds()
        for _ in range(500):
            sluice.sighup()
        def quiet():
            before = sluice.metric("sluice_config_reloads_total")
            time.sleep(0.2)
            return before == sluice.metric("sluice_config_reloads_total")
        poll(quiet, "the reloads come to an end")
        done = sluice.metric("sluice_config_reloads_total", result="success")
        check(2 <= done <= 501, "signals that come meanwhile are one more reload", done)
        load.stop()
        load.expect_clean("in a storm of signals")
        poll(lambda: sluice.fds() <= fds + 4, "descriptors are given back")


def test_a_removed_upstream_finishes_its_calls():
    release = threading.Event()

    def slow(connection):
        request = connection.read_request()
        connection.wait_for(release)
        connection.send(request.reply(b'"old"'))
        connection.wait_gone()

    with ScriptedUpstream(slow) as old, Devnodes(1) as nodes:
        with Sluice({"upstreams": [{"name": "old", "url": old.url}]}) as sluice, sluice.client() as client:
            client.send(post(call("test_echo", [1])))
            old.wait_count(1)
            sluice.reload({"upstreams": [{"name": "new", "url": nodes.urls[0]}]})
            equal(sluice.rpc(call("test_echo", [2])).header("X-Sluice-Upstream"), "new", "who answers next")
            release.set()
            reply = client.response()
            equal((reply.status, reply.json().get("result")), (200, "old"), "the call under way")
            equal(reply.header("X-Sluice-Upstream"), "old", "who answered it")
            poll(lambda: not old._open, "the connection to the removed upstream is closed")


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_listeners_come_and_go():
    ports = [free_port(), free_port()]
    listen = [f"127.0.0.1:{port}" for port in ports]
    release = threading.Event()

    def slow(connection):
        while True:
            request = connection.read_request()
            connection.wait_for(release)
            connection.send(request.reply())

    with ScriptedUpstream(slow) as node:
        base = {"upstreams": [node.url]}
        with Sluice({**base, "listen": listen[:1]}, listen=False) as sluice:
            check(not listening(ports[1]), "the second port is not served yet")
            sluice.reload({**base, "listen": listen})
            with Client(("127.0.0.1", ports[1])) as client:
                client.send(post(call("test_echo", [1])))
                node.wait_count(1)
                sluice.reload({**base, "listen": listen[:1]})
                poll(lambda: not listening(ports[1]), "the second port is given up")
                release.set()
                equal(client.response().json()["result"], [1], "the call under way on the removed listener")
            check(listening(ports[0]), "the first port is still served")


def test_a_port_in_use_changes_nothing():
    with Devnodes(2) as nodes, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        port = free_port()
        base = {"upstreams": [nodes.urls[0]], "listen": [f"127.0.0.1:{port}"]}
        with Sluice(base, listen=False) as sluice:
            before = upstreams(sluice)
            sluice.reload({"upstreams": nodes.urls, "listen": [f"127.0.0.1:{port}", f"127.0.0.1:{busy}"]},
                          good=False)
            equal(upstreams(sluice), before, "upstreams")
            line = poll(lambda: sluice.log_lines("reload_failed"), "the error is logged")[0]
            check(str(busy) in line["reason"], "the error should name the port", line)
            sluice.reload({**base, "listen": [f"0.0.0.0:{port}"]}, good=False)
            check(listening(port), "the port is still served")


def test_a_default_chain_is_not_taken_away():
    with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls}) as sluice:
        two = [{"name": n, "upstreams": nodes.urls} for n in ("one", "two")]
        sluice.reload({"chains": two}, good=False)
        equal(sluice.rpc(call("test_echo", [1])).status, 200, "a call at /")
        sluice.reload({"chains": [{**two[0], "default": True}, two[1]]})
        equal(sluice.rpc(call("test_echo", [1]), path="/two").status, 200, "a call at /two")


def test_the_admin_ports_hosts():
    def status(host):
        with Client(sluice.admin) as client:
            client.send(b"GET /livez HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host)
            return client.response(method="GET").status
    with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls}) as sluice:
        equal(status(b"ops.example"), 403, "a host that is not listed")
        sluice.reload({"upstreams": nodes.urls, "admin": {"hosts": ["ops.example"]}})
        equal(status(b"ops.example"), 200, "a host that is listed now")
        sluice.reload({"upstreams": nodes.urls})
        equal(status(b"ops.example"), 403, "a host that is not listed any more")


def test_a_websocket_follows_what_is_said_of_its_client():
    def slow(connection):
        while True:
            request = connection.read_request()
            if b"slow" in request.params:
                connection.wait(30)
            connection.send(request.reply())

    with ScriptedUpstream(slow) as one, ScriptedUpstream(slow) as two:
        def config(timeout="30s", **more):
            return {"chain_id": 1337, "timeout": {"call": timeout},
                    "clients": [{"name": "bot", "key": "secret-of-the-bot", "allow": ["steer"]}],
                    "upstreams": [{"name": "one", "url": one.url}, {"name": "two", "url": two.url, **more}]}

        with Sluice(config()) as sluice:
            wishes = headers(X_API_Key="secret-of-the-bot", X_Sluice_Use_Upstream="two")
            with WebSocket(sluice.http, headers=wishes) as ws:
                def at(node, rounds=8):
                    one.clear(), two.clear()
                    for n in range(rounds):
                        equal(ws.rpc(call("eth_getBalance", [n]))["id"], 1, "a reply")
                    equal(node.count, rounds, "calls at the upstream that was asked for")

                at(two)
                sluice.reload(config("150ms", weight=2))
                at(two)
                equal(ws.rpc(call("eth_getBalance", ["slow"]))["error"]["code"], -32603, "code")
                sluice.reload({**config(), "upstreams": [{"name": "one", "url": one.url}]})
                reply = ws.rpc(call("eth_getBalance", [1]))
                equal(reply["error"]["data"]["reason"], "removed", "once the upstream is gone")


def test_a_signal_while_starting_is_kept():
    """It is served as soon as the start is over."""
    with ScriptedUpstream(lambda connection: connection.wait_gone()) as node:
        node.answer_probe = lambda request: None
        with Sluice({"upstreams": [node.url]}, args=["--admin-listen", f"127.0.0.1:{free_port()}"], ready=False,
                    serving=False) as sluice:
            poll(lambda: node.accepted > 0, "it is starting")
            sluice.write_config({"upstreams": [{"name": "renamed", "url": node.url}]})
            sluice.sighup()
            sluice.admin = address(sluice.arguments[sluice.arguments.index("--admin-listen") + 1])
            poll(lambda: upstreams(sluice) == ["renamed"], "the new configuration holds")
            equal(sluice.metric("sluice_config_reloads_total", result="success"), 1, "reloads")
            sluice.terminate()


def test_a_file_that_never_ends_does_not_hold_up_anything():
    """A pipe in place of the file: neither calls nor the end of the process wait for it."""
    with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls}) as sluice:
        os.remove(sluice.config_path)
        os.mkfifo(sluice.config_path)
        sluice.sighup()
        for n in range(20):
            equal(sluice.rpc(call("test_echo", [n])).json()["result"], [n], "a call meanwhile")
        equal(sluice.readyz(), 200, "readyz meanwhile")
        began = time.monotonic()
        equal(sluice.terminate(), 0, "exit code")
        check(time.monotonic() - began < 5, "the end took too long")


def test_a_missing_file_changes_nothing():
    with Devnodes(1) as nodes, Sluice({"upstreams": nodes.urls}) as sluice:
        os.rename(sluice.config_path, sluice.config_path + ".away")
        sluice.reload(good=False)
        os.mkdir(sluice.config_path)
        sluice.reload(good=False)
        os.rmdir(sluice.config_path)
        os.rename(sluice.config_path + ".away", sluice.config_path)
        sluice.reload()
        equal(sluice.rpc(call("test_echo", [1])).status, 200, "a call")
