"""Ratings are those of the published tables, and move the right way (R-T11)."""

import numpy as np
import pytest

from skryba.recorder.quality import Quality, jitter_ms, rate_quality

MS = 1_000_000


def rated(lost: int = 0, losses: int | None = None, jitter: float | None = 0.0) -> Quality:
    return rate_quality(received=1000 - lost, lost=lost, losses=lost if losses is None else losses, jitter_ms=jitter)


def test_a_clean_line_is_the_best_there_is() -> None:
    assert rated().words == {"loss": 0.0, "jitter_ms": 0.0, "r_factor": 93.2, "mos": 4.41}


@pytest.mark.parametrize(
    ("percent", "factor"),
    [(1, 89.6), (2, 86.2), (3, 83.1), (5, 77.4), (10, 66.0)],  # 95 Ppl / (Ppl + 25.1), all single losses
)
def test_random_loss_as_g113_has_it_for_concealed_g711(percent: int, factor: float) -> None:
    found = rated(lost=10 * percent)
    assert found.loss == percent / 100
    assert found.r_factor == pytest.approx(factor, abs=0.4)


def test_bursts_hurt_more_than_single_losses_and_jitter_more_than_none() -> None:
    single, burst = rated(lost=50), rated(lost=50, losses=5)
    assert single.r_factor is not None
    assert burst.r_factor is not None
    assert single.mos is not None
    assert burst.r_factor < single.r_factor - 1
    shaken = rated(lost=50, jitter=100.0)
    assert shaken.r_factor == pytest.approx(single.r_factor - 0.024 * 200 - 0.11 * 22.7, abs=0.1)
    assert shaken.mos is not None
    assert 1 <= shaken.mos < single.mos


def test_ends_of_the_scale() -> None:
    assert rate_quality(received=0, lost=0, losses=0, jitter_ms=None) == Quality(None, None, None, None)
    assert rate_quality(received=1, lost=9999, losses=1, jitter_ms=None) == Quality(0.9999, None, 17.3, 1.18)


def test_jitter_is_what_arrival_adds_to_sending() -> None:
    sent = np.arange(100, dtype=np.int64) * 20 * MS
    source = np.zeros(100, np.int64)
    assert jitter_ms(sent + 50 * MS, sent, source) == 0
    assert jitter_ms(sent + np.arange(100) % 2 * 4 * MS, sent, source) == 4
    paused = np.where(np.arange(100) < 50, sent, sent + 3000 * MS)
    assert jitter_ms(paused + 7 * MS, paused, source) == 0  # silence suppression is not jitter
    anew = np.where(np.arange(100) < 50, sent, sent - 3000 * MS)
    assert jitter_ms(sent, anew, (np.arange(100) >= 50).astype(np.int64)) == 0
    assert jitter_ms(sent[:1], sent[:1], source[:1]) is None
