"""Owns time: which packets belong to one source epoch, where each stands on the sender's clock, what clock that is.

May not know codecs, files or the recording. RFC 3550 §A.1 (sequence validity) and §6.4.1; one channel at a time.

An *epoch* is one source with one unbroken clock: it ends when the SSRC, the clock rate or the numbering changes, or
when RTP time and arrival part for good. Arrival jitter never makes time: within an epoch a packet's place is its RTP
time through the epoch's clock model (`skryba.recorder.model`), nothing else. So a jump of the sender's clock, a hold
during which its time stood still, or a new source is one decision, taken by looking at what came before and what comes
after, not at one packet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from skryba.recorder.model import ClockModel, fit
from skryba.recorder.packets import Packets
from skryba.recorder.reports import NONE, Reports, locate

SECOND = 1_000_000_000
SUSPICION = 40_000_000  # a step in arrival − RTP time beyond which the neighbourhood is examined
STEP = 60_000_000  # a lasting step of the envelope that ends the epoch
LOOK_AHEAD = 2 * SECOND
LOOK_BACK = 250  # packets
EVIDENCE = 50  # packets that must agree before a step is believed
CLEAR_EVIDENCE = 5  # the same for packets that come too early, or a second later than jitter ever made them
STALE = 5 * SECOND  # a packet that late is dropped: nobody heard it
DROPOUT, MISORDER = 3000, 1000  # sequence steps beyond which the source has started anew (RFC 3550 §A.1)
SOURCES = 32  # remembered at a time; a thirty-third replaces the oldest

CLOCKED, STRAY = 0, 1  # fate of a packet

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
_Traced = tuple[Numbers, Numbers, Numbers, Numbers, Numbers]


@dataclass(frozen=True, slots=True)
class Trace:
    """Per packet: the epoch (−1: of no known source), unwrapped sequence, RTP ticks since the epoch began, fate."""

    epoch: Numbers
    sequence: Numbers
    ticks: Numbers
    fate: Numbers


@dataclass(frozen=True, slots=True)
class Epoch:
    """One source with one unbroken clock. `anchor` is where its tick 0 stands, ns of the arrival clock."""

    ssrc: int
    clock_rate: int
    anchor: int
    packets: int
    drift: float | None  # ppm of the sender's clock against ours (positive: sender fast); None if too short to tell
    model: ClockModel | None = None  # None: a constant, the anchor


def trace(packets: Packets, clock_rate: Numbers, sound: Flags, reports: Reports = NONE) -> tuple[Trace, list[Epoch]]:
    """Follow one channel's packets, sorted by arrival.

    `clock_rate` is the RTP clock rate of each packet's payload type, `sound` is False for events and comfort noise:
    they share the numbering of their source but say nothing about its clock (an event's timestamp stands still,
    RFC 4733 §2.1).
    """
    epoch, sequence, ticks, fate, deviation = _trace(
        packets.arrival, packets.sequence, packets.timestamp, packets.ssrc, clock_rate, sound
    )
    timed = np.flatnonzero((epoch >= 0) & sound & (fate == CLOCKED))
    timed = timed[np.argsort(epoch[timed], kind="stable")]
    numbers = np.arange(int(epoch.max(initial=-1)) + 2)
    bounds = np.searchsorted(epoch[timed], numbers)
    number, said = locate(
        (reports.arrival, reports.ssrc, reports.timestamp),
        (packets.arrival, packets.ssrc, packets.timestamp),
        epoch,
        ticks,
    )
    told = np.argsort(number, kind="stable")
    told_bounds = np.searchsorted(number[told], numbers)
    epochs = []
    for (begin, end), (first, last) in zip(pairwise(bounds.tolist()), pairwise(told_bounds.tolist()), strict=True):
        mine, here = timed[begin:end], told[first:last]
        rate = int(clock_rate[mine[0]])
        at = ticks[mine] * SECOND // rate
        model, slope = fit(at, deviation[mine], said[here] * SECOND // rate, reports.ntp[here], reports.arrival[here])
        epochs.append(
            Epoch(
                ssrc=int(packets.ssrc[mine[0]]),
                clock_rate=rate,
                anchor=int(model.shift_at(np.zeros(1, dtype=np.int64))[0]),
                packets=len(mine),
                drift=None if slope is None else round(-slope * 1e6, 1),
                model=model,
            )
        )
    return Trace(epoch, sequence, ticks, fate), epochs


def _wrapped(step: int, bits: int) -> int:
    """A difference of two counters of `bits` bits, taken the short way round."""
    half = 1 << (bits - 1)
    return ((step + half) & ((1 << bits) - 1)) - half


compiled = njit(cache=True, nogil=True)
_short = cast("Callable[[int, int], int]", compiled(_wrapped))


def _envelope_before(here: int, number: int, epoch: Numbers, deviation: Numbers, usable: Flags) -> tuple[int, int]:
    """Least and largest deviation among the last packets of this epoch before packet `here`."""
    least: int = deviation[here]
    most = least
    seen = 0
    for other in range(here - 1, max(-1, here - 4 * LOOK_BACK), -1):
        if epoch[other] == number and usable[other]:
            least = deviation[other] if seen == 0 else min(least, deviation[other])
            most = deviation[other] if seen == 0 else max(most, deviation[other])
            seen += 1
            if seen == LOOK_BACK:
                break
    return least, most


_before = cast("Callable[[int, int, Numbers, Numbers, Flags], tuple[int, int]]", compiled(_envelope_before))


def _envelope_after(
    here: int, ticks: int, arrival: Numbers, timestamp: Numbers, ssrc: Numbers, clock: Numbers, sound: Flags
) -> tuple[int, int]:
    """Least deviation among the packets from `here` on, and how many there are."""
    least = arrival[here] - ticks * SECOND // clock[here]
    seen = 1
    for other in range(here + 1, min(arrival.size, here + 8 * LOOK_BACK)):
        if arrival[other] - arrival[here] > LOOK_AHEAD:
            break
        if ssrc[other] == ssrc[here] and sound[other] and clock[other] == clock[here]:
            then = ticks + _short(timestamp[other] - timestamp[here], 32)
            least = min(least, arrival[other] - then * SECOND // clock[here])
            seen += 1
    return least, seen


_after = cast(
    "Callable[[int, int, Numbers, Numbers, Numbers, Numbers, Flags], tuple[int, int]]", compiled(_envelope_after)
)


def _follows(here: int, sequence: Numbers, ssrc: Numbers) -> bool:
    """True if the next packet of this source goes on from this one: two in a row make a new numbering credible."""
    for other in range(here + 1, min(sequence.size, here + 64)):
        if ssrc[other] == ssrc[here]:
            return 0 < _short(sequence[other] - sequence[here], 16) <= 8
    return False


_goes_on = cast("Callable[[int, Numbers, Numbers], bool]", compiled(_follows))


def _trace_packets(  # noqa: C901 one pass over one state, kept together for the compiler and the reader
    arrival: Numbers, sequence: Numbers, timestamp: Numbers, ssrc: Numbers, clock: Numbers, sound: Flags
) -> _Traced:
    size = arrival.size
    epoch, unwrapped, ticks = np.full(size, -1), np.zeros(size, np.int64), np.zeros(size, np.int64)
    fate, deviation = np.zeros(size, np.int64), np.zeros(size, np.int64)
    usable = np.zeros(size, np.bool_)  # clocked sound: what envelopes are made of
    # Per remembered source: SSRC, epoch, clock rate, and of its last good packet sequence, ticks, timestamp, deviation.
    source = np.full((SOURCES, 7), -1)
    newest, epochs = 0, 0
    for here in range(size):
        row = -1
        for back in range(SOURCES):
            candidate = (newest - back) % SOURCES
            if source[candidate, 0] == ssrc[here]:
                row = candidate
                break
        fresh = row < 0 or (sound[here] and source[row, 2] != clock[here])
        if row < 0 and not sound[here]:
            continue  # an event of a source that has not spoken yet: no clock to hang it on
        if row < 0:
            newest = (newest + 1) % SOURCES
            row = newest
            source[row, 0] = ssrc[here]
        if not fresh:
            step = _short(sequence[here] - source[row, 3] & 0xFFFF, 16)
            unwrapped[here] = source[row, 3] + step
            ticks[here] = source[row, 4] + _short(timestamp[here] - source[row, 5], 32)
            epoch[here] = source[row, 1]
            if step > DROPOUT or step < -MISORDER:
                fresh = sound[here] and _goes_on(here, sequence, ssrc)
                if not fresh:
                    fate[here] = STRAY
                    continue
            elif not sound[here]:
                continue
            else:
                deviation[here] = arrival[here] - ticks[here] * SECOND // clock[here]
                if abs(deviation[here] - source[row, 6]) > SUSPICION:
                    past, worst = _before(here, epoch[here], epoch, deviation, usable)
                    future, seen = _after(here, ticks[here], arrival, timestamp, ssrc, clock, sound)
                    enough = EVIDENCE if past - STEP <= future <= worst + SECOND else CLEAR_EVIDENCE
                    fresh = abs(future - past) > STEP and (seen >= enough or future - past < -SECOND)
                    if not fresh and deviation[here] - past > STALE:
                        fate[here] = STRAY
                        continue
        if fresh:
            source[row, 1], source[row, 2] = epochs, clock[here]
            epoch[here], unwrapped[here], ticks[here] = epochs, sequence[here], 0
            deviation[here] = arrival[here]
            epochs += 1
        usable[here] = True
        if fresh or unwrapped[here] > source[row, 3]:
            source[row, 3], source[row, 4], source[row, 5] = unwrapped[here], ticks[here], timestamp[here]
        source[row, 6] = deviation[here]
    return epoch, unwrapped, ticks, fate, deviation


_trace = cast("Callable[[Numbers, Numbers, Numbers, Numbers, Numbers, Flags], _Traced]", compiled(_trace_packets))
