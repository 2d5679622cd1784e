from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Dialect, String
from sqlalchemy.dialects.postgresql import dialect as postgresql
from sqlalchemy.dialects.sqlite import dialect as sqlite

from skryba.archive.tables import METADATA, UtcText

SQLITE = sqlite()
POSTGRESQL: Dialect = postgresql()  # type: ignore[no-untyped-call]


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


def test_all_that_is_compared_is_compared_octet_by_octet() -> None:
    columns = [column for table in METADATA.tables.values() for column in table.columns]
    texts = [column for column in columns if isinstance(column.type, String | UtcText)]
    indexed = {column for table in METADATA.tables.values() for index in table.indexes for column in index.columns}
    assert len(texts) > 50
    for column in {each for each in texts if each.primary_key} | (indexed & set(texts)):
        assert 'COLLATE "C"' in column.type.compile(POSTGRESQL), column
        assert "COLLATE" not in column.type.compile(SQLITE), column
