"""The ledger alone: one row per call.

Knows the tables as they were before Alembic; such a file (SQLite's user_version 1) begins after this step.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_PLAIN = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_WORDS_BEFORE = ("direction", "station", "trunk", "caller", "callee", "started_at", "answered_at", "ended_at", "result")
_DECISION = ("rule", "mode", "rules_version", "decision_reason", "decision_reason_pl")


def upgrade() -> None:
    """An empty ledger."""
    op.create_table(
        "calls",
        sa.Column("id", _PLAIN, primary_key=True),
        *(sa.Column(name, _PLAIN) for name in (*_WORDS_BEFORE, "reason", "side")),
        sa.Column("status", sa.Integer),
        *(sa.Column(name, _PLAIN) for name in _DECISION),
        sa.Column("decision_path", sa.JSON),
        sa.Column("emergency", sa.Boolean),
        *(sa.Column(name, _PLAIN) for name in ("purpose", "legal_basis", "retention")),
        sa.Column("notice", sa.JSON),
        *(sa.Column(name, _PLAIN) for name in ("caller_call_id", "callee_call_id", "recording")),
        *(sa.Column(name, _PLAIN) for name in ("recording_state", "recording_file")),
        sa.Column("recording_reasons", sa.JSON),
        sa.Column("recording_ms", sa.Integer),
    )
    op.create_index("calls_started_at", "calls", ["started_at"])
    op.create_index("calls_recording", "calls", ["recording"])
