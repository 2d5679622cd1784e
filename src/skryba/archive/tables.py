"""The tables of ledger and catalogue, alike in SQLite and PostgreSQL.

Knows no connection. `migrations` makes these tables; a test compares the two.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Dialect, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

_PLAIN = String().with_variant(String(collation="C"), "postgresql")  # compared octet by octet, as SQLite does


class UtcText(TypeDecorator[datetime]):
    """An aware datetime as `2026-11-24T10:00:00.000000Z`: sorts as text, and no zone is lost on the way."""

    impl = _PLAIN
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
    Column("id", _PLAIN, primary_key=True),
    Column("direction", _PLAIN),
    Column("station", _PLAIN),
    Column("trunk", _PLAIN),
    Column("caller", _PLAIN),
    Column("callee", _PLAIN),
    Column("started_at", UtcText),
    Column("answered_at", UtcText),
    Column("ended_at", UtcText),
    Column("result", _PLAIN),  # of the termination; null while the call runs
    Column("reason", _PLAIN),
    Column("side", _PLAIN),
    Column("status", Integer),
    Column("rule", _PLAIN),
    Column("mode", _PLAIN),
    Column("rules_version", _PLAIN),
    Column("decision_reason", _PLAIN),
    Column("decision_reason_pl", _PLAIN),
    Column("decision_path", JSON),
    Column("emergency", Boolean),
    Column("purpose", _PLAIN),
    Column("legal_basis", _PLAIN),
    Column("retention", _PLAIN),
    Column("notice", JSON),  # evidence of each notice played or failed
    Column("caller_call_id", _PLAIN),
    Column("callee_call_id", _PLAIN),
    Column("recording", _PLAIN),
    Column("recording_state", _PLAIN),
    Column("recording_file", _PLAIN),
    Column("recording_reasons", JSON),
    Column("recording_ms", Integer),
    Column("bridged_at", UtcText),  # from then on the parties could talk
    Column("wish", _PLAIN),  # declined or private
    Column("caller_e164", _PLAIN),
    Column("callee_e164", _PLAIN),
    Column("caller_reversed", _PLAIN),  # the last digit first: "ends with" becomes a range of an index
    Column("callee_reversed", _PLAIN),
    Column("conversation", _PLAIN),
    Column("terminal", _PLAIN),  # of `outcome.Terminal`; null while the call runs or its recording is not sealed
)
Index("calls_started_at", CALLS.c.started_at)
Index("calls_recording", CALLS.c.recording)
Index("calls_terminal", CALLS.c.terminal, CALLS.c.started_at)
Index("calls_caller", CALLS.c.caller_reversed, CALLS.c.started_at)
Index("calls_callee", CALLS.c.callee_reversed, CALLS.c.started_at)

# The few combinations of what has few values. One narrow column then answers any choice among the four.
FACETS = Table(
    "facets",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("direction", _PLAIN, nullable=False),
    Column("state", _PLAIN, nullable=False),
    Column("rule", _PLAIN, nullable=False),
    Column("purpose", _PLAIN, nullable=False),
)
Index("facets_all", FACETS.c.direction, FACETS.c.state, FACETS.c.rule, FACETS.c.purpose, unique=True)

RECORDINGS = Table(
    "recordings",
    METADATA,
    Column("id", _PLAIN, primary_key=True),  # stem of the files: unique even if a recording's own id is not
    Column("call", _PLAIN),
    Column("conversation", _PLAIN),
    Column("segment", Integer),
    Column("state", _PLAIN, nullable=False),
    Column("reasons", JSON),
    Column("alarms", JSON),
    Column("begin_at", UtcText, nullable=False),
    Column("end_at", UtcText),
    Column("duration_ms", BigInteger, nullable=False),
    Column("direction", _PLAIN),
    Column("station", _PLAIN),
    Column("trunk", _PLAIN),
    Column("caller", _PLAIN),
    Column("callee", _PLAIN),
    Column("caller_reversed", _PLAIN),
    Column("callee_reversed", _PLAIN),
    Column("rule", _PLAIN),
    Column("purpose", _PLAIN),
    Column("retention", _PLAIN),
    Column("facet", Integer, nullable=False),
    Column("folder", _PLAIN, nullable=False),  # such as 2026/11/24
    Column("name", _PLAIN),  # what people see
    Column("files", JSON),  # [{file, octets, sha256}]
    Column("octets", BigInteger, nullable=False),
    Column("encrypted", Boolean, nullable=False),
    Column("seq", BigInteger, nullable=False, unique=True),  # in the chain of seals
    Column("sealed_at", UtcText, nullable=False),
    Column("location", _PLAIN, nullable=False),  # of `books.Location`
    Column("erased_at", UtcText),
)
_NEWEST = (RECORDINGS.c.begin_at, RECORDINGS.c.id)
# What else may be asked for stands in the index as well, so that nothing is looked up to be thrown away.
Index("recordings_begin_at", *_NEWEST, RECORDINGS.c.facet)
Index("recordings_facet", RECORDINGS.c.facet, *_NEWEST)
Index("recordings_station", RECORDINGS.c.station, *_NEWEST, RECORDINGS.c.facet)
Index("recordings_caller", RECORDINGS.c.caller_reversed, *_NEWEST, RECORDINGS.c.facet, RECORDINGS.c.station)
Index("recordings_callee", RECORDINGS.c.callee_reversed, *_NEWEST, RECORDINGS.c.facet, RECORDINGS.c.station)
Index("recordings_call", RECORDINGS.c.call)
Index("recordings_conversation", RECORDINGS.c.conversation)
Index("recordings_folder", RECORDINGS.c.folder)

POSITIONS = Table(
    "positions",
    METADATA,
    Column("consumer", _PLAIN, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

UPLOADS = Table(
    "uploads",
    METADATA,
    Column("recording", _PLAIN, primary_key=True),
    Column("folder", _PLAIN, nullable=False),
    Column("files", JSON, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Column("enqueued_at", UtcText, nullable=False),
    Column("next_at", UtcText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("uploaded_at", UtcText),
    Column("removed_at", UtcText),  # the local audio went then
)
Index("uploads_due", UPLOADS.c.uploaded_at, UPLOADS.c.next_at)
Index("uploads_removable", UPLOADS.c.removed_at, UPLOADS.c.uploaded_at)

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("hook", _PLAIN, nullable=False),
    Column("recording", _PLAIN, nullable=False),
    Column("call", _PLAIN, nullable=False),
    Column("kind", _PLAIN, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # emptied once delivered: a manifest names people
    Column("state", _PLAIN, nullable=False),  # waiting, delivered or dead
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcText, nullable=False),
    Column("error", Text),
    Column("ended_at", UtcText),
)
Index("deliveries_once", DELIVERIES.c.hook, DELIVERIES.c.recording, DELIVERIES.c.kind, unique=True)
Index("deliveries_due", DELIVERIES.c.state, DELIVERIES.c.next_at)
Index("deliveries_order", DELIVERIES.c.hook, DELIVERIES.c.call, DELIVERIES.c.state, DELIVERIES.c.seq)

FINDINGS = Table(
    "findings",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run_at", UtcText, nullable=False),  # of the run that found it first
    Column("category", _PLAIN, nullable=False),
    Column("subject", _PLAIN, nullable=False),
    Column("detail", Text, nullable=False),
    Column("resolved_at", UtcText),
)
Index("findings_open", FINDINGS.c.resolved_at, FINDINGS.c.category, FINDINGS.c.subject)
