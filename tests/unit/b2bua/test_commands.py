"""Commands: plain frozen values, each of them in the union that the server matches on."""

import dataclasses
import inspect
from typing import get_args

import pytest

from skryba.b2bua import commands
from skryba.terms import Side


def test_every_command_is_in_the_union_and_frozen() -> None:
    classes = {c for _, c in inspect.getmembers(commands, inspect.isclass) if c.__module__ == commands.__name__}
    assert classes - {commands.PromptEvidence} == set(get_args(commands.Command))
    for each in classes:
        assert getattr(each, "__dataclass_params__").frozen  # noqa: B009 - not in the stubs


def test_equal_bridges_are_equal_and_maps_are_their_own() -> None:
    assert commands.Bridge("c") == commands.Bridge("c")
    assert commands.Bridge("c").caller_to_callee_map is not commands.Bridge("c").caller_to_callee_map
    mark = commands.MarkRecording("c", "hold", Side.CALLER)
    assert mark.note == {}
    with pytest.raises(dataclasses.FrozenInstanceError):
        mark.kind = "x"  # type: ignore[misc]
