"""Secret files: private, never overwritten, readable again."""

import os
from pathlib import Path

import pytest

from skryba.errors import ConfigError
from skryba.vault import keyfile
from skryba.vault.keys import open_sealed, seal_to
from skryba.vault.signing import Verifier, read_public_pem


def test_secrets_are_private_and_complete(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    keyfile.write_secret(path, b"text")
    assert path.stat().st_mode & 0o777 == 0o600
    assert keyfile.read_secret(path) == b"text"
    assert os.listdir(tmp_path) == ["secret"]


def test_secrets_are_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    keyfile.write_secret(path, b"first")
    with pytest.raises(ConfigError, match="never overwritten"):
        keyfile.write_secret(path, b"second")
    assert keyfile.read_secret(path) == b"first"
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_secret_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    keyfile.write_secret(path, b"text")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        keyfile.read_secret(path)


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        keyfile.read_secret(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot be written"):
        keyfile.write_secret(tmp_path / "no folder" / "secret", b"")


def test_a_signing_key_is_made_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    made = keyfile.generate_signer(path)
    loaded = keyfile.load_signer(path)
    assert loaded.key_id == made.key_id
    verifier = Verifier.from_pem(keyfile.public_path(path).read_bytes())
    assert verifier.verify(made.key_id, b"text", loaded.sign(b"text"))
    assert keyfile.generate_signer(tmp_path / "another.pem").key_id != made.key_id
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_exchange_key_is_made_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "exchange.pem"
    public = keyfile.generate_exchange_key(path)
    assert keyfile.load_exchange_public(keyfile.public_path(path)) == public
    private = keyfile.load_exchange_key(path).private_bytes_raw()
    assert open_sealed(private, seal_to(public, bytes(32), b""), b"") == bytes(32)


def test_keys_are_not_taken_for_one_another(tmp_path: Path) -> None:
    signing, exchange = tmp_path / "signing.pem", tmp_path / "exchange.pem"
    keyfile.generate_signer(signing)
    keyfile.generate_exchange_key(exchange)
    with pytest.raises(ConfigError, match="no Ed25519"):
        keyfile.load_signer(exchange)
    with pytest.raises(ConfigError, match="no X25519 private"):
        keyfile.load_exchange_key(signing)
    with pytest.raises(ConfigError, match="no X25519 public"):
        keyfile.load_exchange_public(keyfile.public_path(signing))
    with pytest.raises(ConfigError, match="not an Ed25519"):
        read_public_pem(keyfile.public_path(exchange).read_bytes())


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyfile.write_secret(path, b"hello")
    with pytest.raises(ConfigError, match="PEM"):
        keyfile.load_signer(path)
    with pytest.raises(ConfigError, match="no public key"):
        keyfile.load_exchange_public(path)
    with pytest.raises(ConfigError, match="no public key"):
        keyfile.load_exchange_public(tmp_path / "none")
