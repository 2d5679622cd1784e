"""Manifests in the words of RFC 7865, the metadata format of SIP recording, for other people's archives.

Knows manifests only. One document per conversation: its group, a session per recording, two streams per session. What
the standard has no word for stands in elements of our own namespace, which others skip (RFC 7865 §6, `xs:any`).
"""

import base64
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from skryba.recorder.segments import conversation_of
from skryba.terms import Channel

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
EXTENSION = "urn:x-skryba:recording:1"
_SEED = uuid.UUID("6c5c0a52-6e0c-5d43-9a55-3f2c7a0d8e11")  # of our identifiers, so that a document is made again alike
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2
_RESERVED = re.compile(rb"[^A-Za-z0-9._~*+-]")  # RFC 3261 §25.1: these are written as they are

Element = ElementTree.Element


def document(manifests: Sequence[Mapping[str, Any]]) -> bytes:
    """The recordings of one conversation as an XML document. ValueError for none, or for two conversations."""
    conversations = {conversation_of(manifest) for manifest in manifests}
    if len(conversations) != 1:
        raise ValueError("the recordings of one conversation make a document")
    group = identifier("group", conversations.pop())
    sessions = [_Session(manifest) for manifest in manifests]
    root = Element(_name("recording"))
    _add(root, "datamode", "complete")
    root.append(_group(group, sessions))
    root.extend(session.described(group) for session in sessions)
    people = {party.id: party for session in sessions for party in session.parties}
    root.extend(party.described() for party in people.values())
    root.extend(stream for session in sessions for stream in session.streams())
    for associations in (_Session.recorded, _Session.took_part, _Session.spoke):  # in the order of §10
        root.extend(each for session in sessions for each in associations(session))
    root.extend(session.extension() for session in sessions)
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def identifier(kind: str, *names: str) -> str:
    """A UUID in base64 (RFC 7865 §6.10), always the same for the same names."""
    return base64.b64encode(uuid.uuid5(_SEED, ascii((kind, *names))).bytes).decode()


class _Party:
    """A participant of one session, from when to when."""

    def __init__(self, session: "_Session", words: Mapping[str, Any]) -> None:
        self.channel = str(words["channel"])
        self.name = words.get("name")
        self.number = words.get("number")
        self.id = identifier("participant", str(words.get("role")), str(self.number), str(self.name))
        self.since = session.at(words.get("from_ms") or 0)
        self.until = session.end if words.get("to_ms") is None else session.at(words["to_ms"])

    def described(self) -> Element:
        found = Element(_name("participant"), participant_id=self.id)
        named = _add(found, "nameID", aor=_address(self.number))
        if self.name:
            _add(named, "name", str(self.name))
        return found


class _Session:
    """One recording."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self.begin = datetime.fromisoformat(manifest["time"]["begin"]).astimezone(UTC)
        self.end = self.at(manifest["time"]["duration_ms"])
        self.id = identifier("session", str(manifest["id"]), manifest["time"]["begin"])
        self.parties = [_Party(self, words) for words in manifest.get("parties") or ()]

    def at(self, milliseconds: int) -> datetime:
        return self.begin + timedelta(milliseconds=milliseconds)

    def described(self, group: str) -> Element:
        found = Element(_name("session"), session_id=self.id)
        _add(found, "group-ref", group)
        _add(found, "start-time", _iso(self.begin))
        _add(found, "stop-time", _iso(self.end))
        return found

    def streams(self) -> list[Element]:
        found = [Element(_name("stream"), stream_id=self._stream(side), session_id=self.id) for side in Channel]
        for element, side in zip(found, Channel, strict=True):
            _add(element, "label", side.value)
            _add(element, "content-type", "main")  # RFC 4796 §5
        return found

    def recorded(self) -> list[Element]:
        return [_spanned("sessionrecordingassoc", self.begin, self.end, session_id=self.id)]

    def took_part(self) -> list[Element]:
        return [
            _spanned("participantsessionassoc", party.since, party.until, participant_id=party.id, session_id=self.id)
            for party in self.parties
        ]

    def spoke(self) -> list[Element]:
        """Who sent which stream and heard which: each channel is one side's voice."""
        found = []
        for party in self.parties:
            element = Element(_name("participantstreamassoc"), participant_id=party.id)
            for side in sorted(Channel, key=lambda side: side.value != party.channel):  # first send, then recv: §10
                _add(element, "send" if side.value == party.channel else "recv", self._stream(side))
            found.append(_span(element, party.since, party.until))
        return found

    def extension(self) -> Element:
        manifest, ours = self._manifest, Element(f"{{{EXTENSION}}}recording", session_id=self.id)
        call, decision = manifest.get("call") or {}, manifest.get("decision") or {}
        told: list[tuple[str, Any]] = [("id", manifest["id"]), ("state", manifest.get("state"))]
        told += [("reason", reason) for reason in manifest.get("reasons") or ()]
        told += [(name, call.get(name)) for name in ("direction", "station", "trunk")]
        told += [("sip_call_id", each) for each in call.get("sip_call_ids") or ()]
        told += [(name, decision.get(name)) for name in ("rule", "purpose", "legal_basis", "retention")]
        for name, value in told:
            if value is not None:
                _our(ours, name, value)
        for entry in manifest.get("files") or ():
            _our(ours, "file", entry["file"], role=entry["role"], sha256=entry["sha256"])
        for mark in manifest.get("marks") or ():
            channel = {"channel": mark["channel"]} if mark.get("channel") else {}
            _our(ours, "mark", mark["kind"], at=_iso(self.at(mark["at_ms"])), **channel)
        return ours

    def _stream(self, side: Channel) -> str:
        return identifier("stream", self.id, side.value)


def _group(group: str, sessions: Sequence[_Session]) -> Element:
    begin, end = min(session.begin for session in sessions), max(session.end for session in sessions)
    return _spanned("group", begin, end, group_id=group)


def _spanned(name: str, begin: datetime, end: datetime, **attributes: str) -> Element:
    return _span(Element(_name(name), attributes), begin, end)


def _span(element: Element, begin: datetime, end: datetime) -> Element:
    _add(element, "associate-time", _iso(begin))
    _add(element, "disassociate-time", _iso(end))
    return element


def _add(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    child = ElementTree.SubElement(parent, _name(name), attributes)
    child.text = None if text is None else _ILLEGAL.sub("\ufffd", text)
    return child


def _our(parent: Element, name: str, value: object, **attributes: object) -> None:
    words = {key: _ILLEGAL.sub("\ufffd", str(each)) for key, each in attributes.items()}
    child = ElementTree.SubElement(parent, f"{{{EXTENSION}}}{name}", words)
    child.text = _ILLEGAL.sub("\ufffd", str(value))


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _address(number: str | None) -> str:
    """An address of record: tel for global numbers (RFC 3966), else sip in a domain that cannot exist (RFC 2606)."""
    if not number:
        return "sip:anonymous@anonymous.invalid"  # RFC 3323 §4.1.1.3
    if re.fullmatch(r"\+[0-9]+", number):
        return f"tel:{number}"
    octets = number.encode("utf-8", "backslashreplace")
    user = _RESERVED.sub(lambda found: b"%%%02X" % ord(found[0]), octets)
    return f"sip:{user.decode('ascii')}@station.invalid"


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


ElementTree.register_namespace("", NAMESPACE)
ElementTree.register_namespace("skryba", EXTENSION)
