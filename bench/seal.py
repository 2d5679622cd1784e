"""Seconds of stereo sound sealed per CPU second, for each kind of file; and how long a seek in one takes.

`wav` is everything between a spool and its published recording: placing, decoding, concealing, levels, peaks, digests,
reading it all back. `wav_encrypted_signed` is the same from an encrypted spool into a container, entered
into the chain of seals. `flac`, `opus` and `mp3` are a WAV with that rendition beside it. Written to /dev/shm, so that
the disk is not measured. --seconds is the length of the call (2 h); renditions are measured on a twentieth of it: an
Opus encoder is forty times slower than all the rest.
"""

import json
import os
import random
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.options import parser
from bench.synthetic import spool
from skryba import clock
from skryba.recorder import seal as sealing
from skryba.recorder.notary import Notary
from skryba.recorder.publication import Making
from skryba.recorder.renditions import Kind
from skryba.recorder.storage import Storage
from skryba.recorder.verify import CHAIN, verify
from skryba.recorder.wav import FRAME, HEADER_OCTETS
from skryba.vault.container import Opener
from skryba.vault.journal import Journal
from skryba.vault.signing import Signer

TARGET = 1500
SEEK_TARGET_MS = 100
SEEKS = 20
RATE = 8000
_KEY = bytes(range(32))
_SHARE = 20  # of the call, for renditions


def main(arguments: list[str]) -> int:
    """Parse, run, print; exit code 1 below the targets."""
    asked = parser("seal", (__doc__ or "").splitlines()[0], seconds=7200.0).parse_args(arguments)
    folder = Path("/dev/shm", f"skryba-bench-{os.getpid()}")
    try:
        result = measure(round(asked.seconds), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result) if asked.json else "\n".join(f"{name}: {value}" for name, value in result.items()))
    fast = result["audio_seconds_per_cpu_second"]["wav_encrypted_signed"] >= TARGET
    return 0 if fast and result["seek_ms"] <= SEEK_TARGET_MS else 1


def measure(seconds: int, folder: Path) -> dict[str, Any]:
    """All figures of one call."""
    bench = _Bench(folder)
    sealing.warm()
    bench.seal(8, Making(key=_KEY))  # loads what is loaded once
    figures = {
        "wav": round(seconds / bench.seal(seconds, Making())),
        "wav_encrypted_signed": round(seconds / bench.seal(seconds, Making(key=_KEY))),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    plain, encrypted = (bench.audio(number) for number in (2, 3))
    seek = max(_seeks(encrypted, plain, seconds * RATE))
    part = max(8, seconds // _SHARE)
    for kind in Kind:
        figures[kind.value] = round(part / bench.seal(part, Making(renditions=(kind.value,))))
    if findings := verify(bench.storage.recordings):
        raise RuntimeError(f"not what was sealed: {findings[0]}")
    return {
        "seconds": seconds,
        "audio_seconds_per_cpu_second": figures,
        "target": TARGET,
        "seek_ms": round(seek * 1000, 2),
        "seek_target_ms": SEEK_TARGET_MS,
        "peak_mib": peak // 1024,
    }


class _Bench:
    """Seals one synthetic call after the other."""

    def __init__(self, folder: Path) -> None:
        self.storage = Storage(folder / "recordings", folder / "spool")
        journal = Journal(self.storage.recordings / CHAIN, Signer(Ed25519PrivateKey.generate()), clock.at)
        journal.start("bench")
        self._notary = Notary(self.storage, journal, keep_spool=False)
        self._sealed = 0

    def seal(self, seconds: int, making: Making) -> float:
        """CPU seconds that it takes."""
        self._sealed += 1
        name = f"{self._sealed:032x}"
        with self.storage.spool_path(name).open("wb") as file:
            file.writelines(spool(seconds, key=making.key))
        return _cpu(lambda: self._notary.attest(sealing.seal(self.storage, name, making=making)))

    def audio(self, number: int) -> Path:
        """The file of the so-manyeth call."""
        return next(self.storage.recordings.rglob(f"{number:032x}.wav*"))


def _cpu(work: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _seeks(sealed: Path, plain: Path, frames: int) -> Iterator[float]:
    """Seconds until the first frame of a random place is there, the file opened anew each time."""
    dice = random.Random(1)
    with plain.open("rb") as same:
        for _ in range(SEEKS):
            at = HEADER_OCTETS + dice.randrange(frames) * FRAME
            begin = time.perf_counter()
            with sealed.open("rb") as file:
                found = _opener(sealed, file.fileno()).read(at, FRAME)
            yield time.perf_counter() - begin
            if found != os.pread(same.fileno(), FRAME, at):
                raise RuntimeError(f"other octets at {at}")


def _opener(path: Path, descriptor: int) -> Opener:
    def read_at(offset: int, length: int) -> bytes:
        return os.pread(descriptor, length, offset)

    return Opener(_KEY, path.name.encode(), read_at, os.fstat(descriptor).st_size)
