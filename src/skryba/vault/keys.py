"""Wrapping keys with keys: symmetric, to a public key, and from a passphrase.

May not know where keys are kept. Whatever is wrapped is bound to a context (whose key it is): it opens under no other.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from skryba.errors import KeyUnavailable

KEY = 32  # octets of every key
SALT = 16

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def wrap(kek: bytes, key: bytes, context: bytes) -> bytes:
    """`key` under `kek`, 8 octets longer. Needs no randomness, so no nonce can be used twice (RFC 3394, RFC 5869)."""
    return aes_key_wrap(_for_context(kek, context), key)


def unwrap(kek: bytes, wrapped: bytes, context: bytes) -> bytes:
    """What was wrapped. KeyUnavailable if `kek` or `context` is another one or something was changed."""
    try:
        return aes_key_unwrap(_for_context(kek, context), wrapped)
    except (InvalidUnwrap, ValueError):
        raise KeyUnavailable("a wrapped key does not open: it belongs to another key, or was changed") from None


def seal_to(public: bytes, key: bytes, context: bytes) -> bytes:
    """`key` for the holder of the private half of `public` (X25519, raw); who sealed it cannot open it (RFC 9180)."""
    return _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(public), context)


def open_sealed(private: bytes, sealed: bytes, context: bytes) -> bytes:
    """What was sealed to `private` (X25519, raw). KeyUnavailable as in `unwrap`."""
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), context)
    except (InvalidTag, ValueError):
        raise KeyUnavailable("a sealed key does not open: it is meant for another key, or was changed") from None


def derive_from_passphrase(passphrase: str, salt: bytes) -> bytes:
    """A key that costs 64 MiB and about 0.1 s per guess (Argon2id, RFC 9106 §4, second recommendation)."""
    return Argon2id(salt=salt, length=KEY, iterations=3, lanes=4, memory_cost=64 * 1024).derive(passphrase.encode())


def _for_context(kek: bytes, context: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY, salt=None, info=b"skryba wrap\0" + context).derive(kek)
