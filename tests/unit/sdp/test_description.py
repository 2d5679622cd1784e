"""SessionDescription: lossless, lenient, and with views that never raise."""

from pathlib import Path

import pytest

from skryba.errors import ParseError
from skryba.sdp.description import Direction, Line, Origin, RtpMap, SessionDescription, is_nowhere

DATA = Path(__file__).parents[2] / "data" / "sdp"
HEAD = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n"
SESSION = HEAD + "c=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def read(name: str) -> SessionDescription:
    return SessionDescription.parse((DATA / f"{name}.sdp").read_bytes())


def audio(*lines: str, port: int = 4000, session: str = SESSION) -> SessionDescription:
    body = "".join(f"{line}\r\n" for line in (f"m=audio {port} RTP/AVP 0 8 101", *lines))
    return SessionDescription.parse(session + body)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.sdp")), ids=lambda path: path.stem)
def test_every_sample_is_kept_byte_for_byte(path: Path) -> None:
    assert bytes(SessionDescription.parse(path.read_bytes())) == path.read_bytes()


def test_samples_are_all_there() -> None:
    assert len(list(DATA.glob("*.sdp"))) == 11


def test_mixed_endings_blank_lines_and_a_cut_last_line_are_kept() -> None:
    data = b"v=0\no=- 1 2 IN IP4 192.0.2.1\r\ns=\xff\xfe\r\n\r\nt=0 0\nm=audio 0 RTP/AVP 0"
    assert bytes(SessionDescription.parse(data)) == data


def test_session_level_views() -> None:
    description = audio("a=tool:x", session=SESSION + "a=inactive\r\na=tool:my phone\r\n")
    assert description.origin == Origin("-", "1", "2", "IN", "IP4", "192.0.2.1")
    assert str(description.origin) == "- 1 2 IN IP4 192.0.2.1"
    assert description.connection == "192.0.2.1"
    assert description.times == "0 0"
    assert description.attributes == [("inactive", None), ("tool", "my phone")]


def test_media_views() -> None:
    description = audio("c=IN IP4 192.0.2.2", "b=AS:64", "a=ptime:30", "a=recvonly", "a=fmtp:101 0-15", "a=fmtp:8 x")
    (media,) = description.media
    assert (media.kind, media.port, media.port_count, media.protocol) == ("audio", 4000, 1, "RTP/AVP")
    assert media.formats == ["0", "8", "101"]
    assert media.connection == media.address(description) == "192.0.2.2"
    assert media.bandwidths == ["AS:64"]
    assert media.ptime == 30
    assert media.direction is Direction.RECVONLY
    assert media.fmtp(101) == "0-15"
    assert media.fmtp(0) is None
    assert media.rtcp_port == 4001


def test_streams_keep_their_order_and_their_own_lines() -> None:
    bundle = read("browser-bundle")
    assert [media.kind for media in bundle.media] == ["audio", "video"]
    assert bundle.media[1].attribute("mid") == "1"
    assert bundle.media[0].attribute("mid") == "0"
    assert bundle.media[0].attribute("absent") is None
    assert bundle.connection is None
    assert bundle.media[0].address(bundle) == "203.0.113.14"


def test_no_address_anywhere_reads_as_empty() -> None:
    description = audio(session=HEAD, port=0)
    assert description.media[0].address(description) == ""


@pytest.mark.parametrize(
    ("session", "own", "expected"),
    [
        ("", "", Direction.SENDRECV),
        ("a=sendonly\r\n", "", Direction.SENDONLY),
        ("a=sendonly\r\n", "a=Inactive", Direction.INACTIVE),
        ("", "a=inactive:yes", Direction.SENDRECV),
    ],
)
def test_direction_is_inherited_from_the_session(session: str, own: str, expected: Direction) -> None:
    assert audio(*filter(None, [own]), session=SESSION + session).media[0].direction is expected


@pytest.mark.parametrize(
    ("lines", "held", "effective"),
    [
        ([], False, "sendrecv"),
        (["a=sendonly"], True, "sendonly"),
        (["a=recvonly"], True, "recvonly"),
        (["a=inactive"], True, "inactive"),
        (["c=IN IP4 0.0.0.0"], True, "sendonly"),
        (["c=IN IP6 ::"], True, "sendonly"),
        (["c=IN IP4 0.0.0.0", "a=recvonly"], True, "inactive"),
        (["c=IN IP4 held.invalid"], True, "sendonly"),
    ],
)
def test_hold_in_all_dialects(lines: list[str], held: bool, effective: str) -> None:
    (media,) = audio(*lines).media
    assert media.is_held is held
    assert media.effective_direction == effective


def test_hold_by_an_inherited_address() -> None:
    assert audio(session=HEAD + "c=IN IP4 0.0.0.0\r\n").media[0].is_held


@pytest.mark.parametrize(
    ("address", "expected"),
    [("0.0.0.0", True), ("::", True), ("x.invalid", True), ("192.0.2.1", False), ("host", False), (None, False)],
)
def test_nowhere(address: str | None, expected: bool) -> None:
    assert is_nowhere(address) is expected


def test_direction_arithmetic() -> None:
    assert [direction.mirrored for direction in Direction] == ["sendrecv", "recvonly", "sendonly", "inactive"]
    assert [direction.sends for direction in Direction] == [True, True, False, False]
    assert [direction.receives for direction in Direction] == [True, False, True, False]


def test_static_types_need_no_attribute() -> None:
    (media,) = read("static-types-only").media
    assert [str(codec) for codec in media.codecs()] == ["G729/8000", "GSM/8000", "PCMA/8000", "PCMU/8000", "CN/8000"]


def test_rtpmap_without_rate_and_broken_ones() -> None:
    (media,) = read("rtpmap-without-rate").media
    assert media.codecs() == [
        RtpMap(0, "PCMU", 8000, 1),
        RtpMap(9, "G722", 8000, 1),
        RtpMap(97, "iLBC", 8000, 1),
        RtpMap(101, "telephone-event", 8000, 1),
    ]
    assert media.rtpmap(98) is None
    assert media.rtpmap(200) is None
    assert media.rtpmap(-1) is None


def test_names_are_spelled_as_registered() -> None:
    (media,) = audio("a=rtpmap:0 pcmu/8000/1", "a=rtpmap:8 OPUS/48000/2", "a=rtpmap:101 TELEPHONE-EVENT/8000").media
    assert [str(codec) for codec in media.codecs()] == ["PCMU/8000", "opus/48000/2", "telephone-event/8000"]


def test_an_attribute_overrules_the_static_table() -> None:
    assert str(audio("a=rtpmap:0 PCMA/16000").media[0].rtpmap(0)) == "PCMA/16000"


def test_unstated_rate_of_video_is_90_khz() -> None:
    description = SessionDescription.parse(SESSION + "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8\r\n")
    assert description.media[0].rtpmap(96) == RtpMap(96, "VP8", 90000, 1)


@pytest.mark.parametrize(
    ("port", "line", "expected"),
    [(4000, "a=rtcp:53020", 53020), (4000, "a=rtcp:53020 IN IP4 192.0.2.9", 53020), (4000, "a=rtcp:0", 4001),
     (4000, "a=rtcp:99999", 4001), (4000, "a=rtcp:x", 4001), (0, "a=rtcp:53020", 0), (65535, "a=x", 0)],
)  # fmt: skip
def test_rtcp_port(port: int, line: str, expected: int) -> None:
    assert audio(line, port=port).media[0].rtcp_port == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("20", 20), (" 20", 20), ("30.5", 30), ("0", None), ("x", None), ("", None)]
)
def test_ptime(value: str, expected: int | None) -> None:
    assert audio(f"a=ptime:{value}").media[0].ptime == expected


def test_port_count_multicast_and_own_connection() -> None:
    description = read("port-count")
    assert description.connection == "233.252.0.5"
    assert [(media.port, media.port_count) for media in description.media] == [(49170, 2), (51372, 2)]
    assert description.media[0].address(description) == "192.0.2.90"
    assert str(description.media[0].rtpmap(96)) == "L16/8000/2"


def test_spaces_in_the_user_name() -> None:
    assert read("bare-lf").origin == Origin("Jan Kowalski", "3", "3", "IN", "IP4", "192.0.2.14")


def test_empty_name_and_no_times_are_tolerated() -> None:
    description = read("no-times")
    assert description.times is None
    assert description.connection == "2001:db8::99"


@pytest.mark.parametrize(
    ("name", "expected"), [("sdes-phone", None), ("best-effort-srtp", 1), ("browser-bundle", None), ("t38-fax", None)]
)
def test_which_stream_can_be_carried(name: str, expected: int | None) -> None:
    assert read(name).plain_audio == expected


def test_times_that_are_none_read_as_none() -> None:
    assert audio(session=HEAD + "t=192.0.2.9 0\r\n").times is None


def test_refusal_names_one_harmless_format() -> None:
    assert read("t38-fax").media[1].refusal == "image 0 udptl t38"
    strange = SessionDescription.parse(SESSION + "m=application 9 UDP 192.0.2.9\r\n")
    assert strange.media[0].refusal == "application 0 UDP 0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n",
        "hello",
        "v=1\r\no=- 1 1 IN IP4 x\r\n",
        "o=- 1 1 IN IP4 x\r\nv=0\r\n",
        "v=0\r\n",
        "v=0\r\ns=-\r\nm=audio 1 RTP/AVP 0\r\no=- 1 1 IN IP4 x\r\n",  # o= belongs to the session
        "v=0\r\no=- 1 1 IN IP4\r\n",
        SESSION + "no letter\r\n",
        SESSION + "1=2\r\n",
        SESSION + "a=x\rc=IN IP4 6.6.6.6\r\n",
        SESSION + "a=x\0y\r\n",
        HEAD + "c=IN IP4\r\n",
        HEAD + "c=ATM x y\r\n",
        SESSION + "m=audio\r\n",
        SESSION + "m=audio 70000 RTP/AVP 0\r\n",
        SESSION + "m=audio -1 RTP/AVP 0\r\n",
        SESSION + "m=audio ٤٠٠٠ RTP/AVP 0\r\n",
        SESSION + "m=audio 4000 RTP/AVP\r\n",
        SESSION + "m=audio 4000 RTP/AVP ²\r\n",
        SESSION + "m=10.0.0.1 4000 RTP/AVP 0\r\n",
        SESSION + "m=audio 4000 RTP/AVP " + "9" * 300 + "\r\n",
        "v=0\r\no=- 1 1 IN IP4 x\r\ns=\ud800\r\n",
    ],
)
def test_what_cannot_be_read_is_theirs(text: str) -> None:
    with pytest.raises(ParseError):
        SessionDescription.parse(text)


def test_text_and_bytes_read_alike() -> None:
    data = (DATA / "sdes-phone.sdp").read_bytes()
    assert SessionDescription.parse(data.decode()) == SessionDescription.parse(data)


def test_equal_when_the_bytes_are() -> None:
    one, same, other = audio(), audio(), audio("a=inactive")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != bytes(one)


def test_made_from_pairs_and_lines() -> None:
    made = SessionDescription.of([("v", "0"), ("o", "- 1 2 IN IP4 192.0.2.1"), ("s", "-")])
    assert bytes(made) == HEAD.encode()
    assert str(Line("", "", "\n")) == "\n"


def test_prints_itself() -> None:
    assert str(audio()).startswith("v=0\r\n")
    assert repr(audio()) == "<SessionDescription 192.0.2.1 [audio 4000 RTP/AVP]>"
