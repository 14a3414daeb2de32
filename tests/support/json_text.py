# SPDX-License-Identifier: Apache-2.0
"""JSON as bytes: what a proxy must hand on unchanged is compared unchanged."""

import json
import re

from support.expect import check

TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)


def _split(text, opening):
    """The outermost object's or array's text cut at its commas (and, in an object, its colons)."""
    json.loads(text)
    text = text.strip()
    check(text[:1] == opening, f"expected {opening!r}", text)
    pieces, depth, begin = [], 0, 1
    for token in TOKEN.finditer(text):
        kind = token[0][:1]
        if kind in b"{[":
            depth += 1
        elif depth == 1 and kind in b",:}]":
            pieces.append(text[begin:token.start()].strip())
            begin = token.end()
        if kind in b"}]":
            depth -= 1
    return [] if pieces == [b""] else pieces


def members(text):
    """The members of a JSON object as raw bytes: {b"id": b"1.0", …}. The text must be valid."""
    pieces = _split(text, b"{")
    keys = [json.loads(key).encode() for key in pieces[::2]]
    check(len(set(keys)) == len(keys), "a member is repeated", text)
    return dict(zip(keys, pieces[1::2]))


def elements(text):
    """The elements of a JSON array as raw bytes."""
    return _split(text, b"[")
