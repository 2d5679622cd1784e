"""Gives each packet of one channel its place on the recording's axis, names the gaps, and counts what the network did.

May not know files or how octets become samples; a codec is only its arithmetic here (octets per sample, rates).
Zero is the start of the recording. One gap rule: silence is what no packet covers by the clock model, of true length;
what is known about its cause is a label, never a reason to make it longer or shorter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.recorder.clock import CLOCKED, SECOND, STRAY, Epoch, Trace, trace
from skryba.recorder.formats import FormatMap
from skryba.recorder.model import ClockSource
from skryba.recorder.packets import Packets
from skryba.recorder.reports import NONE, Reports

Numbers = NDArray[np.int64]

MILLISECOND = 1_000_000
SHORTEST_GAP = MILLISECOND
EDGE = 100 * MILLISECOND  # silence before the first and after the last packet is a gap only beyond this
MISSED = ("overflow", "disk")  # labels of spans in which packets came that did not get into the spool
PASSAGES = 500  # listed at most; a source that changes format with every packet does not fill the manifest

_SILENCE, LOSS, _EVENT, _SOURCE = range(4)
_CAUSES = ("silence", "loss", "event", "source")


def _nothing() -> Numbers:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Gap:
    """Silence inside a channel, in ns from the recording's zero."""

    start: int
    length: int
    cause: str  # "loss", "silence" (the sender paused), "event" (key tones), "source" (it changed), "begin", "end",
    # or the label of a span: "hold", "overflow", "disk"


@dataclass(frozen=True, slots=True)
class Span:
    """What is known of a stretch of the call, in ns of the arrival clock: "hold", a ring's "overflow", the "disk"."""

    begin: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one epoch in one format, in ns from zero."""

    start: int
    end: int
    format: str
    ssrc: int
    packets: int
    drift: float | None


@dataclass(slots=True)
class Counts:
    """What arrived of one channel. Every packet is in exactly one of sound, events, unplayable, late, duplicates."""

    packets: int = 0
    sound: int = 0
    events: int = 0  # key tones and comfort noise: counted, never rendered
    unplayable: int = 0  # a format that cannot be decoded
    late: int = 0  # dropped: far too old, or of no known source
    duplicates: int = 0
    lost: int = 0
    reordered: int = 0
    replayed: int = 0  # read twice after a restart of the recorder; not in `packets`


@dataclass(frozen=True, slots=True)
class ChannelTimeline:
    """One channel: sound packets in order of place. All arrays are parallel."""

    start_ns: Numbers  # place of the packet's first sample
    end_ns: Numbers
    start: Numbers  # place of the first sample, in samples of the packet's own rate
    samples: Numbers
    format: Numbers  # index into the formats of the map
    offset: Numbers  # payload in the spool
    length: Numbers
    epoch: Numbers
    cause: Numbers  # of a gap before this packet, index into the causes
    formats: FormatMap
    epochs: tuple[Epoch, ...]
    counts: Counts
    unknown: tuple[str, ...]  # what came and could not be decoded
    source: Numbers = field(default_factory=_nothing)  # first sample on the sender's clock, in samples of its epoch
    spans: tuple[Span, ...] = ()  # in ns from zero

    def rates(self) -> set[int]:
        """Native sample rates that occur."""
        return {int(rate) for rate in np.unique(self.formats.sample_rate[self.format])}

    def gaps(self, length: int) -> list[Gap]:
        """Everything up to `length` ns that no packet covers. No packet at all: one gap of the whole length."""
        if not len(self.start_ns):
            return [self._labelled(0, length, "begin")] if length >= EDGE else []
        reach = np.maximum(np.maximum.accumulate(self.end_ns), 0)
        holes = self.start_ns[1:] - reach[:-1]
        first, last = int(self.start_ns[0]), int(reach[-1])
        found = [self._labelled(0, min(first, length), "begin")] if first >= EDGE else []
        for place in np.flatnonzero((holes >= SHORTEST_GAP) & (reach[:-1] < length)):
            begin = int(reach[place])
            cause = _CAUSES[int(self.cause[place + 1])]
            found.append(self._labelled(begin, min(int(holes[place]), length - begin), cause))
        if length - last >= EDGE and first < length:
            found.append(self._labelled(last, length - last, "end"))
        return found

    def _labelled(self, start: int, length: int, cause: str) -> Gap:
        """A span that covers more than half of a gap explains it; one in which packets went missing, any loss."""
        for span in self.spans:
            shared = min(start + length, span.end) - max(start, span.begin)
            if 2 * shared > length or (shared >= 0 and span.label in MISSED and cause == "loss"):
                return Gap(start, length, span.label)
        return Gap(start, length, cause)

    def clock(self) -> dict[str, Any]:
        """The manifest's words on this channel's clock, those of the epoch with the most packets where one must speak.

        `skew_ppm` is positive for a sender whose clock is fast; `corrected_ms` the largest shift taken back inside an
        epoch; `disagreement_ms` how far reports and arrivals differ, a difference of network delays included.
        """
        models = [(epoch.packets, epoch, epoch.model) for epoch in self.epochs if epoch.model is not None]
        if not models:
            return (
                {"source": ClockSource.NONE.value}
                | dict.fromkeys(("skew_ppm", "disagreement_ms"))
                | {
                    "corrected_ms": 0,
                    "reports": 0,
                }
            )
        _, longest, model = max(models, key=lambda found: found[0])
        differences = [found.disagreement for *_, found in models if found.disagreement is not None]
        return {
            "source": model.source.value,
            "skew_ppm": longest.drift,
            "corrected_ms": round(max(found.correction for *_, found in models) / MILLISECOND),
            "disagreement_ms": round(max(differences) / MILLISECOND) if differences else None,
            "reports": sum(found.reports for *_, found in models),
        }

    def passages(self) -> list[Passage]:
        """Stretches of one source in one format, in order, at most PASSAGES."""
        if not len(self.start_ns):
            return []
        change = np.flatnonzero((np.diff(self.epoch) != 0) | (np.diff(self.format) != 0)) + 1
        bounds = [0, *change[: PASSAGES - 1].tolist(), len(self.start_ns)]
        found = []
        for begin, end in pairwise(bounds):
            source = self.epochs[int(self.epoch[begin])]
            found.append(
                Passage(
                    start=int(self.start_ns[begin]),
                    end=int(self.end_ns[end - 1]),
                    format=str(self.formats.formats[int(self.format[begin])]),
                    ssrc=source.ssrc,
                    packets=end - begin,
                    drift=source.drift,
                )
            )
        return found

    def moved(self, moves: Sequence[int]) -> "ChannelTimeline":
        """The same with each epoch so many ns later: places, anchors, models."""
        if not any(moves):
            return self
        epochs = tuple(
            replace(epoch, anchor=epoch.anchor + move, model=epoch.model and epoch.model.moved(move))
            for epoch, move in zip(self.epochs, moves, strict=True)
        )
        move_ns = np.array(moves, dtype=np.int64)[self.epoch]
        rate = self.formats.sample_rate[self.format]
        start_ns = self.start_ns + move_ns
        place = np.argsort(start_ns, kind="stable")
        columns = ("samples", "format", "offset", "length", "epoch", "cause", "source")
        return replace(
            self,
            start_ns=start_ns[place],
            end_ns=(self.end_ns + move_ns)[place],
            start=(self.start + (move_ns * rate + SECOND // 2) // SECOND)[place],
            epochs=epochs,
            **{name: getattr(self, name)[place] for name in columns},
        )

    def drift_ns(self) -> int:
        """The largest shift that a sender's drift left in this channel: nothing where the model followed it."""
        shifts = [0]
        for number, epoch in enumerate(self.epochs):
            if not epoch.drift or not (epoch.model is None or epoch.model.is_steady):
                continue
            mine = np.flatnonzero(self.epoch == number)
            if len(mine):
                shifts.append(int(abs(epoch.drift) * float(self.end_ns[mine[-1]] - self.start_ns[mine[0]]) / 1e6))
        return max(shifts)


def build_channel(
    packets: Packets,
    replayed: int,
    formats: FormatMap,
    *,
    zero: int,
    until: int,
    reports: Reports = NONE,
    spans: Sequence[Span] = (),
) -> ChannelTimeline:
    """Place one channel's packets, which are sorted by arrival; `reports` and `spans` are those of this channel.

    `zero` is the recording's start, `until` the arrival after which packets are nobody's, both ns of the arrival clock.
    """
    packets = packets.take(packets.arrival <= until)
    meaning = formats.look_up(packets)
    playable, silent = formats.playable[meaning], formats.silent[meaning]
    traced, epochs = trace(packets, formats.clock_rate[meaning], ~silent, reports)
    order, duplicates, reordered = _sender_order(traced)
    counts = Counts(
        packets=len(packets),
        sound=int(playable[order].sum()),
        events=int(silent[order].sum() + silent[traced.epoch < 0].sum()),
        unplayable=int((~playable & ~silent)[order].sum()),
        late=int((traced.fate == STRAY).sum()),
        duplicates=duplicates,
        lost=_count_lost(traced.epoch[order], traced.sequence[order]),
        reordered=reordered,
        replayed=replayed,
    )
    heard = np.flatnonzero(playable[order])
    cause = _gap_causes(traced.epoch[order], traced.sequence[order], heard)
    chosen = order[heard]
    number, epoch, ticks = meaning[chosen], traced.epoch[chosen], traced.ticks[chosen]
    rate, clock_rate = formats.sample_rate[number], formats.clock_rate[number]
    whole = packets.length[chosen] // formats.octets[number]
    samples = whole * formats.samples[number]
    source = ticks * rate // clock_rate
    start_ns, start = _places(epochs, epoch, ticks * SECOND // clock_rate, source, rate, zero)
    place = np.argsort(start_ns, kind="stable") if (np.diff(start_ns) < 0).any() else slice(None)
    return ChannelTimeline(
        start_ns=start_ns[place],
        end_ns=(start_ns + samples * SECOND // rate)[place],
        start=start[place],
        samples=samples[place],
        format=number[place],
        offset=packets.offset[chosen][place],
        length=(whole * formats.octets[number])[place],
        epoch=epoch[place],
        cause=cause[place],
        formats=formats,
        epochs=tuple(epochs),
        counts=counts,
        unknown=formats.names(*_unplayable(packets, meaning, ~playable & ~silent)),
        source=source[place],
        spans=tuple(Span(span.begin - zero, span.end - zero, span.label) for span in spans),
    )


def _places(
    epochs: Sequence[Epoch], epoch: Numbers, at: Numbers, source: Numbers, rate: Numbers, zero: int
) -> tuple[Numbers, Numbers]:
    """Where packets stand, in ns from zero and in samples of their own rate; whole samples apart in a steady epoch."""
    start_ns, start = np.empty_like(at), np.empty_like(at)
    bounds = np.searchsorted(epoch, np.arange(len(epochs) + 1))  # packets are in order of epochs
    for found, (begin, end) in zip(epochs, pairwise(bounds.tolist()), strict=True):
        mine = slice(begin, end)
        if found.model is None or found.model.is_steady:
            anchor = found.anchor - zero
            start_ns[mine] = anchor + at[mine]
            start[mine] = (anchor * rate[mine] + SECOND // 2) // SECOND + source[mine]
        else:
            start_ns[mine] = at[mine] + found.model.shift_at(at[mine]) - zero
            start[mine] = (start_ns[mine] * rate[mine] + SECOND // 2) // SECOND
    return start_ns, start


def _sender_order(traced: Trace) -> tuple[Numbers, int, int]:
    """Packets of known sources as they were sent, the first of each number only; duplicates; reordered ones."""
    known = np.flatnonzero((traced.epoch >= 0) & (traced.fate == CLOCKED))
    key = traced.epoch[known] << 40 | traced.sequence[known] + (1 << 36)
    if (np.diff(key) > 0).all():
        return known, 0, 0
    highest = np.maximum.accumulate(key)
    reordered = int((key[1:] < highest[:-1]).sum())
    by_number = np.argsort(key, kind="stable")
    known, key = known[by_number], key[by_number]
    fresh = np.concatenate(([True], np.diff(key) > 0))
    return known[fresh], int((~fresh).sum()), reordered


def _count_lost(epoch: Numbers, sequence: Numbers) -> int:
    inside = np.diff(epoch) == 0
    return int((np.diff(sequence)[inside] - 1).sum())


def _gap_causes(epoch: Numbers, sequence: Numbers, heard: Numbers) -> Numbers:
    """Why there may be silence before each heard packet: missing numbers, events, a pause, or another source."""
    cause = np.full(len(heard), _SILENCE, dtype=np.int64)
    between = np.diff(heard)  # 1: neighbours in the order they were sent
    cause[1:][between > 1] = _EVENT
    cause[1:][np.diff(sequence[heard]) > between] = LOSS
    cause[1:][np.diff(epoch[heard]) != 0] = _SOURCE
    return cause


def _unplayable(packets: Packets, meaning: Numbers, which: NDArray[np.bool_]) -> tuple[Packets, Numbers]:
    return packets.take(which), meaning[which]
