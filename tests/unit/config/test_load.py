from pathlib import Path

import pytest

from skryba.config.faults import FaultyConfigError
from skryba.config.load import load, locate
from skryba.config.model import Config

STATION = '[[station]]\nid = "101"\npassword = "Correct-Horse-101-Battery"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "skryba.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(FaultyConfigError) as caught:
        load(path, environ or {})
    return str(caught.value).splitlines()


def test_file_gives_values_and_defaults_fill_the_rest(tmp_path: Path) -> None:
    config = load(write(tmp_path, '[sip]\ndomain = "pbx.example"\n' + STATION), {})
    assert config.sip.domain == "pbx.example"
    assert config.sip.listen == Config().sip.listen
    assert [station.id for station in config.station] == ["101"]


def test_no_file_means_defaults() -> None:
    assert load(None, {}).sip == Config().sip


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    config = load(write(tmp_path, '[recorder]\nfolder = "audio"\nspool = "/spool"\n[notice]\nprompts = "mine"\n'), {})
    assert config.recorder.folder == tmp_path / "audio"
    assert config.recorder.spool == Path("/spool")
    assert config.notice.prompts == tmp_path / "mine"
    assert config.policy.rules_file == tmp_path / "rules.toml"
    assert config.operations.control == tmp_path / "run/control.sock"
    assert config.operations.database == f"sqlite:///{tmp_path}/skryba.db"


def test_called_numbers_take_their_international_form(tmp_path: Path) -> None:
    config = load(write(tmp_path, '[numbers]\n"0048221234567" = "101"\n"222222222" = "101"\n' + STATION), {})
    assert config.numbers == {"+48221234567": "101", "+48222222222": "101"}


def test_absolute_database_stays(tmp_path: Path) -> None:
    config = load(write(tmp_path, '[operations]\ndatabase = "sqlite:////srv/skryba.db"\n'), {})
    assert config.operations.database == "sqlite:////srv/skryba.db"


def test_empty_prompts_folder_means_none(tmp_path: Path) -> None:
    assert load(write(tmp_path, '[notice]\nprompts = ""\n'), {}).notice.prompts is None


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[sip]\ndomain = "file.example"\nadvertise = "192.0.2.1"\n')
    environ = {
        "SKRYBA_SIP__DOMAIN": "env.example",
        "SKRYBA_MEDIA__PORTS": "[30000, 30999]",
        "SKRYBA_LIMITS__CALLS": "100",
        "SKRYBA_RECORDER__SPOOL_DAYS": "0.5",
        "SKRYBA_NUMBERS": '{"+48221234567": "101"}',
        "SKRYBA_STATION": '[{"id": "101", "password": "Correct-Horse-101-Battery"}]',
        "PATH": "/bin",
    }
    config = load(path, environ)
    assert config.sip.domain == "env.example"
    assert config.sip.advertise == "192.0.2.1"
    assert config.media.ports == (30000, 30999)
    assert config.limits.calls == 100
    assert config.recorder.spool_days == 0.5
    assert config.numbers == {"+48221234567": "101"}
    assert config.station[0].id == "101"


def test_all_faults_are_listed_with_file_line_and_remedy(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[sip]\ndomian = "x"\n[media]\nports = [1, 2]\n'
        '[[station]]\nid = "101"\n[[station]]\nid = "102"\npassword = 5\n',
    )
    assert faults(path) == [
        f"{path}:2: sip.domian: there is no such option. Did you mean domain?",
        f"{path}:4: media.ports: the value cannot be read. Write two ports, the lower one even, "
        "both between 1024 and 65535, such as [20000, 29999]",
        f"{path}:5: station[1].password: this option must be given. Add password = … to this table",
        f"{path}:9: station[2].password: the value does not fit. Input should be a valid string",
    ]


def test_faults_between_options_are_found_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path, '[numbers]\n"+48221234567" = "103"\n[[station]]\nid = "101"\npassword = "short"\n')
    assert faults(path) == [
        f"{path}:2: numbers.+48221234567: there is no station 103. Stations are 101",
        f"{path}:5: station[1].password: the password is weak: it is shorter than 12 characters. "
        "`openssl rand -base64 18` makes a strong one",
    ]


def test_unknown_variables_are_refused() -> None:
    found = faults(None, {"SKRYBA_DOMAIN": "x", "SKRYBA_SIP__DOMIAN": "y", "SKRYBA_SIP__": "z"})
    assert found[0].startswith("environment: SKRYBA_DOMAIN: no option belongs to this variable.")
    assert found[1].startswith("environment: SKRYBA_SIP__: no option belongs to this variable.")
    assert found[2] == "environment: SKRYBA_SIP__DOMIAN: there is no such option. Did you mean domain?"
    assert len(found) == 3


def test_fault_of_a_variable_names_the_variable_not_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[limits]\ncalls = 5\n")
    found = faults(path, {"SKRYBA_LIMITS__CALLS": "many", "SKRYBA_SIP__LISTEN": "udp:127.0.0.1:5060"})
    assert [line.split(". ")[0] for line in found] == [
        "environment: SKRYBA_LIMITS__CALLS: the value does not fit",
        "environment: SKRYBA_SIP__LISTEN: the value cannot be read",
    ]
    assert "JSON" in found[1]


def test_variable_of_a_section_in_a_file_that_misuses_the_section(tmp_path: Path) -> None:
    found = faults(write(tmp_path, "sip = 5\n"), {"SKRYBA_SIP": "6"})
    assert found[0].startswith("environment: SKRYBA_SIP: ")


def test_file_that_is_not_toml_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[sip]\ndomain = skryba\n")
    (found,) = faults(path)
    assert found.startswith(f"{path}:2: this is not TOML: Invalid value. ")


def test_file_that_ends_too_early_is_named_with_its_last_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[sip]\nlisten = [")
    (found,) = faults(path)
    assert found.startswith(f"{path}:2: this is not TOML: ")


def test_missing_file_tells_how_to_make_one(tmp_path: Path) -> None:
    (found,) = faults(tmp_path / "skryba.toml")
    assert found == f"{tmp_path}/skryba.toml: there is no such file. `skryba init {tmp_path}` makes one"


def test_unreadable_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "skryba.toml").write_bytes(b"\xff\xfe")
    (found,) = faults(tmp_path / "skryba.toml")
    assert "the file cannot be read" in found


def test_locate_prefers_the_variable_then_the_working_folder(tmp_path: Path) -> None:
    assert locate({"SKRYBA_CONFIG": "/x/y.toml"}, tmp_path) == Path("/x/y.toml")
    (tmp_path / "var").mkdir()
    (tmp_path / "var/skryba.toml").touch()
    assert locate({}, tmp_path) == tmp_path / "var/skryba.toml"
    (tmp_path / "skryba.toml").touch()
    assert locate({}, tmp_path) == tmp_path / "skryba.toml"


def test_path_variable_is_not_an_unknown_option() -> None:
    assert load(None, {"SKRYBA_CONFIG": "x.toml"}).sip.domain == "skryba.local"
