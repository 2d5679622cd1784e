import pytest

from skryba.selftest.line import FRAME, Heard, find, first_of

RUN = [bytes([number]) * 160 for number in range(50)]


def heard(payloads: list[bytes], *, at: float = 10.0, timestamp: int = 0xFFFFFF00, step: int = 160) -> list[Heard]:
    return [
        Heard(at + number * FRAME, 8, number, (timestamp + number * step) & 0xFFFFFFFF, 7, payload)
        for number, payload in enumerate(payloads)
    ]


def test_a_whole_passage_is_complete() -> None:
    passage = find(heard([b"x" * 160] * 5 + RUN + [b"y" * 160] * 5), RUN)
    assert passage is not None
    assert passage.complete
    assert passage.share == 1.0
    assert passage.begun == pytest.approx(10.1)
    assert passage.ended == pytest.approx(11.1)


def test_equal_frames_within_the_run_do_not_confuse() -> None:
    run = [*RUN[:20], *[b"\xd5" * 160] * 10, *RUN[20:]]
    passage = find(heard([b"\xd5" * 160] * 7 + run), run)
    assert passage is not None
    assert passage.complete
    assert passage.begun == pytest.approx(10 + 7 * FRAME)


@pytest.mark.parametrize(("kept", "share"), [(RUN[:30], 0.6), (RUN[10:], 0.8), (RUN[:-1], 0.98)])
def test_a_passage_cut_short_is_not_complete(kept: list[bytes], share: float) -> None:
    passage = find(heard(kept), RUN)
    assert passage is not None
    assert not passage.complete
    assert passage.share == pytest.approx(share)


def test_one_lost_packet_in_fifty_is_too_much_but_in_a_hundred_is_not() -> None:
    long_run = [bytes([number, 1]) * 80 for number in range(100)]
    for run, complete in ((RUN, False), (long_run, True)):
        packets = heard(run)
        passage = find(packets[:20] + packets[21:], run)
        assert passage is not None
        assert passage.complete is complete


def test_swapped_and_doubled_packets_do_no_harm() -> None:
    packets = heard(RUN)
    packets[10], packets[11] = packets[11], packets[10]
    packets.insert(30, packets[30])
    passage = find(packets, RUN)
    assert passage is not None
    assert passage.complete


def test_what_was_not_heard_is_not_found() -> None:
    assert find(heard([b"x" * 160] * 50), RUN) is None
    assert find([], RUN) is None


def test_first_of() -> None:
    packets = heard([b"x" * 160] * 5 + RUN)
    assert first_of(packets, {RUN[3], RUN[4]}) == pytest.approx(10 + 8 * FRAME)
    assert first_of(packets, {b"never"}) is None
