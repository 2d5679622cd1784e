import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from skryba.archive import catalogue as catalogue_module
from skryba.archive import search
from skryba.archive.catalogue import Catalogue
from skryba.archive.database import connect
from skryba.archive.search import LARGEST_PAGE, Query, page
from skryba.archive.tables import RECORDINGS
from skryba.policy.e164 import normalise
from tests.support.catalogue import BEGUN, call, entry, manifest

MINUTE = timedelta(minutes=1)


def fill(engine: Engine) -> Catalogue:
    """Six recordings, one a minute; r5 and r6 began at the same time."""
    catalogue = Catalogue(engine)
    differences: list[dict[str, Any]] = [
        {},
        {"state": "failed", "call": call("c2", station="102")},
        {"call": call("c3", direction="outbound", caller="+48221234567", callee="0048 601-234-567")},
        {"call": call("c4", caller="anonymous"), "decision": {"rule": "sales", "purpose": "contracts"}},
        {
            "call": call("c5", direction="internal", caller="101", callee="102", trunk=None),
            "conversation": {"id": "v5"},
        },
        {"call": call("c6", station=None, caller="+4930123456"), "decision": {}},
    ]
    for number, changes in enumerate(differences, 1):
        begin = BEGUN + min(number, 5) * MINUTE
        time = {"begin": begin.isoformat(), "end": None, "duration_ms": 1}
        catalogue.follow(entry(number, f"r{number}"), manifest(f"r{number}", **({"time": time} | changes)))
    return catalogue


def found(catalogue: Catalogue, **asked: Any) -> list[str]:
    return [row.id for row in catalogue.search(Query(**asked)).rows]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, "r6 r5 r4 r3 r2 r1"),
        ({"number": "601 234 567"}, "r3 r2 r1"),
        ({"number": "+48 (0)601-234-567"}, "r3 r2 r1"),
        ({"number": "anonymous"}, "r4"),
        ({"number": "102"}, "r5"),
        ({"ends_with": "4567"}, "r6 r4 r3 r2 r1"),
        ({"ends_with": "34-567"}, "r6 r4 r3 r2 r1"),
        ({"ends_with": "3456"}, "r6"),
        ({"ends_with": "567", "since": BEGUN + 2 * MINUTE, "state": "ok"}, "r6 r4 r3"),
        ({"ends_with": "000"}, ""),
        ({"text": "c3"}, "r3"),
        ({"text": "r2"}, "r2"),
        ({"text": " v5 "}, "r5"),
        ({"text": "v1"}, "r6 r4 r3 r2 r1"),
        ({"text": "456"}, "r6"),
        ({"text": "%"}, ""),
        ({"station": "102"}, "r2"),
        ({"station": "101", "state": "ok", "direction": "inbound"}, "r4 r1"),
        ({"direction": "outbound"}, "r3"),
        ({"state": "failed"}, "r2"),
        ({"rule": "record-all"}, "r5 r3 r2 r1"),
        ({"rule": "sales", "purpose": "contracts"}, "r4"),
        ({"rule": "sales", "purpose": "quality"}, ""),
        ({"number": "601234567", "state": "failed"}, "r2"),
        ({"number": "601234567", "station": "101"}, "r3 r1"),
        ({"since": BEGUN + 2 * MINUTE, "until": BEGUN + 4 * MINUTE}, "r3 r2"),
        ({"state": "ok", "since": BEGUN + 5 * MINUTE}, "r6 r5"),
    ],
    ids=str,
)
def test_what_is_asked_is_found_newest_first(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], ids: str
) -> None:
    catalogue = fill(engine)
    for few in (search.FEW, 3, 1):  # the fewer are few, the more other ways are taken
        monkeypatch.setattr(search, "FEW", few)
        monkeypatch.setattr(catalogue_module, "FEW", few)
        assert found(catalogue, **asked) == ids.split()
        for limit in (1, 2):
            assert found(catalogue, limit=limit, **asked) == ids.split()[:limit]


@pytest.mark.parametrize(
    ("asked", "way"),
    [
        ({"ends_with": "567", "state": "failed"}, "among"),
        ({"number": "601234567", "station": "102"}, "among"),
        ({"ends_with": "567", "limit": 1}, "recent"),
    ],
)
def test_a_number_of_many_is_found_another_way(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], way: str
) -> None:
    def taken(*_: object) -> None:
        raise LookupError

    catalogue = fill(engine)
    monkeypatch.setattr(catalogue_module, way, taken)
    assert len(found(catalogue, **asked)) == 1
    monkeypatch.setattr(search, "FEW", 2)
    monkeypatch.setattr(catalogue_module, "FEW", 2)
    with pytest.raises(LookupError):
        found(catalogue, **asked)


@pytest.mark.parametrize("asked", [{}, {"state": "ok"}, {"station": "101"}, {"ends_with": "567"}], ids=str)
def test_pages_follow_each_other_without_gap_or_overlap(engine: Engine, asked: dict[str, Any]) -> None:
    catalogue = fill(engine)
    query, ids = Query(limit=2, **asked), []
    while True:
        page = catalogue.search(query)
        assert 1 <= len(page.rows) <= 2
        ids += [row.id for row in page.rows]
        if page.next is None:
            break
        query = replace(query, after=page.next)
    assert ids == found(catalogue, **asked)
    assert len(ids) >= 4


def test_a_page_that_is_just_full_is_the_last(engine: Engine) -> None:
    assert fill(engine).search(Query(limit=6)).next is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": LARGEST_PAGE + 1},
        {"ends_with": "12"},
        {"ends_with": "abc"},
        {"text": "a", "number": "1"},
    ],
)
def test_what_cannot_be_asked_is_said_before_it_is_asked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"page|digits|enough"):
        Query(**wrong)


@pytest.mark.parametrize(
    ("query", "fitting", "indexes"),
    [
        (Query(), None, {"recordings_begin_at"}),
        (Query(since=BEGUN), None, {"recordings_begin_at"}),
        (Query(station="101"), None, {"recordings_station"}),
        (Query(station="101", state="ok"), [1, 2], {"recordings_station"}),
        (Query(state="ok"), [1, 2], {"recordings_facet"}),
        (Query(state="ok", after=(BEGUN, "x")), [1], {"recordings_facet"}),
        (Query(state="ok"), list(range(100)), {"recordings_begin_at"}),
        (Query(number="601234567"), None, {"recordings_caller", "recordings_callee"}),
        (Query(number="601234567", station="1", state="ok"), [1], {"recordings_caller", "recordings_callee"}),
        (Query(ends_with="567", since=BEGUN, after=(BEGUN, "x")), None, {"recordings_caller", "recordings_callee"}),
        (Query(ends_with="567", state="ok"), [1], {"recordings_caller", "recordings_callee"}),
    ],
    ids=str,
)
def test_every_question_reads_the_index_that_was_made_for_it(
    tmp_path: Path, query: Query, fitting: list[int] | None, indexes: set[str]
) -> None:
    engine = connect(f"sqlite:///{tmp_path}/skryba.db")
    statement = page(query, fitting, normalise, list(RECORDINGS.c))
    words = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        plan = [str(row[-1]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {words}"))]
    engine.dispose()
    looked_at = [line for line in plan if "recordings" in line and "sqlite_autoindex" not in line]
    assert {match for line in looked_at for match in re.findall(r"recordings_\w+", line)} == indexes
    assert [line for line in looked_at if "COVERING" not in line and " recordings_" in line] == []
