"""The files of one recording in the making: the WAV in one part or several, its renditions, its peaks.

May not know packets, manifests or verdicts. Fed once, block by block; nothing plain is written when there is a key;
nothing is visible before `publish`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.recorder.peaks import Peaks
from skryba.recorder.renditions import Kind, Rendition, Tags
from skryba.recorder.sink import Sink
from skryba.recorder.storage import PartFile, Published, random_octets
from skryba.recorder.wav import LONGEST_RIFF, WavWriter
from skryba.vault.container import PREFIX, SUFFIX, Opener, Sealer

Words = dict[str, Any]
Block = NDArray[np.int16]
ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Making:
    """How a recording's files are to be made.

    `key` of 32 octets opens the spool and encrypts all files; without it, or if `plain`, they are not encrypted.
    """

    renditions: tuple[str, ...] = ()
    split_minutes: int = 0
    key: bytes | None = field(default=None, repr=False)
    plain: bool = False
    random: Callable[[int], bytes] = field(default=random_octets, repr=False)

    @property
    def cipher_key(self) -> bytes | None:
        """What encrypts the files."""
        return None if self.plain else self.key


@dataclass(frozen=True, slots=True)
class Sound:
    """What is written: whose it is, its length and rate, when it began, and who is on which side."""

    recording: str
    sample_rate: int
    frames: int
    begin: datetime
    description: str


class Publication:
    """`add` all blocks, `finish`, look at `files`, then `publish` or `discard`."""

    def __init__(self, place: Published, sound: Sound, making: Making) -> None:
        self._place, self._sound, self._making = place, sound, making
        self._parts: list[PartFile] = []
        self._files: list[_File] = []
        self._peaks = Peaks(sound.sample_rate)
        self._written = 0
        try:
            self._begin()
        except BaseException:
            self.discard()
            raise

    def _begin(self) -> None:
        sound, making = self._sound, self._making
        longest = making.split_minutes * 60 * sound.sample_rate or max(sound.frames, 1)
        self._wav = [
            self._audio(number, begin, min(longest, sound.frames - begin))
            for number, begin in enumerate(range(0, max(sound.frames, 1), longest))
        ]
        self._renditions = [self._rendition(Kind(kind)) for kind in making.renditions]

    @property
    def files(self) -> list[Words]:
        """As the manifest lists them, once finished."""
        return [file.words for file in self._files]

    def add(self, block: Block) -> None:
        """The next frames [n, 2]."""
        for rendition in self._renditions:
            rendition.add(block)
        self._peaks.add(block)
        while len(block):
            wav, end = next((wav, end) for wav, _, end in self._wav if self._written < end)
            part = block[: end - self._written]
            wav.write(part)
            self._written += len(part)
            block = block[len(part) :]

    def finish(self) -> None:
        """All frames are there: close every file."""
        for wav, _, _ in self._wav:
            wav.close()
        for rendition in self._renditions:
            rendition.close()
        peaks = self._open("peaks", ".peaks", "peaks", 0, self._sound.frames)
        peaks.sink.write(self._peaks.octets())
        for file in self._files:
            file.finish()

    def read_back(self) -> Iterator[tuple[Words, ReadAt, int]]:
        """Each finished file: its words, a reader of its plain octets, and how many there are."""
        for file in self._files:
            octets = int(file.words["octets"])
            if self._making.cipher_key is None:
                yield file.words, file.part.read_at, octets
            else:
                opener = Opener(self._making.cipher_key, file.words["file"].encode(), file.part.read_at, octets)
                yield file.words, opener.read, opener.size

    def publish(self) -> None:
        """On disk for good, then visible."""
        for file in self._files:
            file.part.publish()

    def discard(self) -> None:
        """Leave nothing behind that was not published."""
        for part in self._parts:
            part.discard()

    def _audio(self, number: int, begin: int, frames: int) -> tuple[WavWriter, int, int]:
        sound = self._sound
        kind = "RF64 PCM16" if frames > LONGEST_RIFF else "WAV PCM16"
        suffix = f"-p{number + 1}.wav" if number else ".wav"
        file = self._open("audio", suffix, kind, begin, frames)
        at = sound.begin + timedelta(seconds=begin / sound.sample_rate)
        writer = WavWriter(
            file.sink.write,
            sound.sample_rate,
            frames,
            begin=at,
            description=sound.description,
            reference=sound.recording,
        )
        return writer, begin, begin + frames

    def _rendition(self, kind: Kind) -> Rendition:
        sound = self._sound
        file = self._open("rendition", kind.suffix, kind.label, 0, sound.frames)
        date = sound.begin.isoformat(timespec="seconds")
        tags = Tags(sound.recording, date, sound.description)
        return Rendition(kind, file.sink.write, sound.sample_rate, sound.frames, tags)

    def _open(self, role: str, suffix: str, kind: str, begin: int, frames: int) -> "_File":
        key = self._making.cipher_key
        name = self._place.stem + suffix + (SUFFIX if key is not None else "")
        part = PartFile(self._place.folder / name)
        self._parts.append(part)
        sealer = Sealer(key, name.encode(), self._making.random(PREFIX)) if key is not None else None
        start_ms = round(begin * 1000 / self._sound.sample_rate)
        words = {"role": role, "file": name, "format": kind, "start_ms": start_ms, "frames": frames}
        self._files.append(_File(words, part, Sink(part, self._sound.recording, sealer)))
        return self._files[-1]


@dataclass(slots=True)
class _File:
    words: Words
    part: PartFile
    sink: Sink

    def finish(self) -> None:
        self.words |= self.sink.finish().words()
