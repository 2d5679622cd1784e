import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from skryba.config.model import Config
from skryba.errors import ConfigError, KeyUnavailable
from skryba.locksmith import journal_of, keyring_of, recorder_keys, signer_of, verifier_of
from skryba.vault.chain import Kind
from skryba.vault.keyfile import generate_exchange_key, public_path
from skryba.vault.master import FileMaster

AT = datetime(2026, 11, 24, tzinfo=UTC)


def config(folder: Path, **encryption: Any) -> Config:
    (folder / "keys").mkdir(exist_ok=True)
    return Config.model_validate(
        {
            "recorder": {"folder": folder / "recordings"},
            "operations": {"control": folder / "run/control.sock"},
            "evidence": {"signing_key": folder / "keys/signing.pem"},
            "encryption": {
                "keys": folder / "keys/ring",
                "master_key": folder / "keys/master.key",
                **encryption,
            },
        }
    )


def test_nothing_is_encrypted_unless_asked_for(tmp_path: Path) -> None:
    assert keyring_of(config(tmp_path)) is None
    assert recorder_keys(config(tmp_path)) is None
    assert not (tmp_path / "keys/ring").exists()


def test_a_missing_master_key_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"master\.key: there is no master key.*skryba keys init"):
        keyring_of(config(tmp_path, mode="master"))


def test_a_master_key_file_opens_what_it_closed(tmp_path: Path) -> None:
    asked = config(tmp_path, mode="master")
    FileMaster.create(asked.encryption.master_key)
    keys = recorder_keys(asked)
    again = keyring_of(asked)
    assert keys is not None
    assert again is not None
    made = keys.new("abcd", AT)
    assert keys.get("abcd") == again.get("abcd") == made
    assert keys.has("abcd")
    assert not keys.has("efgh")
    keys.forget("abcd")
    assert keys.get("abcd") == made


def test_a_passphrase_serves_as_well_and_another_one_does_not(tmp_path: Path) -> None:
    asked = config(tmp_path, mode="master", passphrase="correct horse battery staple")
    keys = keyring_of(asked)
    assert keys is not None
    made = keys.new("abcd", AT)
    again = keyring_of(asked)
    assert again is not None
    assert again.get("abcd") == made
    other = keyring_of(config(tmp_path, mode="master", passphrase="something else entirely"))
    assert other is not None
    with pytest.raises(KeyUnavailable):
        other.get("abcd")


def test_a_recorder_with_a_public_key_reads_only_what_it_has_not_sealed_yet(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    generate_exchange_key(tmp_path / "keys/private.pem")
    asked = config(tmp_path, mode="public", public_key=public_path(tmp_path / "keys/private.pem"))
    made = recorder_keys(asked)
    assert made is not None
    key = made.new("abcd", AT)
    restarted = recorder_keys(asked)
    assert restarted is not None
    assert restarted.get("abcd") == key
    assert stat.S_IMODE((tmp_path / "run/keys/abcd").stat().st_mode) == 0o600
    restarted.forget("abcd")
    with pytest.raises(KeyUnavailable, match="private key"):
        restarted.get("abcd")


def test_the_signing_key_is_made_once_and_begins_the_chain_once(tmp_path: Path) -> None:
    asked = config(tmp_path)
    assert verifier_of(asked) is None
    signer = signer_of(asked)
    assert signer_of(asked).key_id == signer.key_id
    for _ in range(2):
        journal = journal_of(asked, signer_of(asked))
    assert [entry.kind for entry in journal.entries()] == [Kind.START]
    verifier = verifier_of(asked)
    assert verifier is not None
    assert next(journal.entries()).is_signed(verifier)


def test_reading_a_chain_needs_no_key(tmp_path: Path) -> None:
    asked = config(tmp_path)
    assert list(journal_of(asked, None).entries()) == []
    assert not asked.evidence.signing_key.exists()
