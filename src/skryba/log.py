"""One structured line per thing that happened, as JSON or for people; telephone numbers leave masked.

Lines are written where they are made: there are few per call and none per packet. Knows notices, no call's insides.
"""

import dataclasses
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from functools import partial
from typing import Any, TextIO, assert_never

import structlog

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
from skryba.b2bua.snapshot import CallSnapshot

SHOWN_DIGITS = 3
_NUMBER_KEYS = frozenset({"caller", "callee", "number", "from_number", "to_number"})
_PLAIN_KEYS = frozenset({"timestamp", "level", "logger", "call", "recording"})  # never numbers; ids may look like one
# An IPv4 address with its port, or an ISO date and time, stays; else seven digits and more are taken for a number.
_KEPT_OR_NUMBER = re.compile(
    r"(?P<kept>(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])(?::\d+)?|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?)"
    r"|(?<!\w)\+?\d(?:[ ().-]{0,2}\d){6,}(?!\w)"
)

_notices = structlog.get_logger("calls")


def mask(number: str) -> str:
    """All digits but the last three become `*`, other characters stay: `+48 22 123 45 67` → `+** ** *** *5 67`."""
    hidden = sum(character.isdigit() for character in number) - SHOWN_DIGITS
    masked = []
    for character in number:
        if character.isdigit() and hidden > 0:
            masked.append("*")
            hidden -= 1
        else:
            masked.append(character)
    return "".join(masked)


def mask_text(text: str) -> str:
    """Every telephone number within a text masked."""
    return _KEPT_OR_NUMBER.sub(lambda found: found["kept"] or mask(found[0]), text)


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """`level`: debug, info, warning, error. `form`: json or console. The standard library's loggers join in."""
    stream = sys.stderr if stream is None else stream
    least = logging.getLevelNamesMapping()[level.upper()]
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _name_line,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask_line,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=partial(_Writer, stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[_ToStructlog()], force=True)


class _Writer(structlog.WriteLogger):
    """Knows the name it was asked for: `get_logger("calls")`."""

    def __init__(self, stream: TextIO, name: str = "skryba") -> None:
        super().__init__(stream)
        self.name = name


class _ToStructlog(logging.Handler):
    """What asyncio and other libraries say."""

    def emit(self, record: logging.LogRecord) -> None:
        line = structlog.get_logger().bind(logger=record.name)
        if record.exc_info:
            line = line.bind(exc_info=record.exc_info)
        line.log(record.levelno, record.getMessage())


def _name_line(logger: _Writer, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    line.setdefault("logger", logger.name)
    return line


def _mask_line(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in line.items():
        line[key] = _masked(key, value)
    return line


def _masked(key: str, value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str() if key in _PLAIN_KEYS:
            return str(value)
        case str() if key in _NUMBER_KEYS:
            return mask(value)
        case str():
            return mask_text(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return {mask_text(str(name)): _masked(str(name), each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(key, each) for each in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _masked(key, dataclasses.asdict(value))
        case _:
            return mask_text(str(value))


_FAILURES = {NoticeFailed: "notice failed", RecordingFailed: "recording failed"}


def log_notice(notice: Notice) -> None:
    """The observer of the calls: one line per notice."""
    match notice:
        case CallStarted(call):
            _notices.info("call started", **_who(call), rule=call.decision.rule, mode=call.decision.mode)
        case CallRinging(call):
            _notices.info("call ringing", call=call.id)
        case CallAnswered(call):
            _notices.info("call answered", call=call.id)
        case CallBridged(call):
            _notices.info("call bridged", call=call.id, recorded=call.recorded_now, recording=call.recording)
        case CallEnded(call, end):
            _notices.info(
                "call ended",
                **_who(call),
                result=end.result,
                reason=end.reason,
                side=end.side,
                status=end.status,
                seconds=_seconds(call.timings.started, call.timings.ended),
                talked=_seconds(call.timings.bridged, call.timings.ended),
                recording=call.recording,
            )
        case CallFaulted(call_id, error):
            _notices.error("call met a bug", call=call_id, error=error)
        case NoticePlayed(call_id, side, evidence):
            _notices.info(
                "notice played",
                call=call_id,
                side=side,
                prompt=evidence.prompt,
                language=evidence.language,
                completed=evidence.completed,
                seconds=round((evidence.ended_ns - evidence.started_ns) / 1e9, 3),
            )
        case NoticeFailed() | RecordingFailed():
            _notices.error(_FAILURES[type(notice)], **dataclasses.asdict(notice))
        case RegistrationChanged(station, contacts):
            _notices.info("registration changed", station=station, contacts=[str(each.source) for each in contacts])
        case TrunkChanged(trunk, up, detail):
            _notices.log(logging.INFO if up else logging.WARNING, "trunk changed", trunk=trunk, up=up, detail=detail)
        case RequestRefused(method, status, reason, source):
            _notices.warning("request refused", method=method, status=status, reason=reason, source=str(source))
        case _:
            assert_never(notice)


def _who(call: CallSnapshot) -> dict[str, Any]:
    return {
        "call": call.id,
        "direction": call.direction,
        "station": call.station,
        "trunk": call.trunk,
        "caller": call.caller,
        "callee": call.callee,
    }


def _seconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(end - start, 3)
