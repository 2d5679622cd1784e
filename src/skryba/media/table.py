"""The table: one row a media port, plain data, no behaviour; the orders that change rows, the events that rows report.

May not know sockets, threads or who plays which part: layouts, and addresses as the words that the loop compares.
"""

import ipaddress
import struct
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.terms import SocketAddress

LINE = 64  # octets of a cache line
HOSTS = 4  # from whom media is accepted, per row
NO_EVENT_TYPE = 255  # no payload type is for telephone events

AF_INET, AF_INET6 = 2, 10
INET_OCTETS, INET6_OCTETS = 16, 28  # of struct sockaddr_in, sockaddr_in6

# Latch (RFC 7362 §4, R-M4).
IDLE, ARMED, LATCHED = 0, 1, 2
# Outgoing numbers: as they come, or made one source with what we said ourselves.
TRANSPARENT, REWRITTEN = 0, 1

# One row faces one party. The first four lines are what a forwarded packet touches: its source's and its receiver's.
# An address is compared as three words (family, port and host), and sent to as four (a whole sockaddr).
ROW_FIELDS: list[Any] = [
    # line 0: whom this row hears
    ("src0", "<i8"), ("src1", "<i8"), ("src2", "<i8"),  # the latched source
    ("fd", "<i4"), ("fd_rtcp", "<i4"),
    ("peer", "<i4"),  # row that what is heard goes to; -1: nowhere
    ("slot", "<u4"),  # of the recording
    ("ssrc", "<u4"),
    ("generation", "<i4"),  # of this use of the row: events of an earlier use are stale
    ("open", "u1"), ("latch", "u1"), ("exact", "u1"),  # exact: latched to what signalling stated
    ("relay", "u1"), ("mapped", "u1"), ("fork", "u1"), ("channel", "u1"), ("event_type", "u1"),
    ("playing", "u1"), ("rewrite", "u1"), ("spoken", "u1"), ("rtcp_learnt", "u1"), ("spare0", "u1", (4,)),
    # line 1: to whom this row speaks
    ("to0", "<i8"), ("to1", "<i8"), ("to2", "<i8"), ("to3", "<i8"),
    ("out_at", "<i8"),  # ns of the last packet sent
    ("sent", "<i8"),
    ("out_ssrc", "<u4"), ("out_timestamp", "<u4"),  # of the last packet sent
    ("out_sequence", "<i4"),
    ("to_octets", "<i4"),  # 0: nowhere yet
    # line 2: what was heard (RFC 3550 §A.1, §A.8)
    ("packets", "<i8"), ("octets", "<i8"),
    ("last_heard", "<i8"),  # ns
    ("highest", "<i8"), ("first", "<i8"),  # sequence numbers of this epoch, unwrapped
    ("received", "<i8"),  # in this epoch
    ("transit", "<i8"), ("jitter", "<i8"),  # RTP clock ticks; jitter times 16
    # line 3: how the peer's numbers become ours; the epoch counts sources and restarts heard
    ("sequence_delta", "<i8"), ("timestamp_delta", "<i8"),
    ("anchor", "<i8"),  # unwrapped sequence number of the first packet so rewritten
    ("anchor_row", "<i4"), ("anchor_epoch", "<i4"),
    ("epoch", "<i4"), ("transit_known", "<i4"),
    ("tick", "<f8"),  # RTP clock ticks per ns
    ("sent_octets", "<i8"), ("late", "<i8"),
    # line 4: what went wrong
    ("foreign", "<i8"), ("malformed", "<i8"), ("lost_before", "<i8"), ("ssrc_changes", "<i8"),
    ("send_errors", "<i8"), ("overflow", "<i8"), ("withheld", "<i8"), ("rtcp_foreign", "<i8"),
    # RTCP, telephone events
    ("rtcp_packets", "<i8"), ("rtcp_sent", "<i8"),
    ("rtcp_to0", "<i8"), ("rtcp_to1", "<i8"), ("rtcp_to2", "<i8"), ("rtcp_to3", "<i8"), ("rtcp_to_octets", "<i8"),
    ("key_timestamp", "<i8"), ("key", "<i4"), ("key_duration", "<i4"), ("key_down", "<i4"), ("keys", "<i4"),
    # the latch's terms: what signalling stated, who else may be meant, until when
    ("window_ns", "<i8"), ("window_end", "<i8"),
    ("stated0", "<i8"), ("stated1", "<i8"), ("stated2", "<i8"),
    ("stated_rtcp0", "<i8"), ("stated_rtcp1", "<i8"), ("stated_rtcp2", "<i8"),
    ("hosts", "<i8", (2 * HOSTS,)), ("host_count", "<i8"),
    # the prompt being played
    ("prompt", "<i8"),  # address of its first octet
    ("frames", "<i8"), ("frames_out", "<i8"), ("frames_sent", "<i8"),
    ("due", "<i8"), ("started", "<i8"), ("play_id", "<i8"), ("prompt_type", "<i8"),
    ("type_map", "u1", (128,)),  # payload types on the way to the peer
    ("spare1", "u1", (40,)),  # up to whole lines
]  # fmt: skip

# What control wants of a row. Each operation reads its own fields.
ORDER_FIELDS: list[Any] = [
    ("operation", "<i4"), ("row", "<i4"),
    ("fd", "<i4"), ("fd_rtcp", "<i4"), ("generation", "<i4"), ("peer", "<i4"),  # OPEN; BRIDGE
    ("relay", "u1"), ("mapped", "u1"), ("channel", "u1"), ("event_type", "u1"), ("moved", "u1"), ("spare", "u1", (3,)),
    ("slot", "<u4"), ("host_count", "<i4"),  # FORK; AIM
    ("to0", "<i8"), ("to1", "<i8"), ("to2", "<i8"), ("to3", "<i8"), ("to_octets", "<i8"),
    ("rtcp_to0", "<i8"), ("rtcp_to1", "<i8"), ("rtcp_to2", "<i8"), ("rtcp_to3", "<i8"), ("rtcp_to_octets", "<i8"),
    ("hosts", "<i8", (2 * HOSTS,)), ("window_ns", "<i8"), ("tick", "<f8"),
    ("prompt", "<i8"), ("frames", "<i8"), ("play_id", "<i8"), ("prompt_type", "<i8"),  # PLAY
    ("ssrc", "<u4"), ("timestamp", "<u4"), ("sequence", "<i8"),  # PLAY: the source to be, if nothing was sent before
    ("type_map", "u1", (128,)),
]  # fmt: skip

EVENT_FIELDS: list[Any] = [
    ("kind", "<i4"), ("row", "<i4"), ("generation", "<i4"), ("flag", "<i4"),
    ("a", "<i8"), ("b", "<i8"), ("c", "<i8"),
]  # fmt: skip


class Operation(IntEnum):
    """Of an order."""

    QUIT = 0
    OPEN = 1
    CLOSE = 2
    AIM = 3
    BRIDGE = 4  # one direction; peer -1 ends it
    FORK = 5
    UNFORK = 6
    PLAY = 7
    STOP_PLAY = 8


class Report(IntEnum):
    """Of an event; a, b, c in this order."""

    PROMPT_FINISHED = 0  # play id, started ns, ended ns; flag: completed
    LATCHED = 1  # the source's three words; flag: its SSRC
    KEY = 2  # event, duration, timestamp


ROW = np.dtype(ROW_FIELDS, align=True)
ORDER = np.dtype(ORDER_FIELDS, align=True)
EVENT = np.dtype(EVENT_FIELDS, align=True)

ROW_OCTETS = ROW.itemsize
Rows = NDArray[np.void]


def offset_of(name: str) -> int:
    """Where a field of a row begins."""
    fields = ROW.fields
    assert fields is not None
    return fields[name][1]


def aligned(count: int, dtype: np.dtype[Any]) -> Rows:
    """Zeroed records, the first on a cache line of its own; so are all if the record is whole lines."""
    octets = np.zeros(count * dtype.itemsize + LINE, np.uint8)
    start = -octets.ctypes.data % LINE
    return octets[start : start + count * dtype.itemsize].view(dtype)


def to_words(address: SocketAddress, family: int) -> tuple[int, int, int, int] | None:
    """struct sockaddr_in or sockaddr_in6 as four words; None for an address that cannot be sent to from there.

    Port 0 and the unspecified address are nobody (RFC 3264 §5.1, §8.4).
    """
    host = to_host(address.host, family)
    if host is None or not 0 < address.port <= 0xFFFF or host == (0, 0):
        return None
    packed = ipaddress.ip_address(address.host).packed
    if family == AF_INET:
        octets = struct.pack("=H", AF_INET) + struct.pack("!H", address.port) + packed
    else:
        octets = struct.pack("=H", AF_INET6) + struct.pack("!HI", address.port, 0) + packed
    return struct.unpack("=qqqq", octets.ljust(32, b"\0"))


@lru_cache(maxsize=1024)
def to_host(host: str, family: int) -> tuple[int, int] | None:
    """A numeric host as the two words that the loop compares; None for a name, or a host of the other family."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.version == 4 and family == AF_INET:
        return struct.unpack("=I", address.packed)[0], 0
    if address.version == 6 and family == AF_INET6:
        first, second = struct.unpack("=qq", address.packed)
        return first, second
    return None


def from_words(first: int, second: int, third: int) -> SocketAddress:
    """The address of three compared words."""
    octets = struct.pack("=qqq", first, second, third)
    (port,) = struct.unpack_from("!H", octets, 2)
    if struct.unpack_from("=H", octets)[0] == AF_INET:
        return SocketAddress(str(ipaddress.IPv4Address(octets[4:8])), port)
    return SocketAddress(str(ipaddress.IPv6Address(octets[8:24])), port)
