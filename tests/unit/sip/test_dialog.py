"""Dialogs: made from either side, numbering and addressing requests, loose and strict routes."""

import pytest

from skryba.errors import ParseError
from skryba.sip.dialog import Dialog
from skryba.sip.message import Request, Response, response_to
from tests.support.virtual_stack import received, request

ROUTES = ("<sip:p1.example;lr>", "<sip:p2.example:5070;lr;x=1>")


def ok(
    to: Request, *, status: int = 200, routes: tuple[str, ...] = (), contact: str | None = "<sip:piotr@10.9.9.9>"
) -> Response:
    made = response_to(to, status, to_tag="theirs")
    for route in routes:
        made.headers.add("Record-Route", route)
    if contact:
        made.headers.add("Contact", contact)
    return made


def uac(routes: tuple[str, ...] = (), status: int = 200) -> Dialog:
    return Dialog.as_uac(request(cseq=5), ok(request(cseq=5), status=status, routes=routes))


def uas(routes: tuple[str, ...] = ()) -> Dialog:
    invite = received(cseq=5)
    for route in routes:
        invite.headers.add("Record-Route", route)
    return Dialog.as_uas(invite, response_to(invite, 200, to_tag="ours"))


class TestBirth:
    def test_ours_by_their_answer(self) -> None:
        dialog = uac(ROUTES)
        assert dialog.key == ("call-1", "a1", "theirs")
        assert (str(dialog.local), str(dialog.remote)) == (
            "<sip:anna@example.net>;tag=a1",
            "<sip:piotr@example.net>;tag=theirs",
        )
        assert str(dialog.remote_target) == "sip:piotr@10.9.9.9"
        assert [str(route) for route in dialog.route_set] == list(reversed(ROUTES))
        assert (dialog.local_cseq, dialog.remote_cseq, dialog.confirmed) == (5, None, True)

    def test_theirs_by_our_answer(self) -> None:
        dialog = uas(ROUTES)
        assert dialog.key == ("call-1", "ours", "a1")
        assert str(dialog.local) == "<sip:piotr@example.net>;tag=ours"
        assert str(dialog.remote_target) == "sip:anna@192.0.2.1"
        assert [str(route) for route in dialog.route_set] == list(ROUTES)
        assert (dialog.local_cseq, dialog.remote_cseq, dialog.confirmed) == (0, 5, True)

    def test_both_ends_name_it_mirrored(self) -> None:
        invite = received()
        answer = response_to(invite, 200, to_tag="ours")
        here, there = Dialog.as_uas(invite, answer), Dialog.as_uac(invite, answer)
        assert (here.local_tag, here.remote_tag) == (there.remote_tag, there.local_tag)

    def test_messages_find_it(self) -> None:
        theirs = uas()
        assert Dialog.key_of(received("BYE", to_tag="ours"), from_is_remote=True) == theirs.key
        ours = uac()
        assert Dialog.key_of(ok(request()), from_is_remote=False) == ours.key

    def test_a_missing_tag_is_the_null_tag(self) -> None:
        old = received()
        old.headers.set("From", "<sip:anna@example.net>")
        dialog = Dialog.as_uas(old, response_to(old, 200, to_tag="ours"))
        assert dialog.key == ("call-1", "ours", "")
        assert dialog.request("BYE").headers.get("To") == "<sip:anna@example.net>"
        bye = received("BYE", to_tag="ours")
        bye.headers.set("From", "<sip:anna@example.net>")
        assert Dialog.key_of(bye, from_is_remote=True) == dialog.key

    def test_without_contact_requests_go_where_the_first_one_went(self) -> None:
        early = Dialog.as_uac(request(), ok(request(), status=180, contact=None))
        assert str(early.remote_target) == "sip:piotr@example.net"
        invite = received()
        invite.headers.remove("Contact")
        assert str(Dialog.as_uas(invite, response_to(invite, 200)).remote_target) == "sip:anna@example.net"

    def test_a_broken_contact_is_their_fault(self) -> None:
        with pytest.raises(ParseError):
            Dialog.as_uac(request(), ok(request(), contact="<sip:"))

    def test_the_2xx_decides_the_route_of_an_early_dialog(self) -> None:
        dialog = uac(ROUTES, status=180)
        assert not dialog.confirmed
        dialog.confirm(ok(request(), routes=("<sip:p9.example;lr>",), contact="<sip:piotr@10.8.8.8>"))
        assert dialog.confirmed
        assert [str(route) for route in dialog.route_set] == ["<sip:p9.example;lr>"]
        assert str(dialog.remote_target) == "sip:piotr@10.8.8.8"
        dialog.confirm(ok(request(), routes=ROUTES, contact="<sip:piotr@10.7.7.7>"))
        assert [str(route) for route in dialog.route_set] == ["<sip:p9.example;lr>"], "later ones move the target only"
        assert str(dialog.remote_target) == "sip:piotr@10.7.7.7"


class TestRequest:
    def test_without_routes_it_goes_to_the_target(self) -> None:
        bye = uac().request("BYE")
        assert (bye.method, bye.uri) == ("BYE", "sip:piotr@10.9.9.9")
        assert list(bye.headers) == [
            ("Max-Forwards", "70"),
            ("From", "<sip:anna@example.net>;tag=a1"),
            ("To", "<sip:piotr@example.net>;tag=theirs"),
            ("Call-ID", "call-1"),
            ("CSeq", "6 BYE"),
        ]

    def test_each_counts_one_up(self) -> None:
        dialog = uac()
        assert [str(dialog.request(method).cseq) for method in ("INVITE", "INFO", "BYE")] == [
            "6 INVITE",
            "7 INFO",
            "8 BYE",
        ]
        assert str(uas().request("BYE").cseq) == "1 BYE"

    def test_the_contact_is_the_caller_s_to_give(self) -> None:
        assert uac().request("INVITE", contact="<sip:me@192.0.2.1>").headers.get("Contact") == "<sip:me@192.0.2.1>"

    def test_loose_routes_stand_in_route_headers(self) -> None:
        dialog = uas(ROUTES)
        bye = dialog.request("BYE")
        assert bye.uri == "sip:anna@192.0.2.1"
        assert bye.headers.get_all("Route") == list(ROUTES)
        assert str(dialog.next_hop()) == "sip:p1.example;lr"

    def test_a_strict_router_becomes_the_request_uri_and_the_target_the_last_route(self) -> None:
        dialog = uas(("<sip:old.example;method=INVITE;maddr=10.0.0.1?subject=x>", "<sip:p2.example;lr>"))
        bye = dialog.request("BYE")
        assert bye.uri == "sip:old.example;maddr=10.0.0.1"
        assert bye.headers.get_all("Route") == ["<sip:p2.example;lr>", "<sip:anna@192.0.2.1>"]
        assert dialog.next_hop().host == "old.example"

    def test_without_routes_the_next_hop_is_the_target(self) -> None:
        assert str(uac().next_hop()) == "sip:piotr@10.9.9.9"

    def test_the_target_moves_with_their_contact(self) -> None:
        dialog = uac()
        dialog.refresh_target(received("INVITE", to_tag="a1"))
        assert dialog.request("BYE").uri == "sip:anna@192.0.2.1"
        dialog.refresh_target(ok(request(), contact=None))
        assert dialog.request("BYE").uri == "sip:anna@192.0.2.1", "no Contact, no change"


class TestAck:
    def test_it_has_the_number_of_its_invite_and_counts_nothing_up(self) -> None:
        dialog = uac(ROUTES)
        invite = dialog.request("INVITE")
        dialog.request("INFO")
        ack = dialog.ack(invite.cseq.number)
        assert (ack.method, ack.uri, str(ack.cseq)) == ("ACK", "sip:piotr@10.9.9.9", "6 ACK")
        assert ack.headers.get_all("Route") == list(reversed(ROUTES))
        assert str(dialog.request("BYE").cseq) == "8 BYE"

    def test_it_carries_the_credentials_of_its_invite(self) -> None:
        ack = uac().ack(5, contact="<sip:me@192.0.2.1>", credentials=[("Proxy-Authorization", "Digest x")])
        assert ack.headers.get("Proxy-Authorization") == "Digest x"
        assert ack.headers.get("Contact") == "<sip:me@192.0.2.1>"


class TestAccept:
    def test_numbers_may_stay_or_rise_by_any_step_but_not_fall(self) -> None:
        dialog = uas()
        assert dialog.accept(received("INFO", cseq=6))
        assert dialog.accept(received("INFO", cseq=90))
        assert not dialog.accept(received("BYE", cseq=89))
        assert dialog.remote_cseq == 90, "a refused number changes nothing"
        assert dialog.accept(received("BYE", cseq=90))

    def test_ack_and_cancel_have_the_number_of_their_invite(self) -> None:
        dialog = uas()
        dialog.accept(received("INFO", cseq=9))
        assert dialog.accept(received("ACK", cseq=5))
        assert dialog.accept(received("CANCEL", cseq=5))
        assert dialog.remote_cseq == 9

    def test_their_first_request_in_our_dialog_sets_the_number(self) -> None:
        dialog = uac()
        assert dialog.accept(received("BYE", cseq=1))
        assert dialog.remote_cseq == 1
