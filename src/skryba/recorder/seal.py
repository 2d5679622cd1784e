"""Sealing: a spool becomes a stereo file and its manifest, in one pass, whatever interrupted it before.

May not know sockets, rings or who asks. It reads a spool and writes through `Storage`; done twice it does nothing the
second time, done after a crash it begins anew. The order is: audio on disk, read back and judged, manifest on disk,
names synced. The spool stays: it goes when the seal stands in the chain.
"""

import contextlib
import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.codecs.conceal import conceal
from skryba.codecs.warp import warp
from skryba.errors import KeyUnavailable
from skryba.recorder import manifest
from skryba.recorder.balance import balance
from skryba.recorder.clock import SECOND
from skryba.recorder.echoes import round_trips
from skryba.recorder.formats import FormatMap
from skryba.recorder.levels import Level, Levels
from skryba.recorder.manifest import CHANNELS, MAP, SCHEMA, Evidence, State, judge, to_text, wall_clock
from skryba.recorder.packets import LEFT, RIGHT, index_packets
from skryba.recorder.peaks import Peaks
from skryba.recorder.pipeline import Stereo, file_rate
from skryba.recorder.publication import Making, Publication, Sound
from skryba.recorder.quality import Quality, rate_quality, stream_jitter_ms
from skryba.recorder.reports import index_reports
from skryba.recorder.selfcheck import Expected, check
from skryba.recorder.spans import known_spans
from skryba.recorder.spool import BlockWriter, Kind, Spool, read_spool, reading_with
from skryba.recorder.storage import PartFile, Published, Storage
from skryba.recorder.timeline import MILLISECOND, ChannelTimeline, build_channel
from skryba.recorder.wav import pcm
from skryba.recorder.writing import RING

LAST_PACKET = 40 * MILLISECOND  # what began before the end is finished, but no longer than this
DESCRIPTION = ", ".join(f"{side.value}: {MAP[side]}" for side in CHANNELS)
RESTARTED = "recorder restarted"  # kind of the mark that a recorder leaves when it goes on with a spool
SCHEME, CONTAINER_CHUNK = "AES-256-GCM", 65536

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
    alarms: tuple[str, ...] = ()
    again: bool = field(default=False, compare=False)  # published before: it may stand in the chain already


@dataclass(frozen=True, slots=True)
class _Axis:
    zero: int  # ns of the arrival clock
    end: int
    epoch: int  # wall clock minus monotonic


def seal(storage: Storage, recording: str, *, lost: str = RESTARTED, making: Making | None = None) -> Sealed:
    """Seal one spool; `lost` is the reason to state if no stop was written.

    FileNotFoundError if there is no such spool, KeyUnavailable if it is encrypted and `making` has no key;
    ResourceError or OSError if the disk does not take the recording: then nothing was published.
    """
    making = making or Making()
    with storage.map_spool(recording) as octets:
        spool = read_spool(octets.data, reading_with(making.key) if making.key else None)
        return _seal_spool(storage, recording, octets, spool, lost, making)


def warm() -> None:
    """Compile, or load from the cache, all that sealing needs, so that the first recording does not wait for it."""
    record = struct.pack("<IIBBHIQ12s4x", 40, 0, LEFT, 0, 12, 0, 1, b"\x80" + bytes(11))
    blocks = BlockWriter()
    start = blocks.words(Kind.META, {"from_ns": 0})
    data = np.frombuffer(start + b"".join(bytes(part) for part in blocks.packets(record)), dtype=np.uint8)
    _, channels, _, _ = _place_packets(data, read_spool(data.data))
    rate = file_rate(channels)
    levels = Levels(rate)
    outline = Peaks(rate)
    for block in Stereo(data, channels, rate).blocks(rate):
        levels.add(block)
        outline.add(block)
    conceal(np.ones(rate, dtype=np.int16), rate // 2, rate // 50, rate)
    warp(np.zeros(100, np.int16), 40.5, 1.0, 2)


def render(storage: Storage, recording: str, folder: Path, making: Making) -> Words:
    """Make a recording's files again from its kept spool, into `folder`; returns the manifest that belongs to them.

    Sound and WAV are octet for octet those of the first time. Errors as `seal`.
    """
    with storage.map_spool(recording) as octets:
        spool = read_spool(octets.data, reading_with(making.key) if making.key else None)
        job = _job(octets, spool, RESTARTED)
        if job is None:
            raise FileNotFoundError(f"the spool of {recording} holds nothing to render")
        return _publish(storage, recording, Published(folder, recording), job, making)


def _seal_spool(
    storage: Storage, recording: str, octets: NDArray[np.uint8], spool: Spool, lost: str, making: Making
) -> Sealed:
    if spool.unread:
        raise KeyUnavailable(f"the spool of {recording} is encrypted with a key that is not here")
    if spool.meta is None:
        return Sealed(recording, State.FAILED, ("spool without beginning",), None, None, 0)
    job = _job(octets, spool, lost)
    if job is None:
        return Sealed(recording, State.FAILED, ("nothing to record",), None, None, 0)
    names = storage.names(storage.place(recording, wall_clock(job.axis.zero, job.axis.epoch)))
    place = next(name for name in names if not name.manifest.exists() or _is_of(_read_manifest(name), spool))
    before = _read_manifest(place)
    words = before or _publish(storage, recording, place, job, making)
    return replace(_outcome(recording, place, words), again=before is not None)


def _is_of(words: Words | None, spool: Spool) -> bool:
    """True if that manifest was made of this spool; one that was gone on with since is another recording."""
    made_of = (words or {}).get("spool", {})
    opened_ns = (spool.meta or {}).get("opened_ns")
    return made_of.get("opened_ns") == opened_ns and int(made_of.get("octets", 0)) >= spool.end


@dataclass(frozen=True, slots=True)
class _Job:
    octets: NDArray[np.uint8]
    spool: Spool
    axis: _Axis
    channels: tuple[ChannelTimeline, ...]
    jitter: tuple[float | None, ...]
    rtcp: int
    lost: str


def _job(octets: NDArray[np.uint8], spool: Spool, lost: str) -> _Job | None:
    """What there is to render; None if that is nothing."""
    axis, channels, jitter, rtcp = _place_packets(octets, spool)
    if axis.end <= axis.zero or (not spool.stop and not any(channel.counts.packets for channel in channels)):
        return None
    return _Job(octets, spool, axis, tuple(channels), tuple(jitter), rtcp, lost)


def _place_packets(
    octets: NDArray[np.uint8], spool: Spool
) -> tuple[_Axis, list[ChannelTimeline], list[float | None], int]:
    meta, stop = spool.meta or {}, spool.stop or {}
    index = index_packets(octets, spool.of(Kind.PACKETS))
    reports = index_reports(octets, spool.of(Kind.PACKETS))
    spans = known_spans(spool.marks, spool.overflows)
    zero = int(meta.get("from_ns", 0))
    until = int(stop.get("until_ns") or stop.get("at_ns") or np.iinfo(np.int64).max)
    channels: list[ChannelTimeline] = []
    jitter: list[float | None] = []
    for side, number in zip(CHANNELS, (LEFT, RIGHT), strict=True):
        changes: list[tuple[int, Mapping[str, str]]] = [(zero, meta.get("formats", {}).get(side, {}))]
        changes += [
            (int(words.get("at_ns", zero)), words.get("formats", {}))
            for words in spool.formats
            if words.get("channel") == side
        ]
        packets, replayed = index.packets.of_channel(number)
        told = reports.of_channel(number, until)
        formats = FormatMap(changes)
        rates = formats.clock_rate[formats.look_up(packets)]
        jitter.append(stream_jitter_ms(packets.arrival, packets.timestamp, packets.ssrc, rates))
        channels.append(build_channel(packets, replayed, formats, zero=zero, until=until, reports=told, spans=spans))
    trips = round_trips(octets, spool.of(Kind.PACKETS), reports)
    channels = balance(channels, int(meta.get("epoch_ns", 0)), trips)
    length = _length(spool, zero, channels)
    return _Axis(zero, zero + length, int(meta.get("epoch_ns", 0))), channels, jitter, index.rtcp


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


def _publish(storage: Storage, recording: str, place: Published, job: _Job, making: Making) -> Words:
    length = job.axis.end - job.axis.zero
    rate = file_rate(list(job.channels))
    frames = -(-length * rate // SECOND)
    stereo = Stereo(job.octets, list(job.channels), rate)
    facts = (job.spool.meta or {}).get("manifest") or {}
    wanted = (facts.get("decision") or {}).get("renditions")
    if wanted is not None:
        making = replace(making, renditions=tuple(wanted))  # the rule's own choice
    sound = Sound(recording, rate, frames, wall_clock(job.axis.zero, job.axis.epoch), DESCRIPTION)
    levels, digest = Levels(rate), hashlib.sha256()
    with contextlib.ExitStack() as unfinished:
        publication = Publication(place, sound, making)
        unfinished.callback(publication.discard)
        text = PartFile(place.manifest)
        unfinished.callback(text.discard)
        for block in stereo.blocks(frames):
            publication.add(block)
            levels.add(block)
            digest.update(pcm(block))
        publication.finish()
        evidence = _gather_evidence(job, publication, Expected(
            sample_rate=rate,
            frames=frames,
            sha256_pcm=digest.hexdigest(),
            signalled_ms=_signalled_ms(job),
            packets=(job.channels[0].counts.sound, job.channels[1].counts.sound),
        ))  # fmt: skip
        words = _manifest(recording, job, evidence, levels.result(), stereo.concealed())
        words["audio"] = {
            "sample_rate": rate,
            "channels": len(CHANNELS),
            "frames": frames,
            "sha256_pcm": digest.hexdigest(),
            "rendered_by": str(stereo),
        }
        words["files"] = publication.files
        name = job.spool.keys[-1] if job.spool.keys else recording
        words["encryption"] = {"scheme": SCHEME, "chunk": CONTAINER_CHUNK, "key": name} if making.cipher_key else None
        text.write(to_text(words))
        publication.publish()
        text.publish()
    storage.sync_folder(place)
    return words


def _signalled_ms(job: _Job) -> int | None:
    at = (job.spool.stop or {}).get("at_ns")
    return round((int(at) - job.axis.zero) / MILLISECOND) if at else None


def _gather_evidence(job: _Job, publication: Publication, expected: Expected) -> Evidence:
    stop = job.spool.stop or {}
    parts = [read_at for words, read_at, _ in publication.read_back() if words["role"] == "audio"]
    return Evidence(
        channels=job.channels,
        check=check(parts, expected),
        overflow=_overflow(job.spool),
        dropped=int(stop.get("dropped", 0)),
        torn=job.spool.torn and not job.spool.altered,
        altered=job.spool.altered,
        lost=(stop.get("lost") or None) if job.spool.stop else job.lost,
    )


def _manifest(
    recording: str,
    job: _Job,
    evidence: Evidence,
    levels: Sequence[Level],
    concealed: Sequence[Sequence[tuple[int, int]]],
) -> Words:
    state, reasons = judge(evidence)
    meta, stop = job.spool.meta or {}, job.spool.stop or {}
    facts = dict(meta.get("manifest") or {})
    axis, length = job.axis, job.axis.end - job.axis.zero
    begin, end = (wall_clock(at, axis.epoch) for at in (axis.zero, axis.end))
    restarts = sum(mark.get("kind") == RESTARTED for mark in job.spool.marks)
    return {
        "schema": SCHEMA,
        "id": recording,
        "conversation": facts.pop("conversation", None) or {"id": facts.get("call") or recording, "segment": 1},
        "state": state.value,
        "reasons": reasons,
        "alarms": evidence.check.alarms,
        "recovered": bool(restarts or evidence.lost),
        "channel_map": {side.value: MAP[side] for side in CHANNELS},
        "decision": facts.pop("decision", None),
        "notice": facts.pop("notice", None),
        "call": facts,
        "parties": manifest.describe_parties(facts, round(length / MILLISECOND)),
        "time": manifest.describe_time(begin, end, facts, stop.get("ended_at"))
        | {"clock_synchronised": meta.get("clock_synchronised")},
        "clock": {"zero": "start of the recording", "zero_ns": axis.zero}
        | {side.value: manifest.describe_clock(channel) for side, channel in zip(CHANNELS, job.channels, strict=True)},
        "channels": {
            side.value: manifest.describe_channel(channel, level, _quality(channel, jitter, length), length, spans)
            for side, channel, level, jitter, spans in zip(
                CHANNELS, job.channels, levels, job.jitter, concealed, strict=True
            )
        },
        "marks": manifest.describe_marks(job.spool.marks, axis.zero),
        "termination": stop.get("termination"),
        "restarts": restarts,
        "ring": {"overflow": evidence.overflow},
        "spool": {
            "opened_ns": meta.get("opened_ns"),
            "octets": job.spool.end,
            "sha256": job.spool.sha256,
            "torn": job.spool.torn,
            "altered": job.spool.altered,
            "not_written": evidence.dropped,
            "rtcp": job.rtcp,
        },
    }


def _quality(channel: ChannelTimeline, jitter: float | None, length: int) -> Quality:
    losses = sum(gap.cause == "loss" for gap in channel.gaps(length))
    return rate_quality(received=channel.counts.sound, lost=channel.counts.lost, losses=losses, jitter_ms=jitter)


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
        audio=place.folder / words["files"][0]["file"],
        manifest=place.manifest,
        duration_ms=int(words["time"]["duration_ms"]),
        alarms=tuple(words["alarms"]),
    )


def _read_manifest(place: Published) -> Words | None:
    try:
        words = json.loads(place.manifest.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return words if isinstance(words, dict) and words.get("schema") == SCHEMA else None


def _overflow(spool: Spool) -> int:
    """Packets of this recording that found a ring full."""
    return sum(int(words.get("packets", 0)) for words in spool.overflows if words.get("cause") == RING)
