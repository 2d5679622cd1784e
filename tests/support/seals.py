"""Signing keys and chains for tests, the same in every run.

Knows the vault only.
"""

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from skryba.vault.chain import NOTHING, Entry, Kind, line_digest, signed
from skryba.vault.signing import Signer, Verifier


def signer(number: int = 1) -> Signer:
    """The same key for the same number."""
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def verifier(*numbers: int) -> Verifier:
    """Trusts the keys of these numbers; number 1 unless told."""
    return Verifier.of(signer(number).public for number in numbers or (1,))


def entry_after(
    lines: Sequence[bytes], *, kind: Kind = Kind.SEAL, by: int = 1, facts: Mapping[str, object] | None = None
) -> Entry:
    """A signed entry that follows `lines`."""
    seq = len(lines) + 1
    previous = line_digest(lines[-1]) if lines else NOTHING
    at = f"2026-11-24T10:00:{seq % 60:02}Z"
    return signed(Entry(seq, at, kind, f"recording-{seq}", "ab" * 32, facts or {}, previous), signer(by))


def chain_of(count: int, *, by: int = 1) -> list[bytes]:
    """Lines 1 to `count`, all seals."""
    lines: list[bytes] = []
    for _ in range(count):
        lines.append(entry_after(lines, by=by, facts={"state": "ok", "files": 2}).to_line())
    return lines
