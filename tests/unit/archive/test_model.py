from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects.sqlite import dialect

from skryba.archive.model import CALLS, CallRow, RecordingRow, UtcText

SQLITE = dialect()


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 24, 10, tzinfo=UTC), "2026-11-24T10:00:00.000000Z"),
        (datetime(2026, 11, 24, 11, 0, 0, 5, tzinfo=timezone(timedelta(hours=1))), "2026-11-24T10:00:00.000005Z"),
    ],
)
def test_times_are_kept_in_utc_and_come_back_aware(at: datetime, text: str) -> None:
    assert UtcText().process_bind_param(at, SQLITE) == text
    back = UtcText().process_result_value(text, SQLITE)
    assert back == at
    assert back is not None
    assert back.utcoffset() == timedelta(0)


def test_nothing_stays_nothing() -> None:
    assert UtcText().process_bind_param(None, SQLITE) is None
    assert UtcText().process_result_value(None, SQLITE) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        UtcText().process_bind_param(datetime(2026, 11, 24), SQLITE)  # noqa: DTZ001


def test_every_field_has_its_column_and_the_other_way_round() -> None:
    fields = {*CallRow.__dataclass_fields__, *RecordingRow.__dataclass_fields__}
    assert fields == set(CALLS.columns.keys())
