"""Names from templates: what they say, and that nothing in them is dangerous whatever the network sent."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skryba.archive.naming import LONGEST, NAMES, NameFields, NameTemplate, safe

ID = "4f1e9a0b7c2d3e58"
CALL = NameFields(
    id=ID,
    begin=datetime(2026, 11, 24, 10, 15, 30, tzinfo=UTC),
    station="Kancelaria Łódź/1",
    direction="inbound",
    trunk="operator",
    caller="+48 22 123-45-67",
    callee="101",
    rule="all-calls",
    purpose="quality",
)
# written to break out of a folder, a shell, a header, a terminal, a table
HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        [
            *(
                "../../etc/passwd",
                "..",
                ".",
                "/",
                "\\..\\",
                "-rf",
                "$(reboot)",
                "`id`",
                "a;b|c&d",
                "\r\nX: y",
                "\0",
                "%2e",
            ),
            *("%(id)s", "{id}", "CON", "~root", "a" * 5000, "\u202egpj.exe", "\ufeff", "=cmd()", "..." * 9, "\N{BOMB}"),
        ]
    ),
)
TEMPLATES = (
    "{date}_{time}_{direction}_{station}_{id}",
    "{id}_{station}{caller}{callee}",
    "{caller}{callee}{trunk}{rule}{purpose}{station}{id}",
    "..{caller}..{callee_masked}-{id}",
    "{id}",
    "{id}.{caller}.",
)


def test_the_default_reads_as_a_person_would_write_it() -> None:
    assert (
        NameTemplate.parse("{date}_{time}_{direction}_{station}_{id}").fill(CALL)
        == f"2026-11-24_10-15-30_inbound_Kancelaria-Lodz-1_{ID}"
    )


def test_every_field_has_its_place() -> None:
    template = NameTemplate.parse("{trunk}_{caller}_{callee}_{caller_masked}_{callee_masked}_{rule}_{purpose}_{id}")
    assert template.fill(CALL) == f"operator_+48-22-123-45-67_101_+xxxxxxxx567_101_all-calls_quality_{ID}"


def test_a_masked_name_hides_all_but_three_characters() -> None:
    template = NameTemplate.parse("{caller_masked}_{id}")
    assert template.fill(replace(CALL, caller="jan.kowalski")) == f"xxxxxxxxski_{ID}"
    assert template.fill(replace(CALL, caller="+48٢٢١٢٣٤٥٦٧")).startswith("+xxxx")  # digits of other scripts too
    assert template.fill(replace(CALL, caller="")) == f"unknown_{ID}"


def test_the_manifest_fills_the_fields() -> None:
    manifest = {
        "id": ID,
        "time": {"begin": "2026-11-24T10:15:30.250+01:00"},
        "call": {"station": "101", "direction": "outbound", "trunk": None, "caller": "101", "callee": "+48221234567"},
        "decision": {"rule": "all", "purpose": None},
    }
    found = NameFields.of_manifest(manifest)
    assert NameTemplate.parse("{date}_{time}_{station}_{trunk}_{callee}_{rule}_{purpose}_{id}").fill(found) == (
        f"2026-11-24_10-15-30_101_unknown_+48221234567_all_unknown_{ID}"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{number}_{id}", "unknown fields 'number'; there are callee, callee_masked, caller"),
        ("{a}{b}{id}", "unknown fields 'a', 'b'"),
        ("{begin}_{id}", "unknown fields 'begin'"),
        ("{station.__class__}_{id}", "unknown fields"),
        ("{0}_{id}", "unknown fields '0'"),
        ("{}_{id}", "unknown fields ''"),
        ("{id:>200}", "its name alone"),
        ("{station!r}_{id}", "its name alone"),
        ("{date}", "must begin or end with {id}"),
        ("{date}_{id}_{station}", "must begin or end with {id}"),
        ("{id}_{id}", "name it once"),
        ("a/b_{id}", "only letters, digits"),
        ("łódź_{id}", "only letters, digits"),
        ("{{x}}_{id}", "only letters, digits"),
        ("x" * 57 + "{id}", "more than 56 characters"),
        ("{id", "name template '{id'"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        NameTemplate.parse(text)


def test_the_refusal_lists_all_fields() -> None:
    with pytest.raises(ValueError) as refusal:
        NameTemplate.parse("{nonsense}{id}")
    assert all(name in str(refusal.value) for name in NAMES)


@pytest.mark.parametrize("recording", ["", "a/b", "../x", ".x", "-x", "x\n", "x" * 65, "a b", "ą", "x-"])
def test_an_id_that_is_not_ours_makes_no_name(recording: str) -> None:
    with pytest.raises(ValueError, match="not the id of a recording"):
        NameTemplate.parse("{id}").fill(replace(CALL, id=recording))


@given(st.sampled_from(TEMPLATES), HOSTILE, HOSTILE, HOSTILE)
@example("{id}.{caller}.", "", "..", "")
@example("{caller}{callee}{trunk}{rule}{purpose}{station}{id}", "a" * 500, "a" * 500, "a" * 500)
@example("{id}_{station}{caller}{callee}", "a" * 500, "a" * 500, "a" * 500)
@example("..{caller}..{callee_masked}-{id}", "", "-.-", "..")
def test_no_text_from_the_network_leaves_the_safe_characters(text: str, station: str, caller: str, callee: str) -> None:
    about = replace(CALL, station=station, caller=caller, callee=callee, trunk=caller, rule=callee, purpose=station)
    name = NameTemplate.parse(text).fill(about)
    assert re.fullmatch(r"[A-Za-z0-9+](?:[A-Za-z0-9._+-]*[A-Za-z0-9+])?", name)
    assert len(name) <= LONGEST
    assert ".." not in name
    assert name.startswith(ID) or name.endswith(ID)


@given(st.sampled_from(TEMPLATES), HOSTILE, HOSTILE, st.data())
def test_two_recordings_never_share_a_name(text: str, one: str, other: str, data: st.DataObject) -> None:
    ids = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
    first, second = data.draw(st.tuples(ids, ids).filter(lambda pair: pair[0] != pair[1]))
    template = NameTemplate.parse(text)
    names = {
        template.fill(replace(CALL, id=first, station=one, caller=other)),
        template.fill(replace(CALL, id=second, station=other + second, caller=first + one)),
    }
    assert len(names) == 2


@given(HOSTILE)
@example("a" * 39 + ".b")
def test_safe_text_is_safe_again(text: str) -> None:
    assert safe(safe(text)) == safe(text)
