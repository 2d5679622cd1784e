"""Announcements are whole frames of a codec that the engine plays."""

import pytest

from skryba.media.prompt import PromptAudio


def test_counts_its_frames() -> None:
    audio = PromptAudio("G722", bytes(480))
    assert audio.frames == 3
    assert audio.duration == pytest.approx(0.06)


@pytest.mark.parametrize("octets", [0, 159, 161])
def test_refuses_broken_frames(octets: int) -> None:
    with pytest.raises(ValueError, match="whole frames"):
        PromptAudio("PCMA", bytes(octets))


def test_refuses_other_codecs() -> None:
    with pytest.raises(ValueError, match="OPUS"):
        PromptAudio("OPUS", bytes(160))
