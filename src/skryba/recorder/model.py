"""The clock model of one epoch: RTP time → our clock, from sender reports where they are plausible, else from arrivals.

May not know packets' headers, codecs or the recording. All times are ns: `at` is RTP time since the epoch's tick 0, a
*shift* is what must be added to it to stand on the clock of arrivals.

Arrivals: the network only ever delays, so the true line lies below all points (RTP time, arrival − RTP time) and
touches the least delayed ones. It is the edge of their lower convex hull over the mean: the line under all points that
is nearest to all of them (Moon, Skelly, Towsley 1999). One point per window of 2 s, the second lowest of it, keeps a
single wrong timestamp from carrying the line.

Reports (RFC 3550 §6.4.1) tell the rate of the RTP clock against the sender's wall clock, untouched by the network;
where that wall clock stands against ours is again the envelope's business: two phones' wall clocks are unrelated.

A shift that stays within SLACK is not worth touching a sample for: the model is one number then, and places are whole
samples apart.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND
WINDOW = 2 * SECOND
CROWD = 10  # packets in a window, from which on its second lowest stands for it
SHORTEST = 30 * SECOND  # of an epoch that can tell anything about drift
LONG = 600 * SECOND  # an epoch so long cannot be fooled by a network that slowly fills up
SLACK = 4 * MILLISECOND
STEEPEST, STEEPEST_LONG = 500e-6, 0.02  # rates that are believed, of an epoch and of a long one
WANDER = 25 * MILLISECOND  # that the envelope must leave a line for good, for the line to be bent
KNOT = 60 * SECOND
AGREEMENT = 25 * MILLISECOND  # of sender reports with the line through them
MAJORITY = 0.8  # of the reports that must agree
EARLY, LATE = -100 * MILLISECOND, SECOND  # of a report's arrival after what it says, by the envelope


class ClockSource(StrEnum):
    """What a model was made of."""

    REPORTS = "sender reports"
    ENVELOPE = "arrival envelope"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ClockModel:
    """Shifts at ascending knots of RTP time, straight between them, level outside. One knot: a constant."""

    at: Numbers
    shift: Numbers
    source: ClockSource = ClockSource.ENVELOPE
    reports: int = 0
    disagreement: int | None = None  # largest difference to the arrival envelope; None without reports
    lag: int | None = None  # our clock minus the sender's wall clock (since 1970), network included; None without
    # reports, or if that wall clock runs at another speed than ours: then it cannot be right

    @property
    def is_steady(self) -> bool:
        """True if places are whole samples apart."""
        return len(self.at) == 1

    @property
    def correction(self) -> int:
        """The largest shift that it takes back."""
        return int(np.ptp(self.shift))

    def shift_at(self, at: Numbers) -> Numbers:
        """Per RTP time."""
        base = self.shift[0]
        bent: Numbers = np.rint(np.interp(at, self.at, self.shift - base)).astype(np.int64) + base
        return bent

    def moved(self, by: int) -> "ClockModel":
        """The same, so much later."""
        disagreement = max(self.disagreement, abs(by)) if self.disagreement is not None else None
        return ClockModel(self.at, self.shift + by, self.source, self.reports, disagreement, self.lag)


def constant(shift: int) -> ClockModel:
    """The model of an epoch too short to tell more."""
    return ClockModel(np.zeros(1, dtype=np.int64), np.array([shift], dtype=np.int64))


def fit(at: Numbers, shift: Numbers, said: Numbers, wall: Numbers, came: Numbers) -> tuple[ClockModel, float | None]:
    """Model and rate (shift per RTP time) of one epoch; the rate is None if the epoch is too short to tell.

    `at`, `shift`: its packets in order of arrival. `said`, `wall`, `came`: its sender reports, RTP time, the sender's
    wall clock and arrival.
    """
    ends = int(at.min()), int(at.max())
    if ends[1] - ends[0] < SHORTEST:
        if not len(said):
            return constant(int(shift.min())), None
        points, line = (at, shift), (0.0, float(shift.min()))
    else:
        points = _least_delayed(at, shift)
        line = _line_below(*points)
    plain = _bend(points, line, ends)
    said, once = np.unique(said, return_index=True)  # in order, whatever the network did to it
    wall, came = wall[once], came[once]
    rate = _report_rate(said, wall)
    if rate is None or not _is_timely(said, came, plain):
        return plain, line[0] if points[0] is not at else None
    level = points[1] - np.rint(rate * points[0]).astype(np.int64)
    rest = _line_below(points[0], level) if points[0] is not at else (0.0, float(level.min()))
    total = (rate + rest[0], rest[1])
    offset = int(np.median(wall - said - np.rint(rate * said).astype(np.int64)))
    model = _straight(total, ends)
    return (
        ClockModel(
            model.at,
            model.shift,
            ClockSource.REPORTS,
            len(said),
            int(np.abs(model.shift_at(points[0]) - plain.shift_at(points[0])).max()),
            None if rest[0] else round(rest[1]) - offset,
        ),
        total[0],
    )


def _least_delayed(at: Numbers, shift: Numbers) -> tuple[Numbers, Numbers]:
    """One packet of every window of arrival: the least delayed, in a crowd the second least."""
    arrival = at + shift
    window = (arrival - arrival[0]) // WINDOW
    order = np.lexsort((shift, window))
    first = np.flatnonzero(np.diff(window[order], prepend=-1))
    size = np.diff(first, append=len(order))
    chosen = order[first + (size >= CROWD)]
    chosen = chosen[np.argsort(at[chosen], kind="stable")]
    return at[chosen], shift[chosen]


def _line_below(at: Numbers, shift: Numbers) -> tuple[float, float]:
    """Slope and shift at 0 of the line below all points that is nearest to them, or the level below them.

    Level, if the slope is beyond belief, moves nothing by more than SLACK and the noise of the points, or if they do
    not lie along it: a step of the network is no slope.
    """
    level = 0.0, float(shift.min())
    hull: list[tuple[int, int]] = []
    base, beginning = int(shift[0]), int(at[0])
    for point in zip((at - beginning).tolist(), (shift - base).tolist(), strict=True):
        while len(hull) > 1 and _turns_right(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    middle = float(np.mean(at - beginning))
    for (x, y), (then, there) in pairwise(hull):
        if x <= middle <= then and then > x:
            slope = (there - y) / (then - x)
            span = int(at[-1]) - beginning
            above = (shift - base) - (y + slope * (at - beginning - x))
            steepest = STEEPEST_LONG if span >= LONG else STEEPEST
            middling, far = np.percentile(above, (50, 75)).tolist()
            if abs(slope) <= steepest and abs(slope) * span > max(SLACK + 2 * middling, 3 * far):
                return slope, base + y - slope * (x + beginning)
    return level


def _turns_right(first: tuple[int, int], second: tuple[int, int], third: tuple[int, int]) -> bool:
    """The second point lies on or above the line from the first to the third."""
    return (second[1] - first[1]) * (third[0] - first[0]) >= (third[1] - first[1]) * (second[0] - first[0])


def _straight(line: tuple[float, float], ends: tuple[int, int]) -> ClockModel:
    """The line as a model, one knot if it hardly moves anything: then its middle."""
    slope, level = line
    if abs(slope) * (ends[1] - ends[0]) <= SLACK:
        return constant(round(level + slope * (ends[0] + ends[1]) / 2))
    return ClockModel(np.array(ends), np.array([round(level + slope * end) for end in ends]))


def _bend(points: tuple[Numbers, Numbers], line: tuple[float, float], ends: tuple[int, int]) -> ClockModel:
    """The line, bent upwards where the envelope left it for good: a sender that stumbled, a route that changed."""
    straight = _straight(line, ends)
    if ends[1] - ends[0] < 2 * KNOT:
        return straight
    at, above = points[0], points[1] - straight.shift_at(points[0])
    knots = np.arange(ends[0], ends[1] + KNOT, KNOT)
    begin, end = np.searchsorted(at, knots - KNOT), np.searchsorted(at, knots + KNOT, side="right")
    seen = np.flatnonzero(end > begin)
    knots = knots[seen]
    bend = np.array([int(above[begin[knot] : end[knot]].min()) for knot in seen], dtype=np.float64)
    room = np.diff(knots) * STEEPEST  # no steeper than this: the ear must not notice
    for knot in range(1, len(knots)):
        bend[knot] = min(bend[knot], bend[knot - 1] + room[knot - 1])
    for knot in range(len(knots) - 1, 0, -1):
        bend[knot - 1] = min(bend[knot - 1], bend[knot] + room[knot - 1])
    if bend.max() <= WANDER:
        return straight
    return ClockModel(knots, straight.shift_at(knots) + np.rint(bend).astype(np.int64))


def _report_rate(said: Numbers, wall: Numbers) -> float | None:
    """Slope of wall clock minus RTP time, if these reports make sense: most on one line, at a credible rate."""
    if len(said) < 2:
        return None
    offset = (wall - wall[0]) - (said - said[0])
    rate = 0.0
    if said[-1] - said[0] >= SHORTEST:
        far = (len(said) + 1) // 2
        rate = float(np.median((offset[far:] - offset[:-far]) / (said[far:] - said[:-far])))
    rest = offset - rate * (said - said[0])
    agree = np.abs(rest - np.median(rest)) <= AGREEMENT
    return rate if abs(rate) <= STEEPEST and agree.mean() >= MAJORITY else None


def _is_timely(said: Numbers, came: Numbers, envelope: ClockModel) -> bool:
    """Reports speak of the moment at which they are sent."""
    return EARLY <= float(np.median(came - said - envelope.shift_at(said))) <= LATE
