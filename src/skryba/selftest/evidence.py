"""The spool that an engine and a recorder would have left of packets that arrived.

May not know who sent them nor what comes of it. Records lie as `skryba.media.ring` lays them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.recorder.spool import BlockWriter, Kind
from skryba.selftest.impairments import Arrivals

AFTER = 200_000_000  # ns after the end until which packets are kept (R-F2)
_PER_BLOCK = 5000
_HEADER = np.dtype(
    [
        ("total", "<u4"), ("slot", "<u4"), ("channel", "u1"), ("kind", "u1"), ("length", "<u2"), ("zero", "<u4"),
        ("arrival", "<u8"),
    ]
)  # fmt: skip

Octets = NDArray[np.uint8]


def datagrams(channels: Sequence[Iterable[Arrivals]]) -> Iterator[tuple[int, int, bytes]]:
    """(arrival ns, channel, RTP or RTCP octets) of all that arrived, in order of arrival."""
    everything = [
        (int(at), channel, bytes(arrivals.flight.octets[which]))
        for channel, flights in enumerate(channels)
        for arrivals in flights
        for at, which in zip(arrivals.at, arrivals.which, strict=True)
    ]
    yield from sorted(everything, key=lambda datagram: datagram[:2])


def spool(
    channels: Sequence[Sequence[Arrivals]],
    *,
    meta: Mapping[str, Any],
    stop: Mapping[str, Any] | None,
    marks: Iterable[Mapping[str, Any]] = (),
) -> bytes:
    """The octets of a whole spool; without `stop` as a recorder leaves it that was killed."""
    blocks = BlockWriter()
    parts = [blocks.words(Kind.META, meta)]
    for chunk in _chunks([(number, one) for number, flights in enumerate(channels) for one in flights]):
        header, payload = blocks.packets(chunk.tobytes())
        parts += [header, bytes(payload)]
    parts += [blocks.words(Kind.MARK, mark) for mark in marks]
    if stop is not None:
        parts.append(blocks.words(Kind.STOP, stop))
    return b"".join(parts)


def _chunks(flights: Sequence[tuple[int, Arrivals]]) -> Iterator[Octets]:
    """All records by arrival, some thousands at a time."""
    at = np.concatenate([one.at for _, one in flights] or [np.zeros(0, np.int64)])
    owner = np.concatenate([np.full(len(one.at), row) for row, (_, one) in enumerate(flights)] or [np.zeros(0, int)])
    inside = np.concatenate([np.arange(len(one.at)) for _, one in flights] or [np.zeros(0, int)])
    order = np.argsort(at, kind="stable")
    for low in range(0, len(order), _PER_BLOCK):
        mine = order[low : low + _PER_BLOCK]
        sizes = np.array([_size(one) for _, one in flights])[owner[mine]]
        ends = np.cumsum(sizes)
        chunk = np.zeros(int(ends[-1]), dtype=np.uint8)
        for row in np.unique(owner[mine]):
            which = np.flatnonzero(owner[mine] == row)
            records = _records(flights[row][0], flights[row][1], inside[mine][which])
            words = ((ends[which] - sizes[which]) // 8)[:, None] + np.arange(records.shape[1] // 8)
            chunk.view(np.uint64)[words] = records.view(np.uint64)
        yield chunk


def _size(arrivals: Arrivals) -> int:
    """Octets of one record, padded to eight."""
    return -(-(_HEADER.itemsize + int(arrivals.flight.octets.shape[1])) // 8) * 8


def _records(channel: int, arrivals: Arrivals, which: NDArray[np.int64]) -> Octets:
    octets = arrivals.flight.octets[arrivals.which[which]]
    head = np.zeros(len(which), dtype=_HEADER)
    head["total"], head["slot"], head["channel"] = _size(arrivals), 1, channel
    head["kind"], head["length"], head["arrival"] = int(arrivals.flight.rtcp), octets.shape[1], arrivals.at[which]
    made = np.zeros((len(which), _size(arrivals)), dtype=np.uint8)
    made[:, : _HEADER.itemsize] = head.view(np.uint8).reshape(len(which), -1)
    made[:, _HEADER.itemsize : _HEADER.itemsize + octets.shape[1]] = octets
    return made
