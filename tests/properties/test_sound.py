"""Whatever gap, block or header comes: nothing outside is touched, nothing breaks."""

from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skryba.codecs.conceal import conceal, reach
from skryba.errors import IntegrityError
from skryba.recorder.peaks import read
from skryba.recorder.wav import HEADER_OCTETS, header, read_header

SOUND = np.random.default_rng(11).integers(-32768, 32768, 6000).astype(np.int16)
HEAD = header(8000, 1000, begin=datetime(2026, 11, 24, tzinfo=UTC))


@given(
    start=st.integers(0, 6100),
    length=st.integers(0, 3000),
    rate=st.sampled_from([8000, 16000, 48000]),
    loudness=st.sampled_from([0.0, 1e-4, 1.0]),
)
@settings(deadline=None)
def test_concealment_stays_in_its_place(start: int, length: int, rate: int, loudness: float) -> None:
    before = (SOUND * loudness).astype(np.int16)
    after = before.copy()
    count = conceal(after, start, length, rate)
    assert 0 <= count <= min(length, 60 * rate // 1000, max(0, len(before) - start))
    end = min(start + length, len(before)) + reach(rate) if count else start
    assert np.array_equal(after[:start], before[:start])
    assert np.array_equal(after[end:], before[end:])


@given(at=st.integers(0, HEADER_OCTETS - 1), value=st.integers(0, 255), cut=st.integers(0, HEADER_OCTETS))
def test_hostile_headers_are_read_or_refused(at: int, value: int, cut: int) -> None:
    data = bytearray(HEAD)
    data[at] = value
    for told in (read_header(bytes(data)), read_header(bytes(data[:cut]))):
        assert told is None or told.frames >= 0


@given(st.binary(max_size=64))
def test_hostile_peaks_are_read_or_refused(data: bytes) -> None:
    for octets in (data, b"SKPK" + data):
        try:
            assert read(octets).points.ndim == 3
        except IntegrityError:
            continue
