"""Seconds of sound decoded per CPU second, per codec, in batches as the recorder decodes them, and a whole stereo seal.

`seal_…` is everything between a spool and its published file: read, place, decode, WAV, SHA-256, manifest; on /dev/shm,
so that the disk is not measured. --calls is not used: decoding knows no calls.
"""

import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.options import parser
from bench.synthetic import spool
from skryba.codecs.registry import decoder, encoder
from skryba.recorder import seal as sealing
from skryba.recorder.storage import Storage

CODECS = (("PCMU", 8000), ("PCMA", 8000), ("G722", 8000), ("L16", 16000))
SEALS = {"seal_pcma": ("PCMA", 8000, 8), "seal_g722": ("G722", 8000, 9)}
BATCH = 8  # seconds decoded at a time
_ID = "be" * 16


def main(arguments: list[str]) -> int:
    """Parse, run, print."""
    asked = parser("decode", (__doc__ or "").splitlines()[0], seconds=600.0).parse_args(arguments)
    result: dict[str, float] = {"seconds": asked.seconds}
    for encoding, clock_rate in CODECS:
        result[f"{encoding}/{clock_rate}".lower()] = _decoded(encoding, clock_rate, asked.seconds)
    for name, (encoding, clock_rate, payload_type) in SEALS.items():
        result[name] = _sealed(encoding, clock_rate, payload_type, asked.seconds)
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name}: {value} s of sound per CPU second" for name, value in result.items()))
    return 0


def _decoded(encoding: str, clock_rate: int, seconds: float) -> float:
    made = decoder(encoding, clock_rate)
    payload = np.frombuffer(_payload(encoding, clock_rate, BATCH), np.uint8)
    assert made is not None
    made.decode(payload)
    rounds = max(1, round(seconds / BATCH))
    return round(rounds * BATCH / _cpu(lambda: [made.decode(payload) for _ in range(rounds)]))


def _sealed(encoding: str, clock_rate: int, payload_type: int, seconds: float) -> float:
    folder = Path("/dev/shm", f"skryba-bench-{os.getpid()}")
    storage = Storage(folder / "recordings", folder / "spool")
    try:
        sealing.warm()
        with storage.spool_path(_ID).open("wb") as file:
            file.writelines(spool(round(seconds), encoding, clock_rate, payload_type))
        return round(seconds / _cpu(lambda: sealing.seal(storage, _ID)))
    finally:
        shutil.rmtree(folder)


def _cpu(work: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _payload(encoding: str, clock_rate: int, seconds: int) -> bytes:
    maker = encoder(encoding, clock_rate)
    assert maker is not None
    dice = np.random.default_rng(seconds)
    return maker.encode(dice.integers(-8000, 8000, seconds * maker.sample_rate).astype(np.int16))
