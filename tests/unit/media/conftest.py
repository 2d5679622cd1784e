"""One engine a test, on the loopback, with a ring."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.media import Exchange


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    made = Exchange(tmp_path / "ring")
    yield made
    made.close()
