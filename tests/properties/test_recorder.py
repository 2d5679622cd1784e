"""Whatever the network does and wherever a spool is cut: the file has its length, and each sound is in its place."""

import json
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skryba.codecs.g711 import PCMU_TO_LINEAR, PcmuEncoder
from skryba.codecs.tones import sweep
from skryba.recorder.demux import demux
from skryba.recorder.seal import seal
from skryba.recorder.spool import BlockWriter, Kind, read_spool, reading_with
from skryba.recorder.storage import Storage
from skryba.recorder.verify import verify
from skryba.vault.block import BlockSeal
from tests.support.evidence import ID, MS, Arrival, Speaker, merge, read_wav, record, spool, stop

FRAMES = 100
TONE = sweep(300, 3000, FRAMES * 0.02, sample_rate=8000)
HEARD = PCMU_TO_LINEAR[np.frombuffer(PcmuEncoder().encode(TONE), np.uint8)]
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(
    sequence=st.integers(0, 65535),
    timestamp=st.integers(0, 2**32 - 1),
    lost=st.sets(st.integers(1, FRAMES - 1), max_size=60),
    doubled=st.sets(st.integers(0, FRAMES - 1), max_size=20),
    jitter=st.lists(st.integers(0, 60), min_size=FRAMES, max_size=FRAMES),
    length=st.integers(1, 4000),
)
def test_sound_is_in_its_place_and_the_rest_is_silence_or_concealed(
    tmp_path: Path, sequence: int, timestamp: int, lost: set[int], doubled: set[int], jitter: list[int], length: int
) -> None:
    storage = Storage(tmp_path / "recordings", tmp_path / "spool")
    sent = Speaker(sequence=sequence, timestamp=timestamp).say(TONE, 0)
    came = [
        Arrival(arrival.at + (jitter[number] if number else 0) * MS, arrival.packet)
        for number, arrival in enumerate(sent)
        if number not in lost
    ]
    came += [Arrival(sent[number].at + 70 * MS, sent[number].packet) for number in doubled - lost]
    storage.spool_path(ID).write_bytes(spool(merge({0: came}), last=stop(length, until_ns=None)))
    storage.spool_path(ID).write_bytes(spool(merge({0: came}), last=stop(length)))
    outcome = seal(storage, ID)
    assert outcome.audio is not None
    assert outcome.manifest is not None
    assert [found for found in verify(outcome.audio) if found.path.suffix != ".seal"] == []
    samples = read_wav(outcome.audio)[1].copy()
    manifest = json.loads(outcome.manifest.read_bytes())
    outcome.manifest.unlink()
    assert length <= len(samples) / 8 <= length + 40
    assert not samples[:, 1].any()
    wanted = np.zeros(len(samples), np.int16)
    counts = manifest["channels"]["left"]["packets"]
    for number in range(FRAMES):
        inside = sent[number].at + (jitter[number] if number else 0) * MS <= (length + 200) * MS
        if number not in lost and (inside or (number in doubled and sent[number].at + 70 * MS <= (length + 200) * MS)):
            part = wanted[number * 160 : (number + 1) * 160]
            part[:] = HEARD[number * 160 : number * 160 + len(part)]
    for start, size in manifest["channels"]["left"]["concealed"]:
        assert not wanted[start * 8 : (start + size) * 8].any()  # nothing that came is replaced
        invented = slice(start * 8, (start + size + 10) * 8)  # what follows is faded in over 10 ms
        samples[invented, 0] = wanted[invented] = 0
    assert np.array_equal(samples[:, 0], wanted)
    assert counts["packets"] == sum(counts[name] for name in ("sound", "events", "unplayable", "late", "duplicates"))


@SLOW
@given(cut=st.integers(0, 60_000), junk=st.binary(max_size=40))
def test_a_spool_cut_anywhere_is_sealed_and_true_up_to_there(tmp_path: Path, cut: int, junk: bytes) -> None:
    storage = Storage(tmp_path / "recordings", tmp_path / "spool")
    data = spool(merge({0: Speaker().say(TONE, 0), 1: Speaker(ssrc=2).say(TONE, 0)}), per_block=10)
    storage.spool_path(ID).write_bytes(data[:cut] + junk)
    outcome = seal(storage, ID)
    if outcome.audio is None or outcome.manifest is None:
        assert cut < 1000 + 10 * 200
        return
    _, samples = read_wav(outcome.audio)
    outcome.manifest.unlink()
    assert np.array_equal(samples[:, 0], HEARD[: len(samples)])
    assert len(samples) >= (min(cut, len(data)) - 1000 - 10 * 216) // 400 * 160


@given(st.binary(max_size=400))
def test_octets_that_are_no_spool_are_read_without_harm(data: bytes) -> None:
    found = read_spool(data)
    assert 0 <= found.end <= len(data)


@given(
    st.lists(
        st.tuples(st.sampled_from([kind for kind in Kind if kind is not Kind.KEY]), st.binary(max_size=50)), max_size=8
    ),
    st.booleans(),
)
def test_blocks_written_are_blocks_read(written: list[tuple[Kind, bytes]], encrypted: bool) -> None:
    blocks = BlockWriter(0, BlockSeal(bytes(32), bytes(8)) if encrypted else None)
    data = bytearray()
    if encrypted:
        data += blocks.words(Kind.KEY, {"key": "a"})
    for kind, payload in written:
        if kind is Kind.PACKETS:
            header, records = blocks.packets(payload)
            data += header + bytes(records)
        else:
            data += blocks.words(kind, {"payload": payload.hex()})
    found = read_spool(data, reading_with(bytes(32)))
    mine = [block for block in found.blocks if block.kind is not Kind.KEY]
    assert [block.kind for block in mine] == [kind for kind, _ in written]
    assert (found.torn, found.altered, found.unread) == (False, False, False)
    for block, (kind, payload) in zip(mine, written, strict=True):
        if kind is Kind.PACKETS:
            assert data[block.start : block.start + block.length] == payload


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 300), st.sampled_from([0, 0, 0, 1, 2])), max_size=60))
def test_sorting_keeps_every_record_whole_and_in_order(rows: list[tuple[int, int, int]]) -> None:
    records = [
        record(Arrival(number, bytes(size)), slot=slot, kind=kind) for number, (slot, size, kind) in enumerate(rows)
    ]
    owners = np.array([slot % 3 - 1 for slot in range(30)], np.int32)
    found = demux(np.frombuffer(bytearray(b"".join(records)), np.uint8), owners, 2)
    for owner in range(2):
        wanted = [
            one
            for one, (slot, _, kind) in zip(records, rows, strict=True)
            if kind != 2 and slot < 30 and owners[slot] == owner
        ]
        assert found.records[found.ends[owner] : found.ends[owner + 1]].tobytes() == b"".join(wanted)
        assert found.packets[owner] == len(wanted)
