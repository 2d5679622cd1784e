"""The values that are written into the ledger.

Knows no table, no connection and no thread. One row per call attempt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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
    bridged_at: datetime | None = None  # from then on the parties could talk
    wish: str | None = None  # why it is not recorded although its rule says so: declined or private


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """What became of a recording; `recording` finds the call."""

    recording: str
    recording_state: str
    recording_file: str | None
    recording_reasons: list[str]
    recording_ms: int


@dataclass(frozen=True, slots=True)
class Recording:
    """One sealed recording as the catalogue has it. `id` is the stem of its files, `folder` such as `2026/11/24`."""

    id: str
    call: str | None
    conversation: str | None
    segment: int | None
    state: str
    reasons: list[str]
    alarms: list[str]
    begin_at: datetime
    end_at: datetime | None
    duration_ms: int
    direction: str | None
    station: str | None
    trunk: str | None
    caller: str | None
    callee: str | None
    rule: str | None
    purpose: str | None
    retention: str | None
    folder: str
    name: str | None
    files: list[Mapping[str, Any]]  # file, octets, sha256
    octets: int
    encrypted: bool
    seq: int  # in the chain of seals
    sealed_at: datetime
    location: str
    erased_at: datetime | None = None
