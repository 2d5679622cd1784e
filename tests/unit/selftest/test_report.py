from dataclasses import dataclass, field

import numpy as np
import pytest

from skryba.selftest.line import FRAME, Heard
from skryba.selftest.report import Evidence, Observation, Recording, SelftestReport, judge, listen
from skryba.selftest.verifier import Sent
from skryba.selftest.voice import Voice
from tests.support.golden import Stereo, swapped

NOTICE = [b"n%03d" % number * 40 for number in range(60)]
ANSWERED, NOTICE_BEGAN, HUNG_UP = 500.0, 500.1, 505.0
NOTICE_ENDED = NOTICE_BEGAN + len(NOTICE) * FRAME


@dataclass
class Ear:
    """One phone's side: it spoke from the answer on, heard the notice, then the other."""

    name: str
    notice: list[bytes] = field(default_factory=lambda: list(NOTICE))
    gap: float = 0.04  # seconds from the end of the notice to the other's voice
    deaf: bool = False

    def frames(self, name: str) -> dict[bytes, int]:
        return {b"%s%04d" % (name.encode()[:4], number) * 20: number for number in range(300)}

    def observation(self) -> Observation:
        other = "trunk" if self.name == "station" else "station"
        heard = [(NOTICE_BEGAN + number * FRAME, frame) for number, frame in enumerate(self.notice)]
        if not self.deaf:
            begun = NOTICE_ENDED + self.gap
            heard += [(begun + i * FRAME, frame) for i, frame in enumerate(list(self.frames(other))[100:250])]
        packets = [
            Heard(at, 8, i, round((at - NOTICE_BEGAN) / FRAME) * 160, 1, payload)
            for i, (at, payload) in enumerate(heard)
        ]
        return Observation(Sent(Voice(self.name), ANSWERED), self.frames(self.name), packets)


def stereo() -> Stereo:
    begin, end = NOTICE_ENDED - ANSWERED, HUNG_UP - ANSWERED
    return np.column_stack([Voice(name).render(begin, end, 8000) for name in ("station", "trunk")])


def report(station: Ear | None = None, trunk: Ear | None = None, samples: Stereo | None = None) -> SelftestReport:
    return judge(
        Evidence(
            (station or Ear("station")).observation(),
            (trunk or Ear("trunk")).observation(),
            NOTICE,
            setup=0.0123,
            hung_up=HUNG_UP,
            recording=Recording("/r/x.wav", stereo() if samples is None else samples, 8000),
        )
    )


def test_a_good_call_gives_exactly_the_promised_fields() -> None:
    assert report().as_json() == {
        "ok": True,
        "setup_ms": 12.3,
        "notice_completed": True,
        "bridged_after_notice": True,
        "left_ok": True,
        "right_ok": True,
        "skew_ms": pytest.approx(0.0, abs=0.1),
        "duration_error_ms": pytest.approx(0.0, abs=1),
        "file": "/r/x.wav",
        "format": "WAV PCM16",
        "channels": 2,
        "sample_rate": 8000,
    }


def test_a_swapped_file_fails() -> None:
    found = report(samples=swapped(stereo()))
    assert not found.ok
    assert (found.as_json()["left_ok"], found.as_json()["right_ok"]) == (False, False)
    assert found.as_json()["notice_completed"] is True


def test_a_mono_file_fails() -> None:
    found = report(samples=stereo()[:, :1])
    assert found.problems == ("the file has 1 channels",)
    assert found.as_json()["channels"] == 1
    assert found.as_json()["left_ok"] is False


@pytest.mark.parametrize("name", ["station", "trunk"])
def test_a_notice_cut_short_on_either_side_is_seen(name: str) -> None:
    cut = Ear(name, notice=NOTICE[:40])
    found = report(station=cut) if name == "station" else report(trunk=cut)
    assert not found.ok
    assert not found.notice_completed
    assert not found.bridged_after_notice
    assert f"{name}: heard 67% of the notice" in found.problems


def test_no_notice_at_all_is_seen_and_the_file_is_still_judged() -> None:
    found = listen(Ear("station", notice=[]).observation(), Ear("trunk", notice=[]).observation(), NOTICE)
    assert not found.notice_completed
    assert not found.bridged_after_notice
    assert found.begin is None
    assert found.problems == ("station: heard 0% of the notice", "trunk: heard 0% of the notice")
    assert report(Ear("station", notice=[]), Ear("trunk", notice=[])).verdict is not None


@pytest.mark.parametrize(
    ("gap", "said"), [(0.5, "500 ms after the end"), (-0.3, "300 ms before the end"), (0.31, "310 ms after the end")]
)
def test_a_bridge_too_late_or_too_early_is_seen(gap: float, said: str) -> None:
    found = report(station=Ear("station", gap=gap))
    assert not found.bridged_after_notice
    assert found.notice_completed
    assert any(said in problem for problem in found.problems)


def test_our_own_late_pacing_is_not_held_against_the_proxy() -> None:
    slow, quick = Ear("station", gap=0.35).observation(), Ear("trunk").observation()
    assert not listen(slow, quick, NOTICE).bridged_after_notice
    assert listen(slow, quick, NOTICE, late_ms=80.0).bridged_after_notice


def test_one_way_audio_is_seen() -> None:
    found = report(trunk=Ear("trunk", deaf=True))
    assert found.problems == ("trunk: never heard the other side",)
    assert not found.bridged_after_notice


def test_a_call_that_never_was() -> None:
    failed = SelftestReport(problems=("the call was refused: 503",))
    assert failed.as_json()["ok"] is False
    assert [value for name, value in failed.as_json().items() if value is None] == [None] * 7
    assert failed.lines()[-1] == "problem: the call was refused: 503"


def test_doubts_of_others_count() -> None:
    assert report().with_problems(()).ok
    doubted = report().with_problems(["/r/x.wav: sha256 differs"])
    assert not doubted.ok
    assert doubted.problems == ("/r/x.wav: sha256 differs",)
    assert "ok: False" in doubted.lines()
