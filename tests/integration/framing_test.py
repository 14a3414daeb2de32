# SPDX-License-Identifier: Apache-2.0
"""Where a request ends: lengths, codings, chunks, pipelines. What two readers could cut differently
is refused, so that no request can hide in another."""

import time

from stage import GOOD, GOOD_PARAMS, Stage, table
from support.sluice import check, equal, members, post

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def request(fields, body=GOOD, first=b"POST / HTTP/1.1"):
    head = b"\r\n".join([first, b"Host: localhost", b"Content-Type: application/json", *fields])
    return head + b"\r\n\r\n" + body


def chunk(data, size=None, extension=b"", end=b"\r\n", line_end=b"\r\n"):
    return (b"%x" % len(data) if size is None else size) + extension + line_end + data + end


def chunked(pieces, last=b"0\r\n\r\n", fields=()):
    return request([b"Transfer-Encoding: chunked", *fields], b"".join(pieces) + last)


def cut(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


def refused(data, status, reason):
    return lambda s: s.refused(data, status, reason=reason)


def served(data, **more):
    return lambda s: s.served(data, **more)


LENGTH = b"Content-Length: %d" % len(GOOD)
CODING = b"Transfer-Encoding: chunked"

ROWS = [
    ("length_then_chunked", refused(request([b"Content-Length: 13", CODING], b"0\r\n\r\n" + SMUGGLED),
                                    400, "length_and_coding")),
    ("chunked_then_length", refused(request([CODING, b"Content-Length: 4"], b"5c\r\n" + SMUGGLED),
                                    400, "length_and_coding")),
    ("chunked_then_right_length", refused(request([CODING, LENGTH], chunk(GOOD) + b"0\r\n\r\n"),
                                          400, "length_and_coding")),
    ("length_then_unknown_coding", refused(request([LENGTH, b"Transfer-Encoding: x"]), 400,
                                           "length_and_coding")),
    ("gzip_then_chunked", refused(request([b"Transfer-Encoding: gzip, chunked"]), 501,
                                  "unsupported_transfer_encoding")),
    ("http_1_0_and_chunked", refused(request([CODING], chunk(GOOD) + b"0\r\n\r\n", b"POST / HTTP/1.0"),
                                     400, "bad_transfer_encoding")),
    ("tab_before_the_coding", lambda s: s.served(
        request([b"Transfer-Encoding:\tchunked"], chunk(GOOD) + b"0\r\n\r\n"))),
    ("coding_in_capitals", lambda s: s.served(
        request([b"TRANSFER-ENCODING: CHUNKED"], chunk(GOOD) + b"0\r\n\r\n"))),
    ("coding_with_underscore_is_no_coding", lambda s: s.served(
        request([LENGTH, b"Transfer_Encoding: chunked"]))),
    ("spaces_around_the_length", lambda s: s.served(request([b"Content-Length:  %d \t " % len(GOOD)]))),
    ("length_far_above_the_limit", refused(request([b"Content-Length: 9000000000000000000"], b""), 413,
                                           "body_too_large")),
    ("neither_length_nor_coding", refused(request([], b""), 411, "length_required")),
    ("get_with_a_body", refused(request([LENGTH], GOOD, b"GET / HTTP/1.1"), 405, "body_not_allowed")),
    ("get_with_a_chunked_body", refused(request([CODING], chunk(SMUGGLED) + b"0\r\n\r\n", b"GET / HTTP/1.1"),
                                        405, "body_not_allowed")),
    ("delete_with_a_body", refused(request([b"Content-Length: %d" % len(SMUGGLED)], SMUGGLED,
                                           b"DELETE / HTTP/1.1"), 405, "method_not_allowed")),
    ("options_with_a_body", refused(request([LENGTH], GOOD, b"OPTIONS / HTTP/1.1"), 405,
                                    "body_not_allowed")),
    ("connection_names_the_length", refused(request([LENGTH, b"Connection: close, Content-Length"]),
                                            400, "bad_connection")),
    ("connection_names_the_coding", refused(request([b"Connection: Transfer-Encoding", CODING],
                                                    chunk(GOOD) + b"0\r\n\r\n"), 400, "bad_connection")),
    ("connection_names_the_host", refused(request([LENGTH, b"Connection: host"]), 400, "bad_connection")),
    ("connection_that_is_no_token", refused(request([LENGTH, b"Connection: close;x"]), 400,
                                            "bad_connection")),
]

BAD_CODINGS = ["xchunked", "chunkedchunked", "identity", "gzip", "chunked, gzip", "chunked, identity",
               "chunked, chunked", ",chunked", "chunked,", '"chunked"', "chunked;q=1", "chu nked", ""]
ROWS += [(f"coding_{i}_{''.join(c for c in text if c.isalnum()) or 'empty'}",
          refused(request([b"Transfer-Encoding: " + text.encode()], chunk(GOOD) + b"0\r\n\r\n"), 400,
                  "bad_transfer_encoding")) for i, text in enumerate(BAD_CODINGS)]
ROWS += [(f"coding_hidden_by_{name}", lambda s, data=data: s.refused(data, 400)) for name, data in [
    ("space_before_the_colon", request([b"Transfer-Encoding : chunked"], b"0\r\n\r\n")),
    ("space_before_the_name", request([b" Transfer-Encoding: chunked"], b"0\r\n\r\n")),
    ("vertical_tab", request([b"Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n")),
    ("no_break_space", request([b"Transfer-Encoding: \xa0chunked"], b"0\r\n\r\n")),
    ("line_end_within_the_name", request([b"Transfer-\r\nEncoding: chunked"], b"0\r\n\r\n")),
    ("nul", request([b"Transfer-Encoding: chunked\0"], b"0\r\n\r\n")),
    ("folding", request([b"Transfer-Encoding:\r\n chunked"], b"0\r\n\r\n")),
    ("carriage_return", request([b"X: y\rTransfer-Encoding: chunked"], b"0\r\n\r\n")),
    ("line_feed", request([b"X: y\nTransfer-Encoding: chunked"], b"0\r\n\r\n")),
]]
ROWS += [(f"two_codings_{i}", refused(request([b"Transfer-Encoding: " + a, b"Transfer-Encoding: " + b],
                                              chunk(GOOD) + b"0\r\n\r\n"), 400, "bad_transfer_encoding"))
         for i, (a, b) in enumerate([(b"chunked", b"chunked"), (b"chunked", b"x"), (b"x", b"chunked"),
                                     (b"identity", b"chunked")])]
ROWS += [(f"two_lengths_{i}", refused(request([b"Content-Length: " + v for v in values], b"12345"), 400,
                                      "bad_content_length"))
         for i, values in enumerate([(b"5", b"6"), (b"5", b"5"), (b"5, 5",), (b"5,6",), (b"0", b"5")])]
BAD_LENGTHS = ["", "+5", "-5", "0x5", "5_0", "1Z", "010", "5.0", "5,", "5 5", "18446744073709551616",
               "9" * 20, "9" * 300, "five", "٥", "-0", "00", "5;", "1e1"]
ROWS += [(f"length_{i}_{text[:8]}", refused(request([b"Content-Length: " + text.encode()], b"12345"), 400,
                                            "bad_content_length"))
         for i, text in enumerate(BAD_LENGTHS)]

# --- Chunks ---------------------------------------------------------------------------------------

BAD_SIZES = [b"", b"-1", b"+1", b"0x1", b"1_0", b" 1", b"1 ", b"\t1", b"g", b"1g", b"0" * 17, b"F" * 17,
             "１".encode(), b"1\0"]
ROWS += [(f"chunk_size_{i}", refused(chunked([chunk(b"x", size)], b""), 400, "bad_chunk"))
         for i, size in enumerate(BAD_SIZES)]
ROWS += [(f"chunk_size_{i}_above_the_limit", refused(chunked([size + b"\r\n"], b""), 413, "body_too_large"))
         for i, size in enumerate([b"FFFFFFFFFFFFFFFF", b"7fffffffffffffff", b"500001"])]
ROWS += [(f"chunk_line_ended_by_{name}", refused(chunked([chunk(GOOD, line_end=end)], b""), 400, "bad_chunk"))
         for name, end in [("line_feed", b"\n"), ("carriage_return", b"\r"), ("two", b"\r\r\n"),
                           ("return_and_more", b"\rX")]]
ROWS += [(f"chunk_data_ended_by_{name}", refused(chunked([chunk(GOOD, end=end)]), 400, "bad_chunk"))
         for name, end in [("other_bytes", b"XX"), ("nothing", b""), ("line_feed", b"\n"),
                           ("return_and_more", b"\rX"), ("space", b" \r\n")]]
ROWS += [(f"extension_{name}", served(chunked([chunk(GOOD, extension=text)])))
         for name, text in [("token", b";a=b"), ("alone", b";a"), ("quoted", b';a="x;y"'),
                            ("escaped", b';a="\\""'), ("two", b";a=b;c"),
                            ("of_1_KiB", b";" + b"a" * 1023)]]
ROWS += [(f"extension_with_{name}", refused(chunked([chunk(GOOD, extension=text)]), 400, reason))
         for name, text, reason in [
             ("line_feed", b";a=\n", "bad_chunk_extension"), ("return", b";a=\rb", None),
             ("nul", b";a=\0", "bad_chunk_extension"), ("open_quote", b';a="x', "bad_chunk_extension"),
             ("space_before", b" ;a", "bad_chunk"), ("space_for_semicolon", b" a", "bad_chunk"),
             ("nothing", b";", "bad_chunk_extension"), ("no_value", b";a=", "bad_chunk_extension"),
             ("more_than_1_KiB", b";" + b"a" * 1024, "chunk_extension_too_large"),
         ]]
TRAILERS = [b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Host: evil.example", b"Connection: close",
            b"X-Forwarded-For: 1.2.3.4", b"Authorization: Bearer x", b"X-API-Key: x", b"Any: thing"]
ROWS += [
    ("two_chunks", served(chunked([chunk(GOOD[:7]), chunk(GOOD[7:])]))),
    ("size_in_capitals_and_zeros", served(chunked([chunk(GOOD, b"00%X" % len(GOOD))]))),
    ("last_chunk_of_many_zeros", served(chunked([chunk(GOOD)], b"0000\r\n\r\n"))),
    ("one_byte_chunks", served(chunked(chunk(c) for c in cut(GOOD, 1)))),
    ("trailers_are_dropped", served(chunked([chunk(GOOD)], b"0\r\n" + b"\r\n".join(TRAILERS) + b"\r\n\r\n"))),
    ("trailer_that_is_no_field", refused(chunked([chunk(GOOD)], b"0\r\nno field\r\n\r\n"), 400, "bad_trailer")),
    ("trailer_with_line_feed", refused(chunked([chunk(GOOD)], b"0\r\nA: b\n\r\n"), 400, "bad_trailer")),
    ("trailers_of_20_KiB", refused(chunked([chunk(GOOD)], b"0\r\nA: " + b"b" * 20480 + b"\r\n\r\n"), 431,
                                   "trailers_too_large")),
    ("flood_of_tiny_chunks", refused(chunked([chunk(b" ")] * 1048576, b""), 400, "chunk_flood")),
    ("many_small_chunks_below_the_flood", lambda s: many_chunks(s)),
    ("chunks_cut_at_every_place", lambda s: chunks_cut_everywhere(s)),
    ("chunk_never_ended", lambda s: never_ended(s, chunked([chunk(GOOD)], b""))),
    ("body_shorter_than_announced", lambda s: never_ended(s, request([b"Content-Length: %d" % (len(GOOD) + 1)]))),
    ("body_dribbled", lambda s: dribbled(s)),
    # --- Pipelines
    ("pipeline_of_three", lambda s: pipeline(s, 3)),
    ("pipeline_of_three_hundred", lambda s: pipeline(s, 300)),
    ("pipeline_of_length_and_chunks", lambda s: mixed_pipeline(s)),
    ("pipeline_with_refusals_of_json", lambda s: pipeline_with_errors(s)),
    ("garbage_after_a_body", lambda s: garbage_after(s, post(GOOD))),
    ("garbage_after_the_last_chunk", lambda s: garbage_after(s, chunked([chunk(GOOD)]))),
    ("request_after_connection_close", lambda s: after_close(s)),
    ("body_bytes_are_no_request", lambda s: s.refused(
        request([b"Content-Length: %d" % len(SMUGGLED)], SMUGGLED + SMUGGLED, b"GET / HTTP/1.1"), 405,
        reason="body_not_allowed")),
]


def many_chunks(stage):
    body = GOOD + b" " * (4096 - len(GOOD))
    stage.served(chunked(chunk(c) for c in cut(body, 1)))


def chunks_cut_everywhere(stage):
    data = chunked([chunk(GOOD[:50], extension=b';a="b"'), chunk(GOOD[50:])], b"0\r\nA: b\r\n\r\n")
    with stage.case(len(data) - 1), stage.client() as client:
        for at in range(1, len(data)):
            client.send(data[:at])
            if at % 8 == 0:
                time.sleep(0.001)
            client.send(data[at:])
            response = client.response()
            equal((response.status, members(response.body).get(b"result")), (200, GOOD_PARAMS),
                  f"answer when cut at byte {at}")


def never_ended(stage, data):
    with stage.case(0), stage.client() as client:
        client.send(data).finish()
        equal(client.wait_closed(5), b"", "bytes for a body that never ends")


def dribbled(stage):
    """Single bytes keep a body alive no longer than its deadline."""
    with stage.case(0, "body_timeout"), stage.client() as client:
        client.send(request([b"Content-Length: 100000"], b""))
        end = time.monotonic() + 20
        while client.is_open(0.02):
            check(time.monotonic() < end, "the body may be dribbled without end")
            client.try_send(b" ")
        equal(client.response().status, 408, "status")
        equal(client.wait_closed(5), b"", "bytes after the answer")


def numbered(i, chunks=False):
    body = b'{"jsonrpc":"2.0","id":%d,"method":"eth_getBalance","params":["0x%x","0x1"]}' % (i, i)
    return chunked([chunk(body)]) if chunks else post(body)


def pipeline(stage, count):
    with stage.case(count), stage.client() as client:
        client.send(b"".join(numbered(i) for i in range(count)))
        for i in range(count):
            got = members(client.response().body)
            equal((got[b"id"], got.get(b"result")), (b"%d" % i, b'["0x%x","0x1"]' % i),
                  f"answer {i} of the pipeline")


def mixed_pipeline(stage):
    data = b"".join(numbered(i, chunks=i % 2 == 0) for i in range(20))
    with stage.case(20), stage.client() as client:
        client.send_slowly(data, range(13, len(data), 13))
        for i in range(20):
            equal(members(client.response().body)[b"id"], b"%d" % i, "order of the answers")


def pipeline_with_errors(stage):
    with stage.case(2), stage.client() as client:
        client.send(numbered(1) + post(b"{") + numbered(2) + post(b"[]"))
        codes = [client.response().json().get("error", {}).get("code") for _ in range(4)]
        equal(codes, [None, -32700, None, -32600], "codes of the answers in order")


def garbage_after(stage, first):
    with stage.case(1, "bad_request_line"), stage.client() as client:
        client.send(first + b"\0\1\2 garbage\r\n\r\n")
        stage.assert_served(client.response(), None, None)
        response = client.response()
        equal((response.status, response.header("Connection")), (400, "close"), "the second answer")
        equal(client.wait_closed(3), b"", "bytes after the refusal")


def after_close(stage):
    with stage.case(1), stage.client() as client:
        client.send(post(GOOD, headers=[("Connection", "close")]) + post(GOOD))
        stage.assert_served(client.response(), None, None)
        equal(client.wait_closed(3), b"", "bytes after the last response")


def cases(full):
    with Stage({"timeout": {"body": "500ms"}}) as stage:
        yield from table(stage, ROWS, quiet=True)
