"""Sealing: a spool becomes a stereo file and its manifest, in one pass, whatever interrupted it before.

May not know sockets, rings or who asks. It reads a spool and writes through `Storage`; done twice it does nothing the
second time, done after a crash it begins anew. The order is: audio on disk, manifest on disk, names synced, spool
removed.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.recorder.clock import SECOND
from skryba.recorder.formats import FormatMap
from skryba.recorder.manifest import (
    CHANNELS,
    CLOCK_SOURCE,
    MAP,
    SCHEMA,
    Evidence,
    State,
    describe_channel,
    describe_marks,
    iso,
    judge,
    to_text,
    wall_clock,
)
from skryba.recorder.packets import LEFT, RIGHT, index_packets
from skryba.recorder.pipeline import Stereo, file_rate
from skryba.recorder.spool import BlockWriter, Kind, Spool, read_spool
from skryba.recorder.storage import PartFile, Published, Storage
from skryba.recorder.timeline import MILLISECOND, ChannelTimeline, build_channel
from skryba.recorder.wav import FRAME, HEADER, LONGEST, WavWriter

LAST_PACKET = 40 * MILLISECOND  # what began before the end is finished, but no longer than this
RESTARTED = "recorder restarted"  # kind of the mark that a recorder leaves when it goes on with a spool

Words = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sealed:
    """The outcome of one spool. `audio` and `manifest` are None if there was nothing to keep."""

    recording: str
    state: State
    reasons: tuple[str, ...]
    audio: Path | None
    manifest: Path | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class _Axis:
    zero: int  # ns of the arrival clock
    end: int
    epoch: int  # wall clock minus monotonic


def seal(storage: Storage, recording: str, *, keep_spool: bool = False, lost: str = RESTARTED) -> Sealed:
    """Seal one spool; `lost` is the reason to state if no stop was written.

    FileNotFoundError if there is no such spool; ResourceError or OSError if the disk does not take the recording: then
    nothing was published and the spool is still there, to be sealed another time.
    """
    with storage.map_spool(recording) as octets:
        spool = read_spool(octets.data)
        outcome = _seal_spool(storage, recording, octets, spool, lost)
    if not keep_spool:
        storage.spool_path(recording).unlink(missing_ok=True)
    return outcome


def warm() -> None:
    """Compile, or load from the cache, all that sealing needs, so that the first recording does not wait for it."""
    record = struct.pack("<IIBBHIQ12s4x", 40, 0, LEFT, 0, 12, 0, 1, b"\x80" + bytes(11))
    blocks = BlockWriter()
    start = blocks.words(Kind.META, {"from_ns": 0})
    data = start + b"".join(bytes(part) for part in blocks.packets(record))
    _, channels, _ = _place_packets(np.frombuffer(data, dtype=np.uint8), read_spool(data))
    for _block in Stereo(np.frombuffer(data, dtype=np.uint8), channels, file_rate(channels)).blocks(1):
        pass


def _seal_spool(storage: Storage, recording: str, octets: NDArray[np.uint8], spool: Spool, lost: str) -> Sealed:
    if spool.meta is None:
        return Sealed(recording, State.FAILED, ("spool without beginning",), None, None, 0)
    axis, channels, rtcp = _place_packets(octets, spool)
    if axis.end <= axis.zero or (not spool.stop and not any(channel.counts.packets for channel in channels)):
        return Sealed(recording, State.FAILED, ("nothing to record",), None, None, 0)
    place = storage.place(recording, wall_clock(axis.zero, axis.epoch))
    before = _read_manifest(place)
    if before is not None:
        if before.get("spool", {}).get("opened_ns") == spool.meta.get("opened_ns"):
            return _outcome(recording, place, before)
        place = storage.next_part(place)
    return _publish(storage, recording, place, _Job(octets, spool, axis, tuple(channels), rtcp, lost))


@dataclass(frozen=True, slots=True)
class _Job:
    octets: NDArray[np.uint8]
    spool: Spool
    axis: _Axis
    channels: tuple[ChannelTimeline, ...]
    rtcp: int
    lost: str


def _place_packets(octets: NDArray[np.uint8], spool: Spool) -> tuple[_Axis, list[ChannelTimeline], int]:
    meta, stop = spool.meta or {}, spool.stop or {}
    index = index_packets(octets, spool.of(Kind.PACKETS))
    zero = int(meta.get("from_ns", 0))
    until = int(stop.get("until_ns") or stop.get("at_ns") or np.iinfo(np.int64).max)
    channels = []
    for side, number in zip(CHANNELS, (LEFT, RIGHT), strict=True):
        changes: list[tuple[int, Mapping[str, str]]] = [(zero, meta.get("formats", {}).get(side, {}))]
        changes += [
            (int(words.get("at_ns", zero)), words.get("formats", {}))
            for words in spool.formats
            if words.get("channel") == side
        ]
        packets, replayed = index.packets.of_channel(number)
        channels.append(build_channel(packets, replayed, FormatMap(changes), zero=zero, until=until))
    length = _length(spool, zero, channels)
    return _Axis(zero, zero + length, int(meta.get("epoch_ns", 0))), channels, index.rtcp


def _length(spool: Spool, zero: int, channels: Sequence[ChannelTimeline]) -> int:
    """As signalled, a packet that began before the end finished; without a stop, to the last thing that is known."""
    if spool.stop is None or not spool.stop.get("at_ns"):
        seen = [int(mark["at_ns"]) - zero for mark in spool.marks if "at_ns" in mark]
        return max([*(int(channel.end_ns.max(initial=0)) for channel in channels), *seen, 0])
    length = int(spool.stop["at_ns"]) - zero
    if length <= 0:
        return 0
    begun = [int(channel.end_ns[channel.start_ns < length].max(initial=0)) for channel in channels]
    return min(max(length, *begun), length + LAST_PACKET)


def _publish(storage: Storage, recording: str, place: Published, job: _Job) -> Sealed:
    length = job.axis.end - job.axis.zero
    rate = file_rate(list(job.channels))
    frames = min(-(-length * rate // SECOND), LONGEST)
    stereo = Stereo(job.octets, list(job.channels), rate)
    audio, manifest = PartFile(place.audio), PartFile(place.manifest)
    try:
        writer = WavWriter(audio, sample_rate=rate, frames=frames)
        for block in stereo.blocks(frames):
            writer.write(block)
        digest = writer.close()
        evidence = _gather_evidence(job, tuple(stereo.peaks()), length, frames * SECOND // rate)
        words = _manifest(recording, place, job, evidence)
        words["audio"] |= {"sample_rate": rate, "frames": frames, "octets": frames * FRAME + HEADER.size}
        words["audio"] |= {"sha256": digest, "rendered_by": str(stereo)}
        manifest.write(to_text(words))
        audio.publish()
        manifest.publish()
    finally:
        audio.discard()
        manifest.discard()
    storage.sync_folder(place)
    return _outcome(recording, place, words)


def _gather_evidence(job: _Job, peaks: tuple[int, ...], length: int, rendered: int) -> Evidence:
    stop = job.spool.stop or {}
    return Evidence(
        length=int(stop["at_ns"]) - job.axis.zero if stop.get("at_ns") else length,
        rendered=rendered,
        peaks=peaks,
        channels=job.channels,
        overflow=_overflow(job.spool),
        dropped=int(stop.get("dropped", 0)),
        torn=job.spool.torn,
        lost=(stop.get("lost") or None) if job.spool.stop else job.lost,
    )


def _manifest(recording: str, place: Published, job: _Job, evidence: Evidence) -> Words:
    state, reasons = judge(evidence)
    meta, stop = job.spool.meta or {}, job.spool.stop or {}
    facts = dict(meta.get("manifest") or {})
    axis, length = job.axis, job.axis.end - job.axis.zero
    return {
        "schema": SCHEMA,
        "id": recording,
        "state": state.value,
        "reasons": reasons,
        "channel_map": {side.value: MAP[side] for side in CHANNELS},
        "decision": facts.pop("decision", None),
        "notice": facts.pop("notice", None),
        "call": facts,
        "time": {
            "begin": iso(wall_clock(axis.zero, axis.epoch)),
            "end": iso(wall_clock(axis.end, axis.epoch)),
            "duration_ms": round(length / MILLISECOND),
            "signalled_end": stop.get("ended_at"),
        },
        "clock": {"source": CLOCK_SOURCE, "zero": "start of the recording", "zero_ns": axis.zero},
        "audio": {"file": place.audio.name, "format": "WAV PCM16", "channels": len(CHANNELS)},
        "channels": {
            side.value: describe_channel(channel, peak, length)
            for side, channel, peak in zip(CHANNELS, job.channels, evidence.peaks, strict=True)
        },
        "marks": describe_marks(job.spool.marks, axis.zero),
        "termination": stop.get("termination"),
        "restarts": sum(mark.get("kind") == RESTARTED for mark in job.spool.marks),
        "ring": {"overflow": evidence.overflow},
        "spool": {
            "opened_ns": meta.get("opened_ns"),
            "octets": job.spool.end,
            "torn": job.spool.torn,
            "not_written": evidence.dropped,
            "rtcp": job.rtcp,
        },
    }


def read_outcome(recording: str, place: Published) -> Sealed:
    """The outcome as the manifest of a published recording tells it. ValueError if that cannot be read."""
    words = _read_manifest(place)
    if words is None:
        raise ValueError(f"{place.manifest.name} cannot be read")
    return _outcome(recording, place, words)


def _outcome(recording: str, place: Published, words: Mapping[str, Any]) -> Sealed:
    return Sealed(
        recording=recording,
        state=State(words["state"]),
        reasons=tuple(words["reasons"]),
        audio=place.audio,
        manifest=place.manifest,
        duration_ms=int(words["time"]["duration_ms"]),
    )


def _read_manifest(place: Published) -> Words | None:
    try:
        words = json.loads(place.manifest.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return words if isinstance(words, dict) else None


def _overflow(spool: Spool) -> int:
    """Packets lost in the rings between start and stop: counters of each ring then and now."""
    before = list((spool.meta or {}).get("overflow") or [])
    after = list((spool.stop or {}).get("overflow") or [])
    return sum(max(0, int(now) - int(then)) for then, now in zip(before, after, strict=False))
