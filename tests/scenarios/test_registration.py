"""Registration of stations: several contacts, expiry, Path, NAT, and what is refused."""

import pytest

from skryba.b2bua.notices import RegistrationChanged
from skryba.sip.digest import Challenge, answer
from skryba.terms import SocketAddress
from tests.support.phone import Phone
from tests.support.stage import ALICE, NEVER, Stage

ELSEWHERE = SocketAddress("198.51.100.77", 6000)


def contacts(stage: Stage) -> list[str]:
    return [contact.uri for contact in stage.agent.registrations(stage.now).get("101", ())]


def test_a_phone_registers_and_is_told_its_contact_and_expiry() -> None:
    stage = Stage(NEVER)
    stage.alice.register(600)
    stage.run(1)
    (told,) = stage.alice.answers
    assert told.status == 200
    assert told.headers.get_all("Contact") == ["<sip:101@198.51.100.11:5062>;expires=600"]
    (changed,) = stage.of_notice("RegistrationChanged")
    assert isinstance(changed, RegistrationChanged)
    assert [(c.uri, c.source) for c in changed.contacts] == [("sip:101@198.51.100.11:5062", ALICE)]


def test_it_expires_and_says_so() -> None:
    stage = Stage(NEVER)
    stage.alice.register(90)
    stage.run(1)
    assert contacts(stage)
    stage.run(92)
    assert not contacts(stage)
    assert [len(n.contacts) for n in stage.notices if isinstance(n, RegistrationChanged)] == [1, 0]
    assert stage.agent.next_timeout() is None


def test_a_refresh_is_no_change_but_moves_the_expiry() -> None:
    stage = Stage(NEVER)
    stage.alice.register(90)
    stage.run(60)
    stage.alice.register(90, cseq=5)
    stage.run(60)
    assert contacts(stage)
    assert len(stage.of_notice("RegistrationChanged")) == 1


def test_two_phones_of_one_station_and_one_goes() -> None:
    stage = Stage(NEVER)
    second = stage.add(Phone("101", ELSEWHERE, password="secret101"))
    stage.alice.register()
    second.register()
    stage.run(1)
    assert len(contacts(stage)) == 2
    assert len(second.answers[0].headers.get_all("Contact")) == 2
    stage.alice.register(0, cseq=9)
    stage.run(1)
    assert contacts(stage) == ["sip:101@198.51.100.77:6000"]


def test_star_takes_all_away_and_only_with_expires_0() -> None:
    stage = Stage(NEVER).registered()
    stage.alice.register(60, contact="*", cseq=5)
    stage.run(1)
    assert stage.alice.answers[-1].status == 400
    assert contacts(stage)
    stage.alice.register(0, contact="*", cseq=7)
    stage.run(1)
    assert stage.alice.answers[-1].status == 200
    assert not stage.alice.answers[-1].headers.get_all("Contact")
    assert not contacts(stage)


def test_too_short_is_a_423_with_the_least() -> None:
    stage = Stage(NEVER)
    stage.alice.register(10)
    stage.run(1)
    assert stage.alice.answers[-1].status == 423
    assert stage.alice.answers[-1].headers.get("Min-Expires") == "60"
    assert not contacts(stage)


def test_too_long_is_cut() -> None:
    stage = Stage(NEVER)
    stage.alice.register(86400)
    stage.run(1)
    assert "expires=3600" in (stage.alice.answers[-1].headers.get("Contact") or "")


def test_a_question_without_contact_lists_what_is_there() -> None:
    stage = Stage(NEVER).registered()
    stage.alice.send("REGISTER", call_id="101zz11question")
    stage.run(1)
    assert len(stage.alice.answers[-1].headers.get_all("Contact")) == 1
    assert contacts(stage)


def test_an_old_cseq_of_the_same_registration_is_refused() -> None:
    stage = Stage(NEVER)
    stage.alice.register(cseq=20)
    stage.run(1)
    stage.alice.register(0, cseq=3)
    stage.run(1)
    assert stage.alice.answers[-1].status == 500
    assert contacts(stage)


def test_behind_nat_the_call_goes_where_the_register_came_from() -> None:
    stage = Stage(NEVER).registered()
    stage.alice.register(contact="<sip:101@10.1.2.3:5060>", cseq=9)
    stage.alice.register(0, cseq=12)
    stage.run(1)
    stage.bob.call("101")
    stage.run(1)
    (bell,) = stage.alice.calls
    assert bell.invite.uri == "sip:101@10.1.2.3:5060"
    bell.answer()
    stage.run(1)
    bell.hang_up()
    stage.settle()


def test_path_is_kept_and_becomes_the_route() -> None:
    stage = Stage(NEVER)
    stage.bob.register()
    stage.alice.register(headers=(("Path", "<sip:edge.example;lr>"), ("Supported", "path")))
    stage.run(1)
    assert stage.alice.answers[-1].headers.get("Path") == "<sip:edge.example;lr>"
    stage.bob.call("101")
    stage.run(1)
    assert stage.alice.calls[0].invite.headers.get("Route") == "<sip:edge.example;lr>"
    stage.alice.calls[0].refuse(486)
    stage.settle()


def test_path_without_support_is_a_421() -> None:
    stage = Stage(NEVER)
    stage.alice.register(headers=(("Path", "<sip:edge.example;lr>"),))
    stage.run(1)
    assert stage.alice.answers[-1].status == 421
    assert stage.alice.answers[-1].headers.get("Require") == "path"


def test_at_most_ten_contacts() -> None:
    stage = Stage(NEVER)
    for number in range(11):
        stage.alice.register(contact=f"<sip:101@198.51.100.11:{6000 + number}>", cseq=1 + 2 * number)
        stage.run(1)
    assert [answer.status for answer in stage.alice.answers] == [200] * 10 + [403]
    assert len(contacts(stage)) == 10


@pytest.mark.parametrize(("name", "password"), [("101", "wrong"), ("999", "secret101")])
def test_a_wrong_password_and_an_unknown_user_look_alike(name: str, password: str) -> None:
    stage = Stage(NEVER)
    stranger = stage.add(Phone(name, ELSEWHERE, password=password))
    stranger.register()
    stage.run(1)
    assert [answer.status for answer in stranger.answers] == [403]
    assert not stage.of_notice("RegistrationChanged")


def test_nobody_registers_for_another() -> None:
    stage = Stage(NEVER)
    stage.alice.send("REGISTER", to="<sip:102@skryba.test>", headers=(("Contact", "<sip:102@198.51.100.11>"),))
    stage.run(1)
    assert stage.alice.answers[-1].status == 403


def test_a_stale_nonce_is_challenged_again_and_not_refused() -> None:
    stage = Stage(NEVER)
    stage.alice.password = ""
    stage.alice.register()
    stage.run(1)
    challenge = Challenge.parse(stage.alice.answers[0].headers.get("WWW-Authenticate") or "")
    stage.run(400)
    credentials = answer(
        challenge, method="REGISTER", uri="sip:skryba.test", username="101", password="secret101", cnonce="x", nc=1
    )
    stage.alice.register(headers=(("Authorization", str(credentials)),), cseq=5)
    stage.run(1)
    again = stage.alice.answers[-1]
    assert again.status == 401
    assert Challenge.parse(again.headers.get("WWW-Authenticate") or "").stale


def test_a_replayed_answer_does_not_register() -> None:
    stage = Stage(NEVER)
    stage.alice.password = ""
    stage.alice.register()
    stage.run(1)
    challenge = Challenge.parse(stage.alice.answers[0].headers.get("WWW-Authenticate") or "")
    credentials = answer(
        challenge, method="REGISTER", uri="sip:skryba.test", username="101", password="secret101", cnonce="x", nc=1
    )
    for cseq in (5, 7):
        stage.alice.register(headers=(("Authorization", str(credentials)),), cseq=cseq)
        stage.run(1)
    assert [answer.status for answer in stage.alice.answers] == [401, 200, 401]


def test_a_connection_that_breaks_takes_its_contacts_along() -> None:
    stage = Stage(NEVER)
    phone = stage.add(Phone("101", ELSEWHERE, password="secret101", transport="tcp"))
    phone.register()
    stage.run(1)
    assert contacts(stage)
    stage.agent.transport_failed(phone.flow.__class__("tcp", phone.proxy, phone.address), stage.now)
    assert not contacts(stage)


def test_an_invite_without_password_rings_nobody() -> None:
    stage = Stage(NEVER).registered()
    stranger = stage.add(Phone("101", ELSEWHERE))
    call = stranger.call("+48600123456")
    nobody = stage.add(Phone("777", ELSEWHERE._replace(host="198.51.100.78"), password="x"))
    other = nobody.call("102")
    stage.run(1)
    assert call.final == 401
    assert other.final == 403
    assert not stage.carrier.calls
    assert not stage.bob.calls
    stage.settle()
