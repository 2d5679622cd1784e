"""How well a party's sound crossed the network: loss, jitter, and the R factor and MOS that ITU-T G.107 makes of them.

May not know packets, codecs' arithmetic or files. Simplified, and the same for every call so that calls compare:

- R = 93.2 − Id − Ie,eff: the default transmission rating; loudness, echo and noise of the rooms are not known here.
- Ie,eff = Ie + (95 − Ie) · Ppl / (Ppl / BurstR + Bpl) with the loss Ppl in percent; Ie = 0 and Bpl = 25.1 are those of
  G.711 with the concealment of its Appendix I (G.113), which is what the file has; other codecs are rated alike.
- Id = 0.024 d + 0.11 (d − 177.3) above 177.3 ms (Cole and Rosenbluth 2001); d is twice the jitter, what a play-out
  buffer needs; the delay of the network itself is not known here.
- MOS = 1 + 0.035 R + 7·10⁻⁶ R (R − 60)(100 − R), ITU-T G.107 Annex B.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BEST = 93.2
_ROBUSTNESS = 25.1  # Bpl
_MILLISECOND = 1_000_000

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one channel; None where nothing came that could be rated."""

    loss: float | None  # part of the packets that never came, 0 to 1
    jitter_ms: float | None
    r_factor: float | None
    mos: float | None

    @property
    def words(self) -> dict[str, float | None]:
        """As the manifest tells it."""
        return {"loss": self.loss, "jitter_ms": self.jitter_ms, "r_factor": self.r_factor, "mos": self.mos}


def rate_quality(*, received: int, lost: int, losses: int, jitter_ms: float | None) -> Quality:
    """`losses` is how many times packets were lost, one after another counting once."""
    if not received:
        return Quality(None, None, None, None)
    loss = lost / (received + lost)
    burst = max(1.0, lost / losses * (1 - loss)) if losses else 1.0  # mean length over that of random loss, 1 / (1 − p)
    percent = 100 * loss
    impairment = 95 * percent / (percent / burst + _ROBUSTNESS)
    factor = max(0.0, _BEST - _delay_impairment(2 * (jitter_ms or 0.0)) - impairment)
    return Quality(
        loss=round(loss, 5),
        jitter_ms=None if jitter_ms is None else round(jitter_ms, 2),
        r_factor=round(factor, 1),
        mos=round(_opinion(factor), 2),
    )


def jitter_ms(arrival_ns: Numbers, sent_ns: Numbers, source: Numbers) -> float | None:
    """Mean interarrival jitter (RFC 3550 §6.4.1: mean difference of transit times of neighbours), None below 2 packets.

    Parallel arrays in order of arrival; `sent_ns` is the sender's own time, `source` differs where it began anew.
    """
    transit = arrival_ns - sent_ns
    steps = np.abs(np.diff(transit))[np.diff(source) == 0]
    return float(steps.mean()) / _MILLISECOND if len(steps) else None


def stream_jitter_ms(arrival_ns: Numbers, timestamp: Numbers, ssrc: Numbers, clock_rate: Numbers) -> float | None:
    """The same from RTP timestamps as they came, wraps and new sources included; a step of a second is no jitter."""
    ticks = (np.diff(timestamp) + (1 << 31) & 0xFFFFFFFF) - (1 << 31)
    steps = np.abs(np.diff(arrival_ns) - ticks * 1_000_000_000 // clock_rate[1:])
    counted = steps[(np.diff(ssrc) == 0) & (steps < 1000 * _MILLISECOND)]
    return float(counted.mean()) / _MILLISECOND if len(counted) else None


def _delay_impairment(milliseconds: float) -> float:
    return 0.024 * milliseconds + 0.11 * max(0.0, milliseconds - 177.3)


def _opinion(factor: float) -> float:
    return max(1.0, 1 + 0.035 * factor + 7e-6 * factor * (factor - 60) * (100 - factor))
