"""A spool in, a file and its manifest out. Numbered tests are complaints about other recorders (docs, R-T and R-F)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.codecs.g711 import PCMU_TO_LINEAR, PcmuEncoder
from skryba.codecs.tones import sweep
from skryba.errors import ResourceError
from skryba.recorder.manifest import State, wall_clock
from skryba.recorder.seal import Sealed, read_outcome, seal
from skryba.recorder.storage import PartFile, Storage
from skryba.recorder.verify import verify
from tests.support.evidence import EPOCH, ID, MS, PCMU, START, Arrival, Speaker, merge, meta, read_wav, spool, stop

TONE = sweep(300, 3000, 4.0, sample_rate=8000)
OTHER = sweep(3000, 300, 4.0, sample_rate=8000)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "recordings", tmp_path / "spool")


def both(left: list[Arrival], right: list[Arrival], **words: Any) -> bytes:
    words.setdefault("last", stop(4000))
    return spool(merge({0: left, 1: right}), **words)


def plain(**words: Any) -> bytes:
    return both(Speaker().say(TONE, 0), Speaker(ssrc=2).say(OTHER, 3 * MS), **words)


def sealed(storage: Storage, data: bytes, **options: Any) -> tuple[Sealed, NDArray[np.int16], dict[str, Any]]:
    storage.spool_path(ID).write_bytes(data)
    outcome = seal(storage, ID, **options)
    assert outcome.audio is not None
    assert outcome.manifest is not None
    assert [found for found in verify(outcome.audio) if found.path.suffix != ".seal"] == []
    manifest = json.loads(outcome.manifest.read_bytes())
    assert (manifest["state"], manifest["reasons"]) == (outcome.state, list(outcome.reasons))
    return outcome, read_wav(outcome.audio)[1], manifest


def heard(sound: NDArray[np.int16]) -> NDArray[np.int16]:
    return PCMU_TO_LINEAR[np.frombuffer(PcmuEncoder().encode(sound), np.uint8)]


def test_whole_recording(storage: Storage) -> None:
    outcome, samples, manifest = sealed(storage, plain())
    assert (outcome.state, outcome.reasons, outcome.duration_ms) == (State.OK, (), 4003)
    assert np.array_equal(samples[:32000, 0], heard(TONE))
    assert np.array_equal(samples[24:32024, 1], heard(OTHER))
    assert manifest["channel_map"] == {"left": "our station", "right": "the other party"}
    assert manifest["decision"] == {"rule": "record-all"}
    assert manifest["call"] == {"call_id": "a@b", "direction": "outbound"}
    assert manifest["clock"]["left"]["source"] == "arrival envelope"
    assert manifest["time"]["begin"] == "2026-09-21T15:36:40.000Z"
    assert manifest["termination"]["reason"] == "hung up"
    assert storage.spool_path(ID).exists(), "it goes when the seal stands in the chain"


def test_notice_evidence_and_marks_are_stated(storage: Storage) -> None:
    notice = {"prompt": "standard", "sha256": "ab", "completed": True}
    facts = {**meta()["manifest"], "notice": notice}
    marks = [{"kind": "hold", "channel": "right", "at_ns": START + 1500 * MS, "note": {}}]
    _, _, manifest = sealed(storage, plain(first=meta(manifest=facts), marks=marks))
    assert manifest["notice"] == notice
    assert manifest["marks"] == [{"at_ms": 1500, "kind": "hold", "channel": "right", "note": {}}]


def test_1_two_codecs_are_never_paired_frame_by_frame(storage: Storage) -> None:
    wide = sweep(3000, 300, 4.0, sample_rate=16000)
    right = Speaker("G722", payload_type=9, ssrc=2).say(wide, 0)
    _, samples, manifest = sealed(storage, both(Speaker(payload_type=0).say(TONE, 0), right))
    assert manifest["audio"]["sample_rate"] == 16000
    assert len(samples) == 64000


def test_4_jitter_of_one_leg_does_not_stretch_it(storage: Storage) -> None:
    dice = np.random.default_rng(4)
    jittery = [Arrival(a.at + int(dice.integers(0, 80 * MS)), a.packet) for a in Speaker(ssrc=2).say(OTHER, 0)]
    _, samples, _ = sealed(storage, both(Speaker().say(TONE, 0), jittery))
    first = int(np.flatnonzero(samples[:, 1])[0])
    assert first <= 8 * 5
    begin = first - int(np.flatnonzero(heard(OTHER))[0])
    assert np.array_equal(samples[begin : begin + 31900, 1], heard(OTHER)[:31900])


def test_5_silence_at_the_end_stays_silence(storage: Storage) -> None:
    quiet = np.concatenate([TONE[:24000], np.zeros(8000, np.int16)])
    _, samples, _ = sealed(storage, both(Speaker().say(quiet, 0), Speaker(ssrc=2).say(quiet, 0)))
    assert not samples[24000:].any()


def test_6_a_stall_leaves_a_hole_never_an_offset(storage: Storage) -> None:
    arrivals = Speaker().say(TONE, 0)
    _, samples, manifest = sealed(storage, both(arrivals[:80] + arrivals[130:], Speaker(ssrc=2).say(OTHER, 0)))
    wanted = heard(TONE)
    hole = slice(83 * 160, 130 * 160)  # the first 60 ms are concealed
    wanted[hole] = 0
    good = np.r_[0 : 80 * 160, hole, 131 * 160 : 32000]
    assert np.array_equal(samples[good, 0], wanted[good])
    assert manifest["channels"]["left"]["gaps"] == [[1600, 1000, "loss"]]


def test_7_left_is_left_whoever_speaks_first(storage: Storage) -> None:
    left = Speaker().say(TONE[:16000], 2000 * MS)
    _, samples, _ = sealed(storage, both(left, Speaker(ssrc=2).say(OTHER, 0)))
    assert not samples[:16000, 0].any()
    assert np.array_equal(samples[16000:32000, 0], heard(TONE[:16000]))


def test_8_every_new_ssrc_stays_in_its_channel(storage: Storage) -> None:
    parts = [
        arrival
        for number in range(8)
        for arrival in Speaker(ssrc=number + 10, timestamp=number * 999, sequence=number * 777).say(
            TONE[number * 4000 : (number + 1) * 4000], number * 500 * MS
        )
    ]
    _, samples, manifest = sealed(storage, both(parts, Speaker(ssrc=2).say(OTHER, 0)))
    assert np.array_equal(samples[:32000, 0], heard(TONE))
    assert len(manifest["channels"]["left"]["passages"]) == 8
    assert manifest["channels"]["left"]["gaps"] == []


@pytest.mark.parametrize("speakers", [(0,), (1,), (0, 1)])
def test_9_the_file_is_as_long_as_the_call(storage: Storage, speakers: tuple[int, ...]) -> None:
    said = [Speaker(ssrc=side + 1).say(TONE[:8000], 500 * MS) if side in speakers else [] for side in (0, 1)]
    outcome, samples, _ = sealed(storage, both(*said, last=stop(30_000)))
    assert outcome.duration_ms == 30_000
    assert len(samples) == 240_000


def test_10_a_stale_packet_after_hold_makes_no_silence(storage: Storage) -> None:
    speaker = Speaker()
    first = speaker.say(TONE[:8000], 0)
    stale = speaker.packet(bytes(160), 8000 * MS)
    speaker.pause(6980)
    rest = speaker.say(TONE[8000:16000], 8000 * MS + 1000)
    outcome, samples, manifest = sealed(storage, both([*first, stale, *rest], [], last=stop(9000)))
    assert outcome.duration_ms == 9000
    assert np.array_equal(samples[64000:72000, 0], heard(TONE[8000:16000]))
    assert manifest["channels"]["left"]["packets"]["late"] == 1


def test_12_a_hold_keeps_its_length(storage: Storage) -> None:
    speaker = Speaker()
    first = speaker.say(TONE[:8000], 0)
    rest = speaker.say(TONE[8000:16000], 11_000 * MS)  # its clock stood still during the hold
    _, samples, manifest = sealed(storage, both([*first, *rest], [], last=stop(12_000)))
    assert len(samples) == 96_000
    assert np.array_equal(samples[88_000:, 0], heard(TONE[8000:16000]))
    assert manifest["channels"]["left"]["gaps"] == [[1000, 10_000, "source"]]


def test_15_a_codec_changed_by_re_invite_is_heard(storage: Storage) -> None:
    speaker = Speaker()
    first = speaker.say(TONE[:16000], 0)
    speaker.payload_type, speaker._encoder = 96, None
    speaker.encoding, speaker.clock_rate = "L16", 8000
    change = {"channel": "left", "at_ns": START + 2000 * MS, "formats": {"96": "L16/8000"}}
    left = [*first, *speaker.say(TONE[16000:], 2000 * MS)]
    _, samples, manifest = sealed(storage, both(left, Speaker(ssrc=2).say(OTHER, 0), formats=[change]))
    assert np.array_equal(samples[16000:32000, 0], TONE[16000:])
    assert [passage["format"] for passage in manifest["channels"]["left"]["passages"]] == ["PCMU/8000", "L16/8000"]


@pytest.mark.parametrize("end", [0, -50])
def test_22_no_time_no_recording(storage: Storage, end: int) -> None:
    storage.spool_path(ID).write_bytes(spool([], last=stop(end)))
    outcome = seal(storage, ID)
    assert (outcome.state, outcome.audio, outcome.reasons) == (State.FAILED, None, ("nothing to record",))
    assert list(storage.recordings.rglob("*.*")) == []
    assert storage.spool_path(ID).exists(), "it goes when the seal stands in the chain"


def test_22_one_voice_only_is_an_alarm_and_none_a_failure(storage: Storage) -> None:
    outcome, _, _ = sealed(storage, both(Speaker().say(TONE, 0), []))
    assert (outcome.state, outcome.reasons) == (State.DEGRADED, ("one channel silent: right",))
    storage.spool_path("ffff").write_bytes(spool([], first=meta(id="ffff"), last=stop(1000)))
    assert seal(storage, "ffff").state is State.FAILED


def test_24_packets_up_to_200_ms_after_the_bye_are_in(storage: Storage) -> None:
    late = [Arrival(a.at + (190 * MS if a.at > 3800 * MS else 0), a.packet) for a in Speaker().say(TONE, 0)]
    _, samples, _ = sealed(storage, both(late, Speaker(ssrc=2).say(OTHER, 0)))
    assert np.array_equal(samples[:32000, 0], heard(TONE))


def test_a_packet_that_began_before_the_end_is_finished(storage: Storage) -> None:
    _, samples, _ = sealed(storage, both(Speaker().say(TONE, 15 * MS), []))
    assert len(samples) == 32120
    _, samples, _ = sealed(storage, both(Speaker(ptime=80).say(TONE, 75 * MS), [], first=meta(opened_ns=9)))
    assert len(samples) == 32320  # no more than 40 ms


def test_without_a_stop_it_is_incomplete_and_ends_with_the_last_packet(storage: Storage) -> None:
    outcome, samples, manifest = sealed(storage, plain(last=None))
    assert (outcome.state, outcome.reasons) == (State.INCOMPLETE, ("recorder restarted",))
    assert len(samples) == 32024
    assert (manifest["termination"], manifest["time"]["signalled_end"]) == (None, None)


def test_torn_anywhere_it_is_playable_up_to_there(storage: Storage) -> None:
    data = plain(last=None)
    for number, cut in enumerate(range(9000, len(data), 9001)):
        outcome, samples, manifest = sealed(storage, data[:cut], lost="signalling lost")
        assert outcome.state is State.INCOMPLETE
        assert outcome.reasons[0] == "signalling lost"
        frames = manifest["audio"]["frames"]
        assert frames >= max(0, cut - 400 - 37 * 200) // 400 * 160
        assert np.array_equal(samples[: frames - 200, 0], heard(TONE)[: frames - 200])
        assert outcome.manifest is not None
        outcome.manifest.unlink()
        assert number < 99


def test_lost_signalling_with_the_moment_it_left(storage: Storage) -> None:
    last = stop(5000, lost="signalling lost", termination=None, ended_at=None)
    outcome, samples, _ = sealed(storage, plain(last=last))
    assert (outcome.state, outcome.reasons) == (State.INCOMPLETE, ("signalling lost",))
    assert len(samples) == 40_000
    last = stop(0, at_ns=None, until_ns=None, lost="recorder restarted")
    _, samples, _ = sealed(storage, plain(last=last, first=meta(opened_ns=3)))
    assert len(samples) == 32_024


def test_overflow_and_a_full_disk_are_counted(storage: Storage) -> None:
    outcome, _, manifest = sealed(
        storage,
        plain(
            overflows=[{"from_ns": START, "to_ns": START, "packets": 3, "cause": "ring"}], last=stop(4000, dropped=7)
        ),
    )
    assert outcome.reasons == ("ring overflow: 3 packets", "spool not writable: 7 packets")
    assert (manifest["ring"], manifest["spool"]["not_written"]) == ({"overflow": 3}, 7)


def test_records_read_twice_after_a_restart_change_nothing(storage: Storage) -> None:
    records = merge({0: Speaker().say(TONE, 0), 1: Speaker(ssrc=2).say(OTHER, 3 * MS)})
    mark: dict[str, Any] = {"kind": "recorder restarted", "channel": None, "at_ns": START + MS, "note": {}}
    twice = spool(records[:200] + records[150:], last=stop(4000), marks=[mark])
    outcome, samples, manifest = sealed(storage, twice)
    assert (outcome.state, manifest["restarts"]) == (State.OK, 1)
    assert np.array_equal(samples[:32000, 0], heard(TONE))
    counts = manifest["channels"]["left"]["packets"]
    assert (counts["packets"], counts["duplicates"], counts["replayed"]) == (200, 0, 25)


def test_the_same_spool_twice_gives_the_same_file_and_is_sealed_once(storage: Storage) -> None:
    first, _, before = sealed(storage, plain())
    assert first.manifest is not None
    stamp = first.manifest.stat().st_mtime_ns
    assert seal(storage, ID) == first
    assert first.manifest.stat().st_mtime_ns == stamp
    first.manifest.unlink()
    _, _, after = sealed(storage, plain())
    assert after == before
    assert read_outcome(ID, storage.place(ID, wall_clock(START, EPOCH))) == first


def test_a_second_recording_of_one_id_becomes_a_part(storage: Storage) -> None:
    first, *_ = sealed(storage, plain())
    second, *_ = sealed(storage, plain(first=meta(opened_ns=START + 77)))
    assert first.audio is not None
    assert second.audio is not None
    assert (first.audio.name, second.audio.name) == (f"{ID}.wav", f"{ID}-2.wav")


def test_a_second_recording_sealed_twice_is_one_recording(storage: Storage) -> None:
    sealed(storage, plain())
    second, *_ = sealed(storage, plain(first=meta(opened_ns=START + 77)))
    assert seal(storage, ID) == second
    assert len(list(storage.recordings.rglob("*.json"))) == 2


def test_a_spool_that_was_gone_on_with_after_its_seal_is_sealed_again_beside_it(storage: Storage) -> None:
    early, *_ = sealed(storage, spool(merge({0: Speaker().say(TONE[:4000], 0)})))
    whole, samples, _ = sealed(storage, plain())
    assert early.manifest is not None
    assert whole.manifest is not None
    assert (early.manifest.stem, whole.manifest.stem) == (ID, f"{ID}-2")
    assert np.array_equal(samples[:32000, 0], heard(TONE))


def test_a_crash_between_audio_and_manifest_is_repaired(storage: Storage) -> None:
    outcome, *_ = sealed(storage, plain())
    assert outcome.manifest is not None
    outcome.manifest.unlink()
    (outcome.manifest.parent / f"{ID}.wav.part").write_bytes(b"half")
    again, samples, _ = sealed(storage, plain())
    assert again == outcome
    assert np.array_equal(samples[:32000, 0], heard(TONE))
    assert list(storage.recordings.rglob("*.part")) == []


def test_a_disk_that_takes_no_more_leaves_nothing_half_done(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise ResourceError("No space left on device")

    for method in ("write", "publish"):
        storage.spool_path(ID).write_bytes(plain())
        with monkeypatch.context() as patch:
            patch.setattr(PartFile, method, full)
            with pytest.raises(ResourceError, match="No space left"):
                seal(storage, ID)
        assert [path for path in storage.recordings.rglob("*") if path.is_file()] == []
        assert storage.spools() == [ID]
    assert seal(storage, ID).state is State.OK


def test_spools_without_a_beginning_leave_nothing(storage: Storage) -> None:
    storage.spool_path(ID).write_bytes(b"garbage")
    assert seal(storage, ID).reasons == ("spool without beginning",)
    storage.spool_path(ID).write_bytes(b"")
    assert seal(storage, ID).state is State.FAILED
    storage.spool_path(ID).write_bytes(spool([]))
    assert seal(storage, ID).reasons == ("nothing to record",)
    storage.spool_path(ID).unlink()
    with pytest.raises(FileNotFoundError):
        seal(storage, ID)
    with pytest.raises(ValueError, match="cannot be read"):
        read_outcome(ID, storage.place(ID, wall_clock(START, EPOCH)))


def test_keys_are_nowhere_in_what_is_published(storage: Storage) -> None:
    speaker = Speaker()
    first = speaker.say(TONE[:16000], 0)
    speaker.payload_type = 101
    keys = [speaker.packet(b"\x07\x0a\x00\xa0", (2000 + 20 * n) * MS, ticks=0) for n in range(5)]
    marks = [{"kind": "dtmf", "channel": "left", "at_ns": START + 2000 * MS, "note": {"digit": "7"}}]
    data = both([*first, *keys], [], marks=marks, first=meta(formats={"left": PCMU}))
    outcome, samples, manifest = sealed(storage, data)
    assert outcome.manifest is not None
    assert b"digit" not in outcome.manifest.read_bytes()
    assert manifest["marks"][0]["note"] == {}
    assert manifest["channels"]["left"]["packets"]["events"] == 5
    assert not samples[16000:, 0].any()
