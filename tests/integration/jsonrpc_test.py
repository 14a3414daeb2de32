# SPDX-License-Identifier: Apache-2.0
"""JSON and JSON-RPC of single calls: what is not JSON or no request is answered by the daemon, and
what is goes to the node with the client's bytes for params and back with the client's bytes for id."""

import json

from stage import GOOD_PARAMS, Stage, assert_canonical, assert_error, table
from support.sluice import check, elements, equal, members, post

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602


def envelope(params=GOOD_PARAMS, id=b"1", method=b'"eth_getBalance"', version=b'"2.0"', more=b""):
    parts = [(b'"jsonrpc":', version), (b'"id":', id), (b'"method":', method), (b'"params":', params)]
    return b"{" + b",".join(k + v for k, v in parts if v is not None) + more + b"}"


def answered(body, code, id=b"null"):
    return lambda s: s.answered(body, code, id)


def served(body, **more):
    return lambda s: s.served(post(body), **more)


# Texts that are not JSON (RFC 8259); each is tried as the whole body and as a param.
NOT_JSON = {
    "comma_at_the_end_of_an_array": b"[1,]", "comma_alone": b"[,]", "two_commas": b"[1,,2]",
    "comma_first": b"[,1]", "no_comma": b"[1 2]", "colon_in_an_array": b'["a":1]',
    "array_not_closed": b"[1", "array_closed_twice": b"[1]]", "closed_as_object": b"[1}",
    "object_not_closed": b'{"a":1', "object_comma_at_the_end": b'{"a":1,}', "object_closed_as_array": b'{"a":1]',
    "object_no_colon": b'{"a" 1}', "object_no_value": b'{"a":}', "object_two_colons": b'{"a"::1}',
    "object_key_number": b"{1:1}", "object_key_bare": b"{a:1}", "object_key_in_single_quotes": b"{'a':1}",
    "object_two_commas": b'{"a":1,,"b":2}', "object_comma_first": b'{,"a":1}',
    "object_semicolon": b'{"a":1;"b":2}', "object_comment": b'{"a":1/*c*/}', "line_comment": b"[1]//c",
    "hash_comment": b"[1]#c", "single_quotes": b"['a']", "bare_word": b"[nul]", "word_in_capitals": b"[NULL]",
    "word_true_in_capitals": b"[True]", "word_too_long": b"[nulll]", "word_half": b"[tru]", "nan": b"[NaN]",
    "infinity": b"[Infinity]", "minus_infinity": b"[-Infinity]", "number_plus": b"[+1]",
    "number_leading_zero": b"[01]", "number_minus_leading_zero": b"[-01]", "number_minus_alone": b"[-]",
    "number_two_minus": b"[--1]", "number_point_first": b"[.5]", "number_point_last": b"[1.]",
    "number_two_points": b"[1.2.3]", "number_point_exponent": b"[1.e5]", "number_exponent_alone": b"[1e]",
    "number_exponent_sign_alone": b"[1e+]", "number_two_exponents": b"[1e5e5]", "number_hex": b"[0x1]",
    "number_underscore": b"[1_000]", "number_letter": b"[1a]", "number_minus_space": b"[- 1]",
    "number_zero_exponent_alone": b"[0e]", "number_of_wide_digits": "[１]".encode(), "number_octal": b"[0o7]",
    "string_not_closed": b'["a]', "string_alone_quote": b'["]', "string_bad_escape": b'["\\x41"]',
    "string_escape_at_the_end": b'["\\', "string_escape_of_a_digit": b'["\\0"]', "string_short_u": b'["\\u12"]',
    "string_u_not_hex": b'["\\u12g4"]', "string_u_capital": b'["\\U0041"]',
    "string_u_in_pair_short": b'["\\ud83d\\u12"]',
    "string_tab": b'["a\tb"]', "string_line_feed": b'["a\nb"]', "string_nul": b'["a\0b"]',
    "string_unit_separator": b'["a\x1fb"]', "string_escaped_single_quote": b'["\\\'"]',
    "string_escape_of_a_letter_beyond_ascii": '["\\å"]'.encode(), "nul_between": b"[1,\0 2]",
    "form_feed_between": b"[1,\f2]", "vertical_tab_between": b"[1,\v2]",
    "no_break_space_between": "[1,\u00a02]".encode(),
    "line_separator_between": "[1,\u20282]".encode(), "byte_order_mark_within": b"[\xef\xbb\xbf1]",
    "utf8_lone_continuation": b'["\x80"]', "utf8_overlong_slash": b'["\xc0\xaf"]',
    "utf8_overlong_three": b'["\xe0\x80\xaf"]',
    "utf8_overlong_four": b'["\xf0\x80\x80\xaf"]', "utf8_surrogate": b'["\xed\xa0\x80"]',
    "utf8_above_unicode": b'["\xf4\x90\x80\x80"]',
    "utf8_five_bytes": b'["\xf8\x88\x80\x80\x80"]', "utf8_truncated_two": b'["\xc3"]',
    "utf8_truncated_three": b'["\xe2\x82"]',
    "utf8_truncated_four": b'["\xf0\x9f\x98"]', "utf8_byte_ff": b'["\xff"]', "utf8_byte_fe": b'["\xfe"]',
    "latin_1": b'["\xe9"]', "invalid_utf8_outside_a_string": b"[\xff]", "invalid_utf8_in_a_key": b'{"\xff":1}',
    "key_bad_escape": b'{"\\x":1}', "trailing_word": b"[] x", "two_values": b"[] []", "yaml": b"a: b", "xml": b"<a/>",
}
# Bodies that are no JSON text as a whole.
NOT_A_TEXT = {
    "empty": b"", "spaces": b"  \t\r\n ", "byte_order_mark": b"\xef\xbb\xbf" + envelope(),
    "byte_order_mark_alone": b"\xef\xbb\xbf", "utf_16": envelope().decode().encode("utf-16"),
    "utf_16_without_mark": envelope().decode().encode("utf-16-le"), "utf_32": envelope().decode().encode("utf-32-be"),
    "nul_bytes": b"\0\0\0\0", "nul_at_the_end": envelope() + b"\0", "nul_first": b"\0" + envelope(),
    "text_after": envelope() + b"x", "second_object": envelope() * 2, "comma_after": envelope() + b",",
    "bracket_after": envelope() + b"]", "brace_after": envelope() + b"}",
    "line_of_json_lines": envelope() + b"\n" + envelope(),
    "open_brackets_100000": b"[" * 100000, "open_objects_250_kB": b'[{"":' * 50000,
    "open_params": b'{"jsonrpc":"2.0","params":',
    "half": envelope()[:40], "single_brace": b"{", "form_data": b"a=b&c=d",
    "multipart": b"--x\r\nContent-Type: a\r\n\r\n{}\r\n",
}
# JSON texts, as params when they are an array or an object; byte for byte.
JSON = {
    "array_empty": b"[]", "array_spaced": b"[ ]", "array_of_empty": b"[[]]", "object_empty": b"{}",
    "object_spaced": b"{ \n}",
    "white_space_of_all_kinds": b" [\t1 ,\r\n 2 ]", "nested": b'[[[{"a":[{}]}]]]', "empty_key": b'[{"":0}]',
    "repeated_key": b'[{"a":1,"a":2}]', "key_escaped": b'[{"\\u0061":1}]', "envelope_within": b"[" + envelope() + b"]",
    "words": b"[true,false,null]", "string_empty": b'[""]', "escapes": b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
    "escape_u": b'["\\u0000\\uffff"]',
    "surrogate_pair": b'["\\ud83d\\ude00"]', "surrogate_lone": b'["\\ud800"]', "surrogate_lone_low": b'["\\udc00"]',
    "surrogates_reversed": b'["\\ude00\\ud83d"]', "surrogate_then_letter": b'["\\ud83dx"]',
    "noncharacter": "[\"\uffff\ufdd0\"]".encode(),
    "utf8_of_2_3_4_bytes": "[\"é€😀\"]".encode(), "utf8_last_code_point": "[\"\U0010ffff\"]".encode(),
    "delete_character": b'["\x7f"]',
    "comment_in_a_string": b'["/* x */ // y"]', "line_separator_in_a_string": "[\"\u2028\"]".encode(),
    "byte_order_mark_in_a_string": "[\"\ufeff\"]".encode(),
    "number_zero": b"[0]", "number_minus_zero": b"[-0]", "number_minus_zero_point": b"[-0.0]",
    "number_point": b"[0.10]",
    "number_exponents": b"[1e1,1E1,1e+1,1e-1,0e0,-1.5e-10]", "number_above_64_bits": b"[18446744073709551616]",
    "number_of_300_digits": b"[" + b"9" * 300 + b"]",
    "number_above_double": b"[1e400]", "number_below_double": b"[1e-400]",
    "number_of_17_digits": b"[0.12345678901234567]",
    "number_tiny_differences": b"[1.0,1.00,1]", "hex_quantity": b'["0x0","0X1"]',
    "object_params": b'{"address":"0x1","block":"latest"}',
    "null_bytes_escaped": b'["\\u0000"]', "long_string": b'["' + b"x" * 100000 + b'"]',
    "long_array": b"[" + b"1," * 50000 + b"1]",
    "text_that_looks_like_the_end": b'["\\"}]}"]', "params_null": b"null", "solidus_escaped": b'["\\/"]',
}
SCALARS = {"string": b'"x"', "number": b"1", "true": b"true", "false": b"false", "minus": b"-1.5",
           "string_empty": b'""'}
IDS = [b'"a"', b"1", b"-1", b"0", b"-0", b"1.5", b"1e2", b"1.0", b"1E+2", b"123456789012345678901234567890",
       b'"\\u0041"', b'"\\""',
       b'""', b"null", '"é😀"'.encode(), b'" "', b'"\\ud800"', b'"' + b"x" * 1022 + b'"', b"9" * 1024, b'"null"', b'"1"']
BAD_IDS = {"array": b"[]", "object": b"{}", "true": b"true", "false": b"false", "array_of_one": b"[1]",
           "string_of_1025": b'"' + b"x" * 1023 + b'"',
           "number_of_1025": b"9" * 1025, "string_of_1_MiB": b'"' + b"x" * 1048576 + b'"'}
MESSAGES_OF_NO_OBJECT = {"number": b"1", "null": b"null", "string": b'"x"', "true": b"true", "float": b"1.5e3",
                         "spaced": b" 1 "}

ROWS = []
for name, text in NOT_JSON.items():
    ROWS.append((f"not_json_{name}", answered(text, PARSE_ERROR)))
    ROWS.append((f"not_json_as_param_{name}", answered(envelope(b"[" + text + b"]"), PARSE_ERROR)))
for name, text in NOT_A_TEXT.items():
    ROWS.append((f"no_text_{name}", answered(text, PARSE_ERROR)))
for name, text in JSON.items():
    ROWS.append((f"params_{name}", served(envelope(text), params=text.strip(), id=b"1")))
for name, text in SCALARS.items():
    ROWS.append((f"params_scalar_{name}", answered(envelope(text), INVALID_PARAMS, b"1")))
for i, text in enumerate(IDS):
    ROWS.append((f"id_{i}_comes_back", served(envelope(id=text), id=text)))
    ROWS.append((f"id_{i}_comes_back_in_errors", answered(envelope(id=text, method=b'"admin_peers"'), NO_METHOD, text)))
for name, text in BAD_IDS.items():
    ROWS.append((f"id_refused_{name}", answered(envelope(id=text), INVALID_REQUEST)))
for name, text in MESSAGES_OF_NO_OBJECT.items():
    ROWS.append((f"message_is_a_{name}", answered(text, INVALID_REQUEST)))

ROWS += [(f"version_{name}", answered(envelope(version=text), INVALID_REQUEST, b"1")) for name, text in [
    ("missing", None), ("1_0", b'"1.0"'), ("number", b"2.0"), ("longer", b'"2.00"'), ("null", b"null"),
    ("short", b'"2"'),
    ("spaced", b'" 2.0"'), ("array", b'["2.0"]')]]
ROWS += [(f"method_{name}", answered(envelope(method=text), INVALID_REQUEST, b"1")) for name, text in [
    ("missing", None), ("empty", b'""'), ("number", b"1"), ("null", b"null"), ("array", b'["eth_getBalance"]'),
    ("object", b"{}"),
    ("of_2049_bytes", b'"' + b"a" * 2049 + b'"'), ("of_1_MiB", b'"' + b"a" * 1048576 + b'"'),
    ("of_2049_escaped_bytes", b'"' + b"\\u0061" * 2049 + b'"')]]
ROWS += [(f"method_unknown_{name}", answered(envelope(method=text), NO_METHOD, b"1")) for name, text in [
    ("rpc_namespace", b'"rpc.discover"'), ("nul_at_the_end", b'"eth_getBalance\\u0000"'),
    ("line_feed", b'"eth_getBalance\\n"'),
    ("space_at_the_end", b'"eth_getBalance "'), ("space_first", b'" eth_getBalance"'),
    ("quote", b'"eth_get\\"Balance"'),
    ("backslash", b'"eth_get\\\\Balance"'), ("not_ascii", '"eth_getBalancé"'.encode()),
    ("of_2048_bytes", b'"' + b"a" * 2048 + b'"'),
    ("no_break_space", '"eth_getBalance\u00a0"'.encode()), ("injection", b'"a\\",\\"params\\":[],\\"x\\":\\""')]]
DENIED = ["admin_peers", "admin_addPeer", "personal_sign", "personal_unlockAccount", "debug_traceTransaction",
          "debug_setHead",
          "engine_newPayloadV4", "miner_start", "ADMIN_peers", "Admin_Peers", "eth_sign", "eth_sendTransaction",
          "eth_subscribe", "eth_unsubscribe"]
ROWS += [(f"method_denied_{name}", lambda s, n=name: denied(s, n)) for name in DENIED]
ROWS += [
    ("method_denied_with_escapes", answered(envelope(method=b'"\\u0061dmin_peers"'), NO_METHOD, b"1")),
    ("method_denied_with_all_escapes", answered(
        envelope(method=b'"' + b"".join(b"\\u%04x" % c for c in b"debug_traceCall") + b'"'), NO_METHOD, b"1")),
    ("method_escaped_is_canonical", served(envelope(method=b'"eth_\\u0067etBalance"'), id=b"1")),
    ("method_of_another_case_is_another_method", served(
        envelope(method=b'"ETH_getBalance"'), id=b"1", method="ETH_getBalance")),
    ("version_escaped", served(envelope(version=b'"2\\u002e0"'), id=b"1")),
    ("depth_128", lambda s: depth(s, 128)),
    ("depth_129", lambda s: depth(s, 129)),
    ("depth_500", lambda s: depth(s, 500)),
    ("depth_100000_in_params", lambda s: depth(s, 100000)),
    ("params_missing", served(envelope(params=None), params=b"[]", id=b"1")),
    ("members_that_nobody_knows", served(envelope(more=b',"x":1,"":2,"method_":"y"'), id=b"1")),
    ("members_in_another_order", served(
        b'{"params":' + GOOD_PARAMS + b',"method":"eth_getBalance","id":1,"jsonrpc":"2.0"}', id=b"1")),
    ("key_escaped", served(
        b'{"\\u006asonrpc":"2.0","i\\u0064":7,"\\u006dethod":"eth_getBalance","par\\u0061ms":' + GOOD_PARAMS + b"}",
        id=b"7")),
    ("white_space_around", served(b" \r\n\t" + envelope() + b" \r\n\t", id=b"1")),
    ("white_space_within", served(envelope().replace(b":", b" :\t").replace(b',"', b'\r\n,\n"'),
                                  params=GOOD_PARAMS.replace(b',"', b'\r\n,\n"'), id=b"1")),
    ("notification", lambda s: notification(s)),
    ("notification_that_is_denied", lambda s: silent(s, envelope(id=None, method=b'"admin_peers"'))),
    ("notification_with_bad_params", lambda s: silent(s, envelope(b"1", id=None))),
    ("result_comes_back_byte_for_byte", lambda s: results(s)),
    ("error_comes_back_byte_for_byte", lambda s: errors(s)),
    ("subscribing_gets_the_words_of_geth", lambda s: subscribe(s)),
    ("network_and_chain_id_without_the_node", lambda s: local_answers(s)),
]
# A second member of the same meaning, in whatever guise: readers differ in which one counts.
ROWS += [(f"second_{name}", lambda s, m=more: clash(s, m)) for name, more in [
    ("method", b'"method":"admin_peers"'), ("params", b'"params":[]'), ("id", b'"id":2'),
    ("jsonrpc", b'"jsonrpc":"2.0"'),
    ("method_equal", b'"method":"eth_getBalance"'), ("method_escaped", b'"\\u006dethod":"admin_peers"'),
    ("method_in_capitals", b'"METHOD":"admin_peers"'),
    ("method_capital", b'"Method":"admin_peers"'), ("id_in_capitals", b'"ID":2'),
    ("id_capital_escaped", b'"\\u0049d":2'),
    ("params_with_long_s", '"paramſ":[]'.encode()), ("params_with_long_s_escaped", b'"param\\u017f":[]'),
    ("jsonrpc_capital", b'"JsonRpc":"2.0"'),
    ("method_and_nul", b'"method\\u0000":"admin_peers"'), ("id_and_nul", b'"id\\u0000":2')]]


def clash(stage, more):
    for body in (envelope()[:-1] + b"," + more + b"}", b"{" + more + b"," + envelope()[1:]):
        with stage.case(0), stage.client() as client:
            response = client.rpc(body)
            equal(response.status, 200, "status")
            got = members(response.body)
            check(got[b"id"] in (b"1", b"null"), "id of the error", response.body)
            assert_error(response.body, INVALID_REQUEST, got[b"id"])


def denied(stage, name):
    response = stage.answered(envelope(method=json.dumps(name).encode()), NO_METHOD, b"1")
    equal(response.json()["error"]["message"], f"the method {name} does not exist/is not available", "message")


def depth(stage, levels):
    """The outermost container counts, so params that reach level n have n - 1 brackets."""
    params = b"[" * (levels - 1) + b"]" * (levels - 1)
    if levels <= 128:
        stage.served(post(envelope(params)), params=params, id=b"1")
    else:
        stage.answered(envelope(params), PARSE_ERROR)


def notification(stage):
    """It goes to the node, and the client gets no word back."""
    with stage.case(2), stage.client() as client:
        client.send(post(envelope(id=None)))
        response = client.response()
        equal((response.status, response.header("Content-Length")), (200, "0"), "status and length")
        assert_canonical(stage.upstream.requests[0], "eth_getBalance", GOOD_PARAMS)
        equal(client.rpc(envelope()).status, 200, "status of the next request on the connection")


def silent(stage, body):
    with stage.case(0), stage.client() as client:
        response = client.rpc(body)
        equal((response.status, response.body), (200, b""), "status and body")


def answering(stage, result=None, error=None):
    """The node answers so to all but good calls."""
    def script(connection):
        while True:
            request = connection.read_request()
            good = request.params == GOOD_PARAMS
            connection.send(request.reply(None if good else result, None if good else error))
    return stage.playing(script)


RESULTS = [b"null", b"true", b'"0x0"', b"[]", b"{}", b"1e400", b"18446744073709551616", b'{"a":1,"a":2}', b'"\\ud800"',
           b'[ 1 ,\t2 ]', '"é😀"'.encode(), b'"' + b"x" * 65000 + b'"', b'"' + b"y" * 300000 + b'"',
           b"[" * 900 + b"]" * 900,
           b"0.10", b"-0", b'"\\/"', b'{"id":7,"result":8,"error":9}']


def results(stage):
    """Held and streamed replies alike: no byte of a result changes."""
    for result in RESULTS:
        with answering(stage, result), stage.client() as client:
            response = client.rpc(envelope(b'["0xbb"]', id=b'"\\u0041"'))
            equal(response.status, 200, "status")
            equal(response.body, b'{"jsonrpc":"2.0","id":"\\u0041","result":' + result + b"}", "body")
            equal(client.rpc(envelope(b'["0xbb"]')).status, 200, "status of the next request")
    stage.good()


ERRORS = [b'{"code":-32000,"message":"header not found"}',
          b'{"code":3,"message":"execution reverted","data":"0x08c379a0"}',
          b'{"code":-32602,"message":"missing value for required argument 0"}',
          b'{ "message" : "x" , "code":-32015,"data":{"a":[1e400]}}',
          b'{"code":-32000,"message":"\\ud800 \xc3\xa9","z":null}']


def errors(stage):
    for error in ERRORS:
        with answering(stage, error=error), stage.client() as client:
            response = client.rpc(envelope(b'["0xbb"]', id=b"1.0"))
            equal(response.status, 200, f"status of {error!r}")
            equal(response.body, b'{"jsonrpc":"2.0","id":1.0,"error":' + error + b"}", "body")
    stage.good()


def subscribe(stage):
    for method in ("eth_subscribe", "eth_unsubscribe"):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": ["newHeads"]}).encode()
        response = stage.answered(body, NO_METHOD, b"1")
        equal(response.json()["error"]["message"], f"the method {method} does not exist/is not available", "message")


def local_answers(stage):
    with stage.case(0), stage.client() as client:
        batch = [{"jsonrpc": "2.0", "id": i, "method": m, "params": []} for i,
                 m in enumerate(("eth_chainId", "net_version"))]
        got = [json.loads(e)["result"] for e in elements(client.rpc(json.dumps(batch).encode()).body)]
        equal(got, ["0x539", "1337"], "results")


def cases(full):
    with Stage() as stage:
        yield from table(stage, ROWS, quiet=True)
