"""Anchoring: what crosses, what stays behind, what is refused in its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skryba.sdp.anchor import anchor
from skryba.sdp.description import Origin, RtpMap, SessionDescription

DATA = Path(__file__).parents[2] / "data" / "sdp"
OURS = "198.51.100.1"
ORIGIN = Origin("-", "77", "3", "IN", "IP4", OURS)
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=Jan's phone\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def everything(_: RtpMap) -> bool:
    return True


def anchored(
    description: SessionDescription, *ports: int, keep: Callable[[RtpMap], bool] = everything, address: str = OURS
) -> list[str]:
    listed = {index: port for index, port in enumerate(ports) if port}
    made = anchor(description, address=address, ports=listed, origin=ORIGIN, keep=keep)
    return str(made).split("\r\n")[:-1]


def sample(name: str) -> SessionDescription:
    return SessionDescription.parse((DATA / f"{name}.sdp").read_bytes())


def audio(*lines: str) -> SessionDescription:
    return SessionDescription.parse(
        HEAD + "".join(f"{line}\r\n" for line in ("m=audio 4000/2 RTP/AVP 0 8 101", *lines))
    )


def test_a_plain_phone() -> None:
    lines = anchored(
        audio("b=AS:64", "a=ptime:30", "a=maxptime:60", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"), 20000
    )
    assert lines == [
        "v=0",
        f"o=- 77 3 IN IP4 {OURS}",
        "s=-",
        f"c=IN IP4 {OURS}",
        "t=0 0",
        "m=audio 20000 RTP/AVP 0 8 101",
        "b=AS:64",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:30",
        "a=maxptime:60",
        "a=sendrecv",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a=rtcp:53020 IN IP4 192.0.2.9",
        "a=rtcp-mux",
        "a=candidate:1 1 udp 1 192.0.2.9 4 typ host",
        "a=ice-ufrag:AtXw",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",
        "a=fingerprint:sha-256 AA:BB",
        "a=mid:0",
        "a=X-nat:192.0.2.9",
        "a=fmtp:0 relay=192.0.2.9",
        "a=ptime:192.0.2.9",
        "a=silenceSupp:fe80::1",
        "a=T38é",
        "b=X-via:192.0.2.9",
        "i=call me at 192.0.2.9",
        "k=uri:http://192.0.2.9/",
    ],
)
def test_stays_behind(line: str) -> None:
    assert anchored(audio(line), 20000) == anchored(audio(), 20000)


def test_session_level_attributes_stay_behind_except_for_the_direction() -> None:
    head = HEAD + "a=group:BUNDLE 0\r\na=inactive\r\na=tool:192.0.2.9\r\n"
    lines = anchored(SessionDescription.parse(head + "m=audio 4000 RTP/AVP 0\r\n"), 20000)
    assert lines[5:] == ["m=audio 20000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=inactive"]


def test_silence_suppression_crosses() -> None:
    assert "a=silenceSupp:off - - - -" in anchored(audio("a=silenceSupp:off - - - -"), 20000)


def test_formats_nobody_can_explain_do_not_cross() -> None:
    assert "m=audio 20000 RTP/AVP 0 8" in anchored(audio(), 20000)


def test_formats_that_are_not_kept() -> None:
    lines = anchored(audio("a=rtpmap:101 telephone-event/8000"), 20000, keep=lambda codec: codec.encoding != "PCMU")
    assert "m=audio 20000 RTP/AVP 8 101" in lines
    assert "a=rtpmap:0 PCMU/8000" not in lines


def test_a_stream_without_any_kept_format_is_refused() -> None:
    assert anchored(audio(), 20000, keep=lambda _: False)[5:] == ["m=audio 0 RTP/AVP 0"]


def test_a_stream_without_our_port_is_refused_in_its_place() -> None:
    lines = anchored(SessionDescription.parse(HEAD + "m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 8\r\n"), 0, 20002)
    assert [line for line in lines if line.startswith("m=")] == ["m=video 0 RTP/AVP 31", "m=audio 20002 RTP/AVP 8"]


def test_a_stream_that_they_refused_stays_refused() -> None:
    refused = SessionDescription.parse(HEAD + "m=audio 0 RTP/AVP 8\r\na=inactive\r\n")
    assert anchored(refused, 20000)[5:] == ["m=audio 0 RTP/AVP 8"]


@pytest.mark.parametrize("name", ["sdes-phone", "browser-bundle"])
def test_an_encrypted_stream_is_never_opened_without_its_keys(name: str) -> None:
    lines = anchored(sample(name), 20000, 20002)
    assert all(" 0 " in line for line in lines if line.startswith("m="))
    assert not any(line.startswith("a=") for line in lines)


def test_best_effort_offers_leave_their_plain_stream() -> None:
    lines = anchored(sample("best-effort-srtp"), 20000, 20002)
    assert [line for line in lines if line.startswith("m=")] == [
        "m=audio 0 RTP/SAVP 8",
        "m=audio 20002 RTP/AVP 8 0 101",
    ]


def test_fax_crosses_with_its_own_attributes_only() -> None:
    assert anchored(sample("t38-fax"), 0, 20004)[5:] == [
        "m=audio 0 RTP/AVP 8",
        "m=image 20004 udptl t38",
        "a=T38FaxVersion:0",
        "a=T38MaxBitRate:14400",
        "a=T38FaxRateManagement:transferredTCF",
        "a=T38FaxUdpEC:t38UDPRedundancy",
        "a=T38FaxMaxDatagram:400",
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["c=IN IP4 0.0.0.0"], "a=sendonly"),
        (["c=IN IP4 0.0.0.0", "a=recvonly"], "a=inactive"),
        (["c=IN IP4 0.0.0.0", "a=inactive"], "a=inactive"),
        (["a=sendonly"], "a=sendonly"),
        (["a=recvonly"], "a=recvonly"),
    ],
)
def test_hold_becomes_a_direction(lines: list[str], expected: str) -> None:
    shown = anchored(audio(*lines), 20000)
    assert shown[-1] == expected
    assert shown[3] == f"c=IN IP4 {OURS}"


def test_port_count_and_foreign_rtcp_are_gone_and_times_stay() -> None:
    lines = anchored(sample("port-count"), 20000)
    assert lines[4:] == [
        "t=2873397496 2873404696",
        "m=audio 20000 RTP/AVP 0 96",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:96 L16/8000/2",
        "a=sendrecv",
        "m=video 0 RTP/AVP 31",
    ]


def test_times_that_are_no_times() -> None:
    strange = SessionDescription.parse(HEAD.replace("t=0 0", "t=192.0.2.9 0") + "m=audio 4000 RTP/AVP 0\r\n")
    assert anchored(strange, 20000)[4] == "t=0 0"


def test_refused_format_carries_no_address() -> None:
    strange = SessionDescription.parse(HEAD + "m=application 4000 UDP 192.0.2.9\r\n")
    assert anchored(strange)[5:] == ["m=application 0 UDP 0"]


def test_our_address_may_be_ipv6() -> None:
    assert anchored(audio(), 20000, address="2001:db8::1")[3] == "c=IN IP6 2001:db8::1"


def test_a_changed_port_of_theirs_changes_nothing_of_ours() -> None:
    assert anchored(sample("late-port-1-first"), 20000) == anchored(sample("late-port-2-moved"), 20000)
