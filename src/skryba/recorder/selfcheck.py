"""The file is read back as it lies and held against what is known of the call: the reasons and alarms of the verdict.

May not know files, keys or the spool: it is given octets by place, decrypted if need be, and what to expect. A reason
makes a recording `degraded`; an alarm, one-way or silent sound, is also told to a person (R-F3).
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from skryba.errors import IntegrityError
from skryba.recorder.wav import CHANNELS, FRAME, HEADER_OCTETS, read_header
from skryba.terms import Channel

QUIET = 64  # of 32,768: a channel that never exceeds it carries no voice (−54 dBFS)
TOLERANCE_MS = 40  # between what the file holds and what was signalled
_READ = 1 << 20  # octets at a time

ReadAt = Callable[[int, int], bytes]  # offset, length → the octets there; fewer only at the end


@dataclass(frozen=True, slots=True)
class Expected:
    """What sealing knows. `packets` are those with sound, left and right."""

    sample_rate: int
    frames: int  # of all parts
    sha256_pcm: str
    signalled_ms: int | None  # None: no end was told
    packets: tuple[int, int]


@dataclass(slots=True)
class Verdict:
    """Nothing in either: the file is what it should be."""

    reasons: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


def check(parts: Sequence[ReadAt], expected: Expected) -> Verdict:
    """Read all parts of one recording back, in order."""
    verdict = Verdict()
    digest, sounding, frames = hashlib.sha256(), [False] * CHANNELS, 0
    try:
        for number, read_at in enumerate(parts, 1):
            for octets in _sound(read_at, expected.sample_rate, number):
                digest.update(octets)
                block = np.frombuffer(octets, dtype="<i2").reshape(-1, CHANNELS)
                for column, heard in enumerate(sounding):
                    sounding[column] = heard or bool((np.abs(block[:, column].astype(np.int32)) > QUIET).any())
                frames += len(block)
    except (IntegrityError, OSError) as error:
        verdict.reasons.append(f"the file cannot be read back: {error}")
        return verdict
    if frames != expected.frames:
        verdict.reasons.append(f"the file holds {frames} of {expected.frames} frames")
    elif digest.hexdigest() != expected.sha256_pcm:
        verdict.reasons.append("the file holds other sound than was rendered")
    if expected.signalled_ms is not None:
        difference = round(frames * 1000 / expected.sample_rate) - expected.signalled_ms
        if abs(difference) > TOLERANCE_MS:
            verdict.reasons.append(f"duration differs: {difference} ms")
    _judge_activity(verdict, expected.packets, sounding)
    return verdict


def _judge_activity(verdict: Verdict, packets: tuple[int, int], sounding: Sequence[bool]) -> None:
    """What packets promise the file must keep; a channel without packets is one-way sound."""
    for side, count, sounds in zip(Channel, packets, sounding, strict=True):
        if sounds and not count:
            verdict.reasons.append(f"sound without packets: {side.value}")
    silent = [side.value for side, sounds in zip(Channel, sounding, strict=True) if not sounds]
    if not any(packets):
        verdict.reasons.append("no packets")
        verdict.alarms.append("no sound from either side: no packets came")
    elif len(silent) == CHANNELS:
        verdict.reasons.append("both channels silent")
        verdict.alarms.append(f"no sound from either side, though packets came: {packets[0]} left, {packets[1]} right")
    elif silent:
        count = packets[list(Channel).index(Channel(silent[0]))]
        why = f"silent though {count} packets came" if count else "no packets came"
        verdict.reasons.append(f"one channel silent: {silent[0]}")
        verdict.alarms.append(f"one-way sound: {silent[0]}: {why}")


def _sound(read_at: ReadAt, sample_rate: int, number: int) -> Iterator[bytes]:
    """The frames of one part, in pieces. IntegrityError if its header does not fit what follows."""
    info = read_header(read_at(0, HEADER_OCTETS))
    if info is None or (info.channels, info.bits) != (CHANNELS, 16):
        raise IntegrityError(f"part {number} has no header of ours")
    if info.sample_rate != sample_rate:
        raise IntegrityError(f"part {number} has {info.sample_rate} samples per second instead of {sample_rate}")
    at, end = info.data_offset, info.data_offset + info.frames * FRAME
    while at < end:
        octets = read_at(at, min(_READ, end - at))
        if not octets or len(octets) % FRAME:
            raise IntegrityError(f"part {number} ends at octet {at + len(octets)} of {end}")
        yield octets
        at += len(octets)
    if read_at(end, 1):
        raise IntegrityError(f"part {number} goes on after its end")
