"""Every way in which a sealed file is not what was rendered, and every silence, is told (R-F3)."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.codecs.tones import sine
from skryba.errors import IntegrityError
from skryba.recorder.selfcheck import Expected, ReadAt, Verdict, check
from skryba.recorder.wav import HEADER_OCTETS, header, pcm

TONE = sine(500, 40, sample_rate=8000)  # more than one reading
SILENCE = np.zeros_like(TONE)
BOTH = np.stack([TONE, TONE], axis=1)
EXPECTED = Expected(8000, len(TONE), hashlib.sha256(pcm(BOTH)).hexdigest(), 40_000, (2000, 2000))


def file(frames: NDArray[np.int16], rate: int = 8000) -> bytes:
    return header(rate, len(frames), begin=datetime(2026, 11, 24, tzinfo=UTC)) + bytes(pcm(frames))


def reader(data: bytes) -> ReadAt:
    return lambda offset, length: data[offset : offset + length]


def checked(*files: bytes, **changes: Any) -> Verdict:
    return check([reader(data) for data in files], replace(EXPECTED, **changes))


def stereo(left: NDArray[np.int16], right: NDArray[np.int16], packets: Sequence[int]) -> Verdict:
    sound = np.stack([left, right], axis=1)
    return checked(file(sound), sha256_pcm=hashlib.sha256(pcm(sound)).hexdigest(), packets=tuple(packets))


def test_a_good_file_in_one_part_or_in_two() -> None:
    assert checked(file(BOTH)) == Verdict()
    assert checked(file(BOTH[:100_000]), file(BOTH[100_000:])) == Verdict()


def harmed(at: int, data: bytes = file(BOTH)) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([harmed(HEADER_OCTETS + 1_200_001)], "the file holds other sound than was rendered"),
        ([file(BOTH[100_003:]), file(BOTH[:100_003])], "other sound"),
        ([harmed(0)], "part 1 has no header of ours"),
        ([b""], "part 1 has no header of ours"),
        ([file(BOTH, 16000)], "part 1 has 16000 samples per second instead of 8000"),
        ([file(BOTH)[:-1]], "part 1 ends at octet"),
        ([file(BOTH)[:-4]], "part 1 ends at octet"),
        ([file(BOTH) + b"\0"], "part 1 goes on after its end"),
        ([file(BOTH[:100_000]), file(BOTH[100_000:])[:-1]], "part 2 ends"),
        ([file(BOTH[:100_000])], "the file holds 100000 of 320000 frames"),
    ],
)
def test_a_file_that_is_not_what_was_rendered(files: list[bytes], reason: str) -> None:
    found = checked(*files)
    assert any(reason in told for told in found.reasons)
    assert found.alarms == []


def test_what_cannot_be_decrypted_or_read_is_told() -> None:
    for error in (IntegrityError("chunk 3 at octet 196620"), OSError(5, "Input/output error")):

        def refuse(offset: int, length: int, error: Exception = error) -> bytes:
            raise error

        assert check([refuse], EXPECTED).reasons == [f"the file cannot be read back: {error}"]


@pytest.mark.parametrize(("signalled", "told"), [(40_041, -41), (39_959, 41), (40_040, None), (39_960, None)])
def test_duration_against_signalling(signalled: int, told: int | None) -> None:
    wanted = [] if told is None else [f"duration differs: {told} ms"]
    assert checked(file(BOTH), signalled_ms=signalled).reasons == wanted
    assert checked(file(BOTH), signalled_ms=None).reasons == []


def test_silent_channels() -> None:
    one = stereo(TONE, SILENCE, (2000, 0))
    assert one.reasons == ["one channel silent: right"]
    assert one.alarms == ["one-way sound: right: no packets came"]
    mute = stereo(SILENCE, TONE, (2000, 1990))
    assert mute.reasons == ["one channel silent: left"]
    assert mute.alarms == ["one-way sound: left: silent though 2000 packets came"]
    both = stereo(SILENCE, SILENCE, (2000, 1990))
    assert both.reasons == ["both channels silent"]
    assert both.alarms == ["no sound from either side, though packets came: 2000 left, 1990 right"]
    none = stereo(SILENCE, SILENCE, (0, 0))
    assert none.reasons == ["no packets"]
    assert none.alarms == ["no sound from either side: no packets came"]


def test_sound_that_nobody_sent() -> None:
    assert stereo(TONE, TONE, (2000, 0)).reasons == ["sound without packets: right"]


def test_a_click_is_enough_and_faint_noise_is_not() -> None:
    click = SILENCE.copy()
    click[300_000] = -65
    assert stereo(TONE, click, (2000, 2000)) == Verdict()
    assert stereo(TONE, np.full_like(SILENCE, 64), (2000, 2000)).reasons == ["one channel silent: right"]
