"""Sealed recordings on disk, small and made by hand: manifests, seals, a chain of them, encrypted or not."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from struct import pack
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from skryba.vault.chain import Kind
from skryba.vault.container import PREFIX, SUFFIX, Sealer
from skryba.vault.journal import Journal
from skryba.vault.signing import Signer

BEGIN = datetime(2026, 11, 24, 10, tzinfo=UTC)
RATE = 8000


def signer(seed: int = 1) -> Signer:
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def wav(samples: bytes) -> bytes:
    """With a chunk before the data, as `bext` is."""
    fmt = b"fmt " + pack("<IHHIIHH", 16, 1, 2, RATE, RATE * 4, 4, 16)
    rest = b"WAVE" + b"bext" + pack("<I", 5) + b"hello\0" + fmt + b"data" + pack("<I", len(samples)) + samples
    return b"RIFF" + pack("<I", len(rest)) + rest


def container(key: bytes, name: str, plain: bytes) -> bytes:
    sealer = Sealer(key, name.encode(), bytes(PREFIX))
    return sealer.begin() + sealer.update(plain) + sealer.finish()


def manifest(recording: str = "r1", **changes: Any) -> dict[str, Any]:
    """One of schema 2 without files; `changes` replace its parts."""
    words: dict[str, Any] = {
        "schema": 2,
        "id": recording,
        "name": f"20261124_{recording}",
        "conversation": {"id": "c1", "segment": 1},
        "state": "ok",
        "reasons": [],
        "alarms": [],
        "recovered": False,
        "decision": {
            "mode": "automatic",
            "rule": "all",
            "purpose": "quality",
            "legal_basis": "art. 6(1)(f)",
            "retention": "90d",
        },
        "call": {
            "recording": recording,
            "call": f"call-{recording}",
            "sip_call_ids": ["a@x", "b@y"],
            "direction": "inbound",
            "station": "101",
            "trunk": "carrier",
            "caller": "+48221234567",
            "callee": "101",
        },
        "parties": [
            {"channel": "left", "role": "station", "name": "Łucja", "number": "101", "from_ms": 0, "to_ms": 60_000},
            {
                "channel": "right",
                "role": "other",
                "name": None,
                "number": "+48221234567",
                "from_ms": 0,
                "to_ms": 60_000,
            },
        ],
        "time": {"begin": "2026-11-24T10:00:00.000Z", "end": "2026-11-24T10:01:00.000Z", "duration_ms": 60_000},
        "files": [],
        "encryption": None,
        "marks": [],
    }
    return words | changes


class Shelf:
    """A folder of recordings with its chain. `now` is the wall clock, to be moved forward by tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.day = folder / "2026/11/24"
        self.chain = folder / "chain"
        self.signer = signer()
        self.keys: dict[str, bytes] = {}
        self.now = BEGIN
        self.journal = Journal(self.chain, self.signer, lambda: self.now)

    def record(self, recording: str, samples: bytes, *, encrypted: bool = False, **changes: Any) -> Path:
        """Seal a recording of these samples; gives its manifest's path."""
        self.day.mkdir(parents=True, exist_ok=True)
        contents = {"audio": (f"{recording}.wav", wav(samples)), "rendition": (f"{recording}.flac", b"fLaC" + samples)}
        contents["peaks"] = (f"{recording}.peaks", samples[:10])
        files = []
        for role, (plain_name, plain) in contents.items():
            name, octets = plain_name, plain
            if encrypted:
                key = self.keys.setdefault(recording, hashlib.sha256(recording.encode()).digest())
                name = plain_name + SUFFIX
                octets = container(key, name, plain)
            (self.day / name).write_bytes(octets)
            digests = {"sha256": digest(octets), "plain_sha256": digest(plain)}
            files.append({"role": role, "file": name, "octets": len(octets), **digests})
        words = manifest(recording, files=files)
        words["encryption"] = {"scheme": "AES-256-GCM", "chunk": 65536, "key": recording} if encrypted else None
        path = self.day / f"{recording}.json"
        path.write_bytes(json.dumps(words | changes).encode())
        entry = self.journal.append(Kind.SEAL, recording, digest(path.read_bytes()), {"state": "ok"})
        path.with_suffix(".seal").write_bytes(entry.to_line() + b"\n")
        return path


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()
