"""Properties of descriptions: nothing but ParseError, lossless, and no address but ours in anything anchored."""

import re
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from skryba.errors import NegotiationError, ParseError
from skryba.sdp.anchor import anchor
from skryba.sdp.description import Origin, SessionDescription
from skryba.sdp.negotiation import OfferAnswer, answer_locally, check_answer

OURS4, OURS6 = "198.51.100.1", "2001:db8:5::1"
_V4 = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])")
_V6 = re.compile(r"[0-9A-Fa-f]*(?::[0-9A-Fa-f]*){2,}(?:\.[0-9]+)*")
_LINES = set("vosctmab")
_NOT_OURS = ("candidate", "ice-", "crypto", "rtcp", "fingerprint", "setup", "group", "mid", "ssrc", "X-")

line_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40)
addresses = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=6).map(lambda address: IPv6Address(address).exploded),
    st.sampled_from(["0.0.0.0", "::", "127.0.0.1", "::ffff:192.0.2.1", "192.168.1.1", "fe80::1"]),
).filter(lambda address: address not in (OURS4, OURS6))


def connection(address: str) -> str:
    return f"c=IN {'IP6' if ':' in address else 'IP4'} {address}"


# Few numbers, so that formats, rtpmap and fmtp lines meet; streams that are open more often than not.
payload_types = st.sampled_from([0, 8, 96, 96, 101, 130])
nowhere = st.sampled_from(["0.0.0.0", "::"])
plain = st.just("RTP/AVP")
protocols = st.sampled_from(["rtp/avp", "RTP/AVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "udptl"])


def hostile_lines(address: str, number: int) -> list[str]:
    """All the places where a description can carry an address, and some honest lines among them."""
    return [
        f"a=rtcp:{number} IN IP4 {address}",
        f"a=candidate:1 1 udp 2122 {address} 5000 typ host raddr {address} rport 9",
        f"a=remote-candidates:1 {address} 5000",
        "a=ice-ufrag:AtXw",
        "a=ice-lite",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR",
        "a=rtcp-mux",
        "a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B",
        "a=setup:actpass",
        "a=group:BUNDLE 0",
        "a=mid:0",
        f"a=ssrc:{number} cname:{address}",
        f"a=X-nat:{address}",
        f"a=ptime:{address}",
        f"a=ptime:{number}",
        f"a=silenceSupp:{address}",
        f"a=T38FaxVersion:{address}",
        f"a=rtpmap:{number} {address}/8000",
        f"a=rtpmap:{number} L16/8000/{address}",
        f"a=rtpmap:{number} telephone-event/8000",
        f"a=fmtp:{number} relay={address}",
        f"a=fmtp:{number} 0-15",
        f"a={address}",
        f"b=X-{address}:64",
        "b=AS:64",
        f"i={address}",
        f"k=uri:http://{address}/",
        f"z={address}",
    ]


@st.composite
def attributes(draw: st.DrawFn) -> list[str]:
    lines = hostile_lines(draw(addresses), draw(payload_types))
    left_out = draw(st.sets(st.integers(0, len(lines) - 1), max_size=12))
    return [line for index, line in enumerate(lines) if index not in left_out][:: draw(st.sampled_from([1, -1]))]


@st.composite
def streams(draw: st.DrawFn) -> list[str]:
    kind = draw(st.sampled_from(["audio", "audio", "audio", "video", "image", "application"]))
    protocol = draw(st.one_of(plain, plain, protocols))
    names = st.one_of(payload_types.map(str), payload_types.map(str), st.just("t38"), addresses.filter(_is_v4))
    formats = draw(st.lists(names, min_size=1, max_size=5))
    port = draw(st.sampled_from(["4000", "4000", "4002/2", "65535", "0"]))
    own = [connection(draw(st.one_of(addresses, nowhere)))] if draw(st.booleans()) else []
    own += draw(st.sampled_from([[], ["a=sendonly"], ["a=recvonly"], ["a=inactive"]]))
    return [f"m={kind} {port} {protocol} {' '.join(formats)}", *own, *draw(attributes())]


def _is_v4(address: str) -> bool:
    return ":" not in address


@st.composite
def descriptions(draw: st.DrawFn) -> SessionDescription:
    address = draw(addresses)
    lines = ["v=0", f"o=- 1 1 IN IP4 {address}", f"s={address}", f"i={address}", f"u=http://{address}/"]
    lines += [connection(draw(addresses))] if draw(st.booleans()) else []
    lines += [draw(st.sampled_from(["t=0 0", "t=1 2", f"t={address} 0"]))] if draw(st.booleans()) else []
    lines += draw(attributes())
    for stream in draw(st.lists(streams(), max_size=4)):
        lines += stream
    ending = draw(st.sampled_from(["\r\n", "\n"]))
    return SessionDescription.parse("".join(line + ending for line in lines))


def foreign(text: str, ours: str) -> list[str]:
    """Everything in the text that could be an address, except ours."""
    rest = text.replace(ours, "")
    return _V4.findall(rest) + [found for found in _V6.findall(rest) if found.strip(":")]


@given(st.binary(max_size=400))
def test_reading_bytes_raises_nothing_but_parse_error(data: bytes) -> None:
    try:
        read = SessionDescription.parse(data)
    except ParseError:
        return
    assert bytes(read) == data


@given(st.lists(st.tuples(st.sampled_from("vosctmabkzXé1 ="), line_text), max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_reading_lines_raises_nothing_but_parse_error(pairs: list[tuple[str, str]], ending: str) -> None:
    head = f"v=0{ending}o=- 1 1 IN IP4 192.0.2.1{ending}"
    text = head + "".join(f"{kind}={value}{ending}" for kind, value in pairs)
    try:
        read = SessionDescription.parse(text)
    except ParseError:
        return
    assert bytes(read) == text.encode()


@given(st.text(max_size=200))
def test_reading_text_raises_nothing_but_parse_error(text: str) -> None:
    head = "v=0\no=- 1 1 IN IP4 192.0.2.1\n"
    try:
        read = SessionDescription.parse(head + text)
    except ParseError:
        return
    assert SessionDescription.parse(bytes(read)) == read


@given(descriptions())
def test_parse_and_bytes_are_inverses_and_views_never_raise(description: SessionDescription) -> None:
    again = SessionDescription.parse(bytes(description))
    assert again == description
    assert again.media == description.media
    for media in again.media:
        assert len(media.codecs()) <= len(media.formats)
        assert media.rtcp_port in range(65536)
        assert media.is_held is (media.effective_direction != "sendrecv")
        assert isinstance(media.address(again), str)
        assert media.fmtp(0) is None or media.attribute("fmtp") is not None
        assert media.ptime is None or media.ptime > 0


@given(
    descriptions(),
    st.sets(st.integers(0, 3), max_size=2).map(
        lambda refused: {index: 20000 + index for index in {0, 1, 2, 3} - refused}
    ),
    st.sampled_from([OURS4, OURS6]),
    st.sets(st.sampled_from(["PCMU", "PCMA", "telephone-event", "L16"])),
)
def test_no_address_but_ours_in_anything_anchored(
    theirs: SessionDescription, ports: dict[int, int], ours: str, dropped: set[str]
) -> None:
    origin = Origin("-", "1", "1", "IN", "IP6" if ":" in ours else "IP4", ours)
    made = anchor(theirs, address=ours, ports=ports, origin=origin, keep=lambda codec: codec.encoding not in dropped)
    text = str(made)
    assert foreign(text, ours) == []
    for line in text.split("\r\n")[:-1]:
        assert line[0] in _LINES
        assert not line.startswith(tuple(f"a={name}" for name in _NOT_OURS))
        assert not line.startswith("c=") or line.endswith(ours)
    assert [media.kind for media in made.media] == [media.kind for media in theirs.media]
    assert [media.protocol for media in made.media] == [media.protocol for media in theirs.media]
    for index, media in enumerate(made.media):
        assert media.port in (0, ports.get(index, 0))
        assert not media.port or ("SAVP" not in media.protocol and theirs.media[index].port)
        assert not media.port or media.kind == "image" or media.direction is theirs.media[index].effective_direction
        assert not {codec.encoding for codec in media.codecs()} & dropped or not media.port or media.protocol == "udptl"


@given(descriptions(), st.integers(1024, 65534))
def test_anchoring_twice_changes_nothing_more(theirs: SessionDescription, port: int) -> None:
    ports = dict.fromkeys(range(4), port)
    origin = Origin("-", "1", "1", "IN", "IP4", OURS4)
    once = anchor(theirs, address=OURS4, ports=ports, origin=origin, keep=lambda _: True)
    assert anchor(once, address=OURS4, ports=ports, origin=origin, keep=lambda _: True) == once


@given(descriptions())
def test_local_answers_are_legal_and_show_no_foreign_address(offer: SessionDescription) -> None:
    origin = Origin("-", "1", "1", "IN", "IP4", OURS4)
    try:
        answer = answer_locally(offer, address=OURS4, port=20000, origin=origin)
    except NegotiationError:
        plain = [codec for media in offer.media if media.is_plain_audio for codec in media.codecs()]
        assert not {str(codec) for codec in plain} & {"PCMA/8000", "PCMU/8000", "G722/8000"}
        return
    check_answer(offer, answer)
    exchange = OfferAnswer()
    exchange.receive_offer(offer)
    exchange.send_answer(answer)
    assert exchange.audio is not None
    assert exchange.audio.send_codec is not None
    assert foreign(str(answer), OURS4) == []


def test_the_search_for_foreign_addresses_finds_them() -> None:
    assert foreign(f"c=IN IP4 {OURS4}\r\n", OURS4) == []
    assert foreign(f"c=IN IP4 {IPv4Address(7)}\r\n", OURS4) == ["0.0.0.7"]
    assert foreign("a=x:fe80::1\r\n", OURS4) != []
