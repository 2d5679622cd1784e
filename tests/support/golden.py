"""Two voices as a perfect recorder would write them, and the faults that are planted into such a file.

The times are those of a real call: the phones begin to speak before the recording begins, and not in the same instant.
"""

import numpy as np
from numpy.typing import NDArray

from skryba.selftest.verifier import Sent
from skryba.selftest.voice import Voice

STATION = Sent(Voice("station"), began=99.2)
TRUNK = Sent(Voice("trunk"), began=99.37)
BEGIN, END = 100.0, 106.0  # of the recording, on the senders' clock

Stereo = NDArray[np.int16]


def perfect(rate: int = 8000, *, begin: float = BEGIN, end: float = END) -> Stereo:
    """Left the station, right the trunk, exactly what was sent between `begin` and `end`."""
    sides = [sent.voice.render(begin - sent.began, end - sent.began, rate) for sent in (STATION, TRUNK)]
    return np.column_stack(sides)


def swapped(stereo: Stereo) -> Stereo:
    return stereo[:, ::-1].copy()


def silent(stereo: Stereo, column: int) -> Stereo:
    faulty = stereo.copy()
    faulty[:, column] = 0
    return faulty


def shifted(stereo: Stereo, column: int, samples: int) -> Stereo:
    """One channel later by `samples`, the file as long as before."""
    faulty = stereo.copy()
    faulty[:, column] = np.concatenate([np.zeros(samples, np.int16), stereo[:-samples, column]])
    return faulty


def muted(stereo: Stereo, column: int, at: int, samples: int) -> Stereo:
    """A hole of silence; what follows stays in its place."""
    faulty = stereo.copy()
    faulty[at : at + samples, column] = 0
    return faulty


def cut_out(stereo: Stereo, column: int, at: int, samples: int) -> Stereo:
    """A stretch taken away; what follows moves up and the end is filled with silence."""
    faulty = stereo.copy()
    rest = stereo[at + samples :, column]
    faulty[at:, column] = np.concatenate([rest, np.zeros(samples, np.int16)])
    return faulty


def doubled(stereo: Stereo, column: int, at: int, samples: int) -> Stereo:
    """A stretch heard twice; what follows moves back and the end is lost."""
    faulty = stereo.copy()
    faulty[at + samples :, column] = stereo[at:-samples, column]
    return faulty


def clicked(stereo: Stereo, column: int, at: int, samples: int = 2) -> Stereo:
    """Full scale for a moment."""
    faulty = stereo.copy()
    faulty[at : at + samples, column] = 32767
    return faulty


def drifting(stereo: Stereo, sent: Sent, column: int, ppm: float, rate: int = 8000) -> Stereo:
    """One channel as a sender's clock makes it that runs slow by `ppm`."""
    faulty = stereo.copy()
    times = BEGIN - sent.began + np.arange(len(stereo)) / rate * (1 + ppm / 1e6)
    faulty[:, column] = np.rint(sent.voice.at(times) * 32767)
    return faulty


def echoed(stereo: Stereo, column: int, at: int, samples: int, *, earlier: int) -> Stereo:
    """A stretch once more, in a place where there was silence."""
    faulty = stereo.copy()
    faulty[at : at + samples, column] = stereo[at - earlier : at - earlier + samples, column]
    return faulty
