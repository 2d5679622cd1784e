"""Snapshots of calls for those who observe them."""

from datetime import UTC, datetime
from typing import Any

from skryba.b2bua.snapshot import CallSnapshot, CallState, Timings
from skryba.policy.model import Decision, Mode
from skryba.terms import Direction

CALLER, CALLEE = "+48601234567", "22 765 43 21"


def decision(**changes: Any) -> Decision:
    values: dict[str, Any] = {
        "mode": Mode.AUTOMATIC,
        "rule": "record-all",
        "reason": "rule record-all fits",
        "reason_pl": "pasuje reguła record-all",
        "notice": None,
        "emergency": False,
        "path": (),
        "purpose": "quality",
        "legal_basis": "art. 6(1)(f) GDPR",
        "retention": "90d",
        "version": "v1",
    }
    return Decision(**(values | changes))


def call(**changes: Any) -> CallSnapshot:
    """An outbound call of station 101, recorded, that began at 10 s, was bridged at 12 s and ended at 15.5 s."""
    values: dict[str, Any] = {
        "id": "0192999988887777",
        "state": CallState.ACTIVE,
        "direction": Direction.OUTBOUND,
        "station": "101",
        "trunk": "carrier",
        "caller": CALLER,
        "callee": CALLEE,
        "decision": decision(),
        "recording": "r1",
        "recorded_now": True,
        "started_at": datetime(2026, 11, 24, 10, tzinfo=UTC),
        "answered_at": None,
        "timings": Timings(started=10.0, ringing=10.5, answered=11.5, bridged=12.0, ended=15.5),
        "sip_call_ids": ("a", "b"),
    }
    return CallSnapshot(**(values | changes))
