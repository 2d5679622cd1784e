"""Offer and answer: states, legality, what was agreed, and answers of our own."""

from pathlib import Path

import pytest

from skryba.errors import NegotiationError, StateError
from skryba.sdp.description import Direction, Origin, RtpMap, SessionDescription
from skryba.sdp.negotiation import (
    HeldBy,
    NegotiatedAudio,
    OfferAnswer,
    OfferState,
    answer_locally,
    check_answer,
    offer_locally,
)
from skryba.terms import SocketAddress

DATA = Path(__file__).parents[2] / "data" / "sdp"
ORIGIN = Origin("-", "7", "1", "IN", "IP4", "198.51.100.1")
PCMA, PCMU = RtpMap(8, "PCMA", 8000), RtpMap(0, "PCMU", 8000)


def described(*media: str, host: str = "192.0.2.1") -> SessionDescription:
    family = "IP6" if ":" in host else "IP4"
    head = f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
    return SessionDescription.parse(head + "".join(f"{line}\r\n" for line in media))


def sample(name: str) -> SessionDescription:
    return SessionDescription.parse((DATA / f"{name}.sdp").read_bytes())


def answered(offer: SessionDescription, supported: tuple[str, ...] = ("PCMA/8000", "PCMU/8000")) -> SessionDescription:
    return answer_locally(offer, address="198.51.100.1", port=20000, origin=ORIGIN, supported=supported)


def offered(direction: Direction = Direction.SENDRECV) -> SessionDescription:
    return offer_locally(address="198.51.100.1", port=20000, origin=ORIGIN, codecs=[PCMA, PCMU], direction=direction)


def lines(description: SessionDescription) -> list[str]:
    return str(description).split("\r\n")[:-1]


def after(local: SessionDescription, remote: SessionDescription, *, we_offered: bool = False) -> NegotiatedAudio | None:
    exchange = OfferAnswer()
    if we_offered:
        exchange.send_offer(local)
        exchange.receive_answer(remote)
    else:
        exchange.receive_offer(remote)
        exchange.send_answer(local)
    return exchange.audio


# ---- states ----


def test_their_offer_our_answer() -> None:
    exchange, offer = OfferAnswer(), described("m=audio 4000 RTP/AVP 8")
    exchange.receive_offer(offer)
    assert (exchange.state, exchange.local, exchange.remote) == (OfferState.OFFER_RECEIVED, None, None)
    answer = answered(offer)
    exchange.send_answer(answer)
    assert (exchange.state, exchange.local, exchange.remote) == (OfferState.STABLE, answer, offer)


def test_our_offer_their_answer() -> None:
    exchange, offer, answer = OfferAnswer(), offered(), described("m=audio 4000 RTP/AVP 8")
    exchange.send_offer(offer)
    assert exchange.state is OfferState.OFFER_SENT
    exchange.receive_answer(answer)
    assert (exchange.state, exchange.local, exchange.remote) == (OfferState.STABLE, offer, answer)


def test_a_rejected_offer_leaves_what_was() -> None:
    exchange, first = OfferAnswer(), described("m=audio 4000 RTP/AVP 8")
    exchange.receive_offer(first)
    exchange.send_answer(answered(first))
    before = exchange.local, exchange.remote, exchange.audio
    exchange.receive_offer(described("m=audio 5000 RTP/AVP 18"))
    exchange.reject()
    assert (exchange.local, exchange.remote, exchange.audio) == before
    assert exchange.state is OfferState.STABLE


def test_misuse_is_ours() -> None:
    exchange, offer = OfferAnswer(), described("m=audio 4000 RTP/AVP 8")
    with pytest.raises(StateError):
        exchange.send_answer(offer)
    with pytest.raises(StateError):
        exchange.receive_answer(offer)
    with pytest.raises(StateError):
        exchange.reject()
    exchange.receive_offer(offer)
    for misuse in (exchange.receive_offer, exchange.send_offer, exchange.receive_answer):
        with pytest.raises(StateError):
            misuse(offer)


def test_an_illegal_answer_leaves_the_offer_open() -> None:
    exchange = OfferAnswer()
    exchange.send_offer(offered())
    with pytest.raises(NegotiationError):
        exchange.receive_answer(described())
    assert exchange.state is OfferState.OFFER_SENT
    exchange.receive_answer(described("m=audio 4000 RTP/AVP 8"))
    assert exchange.audio is not None


def test_a_later_offer_keeps_all_streams() -> None:
    exchange, offer = OfferAnswer(), described("m=audio 4000 RTP/AVP 8", "m=video 0 RTP/AVP 31")
    exchange.receive_offer(offer)
    exchange.send_answer(answered(offer))
    with pytest.raises(NegotiationError, match="fewer streams"):
        exchange.receive_offer(described("m=audio 4000 RTP/AVP 8"))
    exchange.receive_offer(described("m=audio 4000 RTP/AVP 8", "m=video 0 RTP/AVP 31", "m=image 9 udptl t38"))


# ---- legality of answers ----


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (["m=audio 4000 RTP/AVP 8"], []),
        (["m=audio 4000 RTP/AVP 8"], ["m=audio 4 RTP/AVP 8", "m=video 0 RTP/AVP 31"]),
        (["m=audio 4000 RTP/AVP 8", "m=video 6 RTP/AVP 31"], ["m=video 6 RTP/AVP 31", "m=audio 4 RTP/AVP 8"]),
        (["m=audio 4000 RTP/AVP 8"], ["m=audio 5000 RTP/AVP 0"]),
        (["m=audio 0 RTP/AVP 8"], ["m=audio 5000 RTP/AVP 8"]),
        (["m=audio 4000 RTP/SAVP 8"], ["m=audio 5000 RTP/AVP 8"]),
        (["m=audio 4000 RTP/AVP 8", "a=sendonly"], ["m=audio 5000 RTP/AVP 8"]),
        (["m=audio 4000 RTP/AVP 8", "a=sendonly"], ["m=audio 5000 RTP/AVP 8", "a=sendonly"]),
        (["m=audio 4000 RTP/AVP 8", "a=recvonly"], ["m=audio 5000 RTP/AVP 8", "a=recvonly"]),
        (["m=audio 4000 RTP/AVP 8", "a=inactive"], ["m=audio 5000 RTP/AVP 8", "a=sendonly"]),
        (["m=audio 4000 RTP/AVP 8", "a=inactive"], ["m=audio 5000 RTP/AVP 8", "a=recvonly"]),
    ],
)
def test_illegal_answers(offer: list[str], answer: list[str]) -> None:
    with pytest.raises(NegotiationError):
        check_answer(described(*offer), described(*answer))


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ([], []),
        (["m=audio 4000 RTP/AVP 8"], ["m=audio 0 RTP/AVP 18"]),
        (["m=audio 0 RTP/AVP 8"], ["m=audio 0 RTP/AVP 8"]),
        (["m=audio 4000 RTP/AVP 8"], ["m=audio 5000 RTP/AVP 8 18"]),  # §6.1: more than was offered may stand there
        (["m=audio 4 RTP/AVP 96", "a=rtpmap:96 opus/48000/2"], ["m=audio 5 RTP/AVP 111", "a=rtpmap:111 opus/48000/2"]),
        (["m=audio 4000 RTP/AVP 8", "a=sendonly"], ["m=audio 5000 RTP/AVP 8", "a=recvonly"]),
        (["m=audio 4000 RTP/AVP 8", "a=sendonly"], ["m=audio 5000 RTP/AVP 8", "a=inactive"]),
        (["m=audio 4000 RTP/AVP 8", "a=recvonly"], ["m=audio 5000 RTP/AVP 8", "a=sendonly"]),
        (["m=audio 4000 RTP/AVP 8"], ["m=audio 5000 RTP/AVP 8", "a=inactive"]),
        (["m=image 4000 udptl t38"], ["m=image 5000 UDPTL T38"]),
    ],
)
def test_legal_answers(offer: list[str], answer: list[str]) -> None:
    exchange = OfferAnswer()
    exchange.send_offer(described(*offer))
    exchange.receive_answer(described(*answer))
    assert exchange.state is OfferState.STABLE


# ---- what was agreed ----


def test_agreed_audio_when_we_offered() -> None:
    answer = described(
        "m=audio 4000 RTP/AVP 0 8 96", "a=rtpmap:96 telephone-event/8000", "a=rtcp:4009", "a=ptime:30", host="192.0.2.5"
    )
    assert after(offered(), answer, we_offered=True) == NegotiatedAudio(
        index=0,
        remote=SocketAddress("192.0.2.5", 4000),
        remote_rtcp=SocketAddress("192.0.2.5", 4009),
        payload_types={8: PCMA, 0: PCMU, 101: RtpMap(101, "telephone-event", 8000)},
        send_codec=PCMU,
        dtmf_pt=101,
        direction=Direction.SENDRECV,
        held_by=HeldBy.NOBODY,
        ptime=30,
    )


def test_only_common_codecs_are_agreed_and_numbers_are_the_receivers() -> None:
    offer = described("m=audio 4 RTP/AVP 18 97 8 13", "a=rtpmap:97 L16/8000")
    answer = described("m=audio 5 RTP/AVP 13 8 100", "a=rtpmap:100 L16/8000", host="198.51.100.1")
    audio = after(answer, offer)
    assert audio is not None
    assert {number: str(codec) for number, codec in audio.payload_types.items()} == {
        13: "CN/8000",
        8: "PCMA/8000",
        100: "L16/8000",
    }
    assert audio.send_codec == RtpMap(97, "L16", 8000)
    assert audio.dtmf_pt is None
    assert audio.ptime is None


def test_nothing_but_events_leaves_nothing_to_send() -> None:
    events = ("m=audio 4 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000")
    audio = after(described(*events), described(*events))
    assert audio is not None
    assert audio.send_codec is None
    assert audio.dtmf_pt == 101


def test_no_audio_after_a_refusal_or_a_change_to_fax() -> None:
    assert after(described("m=audio 0 RTP/AVP 8"), described("m=audio 4 RTP/AVP 8")) is None
    assert after(described("m=image 5 udptl t38"), described("m=image 4 udptl t38")) is None


def test_the_open_stream_may_be_the_second() -> None:
    offer = sample("best-effort-srtp")
    audio = after(answered(offer), offer)
    assert audio is not None
    assert audio.index == 1
    assert audio.remote == SocketAddress("192.0.2.31", 11786)


def test_a_changed_port_is_followed() -> None:
    exchange = OfferAnswer()
    remotes = []
    for name in ("late-port-1-first", "late-port-2-moved"):
        exchange.receive_offer(sample(name))
        exchange.send_answer(answered(sample(name)))
        assert exchange.audio is not None
        remotes.append(exchange.audio.remote)
    assert remotes == [SocketAddress("192.0.2.16", 18000), SocketAddress("192.0.2.16", 18044)]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("2001:db8::1", SocketAddress("2001:db8::1", 4)),
        ("0.0.0.0", None),
        ("phone.example.net", None),
    ],
)
def test_remote_address(host: str, expected: SocketAddress | None) -> None:
    audio = after(offered(), described("m=audio 4 RTP/AVP 8", host=host), we_offered=True)
    assert audio is not None
    assert audio.remote == expected


@pytest.mark.parametrize(
    ("theirs", "host", "ours", "direction", "held_by"),
    [
        ("sendrecv", "192.0.2.1", "sendrecv", "sendrecv", HeldBy.NOBODY),
        ("sendonly", "192.0.2.1", "recvonly", "recvonly", HeldBy.REMOTE),
        ("inactive", "192.0.2.1", "inactive", "inactive", HeldBy.REMOTE),
        ("recvonly", "192.0.2.1", "sendonly", "sendonly", HeldBy.REMOTE),
        ("sendrecv", "0.0.0.0", "recvonly", "recvonly", HeldBy.REMOTE),
        ("sendonly", "192.0.2.1", "inactive", "inactive", HeldBy.BOTH),
        ("sendrecv", "192.0.2.1", "sendonly", "sendonly", HeldBy.LOCAL),
    ],
)
def test_who_holds_in_their_offer(theirs: str, host: str, ours: str, direction: str, held_by: HeldBy) -> None:
    remote = described("m=audio 4 RTP/AVP 8", f"a={theirs}", host=host)
    audio = after(described("m=audio 6 RTP/AVP 8", f"a={ours}", host="198.51.100.1"), remote)
    assert audio is not None
    assert (audio.direction, audio.held_by) == (direction, held_by)


@pytest.mark.parametrize(
    ("ours", "theirs", "direction", "held_by"),
    [
        ("sendonly", "recvonly", "sendonly", HeldBy.LOCAL),
        ("sendonly", "inactive", "inactive", HeldBy.BOTH),
        ("sendrecv", "sendonly", "recvonly", HeldBy.REMOTE),
        ("sendrecv", "sendrecv", "sendrecv", HeldBy.NOBODY),
    ],
)
def test_who_holds_in_our_offer(ours: str, theirs: str, direction: str, held_by: HeldBy) -> None:
    audio = after(offered(Direction(ours)), described("m=audio 4 RTP/AVP 8", f"a={theirs}"), we_offered=True)
    assert audio is not None
    assert (audio.direction, audio.held_by) == (direction, held_by)


# ---- our own ----


def test_local_answer_keeps_the_offerers_order_and_refuses_the_rest_in_place() -> None:
    offer = described(
        "m=video 9 RTP/AVP 31",
        "m=audio 4000 RTP/AVP 18 0 8 96",
        "a=rtpmap:96 telephone-event/8000",
        "a=ptime:30",
        "m=audio 4002 RTP/AVP 8",
    )
    assert lines(answered(offer)) == [
        "v=0",
        "o=- 7 1 IN IP4 198.51.100.1",
        "s=-",
        "c=IN IP4 198.51.100.1",
        "t=0 0",
        "m=video 0 RTP/AVP 31",
        "m=audio 20000 RTP/AVP 0 8 96",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:96 telephone-event/8000",
        "a=fmtp:96 0-15",
        "a=ptime:30",
        "a=sendrecv",
        "m=audio 0 RTP/AVP 8",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [("a=sendrecv", "sendrecv"), ("a=sendonly", "recvonly"), ("a=recvonly", "sendonly"), ("a=inactive", "inactive"),
     ("c=IN IP4 0.0.0.0", "recvonly")],
)  # fmt: skip
def test_local_answer_mirrors_the_direction(line: str, expected: str) -> None:
    assert lines(answered(described("m=audio 4000 RTP/AVP 8", line)))[-1] == f"a={expected}"


def test_local_answer_without_events() -> None:
    offer = described("m=audio 4 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000")
    answer = answer_locally(offer, address="198.51.100.1", port=20000, origin=ORIGIN, want_dtmf=False)
    assert answer.media[0].formats == ["8"]


def test_events_of_another_clock_rate_are_not_taken() -> None:
    offer = described("m=audio 4 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/48000")
    assert answered(offer).media[0].formats == ["8"]


@pytest.mark.parametrize("name", ["sdes-phone", "browser-bundle", "t38-fax"])
def test_nothing_in_common(name: str) -> None:
    with pytest.raises(NegotiationError):
        answered(sample(name))


def test_no_codec_in_common() -> None:
    with pytest.raises(NegotiationError):
        answered(sample("static-types-only"), ("G722/8000",))


@pytest.mark.parametrize(
    "name",
    ["static-types-only", "best-effort-srtp", "port-count", "bare-lf", "rtpmap-without-rate", "no-times",
     "late-port-1-first", "late-port-2-moved"],
)  # fmt: skip
def test_local_answers_are_legal(name: str) -> None:
    offer = sample(name)
    assert after(answered(offer), offer) is not None


def test_answer_repeats_the_times_of_the_offer() -> None:
    assert answered(sample("port-count")).times == "2873397496 2873404696"


def test_local_offer() -> None:
    offer = offer_locally(
        address="2001:db8::1",
        port=20000,
        origin=ORIGIN,
        codecs=[PCMA],
        dtmf_pt=None,
        ptime=40,
        direction=Direction.SENDONLY,
    )
    assert lines(offer)[3:] == [
        "c=IN IP6 2001:db8::1",
        "t=0 0",
        "m=audio 20000 RTP/AVP 8",
        "a=rtpmap:8 PCMA/8000",
        "a=ptime:40",
        "a=sendonly",
    ]
    assert offered().media[0].formats == ["8", "0", "101"]
