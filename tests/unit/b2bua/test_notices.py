"""Notices: each of them is in the union that observers match on."""

import inspect
from typing import get_args

from skryba.b2bua import notices


def test_every_notice_is_in_the_union_and_frozen() -> None:
    classes = {c for _, c in inspect.getmembers(notices, inspect.isclass) if c.__module__ == notices.__name__}
    assert classes == set(get_args(notices.Notice))
    assert set(get_args(notices.CallNotice)) < classes
    for each in classes:
        assert getattr(each, "__dataclass_params__").frozen  # noqa: B009 - not in the stubs


def test_notices_of_a_call_carry_its_snapshot() -> None:
    for each in get_args(notices.CallNotice):
        assert next(iter(inspect.signature(each).parameters)) == "call"
