"""What a payload type meant when a packet came."""

import numpy as np

from skryba.recorder.formats import FormatMap
from skryba.recorder.packets import Packets


def packets(*rows: tuple[int, int]) -> Packets:
    """Rows of arrival, payload type."""
    arrival, kind = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    zero = np.zeros(len(rows), np.int64)
    return Packets(arrival, zero, zero, zero, kind, zero, zero, zero)


def names(formats: FormatMap, *rows: tuple[int, int]) -> list[str | None]:
    return [str(formats.formats[number]) if number >= 0 else None for number in formats.look_up(packets(*rows))]


def test_a_type_means_what_the_newest_answer_says() -> None:
    formats = FormatMap([(100, {"96": "PCMA/8000"}), (0, {"96": "L16/16000"})])
    assert names(formats, (99, 96), (100, 96), (500, 96)) == ["L16/16000", "PCMA/8000", "PCMA/8000"]


def test_a_type_that_the_answer_no_longer_has_keeps_its_meaning() -> None:
    formats = FormatMap([(0, {"97": "L16/8000"}), (100, {"8": "PCMA/8000"})])
    assert names(formats, (150, 97)) == ["L16/8000"]


def test_media_may_overtake_signalling() -> None:
    formats = FormatMap([(0, {"0": "PCMU/8000"}), (100, {"98": "L16/8000"}), (200, {"98": "L16/16000"})])
    assert names(formats, (50, 98)) == ["L16/8000"]


def test_static_types_need_no_name_and_unknown_ones_have_none() -> None:
    formats = FormatMap([])
    assert names(formats, (1, 0), (1, 8), (1, 9), (1, 13), (1, 96)) == [
        "PCMU/8000",
        "PCMA/8000",
        "G722/8000",
        "CN/8000",
        None,
    ]


def test_arithmetic_of_each_format() -> None:
    formats = FormatMap(
        [(0, {"9": "G722/8000", "101": "telephone-event/8000", "18": "G729/8000", "96": "L16/44100/2"})]
    )
    kinds = formats.look_up(packets((0, 9), (0, 101), (0, 18), (0, 96), (0, 77)))
    assert formats.playable[kinds].tolist() == [True, False, False, True, False]
    assert formats.silent[kinds].tolist() == [False, True, False, False, False]
    assert formats.clock_rate[kinds].tolist() == [8000, 8000, 8000, 44100, 8000]
    assert formats.sample_rate[kinds].tolist() == [16000, 1, 1, 44100, 1]
    assert formats.octets[kinds].tolist() == [1, 1, 1, 4, 1]
    assert formats.samples[kinds].tolist() == [2, 0, 0, 1, 0]


def test_texts_that_cannot_be_read_are_passed_over() -> None:
    formats = FormatMap([(0, {"x": "PCMU/8000", "200": "PCMU/8000", "96": "nonsense", "97": "PCMA/8000"})])
    assert names(formats, (0, 96), (0, 97)) == [None, "PCMA/8000"]


def test_names_for_people() -> None:
    formats = FormatMap([(0, {"18": "G729/8000"})])
    seen = packets((0, 18), (1, 96), (2, 18))
    assert formats.names(seen, formats.look_up(seen)) == ("18 G729/8000", "96 unknown")
    assert formats.names(seen.take(slice(0, 0)), formats.look_up(seen.take(slice(0, 0)))) == ()
