"""⚡ The master key: what wraps the keys of the keyring and lies outside of it.

May not know the keyring. A master has an id, wraps, and unless it is write-only unwraps; both raise KeyUnavailable when
it cannot. Whoever holds it can read everything of which the keyring, or a copy of it, still has the key.
"""

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from skryba.errors import ConfigError, KeyUnavailable
from skryba.vault.keyfile import load_exchange_key, load_exchange_public, read_secret, write_secret
from skryba.vault.keys import KEY, SALT, derive_from_passphrase, open_sealed, seal_to, unwrap, wrap
from skryba.vault.signing import key_id

_TIMEOUT = 10.0  # seconds that a command may take
_SHORTEST = 12  # characters of a passphrase


class Master(Protocol):
    """What a keyring needs."""

    @property
    def id(self) -> str:
        """Says which master it is and nothing else about it."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """`key` so that only this master opens it, and only with the same `context`."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """What was wrapped."""


class FileMaster:
    """64 hex digits in a file that only its owner can touch; short enough to be kept on paper."""

    def __init__(self, path: Path) -> None:
        """ConfigError if the file is missing, not private, or holds something else."""
        try:
            key = bytes.fromhex(read_secret(path).decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY:
            raise ConfigError(f"{path} holds no master key: {2 * KEY} hex digits are expected")
        self._key = key
        self.id = _fingerprint(key)

    @classmethod
    def create(cls, path: Path, *, random: Callable[[int], bytes] = os.urandom) -> "FileMaster":
        """A new master key in a new file."""
        write_secret(path, random(KEY).hex().encode() + b"\n")
        return cls(path)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return wrap(self._key, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return unwrap(self._key, wrapped, context)


class PassphraseMaster:
    """A passphrase that somebody enters at the start, and a salt in a file that must be backed up with the keyring."""

    def __init__(self, passphrase: str, salt: Path, *, random: Callable[[int], bytes] = os.urandom) -> None:
        """The salt is made if there is none. ConfigError for a passphrase that can be guessed by trying."""
        if len(passphrase) < _SHORTEST:
            raise ConfigError(f"a passphrase has {_SHORTEST} characters or more")
        if not salt.exists():
            write_secret(salt, random(SALT))
        self._key = derive_from_passphrase(passphrase, read_secret(salt))
        self.id = _fingerprint(self._key)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return wrap(self._key, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return unwrap(self._key, wrapped, context)


class PublicMaster:
    """Write-only: wraps for somebody who holds the private half. A stolen recorder reads nothing of yesterday."""

    def __init__(self, path: Path) -> None:
        """`path`: the public half, PEM. ConfigError if it is none."""
        self._public = load_exchange_public(path)
        self.id = key_id(self._public)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return seal_to(self._public, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        raise KeyUnavailable("this process may only write: the private half of the master key is elsewhere")


class PrivateMaster:
    """The other side of write-only mode: wraps and unwraps."""

    def __init__(self, path: Path) -> None:
        """`path`: the private half, PEM, readable by its owner alone. ConfigError if it is none."""
        private = load_exchange_key(path)
        self._private = private.private_bytes_raw()
        self._public = private.public_key().public_bytes_raw()
        self.id = key_id(self._public)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return seal_to(self._public, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return open_sealed(self._private, wrapped, context)


class CommandMaster:
    """Somebody else's key store (PKCS#11, a cloud KMS, Vault) behind a program that is run for every operation.

    It reads one JSON object from its input and writes one to its output; keys and contexts are base64:
    `{"do": "id"}` → `{"id": …}`, `{"do": "wrap", "key": …, "context": …}` → `{"wrapped": …}`,
    `{"do": "unwrap", "wrapped": …, "context": …}` → `{"key": …}`. Anything but exit code 0 is a refusal.
    """

    def __init__(self, argv: Sequence[str], *, timeout: float = _TIMEOUT) -> None:
        """Asks for the id at once. KeyUnavailable if that fails."""
        self._argv = tuple(argv)
        self._timeout = timeout
        self.id = self._ask("id", {"do": "id"})

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._octets("wrapped", {"do": "wrap", "key": _text(key), "context": _text(context)})

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return self._octets("key", {"do": "unwrap", "wrapped": _text(wrapped), "context": _text(context)})

    def _octets(self, wanted: str, question: dict[str, str]) -> bytes:
        try:
            return base64.b64decode(self._ask(wanted, question), validate=True)
        except ValueError:
            raise KeyUnavailable(f"{self._argv[0]} answered something that is not base64") from None

    def _ask(self, wanted: str, question: dict[str, str]) -> str:
        """What the program answers. Its words are not repeated: they could contain a key."""
        try:
            run = subprocess.run(
                self._argv, input=json.dumps(question).encode(), capture_output=True, timeout=self._timeout, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise KeyUnavailable(f"{self._argv[0]} cannot be asked: {type(error).__name__}") from None
        if run.returncode != 0:
            raise KeyUnavailable(f"{self._argv[0]} refused to {question['do']}: exit code {run.returncode}")
        try:
            answer = json.loads(run.stdout)[wanted]
        except (ValueError, KeyError, TypeError):
            answer = None
        if not isinstance(answer, str) or not answer:
            raise KeyUnavailable(f"{self._argv[0]} gave no {wanted}")
        return answer


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"skryba master\0" + key).hexdigest()[:16]
