"""Signatures prove who signed what."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from skryba.errors import ConfigError
from skryba.vault.signing import Verifier, key_id, read_public_pem, split_pem
from tests.support.seals import signer, verifier


def test_verifies_what_was_signed_and_nothing_else() -> None:
    one = signer(1)
    signature = one.sign(b"text")
    assert verifier(1).verify(one.key_id, b"text", signature)
    assert not verifier(1).verify(one.key_id, b"texT", signature)
    assert not verifier(1).verify(one.key_id, b"text", signature[:-1])
    assert not verifier(1).verify(one.key_id, b"text", bytes((signature[0] ^ 1,)) + signature[1:])
    assert not verifier(2).verify(one.key_id, b"text", signature)
    assert not verifier(1, 2).verify(signer(2).key_id, b"text", signature)


def test_the_id_is_the_start_of_the_hash_of_the_public_key() -> None:
    assert signer(1).key_id == key_id(signer(1).public)
    assert len(signer(1).key_id) == 16
    assert signer(1).key_id != signer(2).key_id


def test_public_keys_travel_as_pem() -> None:
    one = signer(1)
    assert read_public_pem(one.public_pem()) == one.public
    assert Verifier.from_pem(one.public_pem(), signer(2).public_pem()).knows(signer(2).key_id)


def test_trusts_one_more_key_without_changing_itself() -> None:
    one = verifier(1)
    both = one.trusting(signer(2).public)
    assert (both.knows(signer(1).key_id), both.knows(signer(2).key_id)) == (True, True)
    assert not one.knows(signer(2).key_id)


def test_a_key_under_another_ones_id_is_refused() -> None:
    with pytest.raises(ValueError, match=signer(2).key_id):
        Verifier({signer(1).key_id: signer(2).public})


def test_what_is_no_ed25519_key_is_refused() -> None:
    exchange = X25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    with pytest.raises(ConfigError, match="not an Ed25519"):
        read_public_pem(exchange.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigError, match="PEM"):
        read_public_pem(b"hello")


def test_a_file_may_hold_several_keys() -> None:
    one, two = signer(1).public_pem(), signer(2).public_pem()
    assert split_pem(b"the first\n" + one + b"\nand the next\n" + two) == [one, two]
    assert split_pem(b"no key at all") == [b"no key at all"]
    both = Verifier.from_pem(one + two)
    assert both.knows(signer(1).key_id)
    assert both.knows(signer(2).key_id)
    with pytest.raises(ConfigError):
        Verifier.from_pem(b"no key at all")
