"""The documents against the content model of RFC 7865 §10, written down as a table."""

import base64
import re
import uuid
from typing import Any
from xml.etree import ElementTree

import pytest

from skryba.recorder.metadata import EXTENSION, NAMESPACE, document, identifier
from tests.support.shelf import manifest

ANY = "*"  # an element of another namespace, at the end
TIMES = ("associate-time?", "disassociate-time?", ANY)
CHILDREN = {  # in this order; ? at most one, + at least one
    "recording": (
        "datamode?", "group", "session", "participant", "stream", "sessionrecordingassoc", "participantsessionassoc",
        "participantstreamassoc", ANY,
    ),
    "group": TIMES,
    "session": ("sipSessionID", "reason", "group-ref?", "start-time?", "stop-time?", ANY),
    "participant": ("nameID+", ANY),
    "nameID": ("name?", ANY),
    "stream": ("label?", "content-type?", ANY),
    "sessionrecordingassoc": TIMES,
    "participantsessionassoc": TIMES,
    "participantstreamassoc": ("send", "recv", *TIMES),
}  # fmt: skip
ATTRIBUTES = {
    "group": {"group_id"},
    "session": {"session_id"},
    "participant": {"participant_id"},
    "nameID": {"aor"},
    "stream": {"stream_id", "session_id"},
    "sessionrecordingassoc": {"session_id"},
    "participantsessionassoc": {"participant_id", "session_id"},
    "participantstreamassoc": {"participant_id"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
IDENTIFIERS = {"group-ref", "send", "recv"}


def local(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}") if element.tag.startswith(f"{{{NAMESPACE}}}") else ANY


def faults(element: ElementTree.Element) -> list[str]:
    """What the schema would say."""
    name, found = local(element), []
    model = CHILDREN.get(name, ())
    places = {each.rstrip("?+"): place for place, each in enumerate(model)}
    names = [local(child) for child in element]
    found += [f"{child} in {name}" for child in names if child not in places]
    known = [places[child] for child in names if child in places]
    if known != sorted(known):
        found.append(f"order in {name}")
    found += [f"{each} of {name}" for each in model if each.endswith("?") and names.count(each[:-1]) > 1]
    found += [f"{each} of {name}" for each in model if each.endswith("+") and each[:-1] not in names]
    if set(element.attrib) != ATTRIBUTES.get(name, set()):
        found.append(f"attributes of {name}: {sorted(element.attrib)}")
    identifiers = [value for key, value in element.attrib.items() if key.endswith("_id")]
    identifiers += [element.text or ""] if name in IDENTIFIERS else []
    found += [f"no identifier: {each}" for each in identifiers if len(base64.b64decode(each, validate=True)) != 16]
    if name.endswith("-time") and not TIME.fullmatch(element.text or ""):
        found.append(f"no time: {element.text}")
    for child in element:
        found += faults(child) if local(child) != ANY else []
    return found


def parsed(*manifests: dict[str, Any]) -> ElementTree.Element:
    root = ElementTree.fromstring(document(manifests))
    assert faults(root) == []
    return root


def every(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return root.findall(f"{{{NAMESPACE}}}{name}")


def text(element: ElementTree.Element, name: str) -> list[str | None]:
    return [child.text for child in element.findall(f"{{{NAMESPACE}}}{name}")]


def ours(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return root.findall(f"{{{EXTENSION}}}recording/{{{EXTENSION}}}{name}")


@pytest.mark.parametrize(
    "broken",
    [
        "<session session_id='AAAAAAAAAAAAAAAAAAAAAA=='><stop-time>2026-11-24T10:00:00Z</stop-time>"
        "<start-time>2026-11-24T10:00:00Z</start-time></session>",
        "<session session_id='AAAA'/>",
        "<session/>",
        "<group group_id='AAAAAAAAAAAAAAAAAAAAAA=='><associate-time>10:00</associate-time></group>",
        "<participant participant_id='AAAAAAAAAAAAAAAAAAAAAA=='/>",
        "<wave/>",
        "<datamode>complete</datamode><datamode>complete</datamode>",
        "<stream stream_id='AAAAAAAAAAAAAAAAAAAAAA==' session_id='AAAAAAAAAAAAAAAAAAAAAA=='/><datamode/>",
    ],
)
def test_the_table_finds_what_is_not_allowed(broken: str) -> None:
    assert faults(ElementTree.fromstring(f"<recording xmlns='{NAMESPACE}'>{broken}</recording>"))


def test_a_recording_is_a_session_of_a_group_with_its_times() -> None:
    root = parsed(manifest("r1"))
    assert text(root, "datamode") == ["complete"]
    [group], [session] = every(root, "group"), every(root, "session")
    assert text(session, "group-ref") == [group.get("group_id")]
    assert text(session, "start-time") == ["2026-11-24T10:00:00.000Z"]
    assert text(session, "stop-time") == ["2026-11-24T10:01:00.000Z"]
    [recorded] = every(root, "sessionrecordingassoc")
    assert recorded.get("session_id") == session.get("session_id")


def test_each_party_sends_its_channel_and_hears_the_other() -> None:
    root = parsed(manifest("r1"))
    streams = {text(stream, "label")[0]: stream.get("stream_id") for stream in every(root, "stream")}
    assert set(streams) == {"left", "right"}
    assert len(set(streams.values())) == 2
    names = {each.get("participant_id"): each for each in every(root, "participant")}
    station, other = every(root, "participantstreamassoc")
    assert (text(station, "send"), text(station, "recv")) == ([streams["left"]], [streams["right"]])
    assert (text(other, "send"), text(other, "recv")) == ([streams["right"]], [streams["left"]])
    [named] = names[station.get("participant_id")]
    assert (named.get("aor"), text(named, "name")) == ("sip:101@station.invalid", ["Łucja"])
    [unnamed] = names[other.get("participant_id")]
    assert (unnamed.get("aor"), text(unnamed, "name")) == ("tel:+48221234567", [])


def test_a_party_that_was_replaced_leaves_when_the_next_one_comes() -> None:
    people = [
        {"channel": "right", "role": "other", "name": "A", "number": "1", "from_ms": 0, "to_ms": 4000},
        {"channel": "right", "role": "other", "name": "B", "number": None, "from_ms": 4000, "to_ms": None},
    ]
    root = parsed(manifest("r1", parties=people))
    spans = [
        (text(each, "associate-time"), text(each, "disassociate-time"))
        for each in every(root, "participantsessionassoc")
    ]
    assert spans == [
        (["2026-11-24T10:00:00.000Z"], ["2026-11-24T10:00:04.000Z"]),
        (["2026-11-24T10:00:04.000Z"], ["2026-11-24T10:01:00.000Z"]),
    ]
    addresses = [each[0].get("aor") for each in every(root, "participant")]
    assert addresses == ["sip:1@station.invalid", "sip:anonymous@anonymous.invalid"]


def test_segments_of_a_conversation_share_group_and_people() -> None:
    time = {"begin": "2026-11-24T10:02:00.000Z", "end": "", "duration_ms": 1000}
    root = parsed(manifest("r1"), manifest("r2", time=time))
    assert len(every(root, "session")) == 2
    assert len(every(root, "stream")) == 4
    assert len(every(root, "participant")) == 2
    assert len(every(root, "participantsessionassoc")) == 4
    [group] = every(root, "group")
    assert text(group, "disassociate-time") == ["2026-11-24T10:02:01.000Z"]


def test_two_conversations_make_no_document() -> None:
    with pytest.raises(ValueError, match="one conversation"):
        document([manifest("r1"), manifest("r2", conversation={"id": "c2", "segment": 1})])
    with pytest.raises(ValueError, match="one conversation"):
        document([])


def test_our_own_words_stand_in_our_own_namespace() -> None:
    files = [{"role": "audio", "file": "r1.wav", "sha256": "ab", "octets": 1}]
    marks = [
        {"at_ms": 1500, "kind": "hold", "channel": "left", "note": {}},
        {"at_ms": 2000, "kind": "x", "channel": None},
    ]
    root = parsed(manifest("r1", files=files, marks=marks, state="degraded", reasons=["one", "two"]))
    for name, words in {
        "id": ["r1"],
        "state": ["degraded"],
        "reason": ["one", "two"],
        "rule": ["all"],
        "purpose": ["quality"],
        "retention": ["90d"],
        "direction": ["inbound"],
        "sip_call_id": ["a@x", "b@y"],
        "file": ["r1.wav"],
        "mark": ["hold", "x"],
    }.items():
        assert [each.text for each in ours(root, name)] == words
    assert ours(root, "file")[0].attrib == {"role": "audio", "sha256": "ab"}
    assert [each.attrib for each in ours(root, "mark")] == [
        {"at": "2026-11-24T10:00:01.500Z", "channel": "left"},
        {"at": "2026-11-24T10:00:02.000Z"},
    ]


def test_the_same_manifest_makes_the_same_document() -> None:
    assert document([manifest("r1")]) == document([manifest("r1")])
    assert identifier("a", "b", "c") == identifier("a", "b", "c")
    assert len({identifier("a", "bc"), identifier("ab", "c"), identifier("a", "b", "c")}) == 3
    assert uuid.UUID(bytes=base64.b64decode(identifier("a"))).version == 5


@pytest.mark.parametrize("name", ["<b>&amp;\"'", "\x00\x08\x1b", "\ud800", "]]>", "\U0001f600", "\uffff"])
def test_hostile_names_stay_text(name: str) -> None:
    people = [{"channel": "left", "role": "station", "name": name, "number": name, "from_ms": 0, "to_ms": None}]
    words = manifest("r1", parties=people, reasons=[name])
    words["decision"]["rule"] = name
    root = parsed(words)
    [participant] = every(root, "participant")
    allowed = re.sub("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\U00010000-\U0010ffff]", "\ufffd", name)
    assert text(participant[0], "name") == [allowed]
    assert re.fullmatch(r"sip:[A-Za-z0-9.%*+_~-]*@station\.invalid", participant[0].get("aor") or "")
    assert ours(root, "rule")[0].text == allowed


def test_a_recording_without_parties_or_decision_is_described_all_the_same() -> None:
    root = parsed({"id": "r1", "time": {"begin": "2026-11-24T11:00:00+01:00", "duration_ms": 0}})
    assert text(every(root, "session")[0], "start-time") == ["2026-11-24T10:00:00.000Z"]
    assert every(root, "participant") == []
