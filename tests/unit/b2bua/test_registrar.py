"""Registrar: contacts by RFC 3261 §10.3, all of a request or nothing."""

import pytest

from skryba.b2bua.notices import RegistrationChanged
from skryba.b2bua.registrar import Registrar
from skryba.sip.events import Flow
from skryba.sip.message import Response
from skryba.terms import SocketAddress
from tests.support.room import OURS, message
from tests.support.stage import settings

FLOW = Flow("udp", OURS, SocketAddress("198.51.100.11", 5062))
ONE, TWO = "<sip:101@198.51.100.11:5062>", "<sip:101@198.51.100.12:5062>"


class Book:
    """A registrar and what it told."""

    def __init__(self) -> None:
        self.told: list[RegistrationChanged] = []
        self.registrar = Registrar(settings(), self.told.append)
        self.cseq = 0

    def register(
        self,
        contact: str | None,
        *,
        expires: int | None = 600,
        now: float = 0.0,
        extra: str = "",
        flow: Flow = FLOW,
        cseq: int | None = None,
    ) -> Response:
        self.cseq += 1
        lines = [f"Contact: {contact}"] if contact else []
        lines += [f"Expires: {expires}"] if expires is not None else []
        lines += [extra] if extra else []
        request = message("REGISTER", "sip:skryba.test", extra="\r\n".join(lines) or "X: y", cseq=cseq or self.cseq)
        return self.registrar.register("101", request, flow, now, "t")

    def uris(self, now: float = 0.0) -> list[str]:
        return [str(contact.uri) for contact in self.registrar.lookup("101", now)]


def test_two_contacts_in_one_request_each_with_its_own_expiry() -> None:
    book = Book()
    response = book.register(f"{ONE};expires=100, {TWO}")
    assert sorted(response.headers.get_all("Contact")) == [
        "<sip:101@198.51.100.11:5062>;expires=100",
        "<sip:101@198.51.100.12:5062>;expires=600",
    ]
    assert len(book.uris(99.0)) == 2
    assert book.uris(101.0) == ["sip:101@198.51.100.12:5062"]


def test_the_default_hour_and_the_longest() -> None:
    book = Book()
    assert "expires=3600" in (book.register(ONE, expires=None).headers.get("Contact") or "")
    assert "expires=3600" in (book.register(ONE, expires=999999).headers.get("Contact") or "")


def test_all_or_nothing() -> None:
    book = Book()
    assert book.register(f"{ONE}, {TWO};expires=5").status == 423
    assert book.register(f"{ONE}, <mailto:x@y>").status == 400
    assert book.uris() == []
    assert book.told == []


def test_preference_then_youth_order_the_contacts() -> None:
    book = Book()
    book.register(f"{ONE};q=0.5")
    book.register(f"{TWO};q=0.9", now=1.0)
    book.register("<sip:101@198.51.100.13>;q=bad", now=2.0)
    assert [uri.partition("@")[2] for uri in book.uris(3.0)] == [
        "198.51.100.13",
        "198.51.100.12:5062",
        "198.51.100.11:5062",
    ]


def test_refreshed_by_an_equal_uri_in_other_writing() -> None:
    book = Book()
    book.register("<sip:101@Phone.example:5062>")
    book.register("<sip:101@phone.EXAMPLE:5062>", now=10.0)
    assert len(book.uris(20.0)) == 1


def test_star() -> None:
    book = Book()
    book.register(ONE)
    assert book.register("*", expires=5).status == 400
    assert book.register("*", expires=0, cseq=1).status == 500
    assert book.register("*", expires=0).status == 200
    assert book.uris() == []
    assert [len(change.contacts) for change in book.told] == [1, 0]


def test_expiry_wakes_us_once_and_tells() -> None:
    book = Book()
    book.register(ONE, expires=100)
    book.register(ONE, expires=300, now=50.0)
    assert book.registrar.next_timeout() == 100.0
    book.registrar.handle_timeout(100.0)
    assert len(book.told) == 1
    book.registrar.handle_timeout(350.0)
    assert len(book.told) == 2
    assert book.registrar.next_timeout() is None
    assert len(book.registrar) == 0


def test_refreshes_without_end_do_not_fill_the_memory() -> None:
    book = Book()
    for number in range(2000):
        book.register(ONE, now=number * 1.0)
    assert len(book.registrar._due) < 200


def test_a_question_changes_nothing() -> None:
    book = Book()
    book.register(ONE)
    assert len(book.register(None).headers.get_all("Contact")) == 1
    assert len(book.told) == 1


def test_path_is_told_back() -> None:
    book = Book()
    response = book.register(ONE, extra="Path: <sip:edge;lr>\r\nSupported: path")
    assert (response.headers.get("Path"), response.headers.get("Supported")) == ("<sip:edge;lr>", "path")
    assert book.registrar.lookup("101", 0.0)[0].paths == ("<sip:edge;lr>",)
    assert book.register(TWO, extra="Path: <sip:edge;lr>").status == 421


@pytest.mark.parametrize(("transport", "left"), [("tcp", 0), ("udp", 1)])
def test_a_broken_connection_takes_its_contacts(transport: str, left: int) -> None:
    book = Book()
    flow = Flow(transport, OURS, FLOW.remote)  # type: ignore[arg-type]
    book.register(ONE, flow=flow)
    book.registrar.flow_failed(flow, 1.0)
    assert len(book.uris(1.0)) == left


def test_a_contact_that_cannot_be_read() -> None:
    assert Book().register("<sip:101@[bad").status == 400


def test_the_register_of_all_stations() -> None:
    book = Book()
    book.register(ONE)
    (contact,) = book.registrar.stations(0.0)["101"]
    assert contact.source == FLOW.remote
    assert book.registrar.stations(10_000.0) == {}
