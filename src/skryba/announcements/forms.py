"""A prepared sound in every codec that a leg may speak, in whole frames of 20 ms.

May not know files or texts. Made when a library of prompts is made, never while a call waits.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from skryba.codecs.g711 import PcmaEncoder, PcmuEncoder
from skryba.codecs.g722 import G722Encoder
from skryba.codecs.l16 import L16Encoder
from skryba.codecs.resample import resample

PCMU, PCMA, G722, L16_NARROW, L16_WIDE = "PCMU/8000", "PCMA/8000", "G722/8000", "L16/8000", "L16/16000"
FRAME = 160  # samples of 20 ms at 8 kHz; G.722 at 64 kbit/s has as many octets in 20 ms

Samples = NDArray[np.int16]


def forms(samples: Samples, rate: int) -> Mapping[str, bytes]:
    """Payloads by encoding name and RTP clock rate. `rate` is 8000 or 16000; the last frame is filled with silence."""
    wide = samples if rate == 16000 else resample(samples, rate, 16000)
    narrow = samples if rate == 8000 else resample(samples, rate, 8000)
    narrow = np.pad(narrow, (0, -len(narrow) % FRAME))
    wide = np.pad(wide, (0, max(0, 2 * len(narrow) - len(wide))))[: 2 * len(narrow)]
    return {
        PCMU: PcmuEncoder().encode(narrow),
        PCMA: PcmaEncoder().encode(narrow),
        G722: G722Encoder().encode(wide),
        L16_NARROW: L16Encoder(8000).encode(narrow),
        L16_WIDE: L16Encoder(16000).encode(wide),
    }
