"""Recording: which party is left and right, what the manifest is told, and the commands that start, mark and stop it.

May not know SIP, nor what the recorder does with all this.
"""

from collections.abc import Callable, Mapping

from skryba.b2bua.commands import ChangeFormats, MarkRecording, MediaCommand, StartRecording, StopRecording
from skryba.b2bua.consent import Consent
from skryba.b2bua.snapshot import CallSnapshot
from skryba.policy.model import Decision
from skryba.terms import Channel, Direction, Result, Side, Termination


class Recording:
    """One call's recording, before, while and after it runs. `id` is there from the start, for the ledger."""

    __slots__ = ("_call", "_emit", "_formats", "id", "running", "started")

    def __init__(self, call: str, recording_id: str, emit: Callable[[MediaCommand], None]) -> None:
        self.id = recording_id
        self.running = False
        self.started = False
        self._call = call
        self._emit = emit
        self._formats: dict[Side, dict[int, str]] = {}

    def start(self, call: CallSnapshot, consent: Consent, formats: Mapping[Side, dict[int, str]]) -> None:
        """Not before the notice has ended (product rule B2)."""
        self.running = self.started = True
        self._formats = dict(formats)
        self._emit(
            StartRecording(self._call, self.id, channels(call.direction), dict(formats), facts(call, consent, self.id))
        )

    def mark(self, kind: str, side: Side | None = None, note: Mapping[str, object] | None = None) -> None:
        """A named moment, while it runs."""
        if self.running:
            self._emit(MarkRecording(self._call, kind, side, dict(note or {})))

    def change(self, side: Side, formats: dict[int, str]) -> None:
        """The party may use other payload types from now on."""
        if self.running and formats != self._formats.get(side):
            self._formats[side] = formats
            self._emit(ChangeFormats(self._call, side, formats))

    def abandon(self, reason: str) -> None:
        """It could not begin: there is none."""
        self.stop(Termination(Result.FAILED_HERE, reason, None, None))
        self.started = False

    def stop(self, termination: Termination) -> None:
        """For good."""
        if self.running:
            self.running = False
            self._emit(StopRecording(self._call, termination))


def channels(direction: Direction) -> dict[Side, Channel]:
    """Left = our station, right = the other party; between two stations left = the caller (R-T4)."""
    station = Side.CALLEE if direction is Direction.INBOUND else Side.CALLER
    return {station: Channel.LEFT, station.other: Channel.RIGHT}


def facts(call: CallSnapshot, consent: Consent, recording_id: str) -> dict[str, object]:
    """The static part of the manifest, JSON-ready."""
    return {
        "recording": recording_id,
        "call": call.id,
        "sip_call_ids": list(call.sip_call_ids),
        "direction": str(call.direction),
        "station": call.station,
        "trunk": call.trunk,
        "caller": call.caller,
        "callee": call.callee,
        "started_at": call.started_at.isoformat(),
        "answered_at": call.answered_at.isoformat() if call.answered_at else None,
        "decision": decision_facts(call.decision),
        "notice": consent.facts(),
    }


def decision_facts(decision: Decision) -> dict[str, object]:
    """What policy said and why, without its whole path."""
    return {
        "mode": str(decision.mode),
        "rule": decision.rule,
        "reason": decision.reason,
        "reason_pl": decision.reason_pl,
        "emergency": decision.emergency,
        "purpose": decision.purpose,
        "legal_basis": decision.legal_basis,
        "retention": decision.retention,
        "version": decision.version,
        "renditions": None if decision.renditions is None else list(decision.renditions),
    }
