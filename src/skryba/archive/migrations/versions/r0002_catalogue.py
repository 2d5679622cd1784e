"""The catalogue of recordings, the books of uploads and deliveries; normalised numbers and terminal states of calls.

Knows the tables as they were made at this step.
"""

import sqlalchemy as sa
from alembic import op

from skryba.policy.e164 import normalise

revision = "0002"
down_revision = "0001"

_PLAIN = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_NUMBERS = ("caller_e164", "callee_e164", "caller_reversed", "callee_reversed")
# The recorder's word for a recording, and the call's terminal state that follows from it.
_TERMINAL = {"ok": "recorded", "degraded": "degraded", "failed": "failed", "incomplete": "incomplete"}
_ASKED = ("id", "caller", "callee", "terminal", "recording", "recording_state", "result", "answered_at", "mode")
_ALL = sa.table("calls", *(sa.column(name) for name in _ASKED))
_BATCH = 5_000


def upgrade() -> None:
    """New tables, new columns; old calls are given their numbers and what is known of their end."""
    for name in ("bridged_at", "wish", *_NUMBERS, "conversation", "terminal"):
        op.add_column("calls", sa.Column(name, _PLAIN))
    op.create_index("calls_terminal", "calls", ["terminal", "started_at"])
    op.create_index("calls_caller", "calls", ["caller_reversed", "started_at"])
    op.create_index("calls_callee", "calls", ["callee_reversed", "started_at"])
    _fill_calls()
    _make_recordings()
    _make_books()


def _fill_calls() -> None:
    connection = op.get_bind()
    fill = sa.text(
        "UPDATE calls SET caller_e164 = :caller, callee_e164 = :callee, caller_reversed = :reversed_caller, "
        "callee_reversed = :reversed_callee WHERE id = :key"
    )
    last = ""
    while rows := connection.execute(
        sa.select(_ALL.c.id, _ALL.c.caller, _ALL.c.callee).where(_ALL.c.id > last).order_by(_ALL.c.id).limit(_BATCH)
    ).all():
        connection.execute(fill, [_numbers(*row) for row in rows])
        last = rows[-1][0]
    for state, terminal in _TERMINAL.items():
        connection.execute(sa.update(_ALL).where(_ALL.c.recording_state == state).values(terminal=terminal))
    unrecorded = sa.case(
        (_ALL.c.answered_at.is_(None), "unanswered"), (_ALL.c.mode == "never", "not_recorded"), else_="not_recordable"
    )
    over = _ALL.c.result.is_not(None) & _ALL.c.recording.is_(None)
    connection.execute(sa.update(_ALL).where(over).values(terminal=unrecorded))


def _numbers(key: str, caller: str | None, callee: str | None) -> dict[str, str | None]:
    one, other = (None if number is None else normalise(number) for number in (caller, callee))
    return {
        "key": key,
        "caller": one,
        "callee": other,
        "reversed_caller": one and one[::-1],
        "reversed_callee": other and other[::-1],
    }


def _make_recordings() -> None:
    facets = ("direction", "state", "rule", "purpose")
    op.create_table(
        "facets",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, _PLAIN, nullable=False) for name in facets),
    )
    op.create_index("facets_all", "facets", list(facets), unique=True)
    op.create_table(
        "recordings",
        sa.Column("id", _PLAIN, primary_key=True),
        sa.Column("call", _PLAIN),
        sa.Column("conversation", _PLAIN),
        sa.Column("segment", sa.Integer),
        sa.Column("state", _PLAIN, nullable=False),
        sa.Column("reasons", sa.JSON),
        sa.Column("alarms", sa.JSON),
        sa.Column("begin_at", _PLAIN, nullable=False),
        sa.Column("end_at", _PLAIN),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        *(sa.Column(name, _PLAIN) for name in ("direction", "station", "trunk", "caller", "callee")),
        *(sa.Column(name, _PLAIN) for name in ("caller_reversed", "callee_reversed", "rule", "purpose", "retention")),
        sa.Column("facet", sa.Integer, nullable=False),
        sa.Column("folder", _PLAIN, nullable=False),
        sa.Column("name", _PLAIN),
        sa.Column("files", sa.JSON),
        sa.Column("octets", sa.BigInteger, nullable=False),
        sa.Column("encrypted", sa.Boolean, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, unique=True),
        sa.Column("sealed_at", _PLAIN, nullable=False),
        sa.Column("location", _PLAIN, nullable=False),
        sa.Column("erased_at", _PLAIN),
    )
    newest = ["begin_at", "id"]
    for name, columns in {
        "begin_at": [*newest, "facet"],
        "facet": ["facet", *newest],
        "station": ["station", *newest, "facet"],
        "caller": ["caller_reversed", *newest, "facet", "station"],
        "callee": ["callee_reversed", *newest, "facet", "station"],
        "call": ["call"],
        "conversation": ["conversation"],
        "folder": ["folder"],
    }.items():
        op.create_index(f"recordings_{name}", "recordings", columns)


def _make_books() -> None:
    op.create_table(
        "positions",
        sa.Column("consumer", _PLAIN, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "uploads",
        sa.Column("recording", _PLAIN, primary_key=True),
        sa.Column("folder", _PLAIN, nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("octets", sa.BigInteger, nullable=False),
        *(sa.Column(name, _PLAIN, nullable=False) for name in ("enqueued_at", "next_at")),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        *(sa.Column(name, _PLAIN) for name in ("uploaded_at", "removed_at")),
    )
    op.create_index("uploads_due", "uploads", ["uploaded_at", "next_at"])
    op.create_index("uploads_removable", "uploads", ["removed_at", "uploaded_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, _PLAIN, nullable=False) for name in ("hook", "recording", "call", "kind")),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", _PLAIN, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", _PLAIN, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("ended_at", _PLAIN),
    )
    op.create_index("deliveries_once", "deliveries", ["hook", "recording", "kind"], unique=True)
    op.create_index("deliveries_due", "deliveries", ["state", "next_at"])
    op.create_index("deliveries_order", "deliveries", ["hook", "call", "state", "seq"])
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, _PLAIN, nullable=False) for name in ("run_at", "category", "subject")),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("resolved_at", _PLAIN),
    )
    op.create_index("findings_open", "findings", ["resolved_at", "category", "subject"])
