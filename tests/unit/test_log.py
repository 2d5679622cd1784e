import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.notices import (
    CallAnswered,
    CallBridged,
    CallEnded,
    CallFaulted,
    CallRinging,
    CallStarted,
    Notice,
    NoticeFailed,
    NoticePlayed,
    RecordingFailed,
    RegistrationChanged,
    RequestRefused,
    TrunkChanged,
)
from skryba.b2bua.snapshot import ContactSnapshot, Timings
from skryba.log import configure, log_notice, mask, mask_text
from skryba.terms import Result, Side, SocketAddress, Termination
from tests.support.calls import CALLEE, CALLER, call

SOURCE = SocketAddress("192.168.100.200", 5060)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("info", "json", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def raise_from(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+48221234567", "+********567"),
        ("+48 22 123 45 67", "+** ** *** *5 67"),
        ("101", "101"),
        ("1012", "*012"),
        ("anonymous", "anonymous"),
        ("", ""),
    ],
)
def test_mask_keeps_the_last_three_digits(number: str, masked: str) -> None:
    assert mask(number) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("sip:+48221234567@192.0.2.123:5060", "sip:+********567@192.0.2.123:5060"),
        ("<tel:22-123-45-67>;x", "<tel:**-***-*5-67>;x"),
        ("(22) 123 45 67 said", "(**) *** *5 67 said"),
        ("dialled 0048221234567, then 601234567.", "dialled **********567, then ******567."),
        ("from 192.168.100.200 at 2026-11-24T10:00:00.123456Z", "from 192.168.100.200 at 2026-11-24T10:00:00.123456Z"),
        ("recordings/2026/11/24/0199aa11bb22.wav", "recordings/2026/11/24/0199aa11bb22.wav"),
        ("extension 1012 refused with 486", "extension 1012 refused with 486"),
    ],
)
def test_numbers_within_texts_are_masked_addresses_and_times_are_not(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_line_has_time_level_logger_and_values(lines: io.StringIO) -> None:
    structlog.get_logger("signalling").warning("port taken", port=20000, ok=False, at=datetime(2026, 1, 2, tzinfo=UTC))
    (line,) = written(lines)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.pop("timestamp"))
    assert line == {
        "event": "port taken",
        "level": "warning",
        "logger": "signalling",
        "port": 20000,
        "ok": False,
        "at": "2026-01-02T00:00:00+00:00",
    }


def test_lines_below_the_level_are_not_written(lines: io.StringIO) -> None:
    structlog.get_logger().debug("noise")
    assert lines.getvalue() == ""


def test_console_form_is_for_people() -> None:
    stream = io.StringIO()
    configure("info", "console", stream)
    structlog.get_logger().info("calling", caller=CALLER)
    structlog.reset_defaults()
    assert "calling" in stream.getvalue()
    assert "caller=+********567" in stream.getvalue()


def test_numbers_hide_in_nested_values_keys_and_tracebacks(lines: io.StringIO) -> None:
    logger = structlog.get_logger()
    logger.info("nested", a={"caller": CALLEE, CALLER: 1}, b=[f"tel:{CALLER}", (CALLEE,)], c=SOURCE, d=Termination)
    try:
        raise_from(ValueError(f"no route to {CALLER}"))
    except ValueError:
        logger.exception("failed")
    assert_masked(lines)
    nested, failed = written(lines)
    assert nested["a"]["caller"] == "** *** *3 21"
    assert nested["c"] == ["192.168.100.200", 5060]
    assert "no route to +********567" in failed["exception"]


def test_libraries_speak_through_the_same_door(lines: io.StringIO) -> None:
    try:
        raise_from(OSError("gone"))
    except OSError:
        logging.getLogger("asyncio").exception("Task to %s failed", CALLER)
    (line,) = written(lines)
    assert (line["logger"], line["level"], line["event"]) == ("asyncio", "error", "Task to +********567 failed")
    assert "OSError: gone" in line["exception"]


EVIDENCE = PromptEvidence("standard", "1", "pl", "00", 1_000_000_000, 4_500_000_000, completed=True)
NOTICES: list[tuple[Notice, str, dict[str, Any]]] = [
    (CallStarted(call()), "call started", {"caller": "+********567", "callee": "** *** *3 21", "rule": "record-all"}),
    (CallRinging(call()), "call ringing", {"call": "0192999988887777"}),
    (CallAnswered(call()), "call answered", {"level": "info"}),
    (CallBridged(call()), "call bridged", {"recorded": True, "recording": "r1"}),
    (
        CallEnded(call(), Termination(Result.COMPLETED, f"BYE of {CALLER}", Side.CALLER, 200)),
        "call ended",
        {
            "result": "completed",
            "reason": "BYE of +********567",
            "seconds": 5.5,
            "talked": 3.5,
            "status": 200,
            "side": "caller",
        },
    ),
    (
        CallEnded(call(timings=Timings(started=1.0)), Termination(Result.REFUSED, "busy")),
        "call ended",
        {"talked": None},
    ),
    (
        CallFaulted("c", f"KeyError: '{CALLER}'"),
        "call met a bug",
        {"level": "error", "error": "KeyError: '+********567'"},
    ),
    (NoticePlayed("c", Side.CALLEE, EVIDENCE), "notice played", {"seconds": 3.5, "completed": True, "language": "pl"}),
    (NoticeFailed("c", "standard", "pl", "no file"), "notice failed", {"level": "error", "reason": "no file"}),
    (RecordingFailed("c", "r", "disk full"), "recording failed", {"level": "error", "reason": "disk full"}),
    (
        RegistrationChanged("101", (ContactSnapshot(f"sip:{CALLER}@x", "udp", SOURCE, 1.0, "phone"),)),
        "registration changed",
        {"station": "101", "contacts": ["192.168.100.200:5060"]},
    ),
    (TrunkChanged("carrier", up=False, detail="503"), "trunk changed", {"level": "warning", "up": False}),
    (TrunkChanged("carrier", up=True, detail="200"), "trunk changed", {"level": "info", "up": True}),
    (RequestRefused("INVITE", 403, f"unknown {CALLER}", SOURCE), "request refused", {"status": 403}),
]


@pytest.mark.parametrize(
    ("notice", "event", "values"), NOTICES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_notice_is_one_line(lines: io.StringIO, notice: Notice, event: str, values: dict[str, Any]) -> None:
    log_notice(notice)
    (line,) = written(lines)
    assert line["event"] == event
    assert line["logger"] == "calls"
    assert {key: line[key] for key in values} == values


def test_no_full_number_leaves(lines: io.StringIO) -> None:
    for notice, _, _ in NOTICES:
        log_notice(notice)
    assert len(written(lines)) == len(NOTICES)
    assert_masked(lines)


def assert_masked(stream: io.StringIO) -> None:
    digits = [re.sub(r"\D", "", value) for value in re.findall(r"[\d +().-]{7,}", stream.getvalue())]
    for number in (CALLER, CALLEE):
        bare = re.sub(r"\D", "", number)
        assert not [found for found in digits if bare[-6:] in found]
        assert number not in stream.getvalue()
