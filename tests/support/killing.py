"""Kills recorder, sealing processes and signalling at random instants, starts them again, and says what it did.

`python -m tests.support.killing FOLDER SEED KILLS`; prints one JSON object. A process of its own, with one thread: it
is warmed once and all that dies is forked from it, for a kill that cost the start of an interpreter could not be
repeated a thousand times. The first third runs without encryption, then it is switched on.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from skryba import clock
from skryba.media.ring import RingReader
from skryba.recorder import demux, seal
from skryba.vault.master import FileMaster
from tests.support import doomed
from tests.support.doomed import House, fork

RECOVERY = 4.0  # seconds that a new recorder may need to read what waited for it
PATIENCE = 60.0  # seconds after the last start in which all must be sealed
_UNSYNCED = 0.9  # seconds: what was written before has reached the disk
_CUT = 2000  # octets that a power cut takes from a spool: it tears the last block


class Victim(StrEnum):
    """Who is killed. Those after ALL take the ring's writer with them; POWER also what was not on the disk."""

    RECORDER = "recorder"
    SEALING = "sealing"
    SIGNALLING = "signalling"
    ALL = "all"
    POWER = "power"


_WEIGHTS = {Victim.RECORDER: 440, Victim.SEALING: 495, Victim.SIGNALLING: 30, Victim.ALL: 25, Victim.POWER: 10}


@dataclass(frozen=True, slots=True)
class Death:
    """Of one signalling: what the recorder had read of its ring by then.

    `single`: the recorder had read all that waited since its last start; otherwise this was a second fault on top.
    """

    engine: int
    cause: str
    tail: int
    single: bool


class Killer:
    """One house, its processes, and the dice."""

    def __init__(self, house: House, seed: int, kills: int) -> None:
        self._house = house
        self._random = Random(seed)
        self._kills = kills
        self._recorder = self._signalling = 0
        self._engines = self._recorders = 0
        self._control = house.folder / "recorder.sock"
        self._started_at = 0.0
        self.killed: Counter[str] = Counter()
        self.midway = 0  # sealing processes that died over a recording
        self.deaths: list[Death] = []

    def run(self) -> float:
        """All kills; then seconds from the last start until all was sealed."""
        self._start_recorder()
        self._start_signalling()
        while self.killed.total() < self._kills:
            self._sleep()
            self._check_alive()
            [victim] = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
            self._kill(victim)
        time.sleep(1.0)  # the last signalling has calls of its own
        os.kill(self._signalling, signal.SIGTERM)
        os.waitpid(self._signalling, 0)
        self._wait(lambda: not list(self._house.spool.glob("*.spool")), PATIENCE)
        took = clock.now() - self._started_at
        os.kill(self._recorder, signal.SIGTERM)
        _, status = os.waitpid(self._recorder, 0)
        assert status == 0, f"the recorder did not end well: {status}"
        return took

    def close(self) -> None:
        """Leave nobody behind."""
        for pid in (self._recorder, self._signalling):
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def _sleep(self) -> None:
        """Storms and calms: instants of all phases, of a start as well as of a seal."""
        longest = self._random.choice((0.005, 0.05, 0.05, 0.1, 0.2, 0.3))
        time.sleep(self._random.uniform(0, longest))

    def _check_alive(self) -> None:
        for child, name in ((self._recorder, "recorder"), (self._signalling, "signalling")):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                raise AssertionError(f"the {name} ended by itself: {status}")

    def _kill(self, victim: Victim) -> None:
        match victim:
            case Victim.SEALING:
                self._kill_sealing()
            case Victim.RECORDER:
                self._end(self._recorder)
                self.killed[victim] += 1
                self._pause()
                self._start_recorder()
            case Victim.SIGNALLING | Victim.ALL | Victim.POWER:
                self._kill_signalling(victim)

    def _kill_sealing(self) -> None:
        children = _children(self._recorder)
        if not children:
            return
        pid = self._random.choice(children)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # the recorder reaps it
            self.killed[Victim.SEALING] += 1
            self.midway += any(self._house.recordings.rglob("*.part"))

    def _kill_signalling(self, victim: Victim) -> None:
        single = victim is Victim.POWER or self._random.random() < 0.5
        single = single and self._recovers()
        reader = RingReader.open(self._house.ring)
        pids = [self._signalling] if victim is Victim.SIGNALLING else [self._signalling, self._recorder]
        self._random.shuffle(pids)
        for pid in pids:
            self._end(pid)
        self.killed[victim] += len(pids)
        self.deaths.append(Death(self._engines, victim.value, reader.tail, single))
        if victim is Victim.POWER:
            self._house.ring.unlink()
            for spool in self._house.spool.glob("*.spool"):
                found = spool.stat()
                if found.st_mtime > clock.at().timestamp() - _UNSYNCED:
                    os.truncate(spool, max(0, found.st_size - self._random.randint(0, _CUT)))
        starts = [self._start_signalling] + ([] if victim is Victim.SIGNALLING else [self._start_recorder])
        self._random.shuffle(starts)
        for start in starts:
            self._pause()
            start()

    def _recovers(self) -> bool:
        """Wait until the recorder has read all that is in the ring now, and then a little; False if it does not."""
        reader = RingReader.open(self._house.ring)
        with suppress(TimeoutError):
            self._wait(lambda: reader.head > 0, RECOVERY)
            head = reader.head
            self._wait(lambda: reader.tail >= head, RECOVERY)
            time.sleep(self._random.uniform(0, 0.5))
            return True
        return False

    def _pause(self) -> None:
        time.sleep(self._random.choice((0.0, 0.0, 0.0, 0.01, 0.1)))

    def _start_recorder(self) -> None:
        encrypt = self.killed.total() > self._kills / 3
        self._recorder = fork(lambda: doomed.record(self._house, self._control, encrypt=encrypt))
        self._started_at = clock.now()

    def _start_signalling(self) -> None:
        self._engines += 1
        engine, seed = self._engines, self._random.getrandbits(32)
        self._house.notes(engine)
        self._signalling = fork(lambda: doomed.talk(self._house, self._control, engine, seed))
        self._wait(lambda: _pid_of(self._house.ring) == self._signalling, RECOVERY)

    def _end(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), f"it had ended by itself: {status}"

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        limit = clock.now() + seconds
        while not condition():
            if clock.now() > limit:
                raise TimeoutError(f"not within {seconds} s")
            time.sleep(0.01)


def _pid_of(ring: Path) -> int:
    return RingReader.open(ring).pid if ring.exists() else 0


def _children(pid: int) -> list[int]:
    """Of all its threads."""
    found = []
    with suppress(FileNotFoundError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def main(folder: Path, seed: int, kills: int) -> None:
    house = House(folder)
    for made in (house.recordings, house.spool):
        made.mkdir(parents=True)
    FileMaster.create(house.master)
    house.journal().start("the chain begins")
    demux.warm()
    seal.warm()
    doomed.warm(folder)
    killer = Killer(house, seed, kills)
    try:
        took = killer.run()
    finally:
        killer.close()
    facts = {"killed": dict(killer.killed), "midway": killer.midway, "sealed_after": round(took, 1)}
    print(json.dumps(facts | {"deaths": [asdict(death) for death in killer.deaths]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
