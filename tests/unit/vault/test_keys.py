"""Wrapped keys open with their key and context only."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from skryba.errors import KeyUnavailable
from skryba.vault.keys import KEY, derive_from_passphrase, open_sealed, seal_to, unwrap, wrap

KEK = bytes(range(32))
SECRET = bytes(range(100, 132))
PRIVATE = X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def test_unwraps_what_was_wrapped() -> None:
    wrapped = wrap(KEK, SECRET, b"recording a")
    assert SECRET not in wrapped
    assert unwrap(KEK, wrapped, b"recording a") == SECRET


def test_wrapped_keys_are_bound_to_key_and_context() -> None:
    wrapped = wrap(KEK, SECRET, b"recording a")
    for kek, context in [(bytes(32), b"recording a"), (KEK, b"recording b"), (KEK, b"")]:
        with pytest.raises(KeyUnavailable):
            unwrap(kek, wrapped, context)


def test_changed_or_cut_wrapped_keys_do_not_open() -> None:
    wrapped = wrap(KEK, SECRET, b"a")
    for at in range(len(wrapped)):
        broken = bytearray(wrapped)
        broken[at] ^= 1
        with pytest.raises(KeyUnavailable):
            unwrap(KEK, bytes(broken), b"a")
    for length in (0, 7, 24, 39):
        with pytest.raises(KeyUnavailable):
            unwrap(KEK, wrapped[:length], b"a")


def test_only_the_private_half_opens_what_is_sealed_to_the_public_one() -> None:
    public = PRIVATE.public_key().public_bytes_raw()
    sealed = seal_to(public, SECRET, b"epoch 1")
    assert sealed != seal_to(public, SECRET, b"epoch 1")
    assert open_sealed(PRIVATE.private_bytes_raw(), sealed, b"epoch 1") == SECRET
    for private, text, context in [
        (bytes(range(2, 34)), sealed, b"epoch 1"),
        (PRIVATE.private_bytes_raw(), sealed, b"epoch 2"),
        (PRIVATE.private_bytes_raw(), sealed[:-1] + bytes((sealed[-1] ^ 1,)), b"epoch 1"),
        (PRIVATE.private_bytes_raw(), sealed[:20], b"epoch 1"),
    ]:
        with pytest.raises(KeyUnavailable):
            open_sealed(private, text, context)


def test_a_passphrase_gives_the_same_key_with_the_same_salt_only() -> None:
    one = derive_from_passphrase("zażółć gęślą jaźń", b"salt" * 4)
    assert len(one) == KEY
    assert one == derive_from_passphrase("zażółć gęślą jaźń", b"salt" * 4)
    assert one != derive_from_passphrase("zażółć gęślą jaźń", b"tlas" * 4)
    assert one != derive_from_passphrase("zazolc gesla jazn", b"salt" * 4)
