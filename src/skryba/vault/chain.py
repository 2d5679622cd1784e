"""The chain of seals: signed lines of which each names the one before it, and what is wrong with such lines.

May not know files, manifests or recordings: an entry has an id, a digest and small facts.

A line is JSON with sorted keys and without blanks, in ASCII; `signature` sorts last. What is signed are the octets of
the line with `,"signature":"…"` left out; `previous` is the SHA-256 of the octets of the line before, without its line
end. Only this one spelling of an entry is accepted.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self

from skryba.errors import IntegrityError
from skryba.vault.signing import Signer, Verifier, key_id

NOTHING = "0" * 64  # what the first entry follows


class Kind(StrEnum):
    """What happened."""

    SEAL = "seal"  # a recording was sealed; digest of its manifest
    ERASED = "erased"  # a recording was erased: the tombstone
    HEAD = "head"  # a day's last line, named again so that the day can be stamped
    KEY = "key"  # the signing key changes; signed by the old key, facts.public is the new one
    START = "start"  # a chain, or its continuation by a key that a verifier must trust by itself


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the chain."""

    seq: int
    at: str
    kind: Kind
    id: str
    digest: str
    facts: Mapping[str, Any]
    previous: str
    key_id: str = ""
    signature: str = ""

    def to_line(self) -> bytes:
        """The line, without its end."""
        return _canonical({field.name: getattr(self, field.name) for field in fields(self)})

    def signed_octets(self) -> bytes:
        """What the signature is about."""
        words = {field.name: getattr(self, field.name) for field in fields(self)}
        del words["signature"]
        return _canonical(words)

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """The entry of a line without its end. IntegrityError unless it is spelled as `to_line` spells it."""
        try:
            words = json.loads(line)
            entry = cls(**words | {"kind": Kind(words["kind"])})
            typed = type(entry.seq) is int and isinstance(entry.facts, dict)
            texts = (entry.at, entry.id, entry.digest, entry.previous, entry.key_id, entry.signature)
            good = typed and all(isinstance(text, str) for text in texts) and entry.to_line() == line
        except (ValueError, TypeError, KeyError, RecursionError):
            good = False
        if not good:
            raise IntegrityError("this line is no entry of a chain of seals")
        return entry

    def is_signed(self, verifier: Verifier) -> bool:
        """True if a key that `verifier` trusts signed exactly this. Enough for one recording on its own."""
        try:
            signature = base64.b64decode(self.signature, validate=True)
        except binascii.Error:
            return False
        return verifier.verify(self.key_id, self.signed_octets(), signature)


def signed(entry: Entry, signer: Signer) -> Entry:
    """The same entry with the name and the signature of `signer`."""
    unsigned = replace(entry, key_id=signer.key_id)
    return replace(unsigned, signature=base64.b64encode(signer.sign(unsigned.signed_octets())).decode())


def line_digest(line: bytes) -> str:
    """What the next entry calls `previous`."""
    return hashlib.sha256(line).hexdigest()


def quoted_id(name: str) -> bytes:
    """How a line says that it is about `name`. Facts may say the same: whoever finds it looks at the entry."""
    return b'"id":' + json.dumps(name).encode("ascii")


def new_key_facts(public: bytes) -> dict[str, str]:
    """What a KEY or START entry says about the raw public key that signs from here on."""
    return {"public": base64.b64encode(public).decode(), "key_id": key_id(public)}


def named_key(entry: Entry) -> bytes | None:
    """The raw public key that a KEY entry names, or None if it names none."""
    try:
        public = base64.b64decode(str(entry.facts.get("public")), validate=True)
    except binascii.Error:
        return None
    return public if len(public) == 32 and entry.facts.get("key_id") == key_id(public) else None


def next_signer(entry: Entry) -> str:
    """The id of the key that has to sign what comes after `entry`."""
    public = named_key(entry) if entry.kind is Kind.KEY else None
    return entry.key_id if public is None else key_id(public)


def _canonical(words: Mapping[str, Any]) -> bytes:
    return json.dumps(words, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
