"""The tables of the ledger, and the values that are written into them.

Knows no connection and no thread. One row per call attempt; what became of its recording stands in the same row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Dialect, Index, Integer, MetaData, String, Table
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 1  # SQLite's user_version; a different one is refused, never guessed at


class UtcText(TypeDecorator[datetime]):
    """An aware datetime as `2026-11-24T10:00:00.000000Z`: sorts as text, and no zone is lost on the way."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone does not belong in the ledger")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


METADATA = MetaData()

CALLS = Table(
    "calls",
    METADATA,
    Column("id", String, primary_key=True),
    Column("direction", String),
    Column("station", String),
    Column("trunk", String),
    Column("caller", String),
    Column("callee", String),
    Column("started_at", UtcText),
    Column("answered_at", UtcText),
    Column("ended_at", UtcText),
    Column("result", String),  # of the termination; null while the call runs
    Column("reason", String),
    Column("side", String),
    Column("status", Integer),
    Column("rule", String),
    Column("mode", String),
    Column("rules_version", String),
    Column("decision_reason", String),
    Column("decision_reason_pl", String),
    Column("decision_path", JSON),
    Column("emergency", Boolean),
    Column("purpose", String),
    Column("legal_basis", String),
    Column("retention", String),
    Column("notice", JSON),  # evidence of each notice played or failed
    Column("caller_call_id", String),
    Column("callee_call_id", String),
    Column("recording", String),
    Column("recording_state", String),
    Column("recording_file", String),
    Column("recording_reasons", JSON),
    Column("recording_ms", Integer),
)
Index("calls_started_at", CALLS.c.started_at)
Index("calls_recording", CALLS.c.recording)


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call attempt as far as it is known; written again when more is. All times are aware."""

    id: str
    direction: str
    station: str | None
    trunk: str | None
    caller: str
    callee: str
    started_at: datetime
    rule: str
    mode: str
    rules_version: str
    decision_reason: str
    decision_reason_pl: str
    emergency: bool
    decision_path: list[Mapping[str, Any]] = field(default_factory=list)
    purpose: str | None = None
    legal_basis: str | None = None
    retention: str | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    result: str | None = None
    reason: str | None = None
    side: str | None = None
    status: int | None = None
    notice: list[Mapping[str, Any]] = field(default_factory=list)
    caller_call_id: str | None = None
    callee_call_id: str | None = None
    recording: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """What became of a recording. `recording` finds the call; a recording without a call gets a row of its own."""

    recording: str
    recording_state: str
    recording_file: str | None
    recording_reasons: list[str]
    recording_ms: int
