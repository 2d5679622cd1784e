import hashlib

import pytest

from skryba.errors import StateError
from skryba.recorder.sink import CHUNK, Sink, chain_on, chain_start
from skryba.vault.container import Opener, Sealer

KEY = bytes(range(32))


class Out:
    def __init__(self) -> None:
        self.octets = bytearray()

    def write(self, data: memoryview) -> None:
        self.octets += data


def test_plain_octets_arrive_and_are_digested_whole_and_in_chunks() -> None:
    out, data = Out(), bytes(range(256)) * 10_000
    sink = Sink(out, "abcd")
    for begin in range(0, len(data), 99_991):
        sink.write(data[begin : begin + 99_991])
    digests = sink.finish()
    assert bytes(out.octets) == data
    assert digests.octets == len(data)
    assert digests.sha256 == digests.plain == hashlib.sha256(data).hexdigest()
    chunks = [hashlib.sha256(data[at : at + CHUNK]) for at in range(0, len(data), CHUNK)]
    assert digests.chunks == tuple(chunk.hexdigest() for chunk in chunks)
    chain = chain_start("abcd")
    for chunk in chunks:
        chain = chain_on(chain, chunk.digest())
    assert digests.chain == chain.hex()


def test_same_octets_of_another_recording_have_another_chain() -> None:
    chains = set()
    for recording in ("aaaa", "bbbb"):
        sink = Sink(Out(), recording)
        sink.write(b"the same")
        chains.add(sink.finish().chain)
    assert len(chains) == 2


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_chunk_count_at_the_borders(size: int) -> None:
    sink = Sink(Out(), "abcd")
    sink.write(bytes(size))
    assert len(sink.finish().chunks) == -(-size // CHUNK)


def test_with_a_key_nothing_plain_leaves_and_the_digests_are_of_what_left() -> None:
    out, marker = Out(), b"MARKER-OF-PLAIN-SPEECH"
    sink = Sink(out, "abcd", Sealer(KEY, b"abcd.wav.skv", bytes(7)))
    data = marker * 20_000
    sink.write(data)
    digests = sink.finish()
    assert marker not in out.octets
    assert digests.sha256 == hashlib.sha256(out.octets).hexdigest()
    assert digests.plain == hashlib.sha256(data).hexdigest()
    opener = Opener(
        KEY, b"abcd.wav.skv", lambda offset, size: bytes(out.octets[offset : offset + size]), len(out.octets)
    )
    assert opener.read(0, opener.size) == data


def test_nothing_is_written_after_the_end() -> None:
    sink = Sink(Out(), "abcd")
    sink.finish()
    with pytest.raises(StateError):
        sink.write(b"late")
