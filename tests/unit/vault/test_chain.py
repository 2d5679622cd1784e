"""An entry has one spelling, and a signature over all of it."""

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skryba.errors import IntegrityError
from skryba.vault.chain import NOTHING, Entry, Kind, line_digest, named_key, new_key_facts, signed
from tests.support.seals import chain_of, entry_after, signer, verifier

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=40)
@given(name=st.text(), facts=st.dictionaries(st.text(), JSON, max_size=3), kind=st.sampled_from(Kind))
def test_lines_and_entries_are_inverse(name: str, facts: dict[str, object], kind: Kind) -> None:
    entry = signed(Entry(1, "2026-11-24T10:00:00Z", kind, name, "00", facts, NOTHING), signer())
    line = entry.to_line()
    assert Entry.parse(line) == entry
    assert entry.is_signed(verifier())
    assert b"\n" not in line


def test_another_spelling_of_the_same_entry_is_refused() -> None:
    line = chain_of(1)[0]
    words = json.loads(line)
    respelled = [
        line + b" ",
        line.replace(b":", b": ", 1),
        line.replace(b"recording-1", b"\\u0072ecording-1"),
        line.replace(b'"seq":1', b'"seq":1.0'),
        line.replace(b'"seq":1', b'"seq":true'),
        line.replace(b'"seq":1', b'"seq":2,"seq":1'),
        json.dumps(words | {"more": 1}, sort_keys=True, separators=(",", ":")).encode(),
        json.dumps(dict(reversed(words.items())), separators=(",", ":")).encode(),
    ]
    for forgery in respelled:
        assert forgery != line
        with pytest.raises(IntegrityError):
            Entry.parse(forgery)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b"\xff", b'{"seq":1}', b"[" * 100_000, b"1e999"])
def test_what_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(IntegrityError):
        Entry.parse(line)


def test_wrong_types_are_refused() -> None:
    words = json.loads(chain_of(1)[0])
    for field, value in [("seq", "1"), ("facts", []), ("id", 7), ("kind", "other"), ("signature", None)]:
        line = json.dumps(words | {field: value}, sort_keys=True, separators=(",", ":")).encode()
        with pytest.raises(IntegrityError):
            Entry.parse(line)


def test_the_signature_covers_every_field() -> None:
    entry = entry_after([], facts={"state": "ok"})
    changed = [
        replace(entry, seq=2),
        replace(entry, at="2026-11-24T11:00:00Z"),
        replace(entry, kind=Kind.ERASED),
        replace(entry, id="another"),
        replace(entry, digest="cd" * 32),
        replace(entry, facts={"state": "degraded"}),
        replace(entry, previous="1" * 64),
        replace(entry, key_id=signer(2).key_id),
        replace(entry, signature=base64.b64encode(bytes(64)).decode()),
        replace(entry, signature="not base64!"),
    ]
    assert entry.is_signed(verifier(1, 2))
    assert [forgery.is_signed(verifier(1, 2)) for forgery in changed] == [False] * len(changed)


def test_anybody_can_check_a_line_with_little() -> None:
    """As the documentation says: cut the signature off the end of the line, and what is left was signed."""
    line = chain_of(1)[0]
    found = re.fullmatch(rb'(.*),"signature":"([^"]*)"}', line)
    assert found is not None
    octets, signature = found[1] + b"}", base64.b64decode(found[2])
    assert verifier().verify(signer().key_id, octets, signature)


def test_each_entry_names_the_line_before() -> None:
    lines = chain_of(3)
    assert Entry.parse(lines[0]).previous == NOTHING
    assert Entry.parse(lines[2]).previous == hashlib.sha256(lines[1]).hexdigest() == line_digest(lines[1])


def test_a_key_entry_names_the_new_key() -> None:
    facts = new_key_facts(signer(2).public)
    assert named_key(entry_after([], kind=Kind.KEY, facts=facts)) == signer(2).public
    for broken in ({}, facts | {"key_id": "0" * 16}, facts | {"public": "AAAA"}, facts | {"public": "?"}):
        assert named_key(entry_after([], kind=Kind.KEY, facts=broken)) is None
