"""The header is right from the first octet, for our reader and for everybody's (R-F1)."""

import io
import wave
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
import soundfile

from skryba.errors import StateError
from skryba.recorder.wav import HEADER_OCTETS, LONGEST_RIFF, WavInfo, WavWriter, header, read_header

BEGIN = datetime(2026, 11, 24, 10, 0, 0, 125_000, UTC)
ID = "0192f0c0aabb7ccc8ddd000000000001"
BLOCKS = [np.arange(2 * size, dtype=np.int16).reshape(-1, 2) for size in (5, 1, 300)]


def writer(sink: bytearray, frames: int, sample_rate: int = 8000) -> WavWriter:
    return WavWriter(sink.extend, sample_rate, frames, begin=BEGIN, description="left: us", reference=ID)


def made(sample_rate: int = 8000, frames: int = 12, **words: Any) -> bytes:
    return header(sample_rate, frames, **{"begin": BEGIN, "description": "left: us", "reference": ID, **words})


def read(data: bytes) -> WavInfo:
    found = read_header(data)
    assert found is not None
    return found


def test_everybody_reads_what_was_written() -> None:
    sink = bytearray()
    wav = writer(sink, 306, 16000)
    for block in BLOCKS:
        wav.write(block)
    wav.close()
    with wave.open(io.BytesIO(bytes(sink))) as file:
        assert (file.getnframes(), file.getframerate(), file.getnchannels(), file.getsampwidth()) == (306, 16000, 2, 2)
        assert file.readframes(306) == np.concatenate(BLOCKS).tobytes()
    sound, rate = soundfile.read(io.BytesIO(bytes(sink)), dtype="int16")
    assert rate == 16000
    assert np.array_equal(sound, np.concatenate(BLOCKS))


def test_columns_of_a_larger_array_are_written_as_frames() -> None:
    sink = bytearray()
    wide = np.arange(12, dtype=np.int16).reshape(3, 4)
    writer(sink, 3).write(wide[:, 1:3])
    assert np.frombuffer(sink[HEADER_OCTETS:], np.int16).tolist() == [1, 2, 5, 6, 9, 10]


def test_another_length_than_announced_is_our_bug() -> None:
    wav = writer(bytearray(), 7)
    wav.write(BLOCKS[0])
    with pytest.raises(StateError, match="5 frames written, 7 announced"):
        wav.close()
    with pytest.raises(StateError, match="305 frames written, 7 announced"):
        wav.write(BLOCKS[2])


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("frames", [0, 12, LONGEST_RIFF, LONGEST_RIFF + 1, 3 << 32])
def test_header_is_read_back(rate: int, frames: int) -> None:
    data = made(rate, frames)
    assert len(data) == HEADER_OCTETS
    assert read(data) == WavInfo(rate, 2, 16, frames, HEADER_OCTETS, BEGIN, "left: us", ID)


def test_beyond_4_gib_it_is_rf64_and_the_frame_before_it_is_not() -> None:
    assert made(frames=LONGEST_RIFF)[:4] == b"RIFF"
    assert int.from_bytes(made(frames=LONGEST_RIFF)[4:8], "little") <= 0xFFFFFFFF
    long = made(frames=LONGEST_RIFF + 1)
    assert (long[:4], long[4:8], long[12:16]) == (b"RF64", b"\xff" * 4, b"ds64")
    assert HEADER_OCTETS + 4 * (LONGEST_RIFF + 1) - 8 > 0xFFFFFFFF


class Huge:
    """A file of this header and then silence, of any length, that nobody has to store."""

    def __init__(self, head: bytes, octets: int) -> None:
        self._head, self._octets, self._at = head, octets, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._octets)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        size = max(0, min(size, self._octets - self._at))
        part = self._head[self._at : self._at + size].ljust(size, b"\0")
        self._at += size
        return part


@pytest.mark.parametrize("frames", [12, LONGEST_RIFF + 5])
def test_others_read_the_length_of_both_kinds(frames: int) -> None:
    with soundfile.SoundFile(Huge(made(frames=frames), HEADER_OCTETS + 4 * frames)) as file:
        assert (file.frames, file.samplerate, file.channels) == (frames, 8000, 2)
        assert file.format == ("RF64" if frames > LONGEST_RIFF else "WAV")
        file.seek(frames - 2)
        assert len(file.read(10, dtype="int16")) == 2


def test_begin_is_told_in_utc_to_the_sample() -> None:
    warsaw = datetime(2026, 11, 25, 0, 30, 0, 125_000, timezone(timedelta(hours=1)))
    data = made(begin=warsaw)
    assert read(data).begin == warsaw
    bext = data.index(b"bext") + 8
    assert data[bext + 256 : bext + 262] == b"Skryba"
    assert data[bext + 320 : bext + 338] == b"2026-11-2423:30:00"
    assert int.from_bytes(data[bext + 338 : bext + 346], "little") == (23 * 3600 + 30 * 60) * 8000 + 1000
    assert data[bext + 346 : bext + 348] == b"\x01\x00"


def test_hostile_words_stay_in_their_fields() -> None:
    data = made(description="ż" * 500, reference="x" * 40)
    assert len(data) == HEADER_OCTETS
    found = read(data)
    assert (found.description, found.reference, found.frames) == ("?" * 256, "x" * 32, 12)


def test_a_wav_of_others_is_read_and_what_lies_is_not() -> None:
    other = io.BytesIO()
    with wave.open(other, "wb") as file:
        file.setparams((1, 2, 11025, 0, "NONE", ""))
        file.writeframes(bytes(20))
    found = read(other.getvalue())
    assert (found.frames, found.channels, found.data_offset, found.begin) == (10, 1, 44, None)
    assert read_header(made()[:-1]) is None
    assert read_header(b"") is None
    assert read_header(b"OggS" + bytes(800)) is None
    for at in (0, 4, 8, HEADER_OCTETS - 24, HEADER_OCTETS - 4):  # RIFF, its length, WAVE, PCM, length of the data
        broken = bytearray(made())
        broken[at] ^= 3
        assert read_header(bytes(broken)) is None
    undated = bytearray(made())
    undated[undated.index(b"2026-11")] = 0x78
    assert read(bytes(undated)).begin is None
