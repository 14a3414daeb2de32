# SPDX-License-Identifier: Apache-2.0
"""Hosts and origins: no page of a foreign site gets through to a node, and an allowed one can read
what it is told."""

from guarded import headers
from stage import GOOD, Stage, table
from support.sluice import WebSocket, check, equal, post, upgrade_request

GOOD_ORIGIN = "https://app.example"


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
        check({"X-Sluice-Upstream", "X-Sluice-Attempts", "X-Sluice-Cache", "X-Sluice-Duration",
               "X-Sluice-Choice", "X-Request-Id"} <= exposed,
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


ROWS = [
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
]


def cases(full):
    config = {"listen": [{"address": "127.0.0.1:0", "hosts": ["rpc.example"]}],
              "cors": {"origins": [GOOD_ORIGIN], "max_age": "20m"}}
    with Stage(config) as stage:
        yield from table(stage, ROWS, quiet=True)
