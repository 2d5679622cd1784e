"""Signals: nothing in them belongs to one side's SIP."""

import dataclasses
import inspect
from typing import get_args

from skryba.b2bua import signals


def test_every_signal_is_in_the_union_and_frozen() -> None:
    classes = {c for _, c in inspect.getmembers(signals, inspect.isclass) if c.__module__ == signals.__name__}
    assert classes == set(get_args(signals.Signal))
    for each in classes:
        assert getattr(each, "__dataclass_params__").frozen  # noqa: B009 - not in the stubs


def test_no_signal_has_room_for_a_dialog() -> None:
    names = {field.name for each in get_args(signals.Signal) for field in dataclasses.fields(each)}
    assert not names & {"call_id", "tag", "via", "contact", "cseq", "request", "response", "flow", "key"}
