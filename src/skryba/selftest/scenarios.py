"""The calls that a recording must survive unharmed: who says what, through which network, and by which clocks.

May not know how a recording is made or judged. Seconds of the true clock; every recording begins at BEGIN, and the
phones have been speaking for a second by then.

Short scenarios carry one trouble each; the long ones carry what only two hours bring to light.
"""

from dataclasses import dataclass, replace
from itertools import product

from skryba.selftest.impairments import Jitter, Route
from skryba.selftest.sender import Reports, Sender, Span, Spell
from skryba.selftest.voice import Voice

BEGIN = 100.0
STATION, TRUNK, THIRD = Voice("station"), Voice("trunk"), Voice("third party")
PLAIN = Route()
ROUGH = Route(jitter=0.080, loss=0.05)  # what R-T8 asks for
_EARLY, _LATE = 1.0, 0.5  # seconds that phones send before the recording begins and after it ends
_PLAUSIBLE = frozenset({Reports.TRUE, Reports.FOREIGN})


@dataclass(frozen=True, slots=True)
class Side:
    """One party's phone and its way to the recorder."""

    sender: Sender
    route: Route = PLAIN


@dataclass(frozen=True, slots=True)
class Scenario:
    """A call of `seconds`. `held` are the times during which the left side holds, as signalling tells them."""

    name: str
    seconds: float
    left: Side
    right: Side
    held: tuple[Span, ...] = ()
    strict_edges: bool = False  # the first and the last moment are known exactly
    step_ms: float = 5.0  # by which sound may move at once: a new clock is hung up anew (R-T6: 20 ms)

    @property
    def end(self) -> float:
        return BEGIN + self.seconds

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.left, self.right

    @property
    def with_reports(self) -> bool:
        """Both sides tell their clocks, so that the recorder can know better than from arrivals."""
        return all(side.sender.reports in _PLAUSIBLE for side in self.sides)

    @property
    def right_clocks(self) -> bool:
        """Both wall clocks are right: what was said at one instant must be heard at one instant."""
        return all(side.sender.reports is Reports.TRUE for side in self.sides)

    @property
    def edge_ms(self) -> float:
        """What is still on its way when the recording ends, and what was when it began."""
        if self.strict_edges:
            return 0.0
        return 80.0 + max((side.route.delay + 2 * side.route.jitter) * 1000 for side in self.sides)


def short() -> list[Scenario]:
    """One trouble each."""
    return [*_networks(), *_phones(), *_pauses(), *_reports(), *combinations()]


def long(seconds: float = 7200.0) -> list[Scenario]:
    """Drift, loss and jitter for two hours: with reports, without, and with all kinds of silence."""
    rhythm = Spell(BEGIN - _EARLY, BEGIN + seconds + _LATE, STATION, rhythm=(1.0, 10.0))
    other = replace(rhythm, voice=TRUNK, encoding="PCMA", payload_type=8)

    def drifting(name: str, reports: Reports, left: Route, right: Route) -> Scenario:
        return Scenario(
            name,
            seconds,
            Side(Sender((rhythm,), ppm=100.0, reports=reports), left),
            Side(Sender((other,), ppm=-100.0, reports=reports, ssrc=2), right),
        )

    far = replace(ROUGH, delay=0.250)
    return [
        drifting("two hours with reports", Reports.TRUE, ROUGH, far),
        drifting("two hours without reports", Reports.OFF, ROUGH, ROUGH),
        _silences(seconds),
    ]


def combinations(seconds: float = 20.0) -> list[Scenario]:
    """Hold, pauses of the codec, a side that never sends, silence of both: each with each."""
    found = []
    for hold, pauses, one_way, silence in product((False, True), repeat=4):
        cuts = [(BEGIN + 4.0, BEGIN + 7.5)] if hold else []
        left = _talking(STATION, seconds, cuts=[*cuts, *(_EVERY_SO_OFTEN if pauses else [])])
        right = _talking(TRUNK, seconds, cuts=[*cuts, *(_EVERY_SO_OFTEN if pauses else [])])
        if silence:
            left, right = _hushed(left), _hushed(right)
        words = [name for name, is_so in zip(_WORDS, (hold, pauses, one_way, silence), strict=True) if is_so]
        found.append(
            Scenario(
                " + ".join(words) or "nothing special",
                seconds,
                Side(Sender(left)),
                Side(Sender(() if one_way else right, ssrc=2)),
                held=tuple(cuts),
            )
        )
    return found


_WORDS = ("hold", "codec pauses", "one-way", "mutual silence")
_EVERY_SO_OFTEN = [(BEGIN + 1.0, BEGIN + 2.5), (BEGIN + 9.013, BEGIN + 9.7), (BEGIN + 16.0, BEGIN + 30.0)]
_HUSH = (BEGIN + 11.0, BEGIN + 14.0)


def _talking(
    voice: Voice, seconds: float, *, cuts: list[Span] | None = None, comfort: bool = False
) -> tuple[Spell, ...]:
    """From before the beginning to after the end, packets missing in the cuts."""
    edges = [BEGIN - _EARLY]
    for low, high in sorted(cuts or []):
        edges += [low, high]
    edges.append(BEGIN + seconds + _LATE)
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple(Spell(begin, end, voice, comfort=comfort) for begin, end in pairs if begin < end)


def _hushed(spells: tuple[Spell, ...]) -> tuple[Spell, ...]:
    """The same packets, with silence in them while both are hushed."""
    found: list[Spell] = []
    for spell in spells:
        low, high = max(spell.begin, _HUSH[0]), min(spell.end, _HUSH[1])
        if low < high:
            found += [replace(spell, end=low), replace(spell, begin=low, end=high, voice=None)]
            found.append(replace(spell, begin=high))
        else:
            found.append(spell)
    return tuple(spell for spell in found if spell.begin < spell.end)


def _call(name: str, left: Side | None = None, right: Side | None = None, *, seconds: float = 24.0) -> Scenario:
    """Two who talk all the time, unless told otherwise."""
    return Scenario(
        name,
        seconds,
        left or Side(Sender(_talking(STATION, seconds))),
        right or Side(Sender(_talking(TRUNK, seconds), ssrc=2)),
    )


def _through(name: str, left: Route, right: Route | None = None) -> Scenario:
    plain = _call(name)
    return replace(plain, left=replace(plain.left, route=left), right=replace(plain.right, route=right or left))


def _networks() -> list[Scenario]:
    return [
        _through("80 ms jitter, 5 % loss", ROUGH),
        _through("80 ms jitter that rarely is much more", replace(ROUGH, shape=Jitter.TAIL)),
        _through("80 ms jitter that rarely is little", replace(ROUGH, jitter=0.040, shape=Jitter.BELL)),
        _through("jitter of a queue", replace(ROUGH, queued=True)),
        _through("bursts of loss", Route(bursts=0.01, burst=6.0)),
        _through("reordered and doubled", Route(reorder=0.05, duplicate=0.05)),
        _through("nothing for two seconds", Route(blackouts=((BEGIN + 8.0, BEGIN + 10.0),)), PLAIN),
        _through("one way longer by 300 ms", PLAIN, Route(delay=0.310)),
        _through("a detour from the middle on", PLAIN, Route(detours=((BEGIN + 12.0, 0.030),))),
        *_edges(),
    ]


def _edges() -> list[Scenario]:
    """Nothing of the first and the last moment may be missing, nothing be added (R-F2)."""
    end = BEGIN + 24.0
    until_the_end = (Spell(BEGIN - _EARLY, end, STATION), Spell(BEGIN - _EARLY, end, TRUNK))
    late = Route(last=0.150)
    last = Scenario(
        "the last packets come after the end",
        24.0,
        Side(Sender(until_the_end[:1]), late),
        Side(Sender(until_the_end[1:], ssrc=2), late),
        strict_edges=True,
    )

    def framed(voice: Voice) -> tuple[Spell, ...]:
        middle = Spell(BEGIN + 1.0, end - 1.0, voice)
        return (
            replace(middle, begin=BEGIN - _EARLY, end=middle.begin, voice=None),
            middle,
            replace(middle, begin=middle.end, end=end + _LATE, voice=None),
        )

    silent = _call("silence at both ends", Side(Sender(framed(STATION))), Side(Sender(framed(TRUNK), ssrc=2)))
    return [last, replace(silent, strict_edges=True)]


def _phones() -> list[Scenario]:
    def station(*spells: Spell, ppm: float = 0.0) -> Side:
        return Side(Sender(spells, ppm=ppm))

    half = [
        Spell(BEGIN - _EARLY, BEGIN + 11.0, STATION),
        Spell(BEGIN + 11.0, BEGIN + 24.0 + _LATE, STATION),
    ]
    fresh = replace(half[1], ssrc=77, renumbered=True, retimed=True)
    both = _call("both in G.722")
    whole = replace(half[0], end=half[1].end, voice=TRUNK, encoding="G722", payload_type=9)
    turns = (
        replace(half[0], end=BEGIN + 5.0),
        replace(half[1], begin=BEGIN + 5.0, end=BEGIN + 12.0, encoding="G722", payload_type=9),
        replace(half[1], begin=BEGIN + 12.0, end=BEGIN + 18.0, encoding="L16", payload_type=97, clock_rate=16000),
        replace(half[1], begin=BEGIN + 18.0, encoding="PCMA", payload_type=8),
    )
    sizes = (
        replace(half[0], end=BEGIN + 5.0),
        replace(half[1], begin=BEGIN + 5.0, end=BEGIN + 12.02, ptime=40),
        replace(half[1], begin=BEGIN + 12.02, end=BEGIN + 17.0, ptime=10),
        replace(half[1], begin=BEGIN + 17.0, ptime=60),
    )
    other = Spell(BEGIN + 12.0, BEGIN + 24.0 + _LATE, THIRD, ssrc=99, renumbered=True, retimed=True)
    transfer = (replace(half[0], voice=TRUNK), replace(other, encoding="PCMA", payload_type=8))
    skewed = _call("clocks 400 ppm apart", seconds=90.0)
    return [
        replace(
            skewed,
            left=Side(replace(skewed.left.sender, ppm=200.0)),
            right=Side(replace(skewed.right.sender, ppm=-200.0)),
        ),
        replace(_call("a new SSRC", station(half[0], replace(half[1], ssrc=77))), step_ms=20.0),
        replace(_call("a new sequence", station(half[0], replace(half[1], renumbered=True))), step_ms=20.0),
        replace(_call("a new timestamp", station(half[0], replace(half[1], retimed=True))), step_ms=20.0),
        replace(_call("all new, under jitter", replace(station(half[0], fresh), route=ROUGH)), step_ms=20.0),
        replace(_call("codecs change", station(*turns)), step_ms=20.0),
        _call("packet sizes change", station(*sizes)),
        replace(both, left=station(replace(whole, voice=STATION)), right=Side(Sender((whole,), ssrc=2))),
        replace(_call("transfer", right=Side(Sender(transfer, ssrc=2))), step_ms=20.0),
    ]


def _pauses() -> list[Scenario]:
    cuts = [(BEGIN + 3.0, BEGIN + 4.3), (BEGIN + 8.0, BEGIN + 8.21), (BEGIN + 13.0, BEGIN + 17.0)]
    hold = (BEGIN + 9.0, BEGIN + 14.0)
    spells = _talking(STATION, 24.0, cuts=[hold])
    others = _talking(TRUNK, 24.0, cuts=[hold])

    def held(name: str, back: Spell) -> Scenario:
        call = _call(name, Side(Sender((spells[0], back))), Side(Sender(others, ssrc=2)))
        return replace(call, held=(hold,), step_ms=20.0)

    return [
        _call("pauses without comfort noise", Side(Sender(_talking(STATION, 24.0, cuts=cuts)))),
        _call("pauses with comfort noise", Side(Sender(_talking(STATION, 24.0, cuts=cuts, comfort=True)))),
        _call("pauses under jitter", Side(Sender(_talking(STATION, 24.0, cuts=cuts)), ROUGH)),
        _call("silence in packets", Side(Sender(_hushed(_talking(STATION, 24.0))))),
        held("hold during which RTP time goes on", spells[1]),
        held("hold during which RTP time stands still", replace(spells[1], still=True)),
        held("a stale packet after hold", replace(spells[1], stale=True)),
        held("hold, and all new after it", replace(spells[1], ssrc=5, renumbered=True, retimed=True)),
    ]


def _reports() -> list[Scenario]:
    def reporting(name: str, kind: Reports, left: Route, right: Route, ppm: float = 0.0) -> Scenario:
        call = _call(name, seconds=60.0)
        return replace(
            call,
            left=Side(replace(call.left.sender, reports=kind, ppm=ppm), left),
            right=Side(replace(call.right.sender, reports=kind, ppm=-ppm), right),
        )

    far = replace(ROUGH, delay=0.300)
    found = [
        reporting("right clocks", Reports.TRUE, PLAIN, PLAIN, 100.0),
        reporting("right clocks, left way longer by 300 ms", Reports.TRUE, far, ROUGH),
        reporting("right clocks, right way longer by 300 ms", Reports.TRUE, ROUGH, far, 200.0),
        reporting("foreign clocks", Reports.FOREIGN, ROUGH, ROUGH, 100.0),
        reporting("wall clocks off with the sound", Reports.CRYSTAL, ROUGH, ROUGH, 200.0),
        reporting("wall clocks unknown", Reports.ZERO, ROUGH, ROUGH),
        reporting("reports of no meaning", Reports.RANDOM, ROUGH, ROUGH),
        reporting("runaway wall clocks", Reports.RUNAWAY, ROUGH, ROUGH),
    ]
    fresh = (
        Spell(BEGIN - _EARLY, BEGIN + 30.0, STATION),
        Spell(BEGIN + 30.0, BEGIN + 60.0 + _LATE, STATION, ssrc=77, renumbered=True, retimed=True),
    )
    renewed = reporting("all new, with right clocks", Reports.TRUE, far, ROUGH)
    renewing = Sender(fresh, reports=Reports.TRUE)
    return [*found, replace(renewed, left=replace(renewed.left, sender=renewing), step_ms=20.0)]


def _silences(seconds: float) -> Scenario:
    """Hold, pauses, one-way stretches and mutual silence by turns, every ten minutes."""
    left: list[Spell] = []
    right: list[Spell] = []
    held: list[Span] = []
    for turn in range(-int(-seconds // 600)):
        at = BEGIN + 600.0 * turn
        for side, voice in ((left, STATION), (right, TRUNK)):
            loud = Spell(at, at + 90.0, voice, rhythm=(1.0, 10.0))
            side += [loud, replace(loud, begin=at + 120.0, end=at + 200.0)]  # a pause, or hold in every second turn
            side.append(Spell(at + 200.0, at + 260.0))  # both are silent
            if side is left:
                side.append(replace(loud, begin=at + 260.0, end=at + 400.0))  # only one sends
            side.append(replace(loud, begin=at + 400.0, end=at + 600.0))
        if turn % 2 and at + 120.0 < BEGIN + seconds:
            held.append((at + 90.0, at + 120.0))
    return Scenario(
        "two hours of silences",
        seconds,
        Side(Sender(tuple(left), ppm=100.0)),
        Side(Sender(tuple(right), ppm=-100.0, ssrc=2)),
        held=tuple(held),
    )
