import json
from collections.abc import Iterator

import pytest

from bench import catalogue
from tests.support.postgres import running

pytestmark = pytest.mark.wire


@pytest.fixture
def postgresql() -> Iterator[str]:
    with running() as server, server.database() as url:
        yield url


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_question_is_answered_and_timed(
    database: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--url", request.getfixturevalue("postgresql")] if database == "postgresql" else []
    code = catalogue.main(["--rows", "3000", "--repeats", "1", "--json", *where])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["database"], result["rows"]) == (database, 3000)
    assert result["insert_rows_per_second"] > 0
    assert {"nothing", "number+state", "ends_with+station", "busiest ending", "last page"} <= result[
        "first_page_ms"
    ].keys()
    assert result["worst_ms"] == max(result["first_page_ms"].values()) == result["first_page_ms"][result["worst"]]
    assert code == int(result["worst_ms"] > catalogue.TARGET_MS)
