"""Surroundings: what an agent gives its calls only collects; nothing acts at once."""

from skryba.b2bua.commands import OpenMedia
from skryba.b2bua.notices import TrunkChanged
from tests.support.room import AT, FROM_CARRIER, agent


def test_emitted_commands_and_told_notices_wait_to_be_drained() -> None:
    made = agent()
    around = made._desk._around
    around.emit(OpenMedia("c"))
    around.tell(TrunkChanged("t", up=True, detail=""))
    assert made.commands() == [OpenMedia("c")]
    assert made.notices() == [TrunkChanged("t", up=True, detail="")]
    assert made.commands() == []


def test_the_wall_clock_follows_the_monotonic_one() -> None:
    made = agent()
    made.receive(b"\r\n", FROM_CARRIER, 100.0, AT)
    assert (made._desk._around.at(160.5) - AT).total_seconds() == 60.5


def test_session_ids_are_digits() -> None:
    assert agent()._desk._around.session_id().isdigit()
