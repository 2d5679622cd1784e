"""The header is true after every block, for our reader and for everybody's."""

import hashlib
import io
import wave

import numpy as np
import pytest

from skryba.errors import StateError
from skryba.recorder.wav import LONGEST, WavWriter, header, read_header


class Memory:
    """A sink that can be looked at."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data

    def patch(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data


BLOCKS = [np.arange(2 * size, dtype=np.int16).reshape(-1, 2) for size in (5, 1, 300)]


def frames_of(sink: Memory) -> int:
    with wave.open(io.BytesIO(bytes(sink.data))) as file:
        return int(file.getnframes())


def test_playable_after_every_block() -> None:
    sink = Memory()
    writer = WavWriter(sink, sample_rate=16000, frames=306)
    assert frames_of(sink) == 0
    written = 0
    for block in BLOCKS:
        writer.write(block)
        written += len(block)
        with wave.open(io.BytesIO(bytes(sink.data))) as file:
            assert (file.getnframes(), file.getframerate(), file.getnchannels()) == (written, 16000, 2)
            assert file.getsampwidth() == 2
            assert file.readframes(written) == np.concatenate(BLOCKS)[:written].tobytes()


def test_digest_is_that_of_the_finished_file() -> None:
    sink = Memory()
    writer = WavWriter(sink, sample_rate=8000, frames=306)
    for block in BLOCKS:
        writer.write(block)
    assert writer.close() == hashlib.sha256(sink.data).hexdigest()


def test_columns_of_a_larger_array_are_written_as_frames() -> None:
    sink = Memory()
    wide = np.arange(12, dtype=np.int16).reshape(3, 4)
    writer = WavWriter(sink, sample_rate=8000, frames=3)
    writer.write(wide[:, 1:3])
    assert np.frombuffer(sink.data[44:], np.int16).tolist() == [1, 2, 5, 6, 9, 10]


def test_another_length_than_announced_is_our_bug() -> None:
    writer = WavWriter(Memory(), sample_rate=8000, frames=7)
    writer.write(BLOCKS[0])
    with pytest.raises(StateError, match="5 frames written, 7 announced"):
        writer.close()
    with pytest.raises(StateError, match="do not fit"):
        WavWriter(Memory(), sample_rate=8000, frames=LONGEST + 1)


def test_header_is_read_back_and_others_are_not() -> None:
    found = read_header(header(8000, 12))
    assert found is not None
    assert (found.sample_rate, found.channels, found.bits, found.frames) == (8000, 2, 16, 12)
    assert read_header(header(8000, 12)[:-1]) is None
    assert read_header(b"OggS" + bytes(60)) is None
    broken = bytearray(header(8000, 12))
    broken[4] ^= 1
    assert read_header(bytes(broken)) is None


def test_the_longest_file_fits_its_length_fields() -> None:
    assert read_header(header(8000, LONGEST)) is not None
