"""Containers open whole, from any place, and show every change."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skryba.errors import IntegrityError, StateError
from skryba.vault.container import (
    CHUNK,
    HEADER,
    OVERHEAD,
    TAG,
    Opener,
    Sealer,
    cipher_size,
    plain_size,
)

KEY = bytes(range(32))
NAME = b"recording/a.wav"
SEALED = CHUNK + TAG
PLAIN = random.Random(3).randbytes(3 * CHUNK + 1000)


def sealed(
    plain: bytes, *, pieces: int = 50_000, name: bytes = NAME, key: bytes = KEY, prefix: bytes = b"7octets"
) -> bytes:
    sealer = Sealer(key, name, prefix)
    parts = [sealer.begin()]
    parts += [sealer.update(plain[at : at + pieces]) for at in range(0, len(plain), pieces)]
    return b"".join([*parts, sealer.finish()])


class Disk:
    """Octets that remember what was read of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return self.data[offset : offset + length]

    def opener(self, *, name: bytes = NAME, key: bytes = KEY) -> Opener:
        return Opener(key, name, self.read_at, len(self.data))


CONTAINER = sealed(PLAIN)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1])
@pytest.mark.parametrize("pieces", [1 << 20, CHUNK, 777])
def test_round_trip(size: int, pieces: int) -> None:
    container = sealed(PLAIN[:size], pieces=pieces)
    assert len(container) == cipher_size(size)
    assert plain_size(len(container)) == size
    opener = Disk(container).opener()
    assert opener.size == size
    assert opener.read(0, size + 10) == PLAIN[:size]
    assert PLAIN[:16] not in container or size < 16


@given(size=st.integers(0, 1 << 45))
def test_sizes_are_inverse(size: int) -> None:
    assert plain_size(cipher_size(size)) == size


@pytest.mark.parametrize("octets", [0, HEADER, OVERHEAD - 1, HEADER + SEALED + 1, HEADER + SEALED + TAG])
def test_impossible_sizes_are_refused(octets: int) -> None:
    with pytest.raises(IntegrityError, match=f"{octets} octets"):
        plain_size(octets)


@given(offset=st.integers(0, len(PLAIN) + 10), length=st.integers(0, 2 * CHUNK))
def test_reads_any_place(offset: int, length: int) -> None:
    assert Disk(CONTAINER).opener().read(offset, length) == PLAIN[offset : offset + length]


def test_seeks_by_arithmetic_and_fetches_neighbours_in_one_go() -> None:
    disk = Disk(CONTAINER)
    opener = disk.opener()
    opener.read(2 * CHUNK + 5, 10)
    opener.read(2 * CHUNK + 500, 10)
    opener.read(10, 2 * CHUNK - 10)
    assert disk.reads == [(0, HEADER), (HEADER + 2 * SEALED, SEALED), (HEADER, 2 * SEALED)]


def test_remembers_few_chunks() -> None:
    plain = bytes(20 * CHUNK)
    disk = Disk(sealed(plain, pieces=1 << 20))
    opener = disk.opener()
    opener.read(0, len(plain))
    disk.reads.clear()
    opener.read(19 * CHUNK, 1)
    assert disk.reads == []
    opener.read(0, 1)
    assert disk.reads == [(HEADER, SEALED)]


def test_a_flipped_bit_is_located() -> None:
    for number, at in [(0, HEADER), (1, HEADER + SEALED + 70), (2, HEADER + 3 * SEALED - 1), (3, len(CONTAINER) - 1)]:
        broken = bytearray(CONTAINER)
        broken[at] ^= 4
        opener = Disk(bytes(broken)).opener()
        with pytest.raises(IntegrityError, match=f"chunk {number} at octet {HEADER + number * SEALED} "):
            opener.read(number * CHUNK, 1)
        healthy = (number + 1) % 4 * CHUNK
        assert opener.read(healthy, 9) == PLAIN[healthy : healthy + 9]


def test_a_changed_header_opens_nothing() -> None:
    for at in range(HEADER):
        broken = bytearray(CONTAINER)
        broken[at] ^= 1
        with pytest.raises(IntegrityError):
            Disk(bytes(broken)).opener().read(0, 1)


CHUNKS = [CONTAINER[at : at + SEALED] for at in range(HEADER, len(CONTAINER), SEALED)]
FORGERIES = {
    "cut off at a chunk's end": CONTAINER[: HEADER + 3 * SEALED],
    "cut off within a chunk": CONTAINER[: HEADER + SEALED + 500],
    "one missing": CONTAINER[:HEADER] + CHUNKS[0] + b"".join(CHUNKS[2:]),
    "two swapped": CONTAINER[:HEADER] + CHUNKS[1] + CHUNKS[0] + b"".join(CHUNKS[2:]),
    "one twice": CONTAINER[:HEADER] + CHUNKS[0] + b"".join(CHUNKS),
    "something appended": CONTAINER + bytes(100),
}


@pytest.mark.parametrize("fault", FORGERIES)
def test_missing_swapped_and_cut_off_chunks_do_not_open(fault: str) -> None:
    with pytest.raises(IntegrityError, match="chunk"):
        Disk(FORGERIES[fault]).opener().read(0, len(PLAIN))


def test_opens_under_its_own_name_and_key_only() -> None:
    for name, key in [(b"recording/b.wav", KEY), (NAME, bytes(32))]:
        with pytest.raises(IntegrityError, match="another one's"):
            Disk(CONTAINER).opener(name=name, key=key).read(0, 1)


def test_a_file_that_became_shorter_meanwhile_is_found() -> None:
    disk = Disk(CONTAINER)
    opener = disk.opener()
    disk.data = CONTAINER[: HEADER + SEALED]
    with pytest.raises(IntegrityError, match="chunk 2"):
        opener.read(2 * CHUNK, 10)


def test_an_empty_container_proves_its_emptiness() -> None:
    container = bytearray(sealed(b""))
    assert Disk(bytes(container)).opener().read(0, 5) == b""
    container[-1] ^= 1
    with pytest.raises(IntegrityError):
        Disk(bytes(container)).opener().read(0, 5)


def test_what_is_no_container_is_refused() -> None:
    with pytest.raises(IntegrityError, match="not an encrypted container"):
        Disk(b"RIFF" + bytes(100)).opener()


def test_the_sealer_is_used_once_and_in_order() -> None:
    sealer = Sealer(KEY, NAME, bytes(7))
    with pytest.raises(StateError, match="new"):
        sealer.update(b"x")
    sealer.begin()
    with pytest.raises(StateError, match="open"):
        sealer.begin()
    sealer.finish()
    for late in (sealer.finish, lambda: sealer.update(b"x")):
        with pytest.raises(StateError, match="finished"):
            late()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="7 octets"):
        Sealer(KEY, NAME, b"short")
    with pytest.raises(ValueError, match="-1"):
        Disk(CONTAINER).opener().read(-1, 4)
