# SPDX-License-Identifier: Apache-2.0
"""Request line, target and timing of the head: what is served, and what is refused with which
status before a byte of it reaches a node."""

import time

from stage import GOOD, Stage, table
from support.sluice import check, equal, poll, post

HEADERS = b"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(GOOD)


def line(first):
    """A request that is good but for its first line."""
    return first + b"\r\n" + HEADERS + GOOD


def bare(first):
    return first + b"\r\nHost: localhost\r\n\r\n"


def refused(first, status, reason, data=None):
    return lambda s: s.refused(data if data is not None else line(first), status, reason=reason)


def served(first, **more):
    return lambda s: s.served(line(first), **more)


BAD_LINES = [
    ("method_that_is_no_token", b'G=":<>(e) / HTTP/1.1'),
    ("empty_method", b" / HTTP/1.1"),
    ("no_version_as_in_http_0_9", b"GET /"),
    ("method_alone", b"GET"),
    ("two_spaces_before_the_target", b"POST  / HTTP/1.1"),
    ("two_spaces_before_the_version", b"POST /  HTTP/1.1"),
    ("space_at_the_end", b"POST / HTTP/1.1 "),
    ("space_in_the_target", b"POST /a b HTTP/1.1"),
    ("tab_before_the_target", b"POST\t/ HTTP/1.1"),
    ("tab_before_the_version", b"POST /\tHTTP/1.1"),
    ("bare_line_feed_within", b"POST\n/ HTTP/1.1"),
    ("nul_in_the_target", b"POST /\0 HTTP/1.1"),
    ("method_without_end", b"A" * 33 + b" / HTTP/1.1"),
]
BAD_VERSIONS = [
    ("in_small_letters", b"POST / http/1.1"),
    ("of_two_digits", b"POST / HTTP/1.32"),
    ("of_many_digits", b"POST / HTTP/4294967295.255"),
    ("without_minor", b"POST / HTTP/1"),
    ("with_a_space", b"POST / HTTP/1.1x"),
    ("of_another_protocol", b"POST / HTTX/1.1"),
    ("with_a_comma", b"POST / HTTP/1,1"),
    ("with_a_sign", b"POST / HTTP/+1.1"),
    ("of_other_digits", "POST / HTTP/１.1".encode()),
]
BAD_TARGETS = [
    ("with_fragment", b"POST /#x HTTP/1.1"),
    ("with_backslash", b"POST /\\ HTTP/1.1"),
    ("with_quote", b'POST /" HTTP/1.1'),
    ("with_angle", b"POST /<a> HTTP/1.1"),
    ("with_latin_1", b"POST /\xe9 HTTP/1.1"),
    ("with_utf_8", "POST /é HTTP/1.1".encode()),
    ("star_of_post", b"POST * HTTP/1.1"),
    ("star_and_more", b"OPTIONS */x HTTP/1.1"),
    ("without_slash", b"POST rpc HTTP/1.1"),
    ("authority_form_of_post", b"POST localhost:80 HTTP/1.1"),
    ("absolute_form_with_userinfo", b"POST http://a@localhost/ HTTP/1.1"),
    ("absolute_form_with_password", b"POST http://a:b@localhost/ HTTP/1.1"),
    ("absolute_form_without_host", b"POST http:/// HTTP/1.1"),
    ("absolute_form_of_another_scheme", b"POST ftp://localhost/ HTTP/1.1"),
]
OTHER_METHODS = ["FOO", "PUT", "DELETE", "PATCH", "TRACE", "post", "PROPFIND"]

ROWS = [(name, refused(first, 400, "bad_request_line")) for name, first in BAD_LINES]
ROWS += [("version_" + name, refused(first, 400, "bad_version")) for name, first in BAD_VERSIONS]
ROWS += [("version_not_served_" + text.decode().replace(".", "_"),
          refused(b"POST / HTTP/" + text, 505, "unsupported_version"))
         for text in (b"1.2", b"9.9", b"0.9", b"2.0", b"3.0", b"0.0", b"1.9")]
ROWS += [("target_" + name, refused(first, 400, "bad_target")) for name, first in BAD_TARGETS]
ROWS += [("method_not_served_" + name,
          refused(name.encode() + b" / HTTP/1.1", 405, "method_not_allowed"))
         for name in OTHER_METHODS]
ROWS += [
    ("http_2_preface",
     lambda s: s.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, reason="unsupported_version")),
    ("connect_opens_no_tunnel",
     lambda s: s.refused(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n", 405,
                         reason="method_not_allowed")),
    ("trace_echoes_no_header", lambda s: trace(s)),
    ("absolute_form_of_another_host", refused(b"POST http://evil.example/ HTTP/1.1", 400, "host_mismatch")),
    ("absolute_form_of_another_port", refused(b"POST http://localhost:99/ HTTP/1.1", 400, "host_mismatch")),
    ("absolute_form_of_the_same_host", served(b"POST http://localhost/ HTTP/1.1")),
    ("absolute_form_in_other_case", served(b"POST HTTP://LOCALHOST/ HTTP/1.1")),
    ("absolute_form_with_the_default_port", served(b"POST http://localhost:80/ HTTP/1.1")),
    ("absolute_form_without_path", served(b"POST http://localhost HTTP/1.1")),
    ("query_that_nobody_knows", served(b"POST /?x=1&y HTTP/1.1")),
    ("path_of_the_chain", served(b"POST /main HTTP/1.1")),
    ("path_of_the_chain_id", served(b"POST /1337 HTTP/1.1")),
    ("path_with_a_slash_at_the_end", served(b"POST /main/ HTTP/1.1")),
    ("percent_forms_are_not_decoded",
     lambda s: [s.refused_kept(line(b"POST " + path + b" HTTP/1.1"), 404, reason="unknown_path")
                for path in (b"/%6dain", b"/%00", b"/%2e%2e", b"/%2e%2e/main", b"/../main")]),
    ("path_in_capitals", lambda s: s.refused_kept(line(b"POST /MAIN HTTP/1.1"), 404, reason="unknown_path")),
    ("path_unknown", lambda s: s.refused_kept(line(b"POST /nowhere HTTP/1.1"), 404, reason="unknown_path")),
    ("target_of_8_KiB", lambda s: target_at_the_limit(s)),
    ("target_of_8_KiB_and_one",
     refused(b"POST /" + b"a" * 8192 + b" HTTP/1.1", 414, "target_too_long")),
    ("target_of_20_KiB", refused(b"POST /" + b"a" * 20480 + b" HTTP/1.1", 414, "target_too_long")),
    ("target_without_end", refused(None, 414, "target_too_long", b"POST /" + b"a" * 300000)),
    ("one_empty_line_first", lambda s: s.served(b"\r\n" + post(GOOD))),
    ("two_empty_lines_first", lambda s: s.served(b"\r\n\r\n" + post(GOOD))),
    ("three_empty_lines_first",
     lambda s: s.refused(b"\r\n\r\n\r\n" + post(GOOD), 400, reason="bad_request_line")),
    ("bare_line_feed_first", lambda s: s.refused(b"\n" + post(GOOD), 400, reason="bad_request_line")),
    ("tls_on_a_plain_port",
     lambda s: s.refused(bytes.fromhex("160301020001000001fc0303") + bytes(64), 400, reason="tls_on_plain")),
    ("get_says_who_is_there", lambda s: greeting(s, "GET")),
    ("head_says_it_without_the_text", lambda s: greeting(s, "HEAD")),
    ("get_of_an_unknown_path", lambda s: plain_404(s)),
    ("options_of_the_server", lambda s: options(s, b"*")),
    ("options_of_a_path", lambda s: options(s, b"/main")),
    ("byte_by_byte", lambda s: byte_by_byte(s)),
    ("cut_at_every_place", lambda s: cut_everywhere(s)),
    ("every_prefix_then_silence", lambda s: prefixes_then_silence(s)),
    ("every_prefix_then_the_end", lambda s: prefixes_then_end(s)),
    ("every_prefix_then_a_reset", lambda s: prefixes_then_reset(s)),
    ("half_closed_after_the_request", lambda s: half_close(s)),
]


def trace(stage):
    response = stage.refused(b"TRACE / HTTP/1.1\r\nHost: localhost\r\nX-Secret: 5afe\r\n\r\n", 405)
    check(b"5afe" not in response.raw, "TRACE echoes a header", response)


def target_at_the_limit(stage):
    path = b"/" + b"a" * 8191
    stage.refused_kept(line(b"POST " + path + b" HTTP/1.1"), 404, reason="unknown_path")


def greeting(stage, method):
    with stage.case(1), stage.client() as client:
        client.send(bare(method.encode() + b" / HTTP/1.1"))
        response = client.response(method=method)
        equal(response.status, 200, "status")
        equal(response.header("Content-Type"), "text/plain; charset=utf-8", "Content-Type")
        check(response.body.startswith(b"Sluice") == (method == "GET"), "the text", response)
        check(int(response.header("Content-Length")) > 0, "the length of the text", response)
        equal(client.rpc(GOOD).status, 200, "status of the next request on the connection")


def plain_404(stage):
    with stage.case(1), stage.client() as client:
        client.send(bare(b"GET /nowhere HTTP/1.1"))
        equal(client.response().status, 404, "status")
        equal(client.rpc(GOOD).status, 200, "status of the next request on the connection")


def options(stage, target):
    with stage.case(1), stage.client() as client:
        client.send(bare(b"OPTIONS " + target + b" HTTP/1.1"))
        response = client.response(method="OPTIONS")
        equal((response.status, response.header("Content-Length")), (204, None), "status and length")
        check("POST" in response.header("Allow"), "Allow", response)
        equal(client.rpc(GOOD).status, 200, "status of the next request on the connection")


def byte_by_byte(stage):
    with stage.case(1), stage.client() as client:
        data = post(GOOD)
        client.send_slowly(data, range(1, len(data)))
        stage.assert_served(client.response(), None, None)


def cut_everywhere(stage):
    data = post(GOOD)
    with stage.case(len(data) - 1), stage.client() as client:
        for cut in range(1, len(data)):
            client.send(data[:cut])
            if cut % 8 == 0:
                time.sleep(0.001)
            client.send(data[cut:])
            equal(client.response().status, 200, f"status when cut at byte {cut}")


def prefixes_then_silence(stage):
    """No answer before the deadline of the head or the body, then 408 and the end."""
    data = post(GOOD)
    body_begins = data.index(b"\r\n\r\n") + 4
    clients = []
    with stage.case(0):
        for size in range(0, len(data)):
            client = stage.client()
            clients.append(client.send(data[:size]))
        began = time.monotonic()
        early = [c for c in clients if not c.is_open()]
        if time.monotonic() - began < 0.2:
            check(not early, "an answer before the deadline", len(early))
        for size, client in enumerate(clients):
            with client:
                if size == 0:
                    equal(client.wait_closed(5), b"", "bytes for a client that sent nothing")
                    continue
                response = client.response(timeout=5)
                reason = "header_timeout" if size < body_begins else "body_timeout"
                equal((response.status, response.json()["error"]["data"]["reason"]), (408, reason),
                      f"answer to the first {size} bytes")
                equal(response.header("Connection"), "close", "Connection")
                equal(client.wait_closed(5), b"", "bytes after the answer")


def prefixes_then_end(stage):
    data = post(GOOD)
    with stage.case(0):
        for size in range(0, len(data)):
            with stage.client() as client:
                client.send(data[:size]).finish()
                equal(client.wait_closed(5), b"", f"bytes for the first {size} bytes and an end")


def prefixes_then_reset(stage):
    data = post(GOOD)
    with stage.case(0):
        for size in range(0, len(data), 7):
            stage.client().send(data[:size]).reset()
        poll(lambda: stage.sluice.metric("sluice_client_connections", protocol="http") <= 1,
             "the connections are gone")


def half_close(stage):
    """A client that has said all it will say still gets its answer."""
    with stage.case(1), stage.client() as client:
        client.send(post(GOOD)).finish()
        stage.assert_served(client.response(), None, None)
        equal(client.wait_closed(5), b"", "bytes after the response")


def cases(full):
    with Stage({"timeout": {"header": "600ms", "body": "600ms"}}) as stage:
        yield from table(stage, ROWS, quiet=True)
