"""From the configuration to keys, signing key and chain of seals: built here, alike for recorder, keeper and commands.

Holds no rule of cryptography; knows which file is which.
"""

from datetime import datetime
from pathlib import Path

from skryba import clock
from skryba.config.keeping import Encryption
from skryba.config.model import Config
from skryba.errors import ConfigError, KeyUnavailable
from skryba.recorder.verify import CHAIN
from skryba.vault.journal import Journal
from skryba.vault.keyfile import generate_signer, load_signer, public_path, read_secret, write_secret
from skryba.vault.keyring import Keyring
from skryba.vault.master import CommandMaster, FileMaster, Master, PassphraseMaster, PublicMaster
from skryba.vault.signing import Signer, Verifier

SALT = "passphrase.salt"  # beside the wrapped keys; not secret
VOLATILE = "keys"  # folder beside the control socket; in mode "public" it should be in memory (tmpfs)


def master_of(encryption: Encryption) -> Master | None:
    """What wraps keys; None where nothing is encrypted. ConfigError names what is missing."""
    if encryption.mode == "off":
        return None
    if encryption.mode == "public":
        if encryption.public_key is None:
            raise ConfigError("encryption.mode is public, and encryption.public_key names no file")
        return PublicMaster(encryption.public_key)
    if encryption.command:
        return CommandMaster(encryption.command)
    if encryption.passphrase:
        encryption.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        return PassphraseMaster(encryption.passphrase, encryption.keys / SALT)
    if not encryption.master_key.exists():
        raise ConfigError(f"{encryption.master_key}: there is no master key. `skryba keys init` makes one")
    return FileMaster(encryption.master_key)


def keyring_of(config: Config) -> Keyring | None:
    """The keys of all recordings; None where nothing is encrypted."""
    master = master_of(config.encryption)
    return None if master is None else Keyring(config.encryption.keys, master)


def signer_of(config: Config) -> Signer:
    """The signing key; made at the first start."""
    path = config.evidence.signing_key
    if path.exists():
        return load_signer(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return generate_signer(path)


def verifier_of(config: Config) -> Verifier | None:
    """Who is trusted to sign here; None before the first start."""
    path = public_path(config.evidence.signing_key)
    return Verifier.from_pem(path.read_bytes()) if path.exists() else None


def journal_of(config: Config, signer: Signer | None) -> Journal:
    """The chain of seals. With a signer it is begun if there is none."""
    journal = Journal(config.recorder.folder / CHAIN, signer, clock.at)
    if signer is not None and next(journal.entries(), None) is None:
        journal.start("the chain begins")
    return journal


class RecorderKeys:
    """The recorder's keys. In mode `public` they cannot be unwrapped here again: until a recording is sealed its key
    also lies in a folder that a restart of the machine empties."""

    def __init__(self, keyring: Keyring, volatile: Path | None) -> None:
        self._keyring = keyring
        self._volatile = volatile
        if volatile is not None:
            volatile.mkdir(parents=True, exist_ok=True, mode=0o700)

    def new(self, name: str, at: datetime) -> bytes:
        """A fresh key under this name."""
        key = self._keyring.new(name, at)
        if self._volatile is not None:
            write_secret(self._volatile / name, key)
        return key

    def get(self, name: str) -> bytes:
        """The key of this name. KeyUnavailable, KeyDestroyed."""
        if self._volatile is None:
            return self._keyring.get(name)
        try:
            return read_secret(self._volatile / name)
        except ConfigError as error:
            raise KeyUnavailable(f"the key of {name} can be unwrapped by the archive's private key only") from error

    def has(self, name: str) -> bool:
        """True if the name was given a key."""
        return self._keyring.has(name)

    def forget(self, name: str) -> None:
        """The recording is sealed."""
        if self._volatile is not None:
            for path in (self._volatile / name, *self._volatile.glob(f"{name}-*")):
                path.unlink(missing_ok=True)


def recorder_keys(config: Config) -> RecorderKeys | None:
    """None where nothing is encrypted."""
    keyring = keyring_of(config)
    if keyring is None:
        return None
    volatile = config.operations.control.parent / VOLATILE if config.encryption.mode == "public" else None
    return RecorderKeys(keyring, volatile)
