"""A folder with a configuration and what a recorder would have left in it: really sealed recordings, keys, a chain.

Its clock stands still until a test moves it. Knows recorder and locksmith, nothing of what is done with recordings.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skryba import clock
from skryba.archive.ledger import Ledger
from skryba.archive.model import CallRow
from skryba.codecs.tones import sweep
from skryba.config.load import load
from skryba.config.model import Config
from skryba.locksmith import journal_of, keyring_of, signer_of
from skryba.recorder.notary import Notary
from skryba.recorder.publication import Making
from skryba.recorder.seal import Sealed, seal
from skryba.recorder.spool import BlockWriter, Kind
from skryba.recorder.storage import Storage
from skryba.vault.block import PREFIX, BlockSeal
from skryba.vault.chain import Entry
from tests.support import evidence
from tests.support.baresip import free_port

FIRST = "0192f0c0aabb7ccc8ddd000000000001"
SECOND = "0192f0c0aabb7ccc8ddd000000000002"
BEGUN = datetime(2026, 9, 21, 15, 36, 40, tzinfo=UTC)  # of every recording
FOLDER = "2026/09/21"
SECONDS = 1.0
_PACKET = 20  # ms


class Office:
    """`options` is TOML put at the end of the configuration."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, options: str = "") -> None:
        self.folder = folder
        self.now = BEGUN.replace(hour=16)
        monkeypatch.setattr(clock, "at", lambda: self.now)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules.toml").write_text("")
        (folder / "run").mkdir(exist_ok=True)
        self.path = folder / "skryba.toml"
        self.options = options

    @property
    def options(self) -> str:
        return self._options

    @options.setter
    def options(self, text: str) -> None:
        self._options = text
        ports = f'metrics = "127.0.0.1:{free_port()}"\nkeeper_metrics = "127.0.0.1:{free_port()}"\n'
        self.path.write_text(f"[operations]\n{ports}{text}\n")
        self.config: Config = load(self.path, {})

    @property
    def day(self) -> Path:
        """The folder of the recordings."""
        return self.config.recorder.folder / FOLDER

    @property
    def kept(self) -> Path:
        return self.config.recorder.spool / "kept"

    def seal(self, recording: str = FIRST, *, key_name: str = "", **facts: Any) -> Entry:
        """A recording of two voices goes all its way, encrypted if so configured; its entry in the chain."""
        config = self.config
        storage = Storage(config.recorder.folder, config.recorder.spool)
        keyring = keyring_of(config)
        name = key_name or recording
        key = keyring.new(name, self.now) if keyring is not None else None
        storage.spool_path(recording).write_bytes(_spool(recording, key, name, facts))
        making = Making(renditions=config.recorder.renditions, key=key)
        sealed: Sealed = seal(storage, recording, making=making)
        notary = Notary(storage, journal_of(config, signer_of(config)), keep_spool=config.recorder.spool_days > 0)
        entry = notary.attest(sealed)
        assert entry is not None
        return entry

    def call(self, recording: str | None = FIRST, **changes: Any) -> None:
        """Signalling writes the call of this recording into the ledger."""
        row = CallRow(
            id=f"call-{recording}",
            direction="inbound",
            station="101",
            trunk="carrier",
            caller="+48221234567",
            callee="101",
            started_at=BEGUN,
            bridged_at=BEGUN,
            ended_at=BEGUN + timedelta(seconds=SECONDS),
            rule="all",
            mode="automatic",
            rules_version="v",
            result="completed",
            decision_reason="fits",
            decision_reason_pl="pasuje",
            emergency=False,
            recording=recording,
        )
        ledger = Ledger(self.config.operations.database)
        ledger.record_call(replace(row, **changes))
        ledger.close()
        assert (ledger.written, ledger.dropped) == (1, 0)


def facts_of(recording: str, **changes: Any) -> dict[str, Any]:
    """What signalling tells of the call of this recording."""
    decision = {"mode": "automatic", "rule": "all", "purpose": "quality", "legal_basis": "f", "retention": "90d"}
    call = {"recording": recording, "call": f"call-{recording}", "direction": "inbound", "station": "101"}
    people = {"trunk": "carrier", "caller": "+48221234567", "callee": "101"}
    return {**call, **people, "started_at": BEGUN.isoformat(), "decision": decision, **changes}


def _spool(recording: str, key: bytes | None, key_name: str, facts: Mapping[str, Any]) -> bytes:
    dice = np.random.default_rng(list(recording.encode()))
    voices = (sweep(300, float(dice.integers(1000, 3000)), SECONDS, sample_rate=8000) for _ in range(2))
    streams = {side: evidence.Speaker(ssrc=side + 1).say(voice, 0) for side, voice in enumerate(voices)}
    first = evidence.meta(id=recording, manifest=facts_of(recording, **facts))
    blocks, octets = BlockWriter(), bytearray()
    if key is not None:
        blocks = BlockWriter(0, BlockSeal(key, bytes(PREFIX)))
        octets += blocks.words(Kind.KEY, {"key": key_name, "scheme": "AES-256-GCM"})
    octets += blocks.words(Kind.META, first)
    for part in blocks.packets(b"".join(evidence.merge(streams))):
        octets += bytes(part)
    return bytes(octets + blocks.words(Kind.STOP, evidence.stop(round(SECONDS * 1000))))
