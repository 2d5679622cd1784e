"""Ed25519 signatures and the public keys that check them (RFC 8032).

May not know files; `keyfile` loads and stores the keys.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from skryba.errors import ConfigError

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


def key_id(public: bytes) -> str:
    """The short name of a raw public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


class Signer:
    """One private key and the name of its public half."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public)

    def sign(self, data: bytes) -> bytes:
        """64 octets."""
        return self._private.sign(data)

    def public_pem(self) -> bytes:
        """What a verifier needs; give it away freely."""
        return self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Verifier:
    """The public keys that are trusted."""

    def __init__(self, public: Mapping[str, bytes]) -> None:
        """Raw public keys by their ids. ValueError for one that stands under another's id or is none."""
        for name, raw in public.items():
            if key_id(raw) != name:
                raise ValueError(f"the key {key_id(raw)} stands under the id {name}")
        self._raw = dict(public)
        self._public = {name: Ed25519PublicKey.from_public_bytes(raw) for name, raw in public.items()}

    @classmethod
    def of(cls, public: Iterable[bytes]) -> Self:
        """Trust these raw public keys."""
        return cls({key_id(raw): raw for raw in public})

    @classmethod
    def from_pem(cls, *texts: bytes) -> Self:
        """Trust these PEM texts, of one key or several. ConfigError for one that is no Ed25519 public key."""
        return cls.of(read_public_pem(pem) for text in texts for pem in split_pem(text))

    def trusting(self, raw: bytes) -> "Verifier":
        """The same with one more raw public key."""
        return Verifier(self._raw | {key_id(raw): raw})

    def knows(self, name: str) -> bool:
        """True if the key of this id is trusted."""
        return name in self._public

    def verify(self, name: str, data: bytes, signature: bytes) -> bool:
        """True if `data` was signed by the trusted key of this id."""
        public = self._public.get(name)
        if public is None:
            return False
        try:
            public.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def split_pem(text: bytes) -> list[bytes]:
    """The keys of one file, each by itself; a text without any as it is, for whoever reads it to refuse."""
    return [pem + b"\n" for pem in _PEM.findall(text)] or [text]


def read_public_pem(text: bytes) -> bytes:
    """The raw public key. ConfigError for anything but an Ed25519 public key."""
    try:
        public = load_pem_public_key(text)
    except ValueError as error:
        raise ConfigError("this is not a public key in PEM form") from error
    if not isinstance(public, Ed25519PublicKey):
        raise ConfigError("this public key is not an Ed25519 key")
    return public.public_bytes_raw()
