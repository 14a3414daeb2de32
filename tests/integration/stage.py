# SPDX-License-Identifier: Apache-2.0
"""The stage of the client-side suites: the daemon before one scripted node that counts, and the
expectations that every case of a table shares.

Whatever a case sends, after it a good call on a new connection must reach the node once and come
back, the daemon must live, and not one byte more than expected may have gone upstream.
"""

import contextlib
import json

from support.sluice import ScriptedUpstream, Sluice, check, echo, equal, members, poll, total

GOOD_PARAMS = b'["0x00000000000000000000000000000000000000aa","0x1"]'
GOOD = (b'{"jsonrpc":"2.0","id":"good","method":"eth_getBalance","params":' + GOOD_PARAMS + b"}")


class Stage(contextlib.ExitStack):
    """Daemon and scripted node, started at the first use and again should a case have killed it;
    the death itself is reported when the stage is left."""

    def __init__(self, config=None, script=echo, level="info", **options):
        super().__init__()
        self.config, self.script, self.level, self.options = config or {}, script, level, options
        self._upstream = self._sluice = None

    @property
    def upstream(self):
        if self._upstream is None:
            self._upstream = self.enter_context(ScriptedUpstream(self.script))
        return self._upstream

    @property
    def sluice(self):
        if self._sluice is not None and not self._sluice.alive():
            self._sluice = None
        if self._sluice is None:
            # One request at the node for each call, so that they can be counted.
            config = {"chain_id": 1337, "upstreams": [{"name": "node", "url": self.upstream.url}],
                      "batch": {"max": 1}, **self.config}
            self._sluice = self.enter_context(Sluice(config, level=self.level, **self.options))
        return self._sluice

    def client(self, **options):
        return self.sluice.client(**options)

    # --- What holds around every case -----------------------------------------------------------

    @contextlib.contextmanager
    def case(self, upstream=0, rejected=None):
        """upstream: requests that the case sends to the node; rejected: a reason that it counts once
        (None: whatever)."""
        self.upstream.clear()
        before = self.sluice.metrics()
        yield
        sluice = self._sluice
        check(sluice.alive(), "the daemon died", *sluice.stderr_text().splitlines()[-15:])
        equal(self.upstream.count, upstream, "requests at the upstream")
        if rejected is not None:
            def grown(**labels):
                name = "sluice_rejected_total"
                return total(sluice.metrics(), name, **labels) - total(before, name, **labels)
            poll(lambda: grown() >= 1, "a refusal is counted")
            equal({"all": grown(), rejected: grown(reason=rejected)}, {"all": 1.0, rejected: 1.0},
                  "refusals counted")
        self.good()

    @contextlib.contextmanager
    def playing(self, script):
        """Another script for the node, on new connections, for the time of a `with`."""
        self.upstream.script = script
        self.upstream.close_connections()
        yield
        self.upstream.script = self.script
        self.upstream.close_connections()

    def good(self):
        """A good call on a new connection: one request upstream, its answer back."""
        before = self.upstream.count
        with self.client() as client:
            response = client.rpc(GOOD)
        equal(response.status, 200, "status of the good call afterwards")
        equal(members(response.body).get(b"result"), GOOD_PARAMS, "result of the good call afterwards")
        equal(self.upstream.count - before, 1, "requests of the good call afterwards")

    # --- What one exchange may come to ----------------------------------------------------------

    def refused(self, data, status, code=-32600, reason=None, upstream=0, method="POST"):
        """The request is refused and the connection ended: one response, nothing after it."""
        with self.case(upstream, reason), self.client() as client:
            client.try_send(data)
            response = client.response(method=method)
            assert_refusal(response, status, code, reason)
            equal(response.header("Connection"), "close", "Connection")
            equal(client.wait_closed(3), b"", "bytes after the refusal")
            return response

    def refused_kept(self, data, status, code=-32600, reason=None, rejected=True):
        """Refused, but the connection goes on: the next request on it is served."""
        with self.case(1, reason if rejected else None), self.client() as client:
            client.send(data)
            response = client.response()
            assert_refusal(response, status, code, reason)
            check(not response.closes, "the connection must be kept", response)
            equal(client.rpc(GOOD).status, 200, "status of the next request on the connection")
            return response

    def served(self, data, params=None, id=None, result=None, method="eth_getBalance", kept=True):
        """Exactly one request goes upstream, its envelope is ours, its params are the client's bytes;
        id and result come back byte for byte. kept: whether the connection goes on."""
        with self.case(1 + bool(kept)), self.client() as client:
            client.send(data)
            response = client.response()
            self.assert_served(response, params, id, result, method)
            if kept:
                check(not response.closes, "the connection must be kept", response)
                equal(client.rpc(GOOD).status, 200, "status of the next request on the connection")
            else:
                check(response.closes, "the response must say that the connection ends", response)
                equal(client.wait_closed(3), b"", "bytes after the response")
            return response

    def assert_served(self, response, params, id, result=None, method="eth_getBalance"):
        equal(response.status, 200, f"status ({response.body[:300]!r})")
        equal(response.header("Content-Type"), "application/json", "Content-Type")
        sent = self.upstream.requests[0]
        assert_canonical(sent, method, GOOD_PARAMS if params is None else params)
        got = members(response.body)
        equal(got.get(b"id"), b'"good"' if id is None else id, "id in the reply")
        equal(got.get(b"result"), sent.params if result is None else result, "result in the reply")

    def answered(self, body, code, id=b"null", headers=()):
        """JSON-RPC error with status 200 from the daemon itself; the connection is kept."""
        with self.case(1), self.client() as client:
            response = client.rpc(body, headers=headers)
            equal(response.status, 200, f"status ({response.body[:300]!r})")
            assert_error(response.body, code, id)
            check(not response.closes, "the connection must be kept", response)
            equal(client.rpc(GOOD).status, 200, "status of the next request on the connection")
            return response


def assert_canonical(request, method, params):
    """What went upstream is our own envelope around the client's params."""
    equal(request.line, b"POST / HTTP/1.1", "request line upstream")
    equal(request.method, method, "method upstream")
    expected = (b'{"jsonrpc":"2.0","id":' + request.id + b',"method":' + json.dumps(method).encode() + b',"params":'
                + params + b"}")
    equal(request.body, expected, "body upstream")
    check(request.id.isdigit(), "the id upstream is the daemon's own number", request.id)
    names = sorted(n.lower() for n, _ in request.headers)
    equal(names, ["accept", "content-length", "content-type", "host"], "header fields upstream")


def assert_refusal(response, status, code, reason):
    equal(response.status, status, f"status ({response.body[:300]!r})")
    equal(response.header("Content-Type"), "application/json", "Content-Type")
    error = assert_error(response.body, code, b"null")
    if reason is not None:
        equal(error["data"]["reason"], reason, "reason")
    if status == 405:
        equal(response.header("Allow"), "GET, HEAD, POST, OPTIONS", "Allow")


def assert_error(body, code, id):
    got = members(body)
    equal(got.get(b"jsonrpc"), b'"2.0"', "jsonrpc")
    equal(got.get(b"id"), id, f"id of the error ({body[:300]!r})")
    check(b"result" not in got, "an error has no result", body)
    error = json.loads(got[b"error"])
    equal(error["code"], code, f"code of the error ({body[:300]!r})")
    check(isinstance(error["message"], str) and error["message"], "an error has a message", body)
    equal(error["data"]["source"], "sluice", "source of the error")
    return error


def table(stage, rows, quiet=False):
    """rows: (name, function of the stage). quiet: none of them may make the daemon log a warning."""
    for name, function in rows:
        yield name, lambda function=function: function(stage)
    if quiet:
        yield "bad_input_fills_no_log", lambda: assert_quiet(stage)


def assert_quiet(stage):
    loud = [e for e in stage.sluice.log_lines() if e["level"] in ("warn", "error")]
    check(not loud, "bad input must not be able to fill the log", *loud[:5])
