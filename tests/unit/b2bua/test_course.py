"""Course: where a call stands, and that it ends once."""

from skryba.b2bua.commands import CloseMedia, MediaCommand, Transmit
from skryba.b2bua.course import Course
from skryba.b2bua.notices import CallEnded, Notice
from skryba.b2bua.routing import Route
from skryba.b2bua.snapshot import CallState
from skryba.b2bua.states import Step
from skryba.sip.events import RequestReceived
from skryba.terms import Direction, Result, Termination
from tests.support.room import AT, FROM_CARRIER, SDP, Keeper, agent, sdp, text
from tests.support.stage import RECORD

ROUTE = Route(
    Direction.INBOUND, "101", "carrier", "101", "+48600", "+48221110101", None, False, frozenset(), False, False
)
DONE = Termination(Result.REFUSED, "busy", None, 486)


class Life:
    """A course of its own, with what it emitted and told."""

    def __init__(self) -> None:
        self.agent = agent()
        self.agent.receive(b"\r\n", FROM_CARRIER, 1000.0, AT)
        self.around = self.agent._desk._around
        self.released: list[str] = []
        self.around.released = self.released.append
        stack = self.around.board.stack
        stack.receive(text("INVITE", "sip:1@x", body=SDP, extra="Subject: s").encode(), FROM_CARRIER, 1000.0)
        (event,) = stack.events()
        assert isinstance(event, RequestReceived)
        self.course = Course(
            "id1", self.around, Keeper(), ROUTE, RECORD, recording_id="rec1", request=event.request,
            key=event.transaction, flow=FROM_CARRIER, offer=sdp(), parts=(), now=1000.0,
        )  # fmt: skip

    @property
    def commands(self) -> list[MediaCommand]:
        return [command for command in self.agent.commands() if not isinstance(command, Transmit)]

    @property
    def notices(self) -> list[Notice]:
        return self.agent.notices()


def test_what_it_knows_from_the_start() -> None:
    course = Life().course
    assert course.max_forwards == 69
    assert course.invitation == (("Subject", "s"),)
    assert course.started_at == AT
    snapshot = course.snapshot()
    assert (snapshot.state, snapshot.caller, snapshot.recording) == (CallState.OFFERED, "+48600", None)


def test_it_ends_once_and_gives_back_what_it_holds() -> None:
    life = Life()
    course = life.course
    course.streams.open({})
    course.step(Step.DIAL)
    for name in ("no-answer", "prompt", "duration"):
        course.line.set_alarm(name, 2000.0)
    course.end(DONE, 1005.0)
    course.end(DONE, 1006.0)
    course.settle()
    assert [type(command) for command in life.commands][-1] is CloseMedia
    (ended,) = life.notices
    assert isinstance(ended, CallEnded)
    assert ended.termination == DONE
    assert ended.call.timings.ended == 1005.0
    assert life.released == ["id1"]
    assert course.state is CallState.ENDED
    assert life.agent.held == dict.fromkeys(life.agent.held, 0)


def test_released_in_any_state() -> None:
    life = Life()
    life.course.streams.open({})
    life.course.release()
    assert life.released == ["id1"]
    assert life.agent.held["server_transactions"] == 0
