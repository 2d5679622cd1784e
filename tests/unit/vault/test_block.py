"""Blocks open at their place only, and no nonce serves twice."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skryba.errors import IntegrityError, StateError
from skryba.vault.block import NONCE, OVERHEAD, TAG, BlockSeal

KEY = bytes(range(32))
AAD = b"header"


def sealing(prefix: bytes = b"12345678") -> BlockSeal:
    return BlockSeal(KEY, prefix)


def sealed_blocks(count: int = 4) -> list[bytes]:
    seal = sealing()
    return [seal.seal(number, AAD, b"block %d" % number) for number in range(count)]


@given(payloads=st.lists(st.binary(max_size=300), max_size=8), aad=st.binary(max_size=40))
def test_opens_what_was_sealed(payloads: list[bytes], aad: bytes) -> None:
    seal, opening = sealing(), sealing(b"another.")
    blocks = [seal.seal(number, aad, payload) for number, payload in enumerate(payloads)]
    assert [opening.open(number, aad, block) for number, block in enumerate(blocks)] == payloads
    assert [len(block) - len(payload) for block, payload in zip(blocks, payloads, strict=True)] == [OVERHEAD] * len(
        blocks
    )
    assert opening.head == seal.head


def test_every_flipped_bit_is_found() -> None:
    (block,) = sealed_blocks(1)
    for bit in range(len(block) * 8):
        broken = bytearray(block)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityError, match="block 0"):
            sealing().open(0, AAD, broken)


def test_a_block_opens_at_its_place_only() -> None:
    blocks = sealed_blocks()
    opening = sealing()
    opening.open(0, AAD, blocks[0])
    for number, block, aad in [(1, blocks[2], AAD), (2, blocks[2], AAD), (2, blocks[1], AAD), (1, blocks[1], b"other")]:
        with pytest.raises(IntegrityError):
            opening.open(number, aad, block)
    assert opening.open(1, AAD, blocks[1]) == b"block 1"


def test_a_missing_first_block_is_found() -> None:
    with pytest.raises(IntegrityError, match="block 1"):
        sealing().open(1, AAD, sealed_blocks()[1])


def test_a_cut_block_is_found() -> None:
    (block,) = sealed_blocks(1)
    for length in (0, OVERHEAD - 1, OVERHEAD, len(block) - 1):
        with pytest.raises(IntegrityError):
            sealing().open(0, AAD, block[:length])


def test_another_key_opens_nothing() -> None:
    with pytest.raises(IntegrityError):
        BlockSeal(bytes(32), b"12345678").open(0, AAD, sealed_blocks(1)[0])


def test_a_block_that_was_not_written_is_replaced_under_another_nonce() -> None:
    seal = sealing()
    first = seal.seal(0, AAD, b"first")
    lost = seal.seal(1, AAD, b"the disk was full")
    written = seal.seal(1, AAD, b"tried again later")
    after = seal.seal(2, AAD, b"after")
    assert len({block[:NONCE] for block in (first, lost, written, after)}) == 4
    opening = sealing()
    opened = [opening.open(number, AAD, block) for number, block in enumerate((first, written, after))]
    assert opened == [b"first", b"tried again later", b"after"]


def test_goes_on_after_a_crash_with_a_new_prefix() -> None:
    blocks = sealed_blocks(3)
    again = sealing(b"restart!")
    for number, block in enumerate(blocks[:2]):  # the third was torn
        again.open(number, AAD, block)
    replaced = again.seal(2, AAD, b"another third")
    assert replaced[:NONCE] != blocks[2][:NONCE]
    opening = sealing()
    assert [opening.open(number, AAD, block) for number, block in enumerate([*blocks[:2], replaced])][
        2
    ] == b"another third"


def test_the_head_stands_for_all_before() -> None:
    seal = sealing()
    assert seal.head == bytes(TAG)
    heads = []
    for number in range(3):
        block = seal.seal(number, AAD, b"same")
        assert seal.head == block[-TAG:]
        heads.append(seal.head)
    assert all(one != other for one, other in pairwise(heads))


def test_older_numbers_are_refused() -> None:
    seal = sealing()
    seal.seal(5, AAD, b"")
    with pytest.raises(StateError):
        seal.seal(4, AAD, b"")


def test_a_prefix_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="8 octets"):
        BlockSeal(KEY, b"short")
