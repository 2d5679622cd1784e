"""A thousand kills at random instants, and then: every recording sealed once, whole, in the chain once, nothing left.

What may be missing: what the ring's writer had written and nobody had read when it was killed, and after a power cut
what had not reached the disk; less than a second of a call in each case.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.codecs.g711 import PCMU_TO_LINEAR
from skryba.recorder.verify import manifests, verify
from skryba.recorder.wav import read_header
from skryba.terms import Channel
from skryba.vault.chain import Kind
from skryba.vault.container import Opener
from skryba.vault.keyring import Keyring
from tests.support.doomed import SEALED, STOPPED, Call, House, calls, sound
from tests.support.forking import FRAME
from tests.support.seals import verifier

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]  # the first test that runs waits for all kills

SEED, KILLS = 20261124, 1000
SECOND = 50  # frames
BUSY = 10  # frames by which a recorder may read late on two cores that everybody wants


class Outcome:
    """What the killing process said, and what lies on the disk."""

    def __init__(self, house: House, words: dict[str, Any]) -> None:
        self.house = house
        self.killed: dict[str, int] = words["killed"]
        self.midway: int = words["midway"]
        self.sealed_after: float = words["sealed_after"]
        self.deaths: dict[int, dict[str, Any]] = {death["engine"]: death for death in words["deaths"]}
        for engine, death in self.deaths.items():  # a power cut cuts also what the signalling before had just left
            following = self.deaths.get(engine + 1, {"cause": ""})
            death["power"] = "power" in (death["cause"], following["cause"])
        self.manifests = {path.stem: path for path in manifests(house.recordings)}
        self.calls = [
            (call, self.deaths.get(engine))
            for engine in range(1, max(self.deaths, default=0) + 2)
            for call in calls(house, engine)
        ]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("kills") / "house"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killing", str(folder), str(SEED), str(KILLS)],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return Outcome(House(folder), json.loads(done.stdout))


def kept(path: Path, said: Call, keyring: Keyring) -> list[int]:
    """Frames of each side, from the first on, that the recording holds as they were said; then it must be silent."""
    words = json.loads(path.read_bytes())
    samples = read_audio(path, words, keyring)
    found = []
    for column, side in enumerate(Channel):
        heard = samples[:, column]
        place = np.flatnonzero(heard)
        first, end = (int(place[0]), int(place[-1]) + 1) if len(place) else (0, 0)
        wanted = PCMU_TO_LINEAR[np.frombuffer(sound(said.recording, side), np.uint8)][: end - first]
        assert np.array_equal(heard[first:end], wanted), f"{said.recording} {side}: the sound is not what was said"
        assert (end - first) % FRAME == 0, f"{said.recording} {side}: a packet was cut"
        found.append((end - first) // FRAME)
    return found


def read_audio(path: Path, words: dict[str, Any], keyring: Keyring) -> NDArray[np.int16]:
    [name] = [file["file"] for file in words["files"] if file["role"] == "audio"]
    data = path.with_name(name).read_bytes()
    if words["encryption"]:
        stored = data
        opener = Opener(
            keyring.get(words["encryption"]["key"]),
            name.encode(),
            lambda at, octets: stored[at : at + octets],
            len(data),
        )
        data = opener.read(0, opener.size)
    header = read_header(data)
    assert header is not None
    return np.frombuffer(data[header.data_offset :], np.int16).reshape(-1, 2)


def troubles(outcome: Outcome) -> Iterator[str]:
    """Each call that is not as it must be."""
    keyring = outcome.house.keyring()
    for call, death in outcome.calls:
        path = outcome.manifests.get(call.recording)
        try:
            whole = min(kept(path, call, keyring)) if path else 0
        except AssertionError as error:
            yield str(error).partition("\n")[0]
            continue
        sent = len(call.heads)
        if death is None or call.told & SEALED:
            owed = sent
        else:
            owed = sum(head <= death["tail"] for head in call.heads)
            if death["power"]:
                owed -= SECOND
            if death["single"]:
                owed = max(owed, sent - SECOND - BUSY)
        if whole < owed:
            yield f"{call.recording}: {whole} frames of {sent}, {owed} were owed; told {call.told}, {death}"
        elif path is None and (death is None or call.told & SEALED):
            yield f"{call.recording}: sealed, and not there"


def test_so_many_kills_as_are_needed_met_processes_of_every_kind(outcome: Outcome) -> None:
    assert sum(outcome.killed.values()) >= KILLS
    assert outcome.killed.keys() == {"recorder", "sealing", "signalling", "all", "power"}
    assert outcome.midway > 10
    assert sum(death["single"] for death in outcome.deaths.values()) > 10
    assert len(outcome.calls) > 100


def test_no_sound_is_missing_but_what_had_not_left_the_ring(outcome: Outcome) -> None:
    assert list(troubles(outcome)) == []


def test_every_recording_is_there_once_and_once_in_the_chain(outcome: Outcome) -> None:
    known = {call.recording for call, _ in outcome.calls}
    entries = Counter(entry.id for entry in outcome.house.journal().entries() if entry.kind is Kind.SEAL)
    assert outcome.manifests.keys() <= known  # nothing beside: no `<id>-2`
    assert entries == Counter(outcome.manifests.keys())
    assert {call.recording for call, _ in outcome.calls if call.told & SEALED} <= outcome.manifests.keys()


def test_verification_finds_nothing(outcome: Outcome) -> None:
    assert verify(outcome.house.recordings, verifier()) == []


def test_all_was_sealed_within_a_minute_of_the_last_start_and_nothing_is_left(outcome: Outcome) -> None:
    assert outcome.sealed_after < 60
    assert list(outcome.house.spool.iterdir()) == []


def test_whole_calls_after_the_last_start_are_sealed_without_reproach(outcome: Outcome) -> None:
    last = [call for call, death in outcome.calls if death is None]
    assert last
    for call in last:
        assert call.told & (STOPPED | SEALED) == STOPPED | SEALED
        assert json.loads(outcome.manifests[call.recording].read_bytes())["reasons"] == []
