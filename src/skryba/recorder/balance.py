"""Two channels on one axis: takes out what the network delayed one side more than the other, where clocks allow it.

May not know packets, codecs or files. Arrival alone cannot tell a sound that was late on the network from one that was
made late. Where the wall clocks in both sides' sender reports agree with ours (their arrivals seem to have travelled
for no less than nothing and no more than FARTHEST), the travelling times are believed and evened out: every source then
stands where the one that travelled longest stands by its arrival. So nothing that came is pushed before the
recording's beginning. One side alone proves nothing and moves nothing. Where a party's own reports tell how long the
way to it and back is, no travelling time beyond that is believed: a phone on the same network whose clock is 200 ms
slow is not 200 ms away.
"""

from collections.abc import Mapping, Sequence

from skryba.recorder.clock import Epoch
from skryba.recorder.timeline import MILLISECOND, ChannelTimeline

AHEAD, FARTHEST = -20 * MILLISECOND, 400 * MILLISECOND
PACKET = 60 * MILLISECOND  # of sound is collected before it is sent, at most: it counts as travelling time

RoundTrips = Mapping[int, int]  # SSRC → ns to its party and back


def balance(
    channels: Sequence[ChannelTimeline], epoch_ns: int, round_trips: Sequence[RoundTrips] = ({}, {})
) -> list[ChannelTimeline]:
    """The channels, evened out if that can be; `epoch_ns` is our wall clock minus the clock of arrivals."""
    delays = [_delays(channel.epochs, epoch_ns, trips) for channel, trips in zip(channels, round_trips, strict=True)]
    if not all(any(delay is not None for delay in side) for side in delays):
        return list(channels)
    longest = max(delay for side in delays for delay in side if delay is not None)
    return [
        channel.moved([0 if delay is None else longest - delay for delay in side])
        for channel, side in zip(channels, delays, strict=True)
    ]


def _delays(epochs: Sequence[Epoch], epoch_ns: int, trips: RoundTrips) -> list[int | None]:
    """Per epoch: how long its packets travelled at least, None if nobody knows.

    An epoch without reports travelled as the last one of the same source did, or the next.
    """
    told = [_delay(epoch, epoch_ns, trips) for epoch in epochs]
    known = {
        epoch.ssrc: delay for epoch, delay in zip(reversed(epochs), reversed(told), strict=True) if delay is not None
    }
    found = []
    for epoch, delay in zip(epochs, told, strict=True):
        if delay is not None:
            known[epoch.ssrc] = delay
        elif epoch.model is None or epoch.model.lag is None:
            delay = known.get(epoch.ssrc)
        found.append(delay)
    return found


def _delay(epoch: Epoch, epoch_ns: int, trips: RoundTrips) -> int | None:
    if epoch.model is None or epoch.model.lag is None:
        return None
    delay = epoch.model.lag + epoch_ns
    farthest = min(trips.get(epoch.ssrc, FARTHEST) - AHEAD + PACKET, FARTHEST)
    return delay if AHEAD <= delay <= farthest else None
