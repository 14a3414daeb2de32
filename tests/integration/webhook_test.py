# SPDX-License-Identifier: Apache-2.0
"""The webhook: events as POSTs of JSON, several in one, repeated until they are taken."""

import contextlib
import http.server
import json
import socket
import ssl
import threading
import time

from support.authority import Authority
from support.operator import control
from support.sluice import ScriptedUpstream, Sluice, call, check, equal, free_port, poll

SECRET = "canary-token"


class Receiver:
    """A receiver that answers what it is told to: a list of (status, headers), then 204 for ever."""

    def __init__(self, answers=(), port=0, tls=None):
        self.answers, self.bodies, self.heads, self.times = list(answers), [], [], []
        self.held = threading.Event()
        self.held.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.times.append(time.monotonic())
                receiver.heads.append((self.path, dict(self.headers)))
                receiver.bodies.append(json.loads(body))
                receiver.held.wait(30)
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass
        self.server = Server(("127.0.0.1", port), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.held.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    def url(self, scheme="http", host="127.0.0.1"):
        return f"{scheme}://ops:{SECRET}@{host}:{self.port}/hook?token={SECRET}"

    def events(self, name=None):
        return [e for body in list(self.bodies) for e in body["events"] if name in (None, e["event"])]

    def wait(self, name):
        return poll(lambda: self.events(name), f"{name} arrives")[0]


def config(node, url, **webhook):
    return {"upstreams": [{"name": "node", "url": node.url}],
            "events": {"webhook": {"url": url, "timeout": "500ms", **webhook}}}


@contextlib.contextmanager
def scene(receiver, **webhook):
    with ScriptedUpstream() as node, Sluice(config(node, receiver.url(), **webhook)) as sluice:
        sluice.node = node
        yield sluice


def deliveries(sluice, outcome):
    return sluice.metric("sluice_event_deliveries_total", sink="webhook", outcome=outcome)


def test_events_arrive_as_json_with_what_the_operator_wants_in_the_head():
    with Receiver() as receiver, scene(receiver, headers={"x-team": SECRET}) as sluice:
        ready = receiver.wait("ready")
        check(ready["id"].endswith("-2") and ready["level"] == "info", "an event", ready)
        body = receiver.bodies[0]
        equal((body["source"], body["host"], body["attempt"], body["dropped"]),
              ("sluice", socket.gethostname(), 1, 0), "what is around the events")
        path, head = receiver.heads[0]
        equal(path, f"/hook?token={SECRET}", "path")
        equal((head["Content-Type"], head["x-team"], head["Host"]),
              ("application/json", SECRET, f"127.0.0.1:{receiver.port}"), "head")
        check(head["Authorization"].startswith("Basic "), "user info of the URL", head)
        receiver.held.clear()
        for n in range(1, 31):
            control(sluice.socket, "weight", target="node", value=str(n))
        poll(lambda: len(receiver.bodies) > 1, "the first of many is on its way")
        before = len(receiver.bodies)
        receiver.held.set()
        poll(lambda: len(receiver.events("override_set")) == 30, "all arrive")
        check(len(receiver.bodies) <= before + 2, "in few requests", len(receiver.bodies) - before)
        equal([e["value"] for e in receiver.events("override_set")], [str(n) for n in range(1, 31)],
              "in order, each once")
        poll(lambda: deliveries(sluice, "delivered") == len(receiver.events()), "counted")
        for where, text in (("log", sluice.stderr_text()), ("/status", json.dumps(sluice.status())),
                            ("/metrics", sluice.metrics_text())):
            check(SECRET not in text, f"no secret in {where}")


def test_what_fails_is_repeated_later_and_later():
    answers = [(500, {}), (503, {}), (204, {})]
    with Receiver(answers) as receiver, scene(receiver) as sluice:
        poll(lambda: len(receiver.bodies) >= 3, "three tries")
        ids = [e["id"] for e in receiver.bodies[0]["events"]]
        for n, body in enumerate(receiver.bodies[:3]):
            equal(body["attempt"], n + 1, "which try")
            equal([e["id"] for e in body["events"]][:len(ids)], ids, "the same events again")
        first, second = (b - a for a, b in zip(receiver.times, receiver.times[1:3]))
        check(0.2 < first < 1.0 and 0.45 < second < 2.0, "pauses", first, second)
        working = receiver.wait("webhook_working")
        check(working["failed_s"] > 0.6, "how long it failed", working)
        equal([e["reason"] for e in receiver.events("webhook_failing")][0], "http_500", "why")
        equal(deliveries(sluice, "retried"), 2, "tries that failed")
        equal(len(sluice.log_lines("webhook_failing")), 1, "one line for all of them")


def test_a_receiver_may_ask_for_patience():
    with Receiver([(429, {"Retry-After": "2"})]) as receiver, scene(receiver):
        poll(lambda: len(receiver.bodies) >= 2, "it is tried again")
        check(receiver.times[1] - receiver.times[0] >= 1.9, "not before it may be",
              receiver.times[1] - receiver.times[0])


def test_no_redirect_is_followed_and_what_is_refused_is_not_repeated():
    with Receiver() as elsewhere, \
            Receiver([(307, {"Location": elsewhere.url()}), (404, {})]) as receiver, \
            scene(receiver) as sluice:
        poll(lambda: deliveries(sluice, "refused") >= 2, "both are refused")
        control(sluice.socket, "weight", target="node", value="9")
        receiver.wait("webhook_working")
        equal(elsewhere.bodies, [], "requests at the redirect's target")
        ids = [e["id"] for e in receiver.events()]
        equal(len(ids), len(set(ids)), "none is sent twice")


def test_https_with_an_authority_of_ones_own():
    with Authority() as ca:
        certificate, key = ca.issue("hook")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with Receiver(tls=context) as receiver, ScriptedUpstream() as node:
            good = config(node, receiver.url("https", "localhost"), ca=ca.certificate)
            with Sluice(good) as sluice:
                receiver.wait("ready")
                # The system's authorities do not know this one.
                sluice.reload(config(node, receiver.url("https", "localhost")))
                line = poll(lambda: sluice.log_lines("webhook_failing"), "it is refused")[0]
                equal(line["reason"], "tls", "why")
                equal(receiver.events("reloaded"), [], "events to whom is not known")
                sluice.reload(good)
                equal(len(poll(lambda: len(receiver.events("reloaded")) >= 2 and
                               receiver.events("reloaded"), "nothing was lost")), 2, "reloads")
                check(not sluice.log_lines("webhook_failed"), "no unexpected error")


def test_a_reload_takes_another_url_and_what_waits_with_it():
    port = free_port()
    with Receiver() as receiver, ScriptedUpstream() as node:
        with Sluice(config(node, f"http://127.0.0.1:{port}/")) as sluice:
            poll(lambda: sluice.log_lines("webhook_failing"), "nobody is there")
            equal(sluice.log_lines("webhook_failing")[0]["reason"], "connect", "why")
            sluice.reload(config(node, receiver.url()))
            equal(receiver.wait("ready")["level"], "info", "what waited is delivered")
            sluice.reload({"upstreams": [node.url]})
            count = len(receiver.bodies)
            control(sluice.socket, "weight", target=f"127.0.0.1:{node.port}", value="9")
            equal(sluice.rpc(call("test_echo", [1])).status, 200, "a call")
            check(len(receiver.bodies) <= count + 1, "no webhook, no deliveries")


def test_only_events_that_are_grave_enough():
    with Receiver() as receiver, scene(receiver, level="error") as sluice:
        sluice.reload()
        sluice.reload("upstreams: [", good=False)
        receiver.wait("reload_failed")
        equal({e["event"] for e in receiver.events()}, {"reload_failed"}, "events that came")


def test_a_receiver_that_hangs_holds_up_nothing():
    with Receiver() as receiver:
        receiver.held.clear()
        with scene(receiver) as sluice:
            poll(lambda: deliveries(sluice, "retried") >= 1, "a delivery has timed out")
            equal(sluice.log_lines("webhook_failing")[0]["reason"], "timeout", "why")
            began = time.monotonic()
            for n in range(50):
                equal(sluice.rpc(call("test_echo", [n])).status, 200, "a call")
                control(sluice.socket, "weight", target="node", value=str(n % 9 + 1))
            check(time.monotonic() - began < 5, "calls and commands are as quick as ever")
            receiver.held.set()


def test_the_queue_is_bounded_and_its_losses_are_told():
    with Receiver() as receiver:
        receiver.held.clear()
        with scene(receiver, timeout="1m") as sluice:
            poll(lambda: receiver.bodies, "one is on its way")
            for n in range(1100):
                control(sluice.socket, "weight", target="node", value=str(n % 1000 + 1))
            dropped = deliveries(sluice, "dropped")
            check(90 <= dropped <= 101, "dropped", dropped)
            receiver.held.set()
            # One that is lost may be of the start.
            poll(lambda: len(receiver.events("override_set")) + dropped >= 1100, "the rest arrives")
            equal(sum(body["dropped"] for body in receiver.bodies), dropped, "told to the receiver")


def test_the_last_events_are_delivered_before_the_end():
    with Receiver() as receiver, scene(receiver) as sluice:
        receiver.wait("ready")
        equal(sluice.terminate(), 0, "exit code")
        receiver.wait("draining")
        equal(sluice.log_lines("stopped")[0]["undelivered"], 0, "undelivered")


def test_what_cannot_be_delivered_at_the_end_is_counted_and_does_not_hold_it_up():
    with Receiver() as receiver:
        receiver.held.clear()
        with scene(receiver) as sluice:
            poll(lambda: receiver.bodies, "one is on its way")
            began = time.monotonic()
            equal(sluice.terminate(), 0, "exit code")
            check(time.monotonic() - began < 2, "the end is not held up for long")
            line = sluice.log_lines("stopped")[0]
            check(line["undelivered"] >= 2, "undelivered", line)
