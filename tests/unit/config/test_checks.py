from pathlib import Path
from typing import Any

import pytest

from skryba.config.checks import ephemeral_ports, exposed, faults, warnings, weakness
from skryba.config.model import Config

GOOD = "kR7-battery-Horse"


def found(document: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    return [(path, problem) for path, problem, remedy in faults(Config.model_validate(document)) if remedy]


def station(name: str, password: str = GOOD) -> dict[str, Any]:
    return {"id": name, "password": password}


@pytest.mark.parametrize(
    "password",
    [
        "",
        "101",
        "Kx7$short",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "123456789012345",
        "abcdefghijklmnop",
        "password101101",
        "Skryba-Password1",
        "101-Haslo-101-101",
    ],
)
def test_weak_passwords_are_told_apart(password: str) -> None:
    assert weakness(password, "101")


@pytest.mark.parametrize("password", [GOOD, "Correct-Horse-101-Battery", "x9#mQ2!vB7@pL4", "zielony rower nad morzem"])
def test_strong_passwords_pass(password: str) -> None:
    assert weakness(password, "101") is None


def test_weak_station_password_is_a_fault() -> None:
    ((path, problem),) = found({"station": [station("101"), station("102", "abc")]})
    assert path == ("station", 1, "password")
    assert "abc" not in problem


def test_duplicates_are_faults() -> None:
    assert [path for path, _ in found({"station": [station("101"), station("102"), station("101")]})] == [
        ("station", 2, "id")
    ]
    trunk = {"id": "carrier", "host": "192.0.2.1"}
    assert [path for path, _ in found({"trunk": [trunk, trunk]})] == [("trunk", 1, "id")]
    assert [path for path, _ in found({"sip": {"listen": ["udp:127.0.0.1:5060", "udp:127.0.0.1:5060"]}})] == [
        ("sip", "listen", 1)
    ]


def test_one_number_written_in_two_ways_is_a_fault() -> None:
    document = {"station": [station("101")], "numbers": {"+48221234567": "101", "0048221234567": "101"}}
    assert [path for path, _ in found(document)] == [("numbers", "0048221234567")]


def test_number_of_an_unknown_station_is_a_fault() -> None:
    assert found({"numbers": {"+48221234567": "7"}}) == [(("numbers", "+48221234567"), "there is no station 7")]


def test_wildcard_addresses_need_something_to_advertise() -> None:
    bad = {"sip": {"listen": ["udp:0.0.0.0:5060", "udp:[::]:5060"]}, "media": {"host": "0.0.0.0"}}
    assert [path for path, _ in found(bad)] == [("sip", "listen", 0), ("sip", "listen", 1), ("media", "host")]
    good = {
        "sip": {"listen": ["udp:0.0.0.0:5060"], "advertise": "192.0.2.1"},
        "media": {"host": "::", "advertise": "2001:db8::1"},
    }
    assert found(good) == []


def test_sip_port_within_the_media_ports_is_a_fault() -> None:
    assert [path for path, _ in found({"sip": {"listen": ["udp:127.0.0.1:20500"]}})] == [("media", "ports")]
    assert found({"sip": {"listen": ["tcp:127.0.0.1:20500"]}}) == []


def test_registering_trunk_needs_credentials() -> None:
    trunk = {"id": "carrier", "host": "192.0.2.1", "register": True, "username": "u"}
    assert [path for path, _ in found({"trunk": [trunk]})] == [("trunk", 0, "register")]
    assert found({"trunk": [{**trunk, "password": "p"}]}) == []


def test_trunk_known_by_name_needs_source_addresses() -> None:
    trunk = {"id": "carrier", "host": "sip.example.net"}
    assert [path for path, _ in found({"trunk": [trunk]})] == [("trunk", 0, "host")]
    assert found({"trunk": [{**trunk, "accept": ["192.0.2.1"]}]}) == []


def test_database_is_sqlite_or_postgresql() -> None:
    assert [path for path, _ in found({"operations": {"database": "mysql://x"}})] == [("operations", "database")]
    assert found({"operations": {"database": "postgresql://skryba@db/skryba"}}) == []


def test_mode_public_needs_a_public_key() -> None:
    assert [path for path, _ in found({"encryption": {"mode": "public"}})] == [("encryption", "public_key")]
    assert found({"encryption": {"mode": "public", "public_key": "archive.pub"}}) == []


def test_there_is_one_master_key() -> None:
    both = {"encryption": {"passphrase": "correct horse battery", "command": ["kms-wrap"]}}
    assert [path for path, _ in found(both)] == [("encryption", "command")]


def test_object_store_needs_its_address_and_keys() -> None:
    bare = found({"storage": {"kind": "s3", "endpoint": "https://s3.example.net", "bucket": "b"}})
    assert [path for path, _ in bare] == [("storage", "access_key"), ("storage", "secret_key")]


def test_two_hooks_of_one_name_are_a_fault() -> None:
    hook = {"id": "crm", "url": "https://crm.example.net/", "secret": "a-long-shared-secret"}
    assert [path for path, _ in found({"hook": [hook, hook]})] == [("hook", 1, "id")]


def test_overlap_with_the_kernels_ports_is_a_warning() -> None:
    config = Config.model_validate({"station": [station("101")]})
    assert warnings(config, ephemeral=(32768, 60999)) == []
    assert warnings(config, ephemeral=None) == []
    for overlapping in ((29999, 40000), (1024, 20000), (25000, 25001)):
        (warning,) = warnings(config, ephemeral=overlapping)
        assert "overlap the kernel's own range" in warning


def test_too_few_ports_open_metrics_and_no_station_are_warnings() -> None:
    config = Config.model_validate({"media": {"ports": [20000, 20399]}, "operations": {"metrics": "0.0.0.0:9464"}})
    few, reach, nobody = warnings(config, ephemeral=None)
    assert few.startswith("media.ports has room for 100 calls, limits.calls allows 1000")
    assert "whoever reaches it" in reach
    assert nobody == "no station is configured: nobody can register"


def test_ephemeral_ports_are_read_from_the_kernel() -> None:
    found = ephemeral_ports()
    assert found is not None
    assert 0 < found[0] <= found[1] <= 65535


def test_readable_password_file_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "skryba.toml"
    path.touch(0o600)
    path.chmod(0o600)
    assert exposed(path) is None
    path.chmod(0o640)
    assert exposed(path) == f"{path} holds passwords and other users may read it: chmod 600 {path}"
    assert exposed(tmp_path / "gone") is None
