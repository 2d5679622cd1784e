from datetime import timedelta

from skryba.archive.books import FileEntry
from skryba.archive.sealed import files_of, recording_of
from tests.support.catalogue import BEGUN, entry, manifest


def test_a_recording_is_what_entry_and_manifest_say() -> None:
    recording = recording_of(entry(7), manifest(reasons=["loss"], alarms=["one-way sound: left: x"], state="degraded"))
    assert (recording.id, recording.call, recording.conversation, recording.segment) == ("r1", "c1", "v1", 1)
    assert (recording.state, recording.reasons, recording.alarms) == ("degraded", ["loss"], ["one-way sound: left: x"])
    assert (recording.begin_at, recording.end_at) == (BEGUN, BEGUN + timedelta(minutes=1))
    assert (recording.duration_ms, recording.octets, recording.encrypted) == (60_000, 1000, False)
    assert (recording.direction, recording.station, recording.trunk) == ("inbound", "101", "carrier")
    assert (recording.caller, recording.callee) == ("601 234 567", "+48221234567")
    assert (recording.rule, recording.purpose, recording.retention) == ("record-all", "quality", "90d")
    assert (recording.folder, recording.name, recording.location) == ("2026/11/24", "inbound 101", "local")
    assert (recording.seq, recording.sealed_at, recording.erased_at) == (7, BEGUN + timedelta(minutes=5), None)
    assert recording.files == [{"file": "r1.wav", "octets": 1000, "sha256": "aa"}]


def test_what_a_crash_left_without_its_call_is_a_recording_too() -> None:
    time = {"begin": None, "end": None, "duration_ms": 0}
    bare = {"id": "r1", "state": "failed", "call": {}, "decision": None, "time": time, "encryption": {"scheme": "x"}}
    recording = recording_of(entry(), bare)
    assert (recording.call, recording.rule, recording.octets, recording.files) == (None, None, 0, [])
    assert (recording.begin_at, recording.encrypted) == (BEGUN + timedelta(minutes=5), True)


def test_the_chain_names_the_stem_where_the_manifest_names_the_recording() -> None:
    recording = recording_of(entry(key="r1-2"), manifest("r1"))
    assert (recording.id, recording.call) == ("r1-2", "c1")


def test_all_files_count() -> None:
    files = [
        {"role": "audio", "file": "r1.wav", "octets": 1000, "sha256": "a"},
        {"role": "peaks", "file": "r1.peaks", "octets": 24, "sha256": "b"},
    ]
    assert files_of(manifest(files=files)) == (FileEntry("r1.wav", 1000, "a"), FileEntry("r1.peaks", 24, "b"))
    assert recording_of(entry(), manifest(files=files)).octets == 1024
