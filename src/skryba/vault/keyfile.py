"""⚡ Secrets in files: readable by their owner alone, written once, on the disk before anybody uses them.

May not know what the secrets open.
"""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from skryba.errors import ConfigError
from skryba.vault.durable import sync_folder
from skryba.vault.signing import Signer

_MODE = 0o600
_LARGEST = 1 << 16  # octets; nothing longer is a key


def read_secret(path: Path) -> bytes:
    """The octets of a secret file. ConfigError if it is missing or others than its owner may touch it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
                raise ConfigError(f"{path} holds a secret and must belong to one user alone: chmod 600 {path}")
            return file.read(_LARGEST)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def write_secret(path: Path, data: bytes, *, mode: int = _MODE) -> None:
    """A new file, complete and on the disk, or none. ConfigError if there is one: a secret is never overwritten."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.link(part, path)  # unlike a rename it fails when the name is taken
    except FileExistsError as error:
        raise ConfigError(f"{path} exists already; a secret is never overwritten") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def public_path(path: Path) -> Path:
    """Where the public half of the private key at `path` lies: `<path>.pub`."""
    return path.with_name(path.name + ".pub")


def generate_signer(path: Path) -> Signer:
    """A new signing key at `path`, its public half beside it."""
    private = Ed25519PrivateKey.generate()
    signer = Signer(private)
    write_secret(path, _private_pem(private))
    write_secret(public_path(path), signer.public_pem(), mode=0o644)
    return signer


def load_signer(path: Path) -> Signer:
    """The signing key at `path`. ConfigError if it is none."""
    private = _load_private(path)
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"{path} holds no Ed25519 private key")
    return Signer(private)


def generate_exchange_key(path: Path) -> bytes:
    """A new private key for write-only mode at `path`, its public half beside it; the raw public key."""
    private = X25519PrivateKey.generate()
    write_secret(path, _private_pem(private))
    public = private.public_key()
    write_secret(public_path(path), public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), mode=0o644)
    return public.public_bytes_raw()


def load_exchange_key(path: Path) -> X25519PrivateKey:
    """The private key of write-only mode. ConfigError if it is none."""
    private = _load_private(path)
    if not isinstance(private, X25519PrivateKey):
        raise ConfigError(f"{path} holds no X25519 private key")
    return private


def load_exchange_public(path: Path) -> bytes:
    """The raw public key of write-only mode, from its PEM file. ConfigError if it is none."""
    try:
        public = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} holds no public key") from error
    if not isinstance(public, X25519PublicKey):
        raise ConfigError(f"{path} holds no X25519 public key")
    return public.public_bytes_raw()


def _private_pem(private: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_private(path: Path) -> object:
    try:
        return load_pem_private_key(read_secret(path), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} holds no private key in PEM form") from error
