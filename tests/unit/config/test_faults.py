import pytest
from pydantic import ValidationError

from skryba.config.faults import Fault, FaultyConfigError, key_of, problem_and_remedy
from skryba.config.model import Config
from skryba.errors import ConfigError


def words(document: dict[str, object]) -> dict[str, tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(document)
    return {key_of(tuple(each["loc"])): problem_and_remedy(dict(each)) for each in caught.value.errors()}


def test_fault_reads_as_a_compiler_message() -> None:
    fault = Fault("var/skryba.toml", 12, "sip.domian", "there is no such option", "Did you mean domain?")
    assert str(fault) == "var/skryba.toml:12: sip.domian: there is no such option. Did you mean domain?"
    assert str(Fault("x.toml", None, "", "gone", "Make it")) == "x.toml: gone. Make it"


def test_all_faults_stand_in_one_exception() -> None:
    first, second = Fault("a", 1, "k", "p", "R"), Fault("a", 2, "l", "q", "S")
    error = FaultyConfigError([first, second])
    assert isinstance(error, ConfigError)
    assert str(error).splitlines() == ["a:1: k: p. R", "a:2: l: q. S"]
    assert error.faults[1].as_dict() == {"source": "a", "line": 2, "key": "l", "problem": "q", "remedy": "S"}


def test_elements_are_counted_from_one() -> None:
    assert key_of(("station", 1, "password")) == "station[2].password"
    assert key_of(("numbers", "+48", "[key]")) == "numbers.+48"


def test_misspelt_option_gets_a_suggestion() -> None:
    assert words({"sip": {"domian": "x"}}) == {"sip.domian": ("there is no such option", "Did you mean domain?")}


def test_misspelt_option_of_a_trunk_gets_the_name_used_in_the_file() -> None:
    found = words({"trunk": [{"id": "a", "host": "192.0.2.1", "registr": True}]})
    assert found["trunk[1].registr"][1] == "Did you mean register?"


def test_unlike_option_gets_the_list() -> None:
    problem, remedy = words({"zzz": 1})["zzz"]
    assert problem == "there is no such option"
    assert remedy.startswith("Options here: sip, media, recorder")


def test_each_kind_of_fault_has_a_remedy() -> None:
    found = words(
        {
            "sip": 5,
            "media": {"ports": [3, 4]},
            "notice": {"language": "fr"},
            "policy": {"country": "+48"},
            "limits": {"calls": 0},
            "station": [{"id": "101"}],
        }
    )
    assert found["sip"] == ("this must be a table", "Write [sip] on a line of its own, its options below")
    assert found["media.ports"][1].startswith("Write two ports, the lower one even")
    assert found["notice.language"] == ("the value is not one of the choices", "Choose 'pl', 'en', 'uk' or 'de'")
    assert found["policy.country"][1] == "It must match ^[1-9][0-9]{0,2}$"
    assert found["limits.calls"][1] == "Input should be greater than or equal to 1"
    assert found["station[1].password"] == ("this option must be given", "Add password = … to this table")


def test_values_are_never_repeated() -> None:
    found = words({"station": [{"id": "101", "password": "geheim\nnis", "name": 5}]})
    assert "geheim" not in str(found)
