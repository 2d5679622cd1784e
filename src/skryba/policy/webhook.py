"""Policy webhook: what an outside service is asked about a call, how its answer is read, what stands without one.

May not know networks, threads or clocks. The service can keep a call out of recording, change purpose, basis and
retention, and have a call recorded that no rule is about, on the terms of a rule that records: never without the notice
of such a rule. What emergency, the never-list, the always-list or a rule with mode "never" decided it is not even asked
about.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from enum import StrEnum
from typing import Any, Final

from skryba.policy.e164 import normalise
from skryba.policy.model import CallFacts, Decision, Mode, Step
from skryba.policy.rules import RESERVED

RULE: Final = "webhook"  # in the place of a rule's id, where the service decided or did not answer
LONGEST: Final = 16_384  # octets of an answer

_RECORD, _DO_NOT, _RULES = "record", "do not record", "rules"
_MODES = {Mode.NEVER: _DO_NOT, Mode.AUTOMATIC: _RECORD, Mode.ON_DEMAND: "on demand"}
_TERMS = ("purpose", "legal_basis", "retention")
_KEYS = frozenset({"decision", "like", "reason", *_TERMS})
_TEXT = 200  # characters of one
_RETENTION = re.compile(r"[1-9][0-9]{0,4}[dwmy]\Z")
_NUMBER = re.compile(r"(?<!\w)\+?\d(?:[ ().-]{0,2}\d){6,}(?!\w)")

Terms = Callable[[str], Decision | None]  # by a rule's id: what is decided where it matches; None: no rule that records


class Fallback(StrEnum):
    """What stands when the service gives no usable answer in time."""

    RULES = "rules"
    NOT_RECORDED = "do not record"


class Failure(StrEnum):
    """Why there is no usable answer."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REDIRECTED = "redirected"  # following would carry the call's numbers to an address that nobody configured
    STATUS = "status"
    TOO_LONG = "too long"
    INVALID = "invalid"
    RESTING = "resting"  # it failed several times in a row and is left alone for a while
    BUSY = "busy"  # too many questions are under way


_WORDS: dict[Failure, tuple[str, str]] = {
    Failure.TIMEOUT: ("no answer in time", "brak odpowiedzi na czas"),
    Failure.UNREACHABLE: ("it cannot be reached", "brak połączenia"),
    Failure.REDIRECTED: ("it answered with a redirect", "odpowiedź z przekierowaniem"),
    Failure.STATUS: ("it answered with an error", "odpowiedź z błędem"),
    Failure.TOO_LONG: ("its answer is too long", "zbyt długa odpowiedź"),
    Failure.INVALID: ("its answer is not understood", "niezrozumiała odpowiedź"),
    Failure.RESTING: ("not asked: it failed repeatedly", "nie zapytano: wielokrotnie zawodził"),
    Failure.BUSY: ("not asked: too many questions under way", "nie zapytano: zbyt wiele pytań naraz"),
}


@dataclass(frozen=True, slots=True)
class Unanswered:
    """`detail` is for the log of the person who runs the service; it never holds its words, nor a number."""

    failure: Failure
    detail: str = ""


def asks(decision: Decision) -> bool:
    """Is the service to be asked about a call of which the rules decided this?"""
    if decision.emergency:
        return False
    return decision.rule == "default" or (decision.mode is not Mode.NEVER and decision.rule not in RESERVED)


def question(call: str, facts: CallFacts, decision: Decision, *, country: str) -> str:
    """The body of the request: the call, with its numbers in one form, and what the rules decided. Pure ASCII."""

    def plain(number: str | None) -> str | None:
        return None if number is None else normalise(number, country=country)

    return json.dumps(
        {
            "schema": 1,
            "call": call,
            "at": facts.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "direction": facts.direction.value,
            "station": facts.station,
            "groups": sorted(facts.groups),
            "caller": plain(facts.caller),
            "callee": plain(facts.callee),
            "did": plain(facts.did),
            "trunk": facts.trunk,
            "via": facts.via,
            "rules": {
                "version": decision.version,
                "rule": decision.rule,
                "decision": _MODES[decision.mode],
                **{term: getattr(decision, term) for term in _TERMS},
            },
        },
        separators=(",", ":"),
    )


def answered(decision: Decision, terms: Terms, status: int, body: bytes) -> Decision | Unanswered:
    """The decision after this answer; the path tells that the service was asked."""
    if 300 <= status < 400:
        return Unanswered(Failure.REDIRECTED, f"HTTP status {status}")
    if status != 200:
        return Unanswered(Failure.STATUS, f"HTTP status {status}")
    if len(body) > LONGEST:
        return Unanswered(Failure.TOO_LONG, f"more than {LONGEST} octets")
    try:
        words = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
        return _settled(decision, terms, _checked(words))
    except _ContractError as complaint:
        return Unanswered(Failure.INVALID, str(complaint))
    except (ValueError, RecursionError):
        return Unanswered(Failure.INVALID, "no JSON in UTF-8")


def unanswered(decision: Decision, failure: Failure, fallback: Fallback) -> Decision:
    """The decision without an answer, as the fallback says."""
    english, polish = _WORDS[failure]
    if fallback is Fallback.RULES:
        step = Step(RULE, False, f"webhook: {english}; the rules stand", f"webhook: {polish}; zostaje decyzja reguł")
        return replace(decision, path=(*decision.path, step))
    return _unrecorded(
        decision, f"the policy webhook gave no answer ({english})", f"webhook nie odpowiedział ({polish})"
    )


class Breaker:
    """Leaves a service alone that failed `limit` times in a row: one question each `rest` seconds, until it is well."""

    def __init__(self, *, limit: int = 5, rest: float = 10.0) -> None:
        self._limit = limit
        self._rest = rest
        self._failures = 0
        self._until = 0.0

    def resting(self) -> bool:
        return self._failures >= self._limit

    def admits(self, now: float) -> bool:
        """May a question be sent? After a rest one may, and then one after each further rest."""
        if not self.resting():
            return True
        if now < self._until:
            return False
        self._until = now + self._rest
        return True

    def told(self, well: bool, now: float) -> None:
        """What became of a question."""
        if well:
            self._failures = 0
            return
        self._failures += 1
        if self._failures == self._limit:
            self._until = now + self._rest


class _ContractError(Exception):
    """Their answer is not what the contract says; in words of ours."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    words = dict(pairs)
    if len(words) != len(pairs):
        raise _ContractError("a name stands twice")
    return words


def _checked(words: Any) -> dict[str, str]:
    if not isinstance(words, dict):
        raise _ContractError("no JSON object")
    if not words.keys() <= _KEYS:
        raise _ContractError(f"a name that is none of {', '.join(sorted(_KEYS))}")
    for name, text in words.items():
        if not isinstance(text, str) or not text.strip() or len(text) > _TEXT or not text.isprintable():
            raise _ContractError(f"{name} is no text of one line with at most {_TEXT} characters")
    if words.get("decision") not in (_RECORD, _DO_NOT, _RULES):
        raise _ContractError(f"decision is none of {_RECORD!r}, {_DO_NOT!r}, {_RULES!r}")
    if words["decision"] != _RECORD and words.keys() & {"like", *_TERMS}:
        raise _ContractError(f"like, {', '.join(_TERMS)} go with the decision {_RECORD!r} only")
    if "retention" in words and not _RETENTION.match(words["retention"]):
        raise _ContractError("retention is no length of time such as 90d or 5y")
    return words


def _settled(decision: Decision, terms: Terms, words: dict[str, str]) -> Decision:
    reason = f": {_NUMBER.sub('…', words['reason'])}" if "reason" in words else ""
    match words["decision"]:
        case "rules":
            step = Step(RULE, False, f"webhook: as the rules say{reason}", f"webhook: zgodnie z regułami{reason}")
            return replace(decision, path=(*decision.path, step))
        case "do not record":
            return _unrecorded(decision, f"the policy webhook says so{reason}", f"tak zdecydował webhook{reason}")
    wanted = decision if "like" not in words else terms(words["like"])
    if wanted is None or (wanted.mode is Mode.NEVER and wanted.limit is None):
        raise _ContractError(
            "like names no rule that records" if "like" in words else "record needs like, a rule that records"
        )
    step = Step(RULE, True, f"webhook: record{reason}", f"webhook: nagrywać{reason}")
    path = (*decision.path, step)
    if wanted.mode is not Mode.AUTOMATIC:  # law, privacy, or a command yet to come
        found = replace(
            wanted,
            reason=f"{wanted.reason}; the policy webhook says: record{reason}",
            reason_pl=f"{wanted.reason_pl}; webhook: nagrywać{reason}",
        )
    else:
        like = words.get("like", decision.rule)
        found = replace(
            wanted,
            reason=f"recorded because the policy webhook says so, on the terms of rule {like}{reason}",
            reason_pl=f"nagrywane: tak zdecydował webhook, na warunkach reguły {like}{reason}",
        )
    if found.mode is Mode.NEVER:
        return replace(found, rule=RULE, path=path)
    return replace(
        found,
        rule=RULE,
        path=path,
        purpose=words.get("purpose", wanted.purpose),
        legal_basis=words.get("legal_basis", wanted.legal_basis),
        retention=words.get("retention", wanted.retention),
    )


def _unrecorded(decision: Decision, english: str, polish: str) -> Decision:
    step = Step(RULE, True, english, polish)
    return Decision(
        mode=Mode.NEVER,
        rule=RULE,
        reason=f"not recorded: {english}",
        reason_pl=f"nienagrywane: {polish}",
        path=(*decision.path, step),
        version=decision.version,
    )
