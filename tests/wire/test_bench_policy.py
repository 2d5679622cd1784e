import json

import pytest

from bench import policy

pytestmark = pytest.mark.wire


def test_decisions_are_counted_and_come_out_in_every_way(capsys: pytest.CaptureFixture[str]) -> None:
    code = policy.main(["--rules", "200", "--seconds", "0.2", "--json"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["rules"] == 200
    assert result["decisions"] == sum(result["outcomes"].values())
    assert min(result["outcomes"].values()) > 0
    assert code == int(result["decisions_per_second"] < policy.TARGET)
