"""Trunk: up and down, by registration and by probes."""

from dataclasses import replace

import pytest

from skryba.b2bua.notices import TrunkChanged
from skryba.b2bua.settings import TrunkSettings
from skryba.b2bua.switchboard import Switchboard
from skryba.b2bua.trunk import Registration, Trunk
from skryba.sip.events import ResponseReceived, TransactionFailed
from skryba.sip.message import parse_message
from skryba.sip.stack import Stack
from skryba.terms import SocketAddress
from tests.support.room import FROM_CARRIER, answer, tokens
from tests.support.stage import settings

STATIC = settings().trunks[0]
REGISTERING = replace(STATIC, register=True, username="acct", password="pw")
PROBED = replace(STATIC, options_interval=60.0)


class Line:
    """A trunk on a line of its own; `respond` answers what it sent last."""

    def __init__(self, trunk: TrunkSettings) -> None:
        self.told: list[TrunkChanged] = []
        token = tokens()
        self.stack = Stack(token=token)
        self.board = Switchboard(self.stack, settings())
        self.trunk = Trunk(settings(), trunk, self.board, token, self.told.append)
        self.trunk.start(0.0)
        self.sent = [send.data.decode() for send in self.stack.sends()]

    def respond(self, status: str, extra: str = "", now: float = 0.1) -> None:
        self.stack.receive(answer(self.sent[-1], status, extra=extra).encode(), FROM_CARRIER, now)
        self.events(now)

    def events(self, now: float) -> None:
        for event in self.stack.events():
            match event:
                case ResponseReceived(response, key, flow):
                    self.trunk.receive_response(key, response, flow, now)
                case TransactionFailed(key, kind):
                    self.trunk.transaction_failed(key, kind, now)
        self.sent += [send.data.decode() for send in self.stack.sends()]

    def wait(self) -> float:
        """Until the next alarm, which rings."""
        due = self.board.alarms.next_timeout()
        assert due is not None
        for line, name in self.board.alarms.due(due):
            line.alarm(name, due)
        self.events(due)
        return due


def test_a_static_trunk_without_probes_is_up_and_asks_nothing() -> None:
    line = Line(STATIC)
    assert line.trunk.up
    assert line.sent == []
    assert line.board.alarms.next_timeout() is None
    assert line.trunk.snapshot().registered is None


def test_registration_goes_up_and_is_refreshed_before_it_expires() -> None:
    line = Line(REGISTERING)
    assert not line.trunk.up
    line.respond("200 OK", "Contact: <sip:acct@192.0.2.1:5060>;expires=100")
    assert line.trunk.up
    assert line.told == [TrunkChanged("carrier", up=True, detail="registered")]
    assert 60.0 <= line.wait() <= 80.1
    assert len(line.sent) == 2
    assert parse_message(line.sent[1].encode()).call_id == parse_message(line.sent[0].encode()).call_id


@pytest.mark.parametrize(("extra", "granted"), [("Expires: 50", 50.0), ("", 300.0), ("Contact: <sip:[bad", 300.0)])
def test_what_was_granted(extra: str, granted: float) -> None:
    line = Line(REGISTERING)
    response = parse_message(answer(line.sent[0], "200 OK", extra="X: y").encode())
    for field in [extra] if extra else []:
        name, _, value = field.partition(": ")
        response.headers.set(name, value)
    assert not hasattr(response, "method")
    assert line.trunk._granted(response) == granted


def test_a_challenge_is_answered() -> None:
    line = Line(REGISTERING)
    line.respond("401 Auth", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    assert "Authorization: Digest" in line.sent[-1]
    assert str(line.trunk.registration) == "trying"
    line.respond("401 Auth", 'WWW-Authenticate: Digest realm="r", nonce="m", qop="auth"')
    assert line.trunk.registration is Registration.FAILED


def test_failures_back_off_with_jitter_and_retry_after_counts() -> None:
    line = Line(REGISTERING)
    line.respond("503 No", "Retry-After: 77;duration=5", now=0.0)
    assert line.wait() == 77.0
    line.respond("403 No", now=77.0)
    assert 77.0 + 5.0 <= line.wait() <= 77.0 + 10.0
    assert "403" in line.trunk.snapshot().detail


def test_no_answer_to_a_register_is_a_failure() -> None:
    line = Line(REGISTERING)
    line.stack.handle_timeout(40.0)
    line.events(40.0)
    assert line.trunk.registration is Registration.FAILED
    assert not line.board.clients


def test_423_is_obeyed_unless_absurd() -> None:
    line = Line(REGISTERING)
    line.respond("423 Brief", "Min-Expires: 900")
    assert "Expires: 900" in line.sent[-1]
    line.respond("423 Brief", "Min-Expires: 99999999")
    assert line.trunk.registration is Registration.FAILED


def test_probes_decide_and_are_not_piled_up() -> None:
    line = Line(PROBED)
    assert line.sent[0].startswith("OPTIONS sip:carrier.example")
    assert 54.0 <= line.wait() <= 66.0
    assert len(line.sent) == 1  # the first is still under way
    line.respond("503 No")
    assert not line.trunk.up
    line.wait()
    line.respond("405 No")
    assert line.trunk.up
    assert [change.up for change in line.told] == [False, True]


def test_a_probe_that_succeeds_again_registers_at_once() -> None:
    line = Line(replace(REGISTERING, options_interval=60.0))
    register, options = line.sent
    line.stack.receive(answer(register, "503 No").encode(), FROM_CARRIER, 0.0)
    line.stack.receive(answer(options, "503 No").encode(), FROM_CARRIER, 0.0)
    line.events(0.0)
    while not line.sent[-1].startswith("OPTIONS") or len(line.sent) == 2:
        now = line.wait()
        if line.sent[-1].startswith("REGISTER"):
            line.respond("503 No", now=now)
    before = len(line.sent)
    line.respond("200 OK", now=now)
    assert line.sent[before].startswith("REGISTER")


def test_a_trunk_no_binding_reaches() -> None:
    line = Line(replace(REGISTERING, address=SocketAddress("2001:db8::1", 5060), options_interval=60.0))
    assert not line.trunk.up
    assert line.sent == []
    assert "no udp binding" in line.trunk.snapshot().detail


def test_our_name_there() -> None:
    assert Line(STATIC).trunk.contact_user == "skryba"
    assert Line(REGISTERING).trunk.contact_user == "acct"
