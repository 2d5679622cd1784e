"""Spools of long calls, quickly made: two parties who talk in turns, as an engine and a recorder would have left them.

Knows no network: every packet arrives, on time. What networks do to calls is in `skryba.selftest.impairments`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.codecs.registry import codec, encoder
from skryba.recorder.spool import BlockWriter, Kind
from skryba.selftest.voice import Voice
from skryba.vault.block import PREFIX, BlockSeal

START = 5_000_000_000_000  # ns of the pretended monotonic clock
EPOCH = 1_790_000_000_000_000_000  # wall clock minus monotonic, ns
PACKETS = 50  # a second
LOOP = 60  # seconds after which the parties say the same again
TURN = 4  # seconds that one of them talks
DRAIN = 10  # packets of a block: what a recorder finds in its ring after 100 ms

_SECOND = 1_000_000_000
_RECORD = np.dtype(
    [
        ("total", "<u4"), ("slot", "<u4"), ("channel", "u1"), ("kind", "u1"), ("length", "<u2"), ("zero", "<u4"),
        ("arrival", "<u8"), ("flags", "u1"), ("type", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4"),
    ]
)  # fmt: skip
_RTP = 12


def spool(
    seconds: int, encoding: str = "PCMU", clock_rate: int = 8000, payload_type: int = 0, *, key: bytes | None = None
) -> Iterator[bytes]:
    """Octets of a spool of whole `seconds`, block by block; sealed with `key` if there is one."""
    blocks = BlockWriter(seal=None if key is None else BlockSeal(key, bytes(PREFIX)))
    formats = {side: {str(payload_type): f"{encoding}/{clock_rate}"} for side in ("left", "right")}
    meta: dict[str, Any] = {"from_ns": START, "epoch_ns": EPOCH, "opened_ns": START, "slot": 1, "overflow": [0]}
    meta |= {"formats": formats, "manifest": {"direction": "outbound", "decision": None, "notice": None}}
    if key is not None:
        yield blocks.words(Kind.KEY, {"key": "synthetic"})
    yield blocks.words(Kind.META, meta)
    said = _loop(encoding, clock_rate, payload_type)
    for begin in range(0, seconds, LOOP):
        count = min(LOOP, seconds - begin) * PACKETS * 2
        records = _dated(said[:count], begin * PACKETS)
        for at in range(0, count, DRAIN):
            header, payload = blocks.packets(records[at : at + DRAIN].tobytes())
            yield header + bytes(payload)
    end = START + seconds * _SECOND
    yield blocks.words(Kind.STOP, {"at_ns": end, "until_ns": end, "overflow": [0], "termination": None})


def _loop(encoding: str, clock_rate: int, payload_type: int) -> NDArray[np.uint8]:
    """Records of LOOP seconds, left and right in turn, [n, octets]."""
    arithmetic = codec(encoding, clock_rate)
    assert arithmetic is not None
    frames = [_frames(encoding, clock_rate, arithmetic.sample_rate, side) for side in ("left", "right")]
    size = frames[0].shape[1]
    total = -(-(_RECORD.itemsize + size) // 8) * 8
    records = np.zeros((2 * len(frames[0]), total), np.uint8)
    head = np.zeros(len(records), _RECORD)
    head["total"], head["slot"], head["length"] = total, 1, _RTP + size
    head["channel"] = np.arange(len(records)) % 2
    head["flags"], head["type"], head["ssrc"] = 0x80, payload_type, 1 + head["channel"]
    records[:, : _RECORD.itemsize] = head.view(np.uint8).reshape(len(head), -1)
    for channel in (0, 1):
        records[channel::2, _RECORD.itemsize : _RECORD.itemsize + size] = frames[channel]
    return records


def _frames(encoding: str, clock_rate: int, sample_rate: int, side: str) -> NDArray[np.uint8]:
    sound = Voice(side).render(0.0, LOOP, sample_rate)
    turns = np.arange(len(sound)) // (TURN * sample_rate) % 2
    sound[turns == (side == "left")] //= 300  # the line's noise
    maker = encoder(encoding, clock_rate)
    assert maker is not None
    return np.frombuffer(maker.encode(sound), np.uint8).reshape(LOOP * PACKETS, -1)


def _dated(records: NDArray[np.uint8], first: int) -> NDArray[np.uint8]:
    """The same said later: numbered and arrived from packet `first` on. RTP clocks of G.711 and G.722 run at 8 kHz."""
    number = first + np.arange(len(records)) // 2
    dated = records.copy()
    head = np.zeros(len(records), _RECORD)
    view = head.view(np.uint8).reshape(len(head), -1)
    view[:] = records[:, : _RECORD.itemsize]
    head["arrival"] = START + (number + 1) * (_SECOND // PACKETS)
    head["sequence"], head["timestamp"] = number & 0xFFFF, number * (8000 // PACKETS) & 0xFFFFFFFF
    dated[:, : _RECORD.itemsize] = view
    return dated
