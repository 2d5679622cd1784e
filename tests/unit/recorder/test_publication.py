"""The files of one recording: whole, split, rendered otherwise, encrypted; nothing visible or plain before its time."""

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from skryba.codecs.tones import sweep
from skryba.errors import ResourceError
from skryba.recorder import peaks
from skryba.recorder.publication import Making, Publication, Sound
from skryba.recorder.storage import PartFile, Published
from skryba.recorder.wav import HEADER_OCTETS, read_header
from skryba.vault.container import Opener

KEY = bytes(range(32))
RATE = 8000
SOUND = np.column_stack([sweep(300, 3000, 3.0, sample_rate=RATE), sweep(3000, 300, 3.0, sample_rate=RATE)])
BEGIN = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def publication(folder: Path, making: Making, frames: int = len(SOUND)) -> Publication:
    return Publication(Published(folder, "abcd"), Sound("abcd", RATE, frames, BEGIN, "left: station"), making)


def publish(folder: Path, making: Making, sound: NDArray[np.int16] = SOUND) -> Publication:
    made = publication(folder, making, len(sound))
    for begin in range(0, len(sound), 7001):
        made.add(sound[begin : begin + 7001])
    made.finish()
    made.publish()
    made.discard()
    return made


def frames_of(path: Path) -> NDArray[np.int16]:
    data = path.read_bytes()
    header = read_header(data)
    assert header is not None
    return np.frombuffer(data[header.data_offset :], np.int16).reshape(-1, 2)


def test_one_file_and_its_peaks(tmp_path: Path) -> None:
    made = publish(tmp_path, Making())
    assert [(file["role"], file["file"], file["frames"]) for file in made.files] == [
        ("audio", "abcd.wav", len(SOUND)),
        ("peaks", "abcd.peaks", len(SOUND)),
    ]
    assert np.array_equal(frames_of(tmp_path / "abcd.wav"), SOUND)
    outline = peaks.read((tmp_path / "abcd.peaks").read_bytes())
    assert outline.points.shape == (300, 2, 2)
    assert {path.name for path in tmp_path.iterdir()} == {"abcd.wav", "abcd.peaks"}


def test_nothing_is_visible_before_it_is_published(tmp_path: Path) -> None:
    made = publication(tmp_path, Making(renditions=("flac",)))
    made.add(SOUND)
    made.finish()
    assert {path.suffix for path in tmp_path.iterdir()} == {".part"}
    made.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_long_recording_goes_on_in_the_next_file_without_losing_a_sample(tmp_path: Path) -> None:
    sound = np.tile(SOUND, (50, 1))[: 130 * RATE + 17]
    made = publish(tmp_path, Making(split_minutes=1), sound)
    parts = [file for file in made.files if file["role"] == "audio"]
    assert [(part["file"], part["start_ms"], part["frames"]) for part in parts] == [
        ("abcd.wav", 0, 60 * RATE),
        ("abcd-p2.wav", 60_000, 60 * RATE),
        ("abcd-p3.wav", 120_000, 10 * RATE + 17),
    ]
    assert np.array_equal(np.concatenate([frames_of(tmp_path / part["file"]) for part in parts]), sound)
    second = read_header((tmp_path / "abcd-p2.wav").read_bytes()[:HEADER_OCTETS])
    assert second is not None
    assert second.begin == BEGIN.replace(minute=1)


@pytest.mark.parametrize(("kind", "name"), [("flac", "abcd.flac"), ("opus", "abcd.ogg"), ("mp3", "abcd.mp3")])
def test_renditions_decode_to_the_same_length(tmp_path: Path, kind: str, name: str) -> None:
    publish(tmp_path, Making(renditions=(kind,)))
    sound, rate = soundfile.read(tmp_path / name, dtype="int16")
    assert abs(len(sound) / rate - len(SOUND) / RATE) < 0.1
    if kind == "flac":
        assert np.array_equal(sound, SOUND)


def test_with_a_key_nothing_plain_is_written_and_all_of_it_opens_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    write = PartFile.write
    monkeypatch.setattr(PartFile, "write", lambda part, data: (written.write(data), write(part, data))[1])
    made = publish(tmp_path, Making(renditions=("flac", "opus", "mp3"), key=KEY))
    assert {path.name for path in tmp_path.iterdir()} == {
        "abcd.wav.skv", "abcd.flac.skv", "abcd.ogg.skv", "abcd.mp3.skv", "abcd.peaks.skv",
    }  # fmt: skip
    for marker in (SOUND[8000:8064].tobytes(), b"RIFF", b"fLaC", b"OggS", b"SKPK"):
        assert marker not in written.getvalue()
    path = tmp_path / "abcd.wav.skv"
    data = path.read_bytes()
    opener = Opener(KEY, path.name.encode(), lambda offset, size: data[offset : offset + size], len(data))
    plain = opener.read(0, opener.size)
    assert plain[-len(SOUND) * 4 :] == SOUND.tobytes()
    assert made.files[0]["octets"] == len(data)


def test_each_file_has_a_prefix_of_its_own(tmp_path: Path) -> None:
    drawn: list[bytes] = []

    def random(count: int) -> bytes:
        drawn.append(bytes([len(drawn)]) * count)
        return drawn[-1]

    publish(tmp_path, Making(renditions=("flac",), key=KEY, random=random))
    assert len(drawn) == 3
    assert len({path.read_bytes()[:12] for path in tmp_path.iterdir()}) == 3


@pytest.mark.parametrize("key", [None, KEY])
def test_what_was_written_can_be_read_back_before_it_is_published(tmp_path: Path, key: bytes | None) -> None:
    made = publication(tmp_path, Making(key=key))
    made.add(SOUND)
    made.finish()
    words, read_at, octets = next(made.read_back())
    assert words["role"] == "audio"
    assert read_at(octets - 4, 4) == SOUND[-1].tobytes()
    made.discard()


def test_a_disk_that_is_full_from_the_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise ResourceError("No space left on device")

    monkeypatch.setattr(PartFile, "write", full)
    with pytest.raises(ResourceError):
        publication(tmp_path, Making())
    assert list(tmp_path.iterdir()) == []
