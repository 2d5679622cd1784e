from dataclasses import replace

import pytest

from skryba.b2bua.requirement import FAREWELL, Requirement
from skryba.policy.model import Decision, IfUnrecordable, Mode, Notice

RECORD = Decision(Mode.AUTOMATIC, "all", "recorded", "nagrywane")


def requirement(choice: IfUnrecordable, **changes: object) -> Requirement:
    return Requirement(replace(RECORD, if_unrecordable=choice, **changes), "pl")  # type: ignore[arg-type]


def test_by_default_a_call_goes_on_unrecorded() -> None:
    lenient = Requirement(RECORD, "pl")
    assert not lenient.refuses("disk full")
    assert not lenient.gives_up("disk full")
    assert lenient.farewell is None


def test_nothing_happens_while_recording_is_possible() -> None:
    for choice in IfUnrecordable:
        assert not requirement(choice).refuses("")
        assert not requirement(choice).gives_up("")


def test_only_refuse_turns_a_new_call_away() -> None:
    assert requirement(IfUnrecordable.REFUSE).refuses("disk full")
    assert not requirement(IfUnrecordable.END).refuses("disk full")


@pytest.mark.parametrize("choice", [IfUnrecordable.REFUSE, IfUnrecordable.END])
def test_call_that_is_given_up_is_told_why_and_stays_given_up(choice: IfUnrecordable) -> None:
    strict = requirement(choice)
    assert strict.gives_up("disk full")
    assert strict.farewell == Notice(FAREWELL, "pl")
    assert strict.reason == "recording required: disk full"
    assert strict.gives_up("")
    assert strict.reason == "recording required: disk full"


def test_farewell_speaks_the_language_of_the_rule() -> None:
    strict = requirement(IfUnrecordable.END, notice=Notice("standard", "en"))
    assert strict.gives_up("disk full")
    assert strict.farewell == Notice(FAREWELL, "en")


def test_emergency_and_unrecorded_calls_are_never_given_up() -> None:
    assert not requirement(IfUnrecordable.REFUSE, emergency=True).refuses("disk full")
    assert not requirement(IfUnrecordable.END, emergency=True).gives_up("disk full")
    assert not requirement(IfUnrecordable.END, mode=Mode.NEVER).gives_up("disk full")
