# SPDX-License-Identifier: Apache-2.0
"""JSON as bytes: what a proxy must hand on unchanged is compared unchanged."""

import json

from support.expect import check


def _split(text, opening):
    """The outermost object's or array's text cut at its commas (and, in an object, its colons)."""
    json.loads(text)
    text = text.strip()
    check(text[:1] == opening, f"expected {opening!r}", text)
    pieces, depth, begin, quoted, at = [], 0, 1, False, 0
    while at < len(text):
        c = text[at:at + 1]
        if quoted:
            at += c == b"\\"
            quoted = c != b'"'
        elif c == b'"':
            quoted = True
        elif c in (b"{", b"["):
            depth += 1
        elif depth == 1 and c in (b",", b":", b"}", b"]"):
            pieces.append(text[begin:at].strip())
            begin = at + 1
        if not quoted and c in (b"}", b"]"):
            depth -= 1
        at += 1
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
