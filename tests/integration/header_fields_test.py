# SPDX-License-Identifier: Apache-2.0
"""Header fields: which are refused, which are ignored, and that none of a client's reaches a node."""

import os
import subprocess
import tempfile
import time

from stage import GOOD, Stage, table
from support.sluice import Client, ScriptedUpstream, Sluice, check, equal, poll, post, upgrade_request

LENGTH = b"Content-Length: %d" % len(GOOD)


def request(*fields, host=b"Host: localhost", kind=b"Content-Type: application/json", length=LENGTH,
            body=GOOD, version=b"1.1"):
    head = [b"POST / HTTP/" + version, host, kind, length, *fields]
    return b"\r\n".join(line for line in head if line is not None) + b"\r\n\r\n" + body


def refused(data, status, reason):
    return lambda s: s.refused(data, status, reason=reason)


def served(data, **more):
    return lambda s: s.served(data, **more)


def forbidden(data, reason):
    return lambda s: s.refused(data, 403, code=-32000, reason=reason)


ROWS = [
    ("no_host", refused(request(host=None), 400, "missing_host")),
    ("host_twice", refused(request(b"Host: localhost"), 400, "duplicate_field")),
    ("host_twice_and_different", refused(request(b"Host: evil.example"), 400, "duplicate_field")),
    ("host_empty", forbidden(request(host=b"Host:"), "host_refused")),
    ("no_host_in_http_1_0", served(request(host=None, version=b"1.0"), kept=False)),
]
ROWS += [(f"host_{name}", refused(request(host=b"Host: " + text), 400, "bad_host")) for name, text in [
    ("with_space", b"local host"), ("with_slash", b"localhost/x"), ("with_user", b"a@localhost"),
    ("list", b"localhost, evil"), ("with_port_of_letters", b"localhost:http"),
    ("with_port_above_65535", b"localhost:65536"), ("with_port_0", b"localhost:0"),
    ("with_empty_port", b"localhost:"), ("with_open_bracket", b"[::1"), ("with_bad_ipv6", b"[::g]"),
    ("with_two_ports", b"localhost:1:2"), ("with_percent", b"local%68ost"), ("of_256_bytes", b"a" * 256),
    ("not_ascii", "löcalhost".encode()),
]]
ROWS += [(f"host_good_{name}", served(request(host=b"Host: " + text))) for name, text in [
    ("ipv4", b"127.0.0.1"), ("ipv4_and_port", b"127.0.0.1:4545"), ("ipv6", b"[::1]"),
    ("ipv6_and_port", b"[::1]:4545"), ("in_capitals", b"LOCALHOST"), ("and_port", b"localhost:1"),
    ("of_another_ip", b"10.9.8.7"),
]]
ROWS += [(f"name_{name}", refused(request(line), 400, reason)) for name, line, reason in [
    ("empty", b": x", "bad_field_name"), ("with_space", b"X Y: x", "bad_field_name"),
    ("with_space_at_the_end", b"X : x", "bad_field_name"), ("with_bracket", b"X[: x", "bad_field_name"),
    ("above_ascii", b"X\x80: x", "bad_field_name"), ("with_control", b"X\x01: x", "control_byte"),
    ("with_tab", b"X\t: x", "bad_field_name"), ("without_colon", b"no colon", "bad_field_name"),
    ("length_without_colon", b"Content-Length 10", "bad_field_name"),
    ("with_quotes", b'"X": x', "bad_field_name"),
]]
CONTROLS = [c for c in [*range(0x20), 0x7F] if c != 0x09]
ROWS += [(f"value_with_byte_{c:02x}",
          refused(request(b"X: a" + bytes([c]) + b"b"), 400,
                  "bad_line_ending" if c in (0x0A, 0x0D) else "control_byte")) for c in CONTROLS]
ROWS += [
    ("value_with_tab", served(request(b"X: a\tb"))),
    ("value_above_ascii", served(request(b"X: \x80\xfe\xff"))),
    ("value_empty", served(request(b"X:"))),
    ("names_with_all_token_characters", served(request(b"!#$%&'*+-.^`|~09azAZ: x"))),
    ("line_feeds_for_all_line_ends", refused(request().replace(b"\r\n", b"\n"), 400, "bad_request_line")),
    ("line_feed_for_one_line_end", refused(request(b"A: b\nC: d"), 400, "bad_line_ending")),
    ("line_feed_for_the_last_line_end",
     refused(request().replace(b"\r\n\r\n", b"\r\n\n"), 400, "bad_line_ending")),
    ("folded_line", refused(request(b"X: a\r\n b"), 400, "obs_fold")),
    ("folded_line_by_tab", refused(request(b"X: a\r\n\tb"), 400, "obs_fold")),
    ("first_line_folded", refused(b"POST / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400, "obs_fold")),
    ("name_with_underscore_is_dropped", served(request(b"X_API_Key: wrong", b"Content_Length: 3"))),
    ("fields_64", served(request(*[b"X%d: y" % i for i in range(61)]))),
    ("fields_65", refused(request(*[b"X%d: y" % i for i in range(62)]), 431, "too_many_fields")),
    ("fields_65_with_underscores", refused(request(*[b"X_%d: y" % i for i in range(62)]), 431,
                                           "too_many_fields")),
    ("fields_100000", refused(request(*[b"a:b"] * 100000), 431, "too_many_fields")),
    ("head_of_16_KiB", lambda s: s.served(head_of(16384))),
    ("head_of_16_KiB_and_one", lambda s: s.refused(head_of(16385), 431, reason="head_too_large")),
    ("head_without_end", refused(b"POST / HTTP/1.1\r\nX: " + b"a" * 300000, 431, "head_too_large")),
    # --- Expect
    ("expect_and_body_at_once", lambda s: expect_with_body(s)),
    ("expect_and_wait", lambda s: expect_and_wait(s)),
    ("expect_above_the_limit", lambda s: expect_refused(s, b"Content-Length: 99999999", 413, "body_too_large")),
    ("expect_wrong_content_type", lambda s: expect_refused(
        s, LENGTH, 415, "unsupported_content_type", kind=b"Content-Type: text/plain")),
    ("expect_something_else", refused(request(b"Expect: foo"), 417, "bad_expectation")),
    ("expect_in_http_1_0", served(request(b"Expect: 100-continue", version=b"1.0"), kept=False)),
    ("expect_and_unknown_path", lambda s: expect_unknown_path(s)),
    # --- Upgrades
    ("h2c_upgrade_is_ignored", served(request(b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
                                              b"Connection: Upgrade, HTTP2-Settings"))),
    ("websocket_upgrade_by_post", refused(request(b"Upgrade: websocket", b"Connection: Upgrade"), 400,
                                          "bad_upgrade")),
    ("websocket_upgrade_of_an_unknown_path", lambda s: upgrade_refused(s, "/nowhere", 404)),
    ("websocket_upgrade_in_http_1_0", lambda s: upgrade_1_0(s)),
    ("upgrade_not_named_by_connection", lambda s: plain_get(s, [("Connection", "keep-alive")])),
    # --- Content
    ("encoded_body", refused(request(b"Content-Encoding: gzip"), 415, "unsupported_content_encoding")),
    ("encoded_body_twice", refused(request(b"Content-Encoding: br, gzip"), 415, "unsupported_content_encoding")),
    ("encoding_identity", served(request(b"Content-Encoding: identity"))),
]
ROWS += [(f"content_type_refused_{i}", refused(request(kind=text), 415, "unsupported_content_type"))
         for i, text in enumerate([
             None, b"Content-Type:", b"Content-Type: text/plain", b"Content-Type: text/json",
             b"Content-Type: application/x-www-form-urlencoded", b"Content-Type: multipart/form-data; boundary=x",
             b"Content-Type: application/json; charset=utf-16", b"Content-Type: application/jsonp",
             b"Content-Type: application/json, text/plain", b"Content-Type: application/json;x",
             b"Content-Type: text/plain; application/json"])]
ROWS += [(f"content_type_accepted_{i}", served(request(kind=b"Content-Type: " + text)))
         for i, text in enumerate([
             b"application/json;charset=utf-8", b'Application/JSON; Charset="UTF-8"',
             b"application/json ; charset=UTF-8", b"application/json-rpc", b"application/json;"])]
ROWS += [
    ("content_type_twice", refused(request(b"Content-Type: application/json"), 400, "duplicate_field")),
    ("accept_encoding_of_ten_thousand_commas", served(request(b"Accept-Encoding: " + b"," * 10000))),
    ("conditions_ranges_and_cookies_are_ignored", served(request(
        b"Range: bytes=0-3", b"If-None-Match: *", b"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
        b"Cookie: a=b", b"Accept: text/html", b"TE: trailers", b"Forwarded: for=1.2.3.4",
        b"X-Forwarded-For: 1.2.3.4", b"X-Real-IP: 1.2.3.4", b"X-Forwarded-Host: evil", b"Via: 1.1 x"))),
    ("forwarded_for_of_a_thousand_hops", served(request(b"X-Forwarded-For: " + b"1.2.3.4, " * 1000 + b"5.6.7.8"))),
    ("forwarded_for_that_is_no_address", served(request(b"X-Forwarded-For: <script>, , ;'"))),
    # --- Identity of the request
    ("request_id_is_taken_over", lambda s: request_id(s, b"abc-DEF_1.2:3", "abc-DEF_1.2:3")),
    ("request_id_that_is_unfit", lambda s: [request_id(s, text, None) for text in
                                            (b"a b", b'"', b"a" * 65, b"\xff", b"<x>", b"{}")]),
    ("bytes_of_headers_cannot_forge_log_lines", lambda s: log_injection(s)),
    ("http_on_a_tls_port", lambda s: http_on_tls()),
]


def head_of(size):
    data = request(b"X: ")
    at = data.index(b"X: ") + 3
    missing = size - (len(data) - len(GOOD))
    return data[:at] + b"a" * missing + data[at:]


def expect_with_body(stage):
    """Who does not wait needs no 100, and may get none."""
    with stage.case(1), stage.client() as client:
        client.send(request(b"Expect: 100-continue"))
        stage.assert_served(client.response(), None, None)
        check(len(client.interim) <= 1, "more than one interim response", client.interim)


def expect_and_wait(stage):
    data = request(b"Expect: 100-continue")
    with stage.case(2), stage.client() as client:
        for served_before in range(2):
            client.send(data[:-len(GOOD)])
            interim = client.reader.take(25, time.monotonic() + 10)
            equal(interim, b"HTTP/1.1 100 Continue\r\n\r\n", "the interim response")
            check(client.is_open(0.01), "one interim response and no more")
            equal(stage.upstream.count, served_before, "requests upstream before the body")
            client.send(GOOD)
            stage.assert_served(client.response(), None, None)


def expect_refused(stage, length, status, reason, **more):
    """The refusal comes in place of the 100."""
    data = request(b"Expect: 100-continue", length=length, **more)
    with stage.case(0, reason), stage.client() as client:
        client.send(data[:-len(GOOD)])
        equal((client.response().status, client.interim), (status, []), "status, interim responses")
        equal(client.wait_closed(3), b"", "bytes after the refusal")


def expect_unknown_path(stage):
    data = request(b"Expect: 100-continue").replace(b"POST / ", b"POST /nowhere ")
    with stage.case(0, "unknown_path"), stage.client() as client:
        client.send(data[:-len(GOOD)])
        equal((client.response().status, client.interim), (404, []), "status, interim responses")
        equal(client.wait_closed(3), b"", "the body that nobody waits for ends the connection")


def upgrade_refused(stage, path, status):
    with stage.case(0), stage.client() as client:
        client.send(upgrade_request(path))
        equal(client.response(method="GET").status, status, "status")


def upgrade_1_0(stage):
    """HTTP/1.0 has no upgrades: the field is ignored."""
    with stage.case(0), stage.client() as client:
        client.send(upgrade_request(version="1.0"))
        response = client.response(method="GET")
        equal((response.status, response.closes), (200, True), "status, end of the connection")


def plain_get(stage, headers):
    with stage.case(0), stage.client() as client:
        client.send(upgrade_request(headers=headers))
        equal(client.response(method="GET").status, 200, "status")


def request_id(stage, sent, expected):
    with stage.case(1), stage.client() as client:
        client.send(request(b"X-Request-Id: " + sent))
        got = client.response().header("X-Request-Id")
        if expected is None:
            check(got != sent.decode("latin-1") and 8 <= len(got) <= 64, "an id of our own", got)
        else:
            equal(got, expected, "the client's id")


def log_injection(stage):
    evil = b'a\xff[31m"}\t{"level":"error"'
    with stage.case(1), stage.client() as client:
        client.send(request(b"User-Agent: " + evil, b"X-Request-Id: " + evil, b"Referer: " + evil))
        equal(client.response().status, 200, "status")
    for line in stage.sluice.stderr_text().splitlines():
        check(line.startswith("{") and line.endswith("}"), "a log line that is not one object", line)


def http_on_tls():
    with tempfile.TemporaryDirectory(prefix="sluice-tls-") as directory, ScriptedUpstream() as upstream:
        key, certificate = (os.path.join(directory, name) for name in ("key.pem", "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        config = {"listen": [{"address": "127.0.0.1:0", "tls": {"certificate": certificate, "key": key}}],
                  "upstreams": [upstream.url], "chain_id": 1337}
        with Sluice(config, listen=False) as sluice:
            with Client(sluice.http) as client:
                rest = client.send(post(GOOD)).wait_closed(5)
                check(b"HTTP/" not in rest, "plain HTTP is answered on a TLS port", rest)
            poll(lambda: sluice.metric("sluice_rejected_total", reason="tls_handshake") == 1, "it is counted")
            equal(upstream.count, 0, "requests upstream")


def cases(full):
    with Stage() as stage:
        yield from table(stage, ROWS, quiet=True)
