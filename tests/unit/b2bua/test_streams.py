"""Streams: each command once, and payload types that the parties number differently."""

from skryba.b2bua.commands import (
    AimStream,
    Bridge,
    CloseMedia,
    MediaCommand,
    OpenMedia,
    PlayPrompt,
    StopPrompt,
    Unbridge,
)
from skryba.b2bua.leg import Leg
from skryba.b2bua.streams import Streams, formats_of, payload_type_map, sound_codec
from skryba.policy.model import Notice
from skryba.sdp.description import RtpMap
from skryba.terms import Side
from tests.support.room import PORTS, SDP, TO_STATION, Desk, sdp

NOTICE = Notice("standard", "pl")


def talked(side: Side, theirs: str = SDP, ours: str | None = None) -> Leg:
    """A leg whose exchange is done: they offered, we answered."""
    leg = Desk().leg(side=side, flow=TO_STATION)
    leg.session.offered(sdp(theirs))
    leg.session.answer(sdp(ours) if ours else leg.session.face(sdp(theirs), PORTS[side]))
    return leg


def opened() -> tuple[Streams, list[MediaCommand]]:
    emitted: list[MediaCommand] = []
    streams = Streams("c", emitted.append)
    streams.open({Side.CALLER: "h"})
    streams.opened(PORTS)
    return streams, emitted


def test_a_whole_life_each_command_once() -> None:
    streams, emitted = opened()
    caller, callee = talked(Side.CALLER), talked(Side.CALLEE)
    for _ in range(2):
        streams.aim(caller)
        streams.aim(callee)
    assert streams.play(NOTICE, {Side.CALLER: caller}) == ""
    streams.hush()
    streams.hush()
    for _ in range(2):
        streams.bridge(caller, callee)
    streams.unbridge()
    streams.unbridge()
    streams.close()
    streams.close()
    assert [type(command) for command in emitted] == [
        OpenMedia, AimStream, AimStream, PlayPrompt, StopPrompt, Bridge, Unbridge, CloseMedia,
    ]  # fmt: skip
    aim = emitted[1]
    assert isinstance(aim, AimStream)
    assert aim.accept == ("203.0.113.5", "198.51.100.11")


def test_what_was_played_to_its_end_need_not_be_hushed() -> None:
    streams, emitted = opened()
    streams.play(NOTICE, {Side.CALLER: talked(Side.CALLER)})
    streams.played()
    streams.close()
    assert [type(command) for command in emitted][-1] is CloseMedia
    assert StopPrompt not in [type(command) for command in emitted]


def test_without_ports_nothing_is_asked_for() -> None:
    emitted: list[MediaCommand] = []
    streams = Streams("c", emitted.append)
    streams.open({})
    streams.failed()
    caller = talked(Side.CALLER)
    streams.aim(caller)
    streams.bridge(caller, caller)
    assert streams.play(NOTICE, {Side.CALLER: caller}) == "media is not anchored"
    streams.close()
    assert [type(command) for command in emitted] == [OpenMedia]
    assert not streams.anchored
    assert streams.at(Side.CALLER) is None


def test_a_party_without_a_codec_in_common_hears_nothing() -> None:
    streams, emitted = opened()
    leg = Desk().leg()
    assert "no codec" in streams.play(NOTICE, {Side.CALLER: leg})
    assert PlayPrompt not in [type(command) for command in emitted]


def test_payload_types_are_mapped_where_the_numbers_differ() -> None:
    caller = talked(Side.CALLER)
    other = SDP.replace(" 101", " 96").replace("rtpmap:101", "rtpmap:96")
    callee = talked(Side.CALLEE, other)
    assert payload_type_map(caller, callee) == {101: 96}
    assert payload_type_map(callee, caller) == {96: 101}
    assert payload_type_map(caller, caller) == {}


def test_formats_and_the_codec_of_sound() -> None:
    assert formats_of(sdp()) == {8: "PCMA/8000", 0: "PCMU/8000", 101: "telephone-event/8000"}
    assert formats_of(None) == {}
    events_first = sdp(SDP.replace("8 0 101", "101 0 8"))
    assert sound_codec(sdp(), events_first) == RtpMap(0, "PCMU", 8000)
    assert sound_codec(None, events_first) is None
