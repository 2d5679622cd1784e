"""Entries of the chain, manifests and calls for whoever fills a catalogue."""

from datetime import UTC, datetime, timedelta
from typing import Any

from skryba.archive.model import CallRow

BEGUN = datetime(2026, 11, 24, 10, tzinfo=UTC)
ROW = CallRow(
    id="c1",
    direction="inbound",
    station="101",
    trunk="carrier",
    caller="601 234 567",
    callee="+48221234567",
    started_at=BEGUN,
    rule="record-all",
    mode="automatic",
    rules_version="v1",
    decision_reason="fits",
    decision_reason_pl="pasuje",
    emergency=False,
    decision_path=[{"rule": "record-all", "matched": True}],
)


def entry(seq: int = 1, key: str = "r1", kind: str = "seal", **facts: Any) -> dict[str, Any]:
    """One line of the chain."""
    at = BEGUN + timedelta(minutes=5)
    return {
        "seq": seq,
        "kind": kind,
        "id": key,
        "at": at.isoformat(),
        "digest": "d",
        "facts": {"folder": "2026/11/24"} | facts,
    }


def manifest(key: str = "r1", **changes: Any) -> dict[str, Any]:
    """Of schema 2, as far as a catalogue looks; `changes` replace whole parts."""
    values: dict[str, Any] = {
        "schema": 2,
        "id": key,
        "name": "inbound 101",
        "conversation": {"id": "v1", "segment": 1},
        "state": "ok",
        "reasons": [],
        "alarms": [],
        "decision": {"rule": "record-all", "purpose": "quality", "retention": "90d"},
        "call": call("c1"),
        "time": {"begin": BEGUN.isoformat(), "end": (BEGUN + timedelta(minutes=1)).isoformat(), "duration_ms": 60_000},
        "files": [{"role": "audio", "file": f"{key}.wav", "octets": 1000, "sha256": "aa"}],
        "encryption": None,
    }
    return values | changes


def call(key: str, **changes: Any) -> dict[str, Any]:
    """The manifest's words for it."""
    facts = {"call": key, "direction": "inbound", "station": "101", "trunk": "carrier"}
    return facts | {"caller": "601 234 567", "callee": "+48221234567"} | changes
