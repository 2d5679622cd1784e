"""Anchoring: a party's description as the other party may see it, with no address in it but ours.

May not know legs or ports' owners. What is not on the lists below does not cross: a list of what leaks would never be
complete.
"""

import re
from collections.abc import Callable, Mapping

from skryba.sdp.description import MediaDescription, Origin, RtpMap, SessionDescription

# Attributes that say how sound is coded, never where it is. ICE, candidates, crypto, fingerprint, setup, rtcp,
# rtcp-mux, mid and group (without BUNDLE they mean nothing), source and the rest stay behind.
_ATTRIBUTES = frozenset({"maxptime", "ptime", "silenceSupp"})
_T38 = "T38"  # ITU-T T.38 annex D: T38FaxVersion, T38MaxBitRate, …
_PLAIN_PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF", "UDPTL"})  # what we can carry without keys
_HARMLESS = re.compile(r"[A-Za-z0-9 ;=,+/_\-]{0,1000}\Z")  # neither dot nor colon: no address can be written with it
_BANDWIDTH = re.compile(r"(?:AS|CT|TIAS|RS|RR):[0-9]{1,10}\Z")


def anchor(
    description: SessionDescription,
    *,
    address: str,
    ports: Mapping[int, int],
    origin: Origin,
    keep: Callable[[RtpMap], bool],
) -> SessionDescription:
    """A new description. `ports`: index of a stream → our RTP port for it; RTCP is the next one. Never raises.

    Streams without a port of ours, encrypted ones and those of which `keep` leaves no format are refused: port 0, in
    their place (RFC 3264 §6). Addresses of hold become ours, and the direction says what they said.
    """
    family = "IP6" if ":" in address else "IP4"
    times = description.times or "0 0"
    lines = [("v", "0"), ("o", str(origin)), ("s", "-"), ("c", f"IN {family} {address}"), ("t", times)]
    for index, media in enumerate(description.media):
        port = ports.get(index, 0)
        lines += (_opened(media, port, keep) if port else []) or [("m", media.refusal)]
    return SessionDescription.of(lines)


def _opened(media: MediaDescription, port: int, keep: Callable[[RtpMap], bool]) -> list[tuple[str, str]]:
    """The stream at our port; empty when it cannot be carried."""
    if not media.port or media.protocol.upper() not in _PLAIN_PROTOCOLS:
        return []
    if media.protocol.upper() == "UDPTL":
        formats = [name for name in media.formats if _HARMLESS.match(name)]
        described: list[tuple[str, str]] = []
    else:
        codecs = list({codec.payload_type: codec for codec in media.codecs() if keep(codec)}.values())
        formats = [str(codec.payload_type) for codec in codecs]
        described = [line for codec in codecs for line in _format_lines(media, codec)]
    if not formats:
        return []
    lines = [("m", f"{media.kind} {port} {media.protocol} {' '.join(formats)}")]
    lines += [("b", value) for value in media.bandwidths if _BANDWIDTH.match(value)]
    lines += described
    lines += [("a", _attribute(name, value)) for name, value in media.attributes if _crosses(name, value)]
    if media.kind != "image":
        lines.append(("a", str(media.effective_direction)))  # RFC 3264 §8.4: no 0.0.0.0, the direction instead
    return lines


def _format_lines(media: MediaDescription, codec: RtpMap) -> list[tuple[str, str]]:
    lines = [("a", f"rtpmap:{codec.payload_type} {codec}")]
    parameters = media.fmtp(codec.payload_type)
    if parameters and _HARMLESS.match(parameters):
        lines.append(("a", f"fmtp:{codec.payload_type} {parameters}"))
    return lines


def _crosses(name: str, value: str | None) -> bool:
    listed = name in _ATTRIBUTES or (name.startswith(_T38) and name.isalnum() and name.isascii())
    return listed and bool(_HARMLESS.match(value or ""))


def _attribute(name: str, value: str | None) -> str:
    return name if value is None else f"{name}:{value}"
