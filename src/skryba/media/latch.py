"""The latch: whose packets count as this party's (RFC 7362 §4, RFC 4961; R-M4). Compiled into the loop.

May not know what is done with the packets. A row is armed by signalling only. While its window is open, the first RTP
from a host that signalling named latches it; the very address that signalling stated has priority and may take the
place of another, and so may anybody from those hosts if the latched source fell silent (a NAT that chose a new port).
After the window only the latched source is heard; a row that has heard nobody yet still waits for the stated address.
"""

from typing import Any

from skryba.media.desk import report
from skryba.media.syscalls import compiled, inlined
from skryba.media.table import AF_INET, ARMED, IDLE, INET6_OCTETS, INET_OCTETS, LATCHED, Report

SILENT_NS = 200_000_000  # a source that says nothing for so long may have moved

_LATCHED_REPORT = int(Report.LATCHED)


@inlined
def is_inet(word: int) -> bool:
    """Of an address's first word: IPv4?"""
    return word & 0xFFFF == AF_INET


@compiled
def may_be_meant(row: Any, first: int, second: int, third: int) -> bool:
    """Is the address at one of the hosts that signalling named?"""
    if is_inet(first):
        second, third = (first >> 32) & 0xFFFFFFFF, 0
    for index in range(row.host_count):  # noqa: SIM110 — any() is not compiled
        if row.hosts[2 * index] == second and row.hosts[2 * index + 1] == third:
            return True
    return False


@inlined
def is_latched(row: Any, first: int, second: int, third: int) -> bool:
    """Is the address the latched source?"""
    return row.latch == LATCHED and first == row.src0 and second == row.src1 and third == row.src2  # type: ignore[no-any-return]


@inlined
def same_host(row: Any, first: int, second: int, third: int) -> bool:
    """Is the address at the host of the latched source?"""
    if is_inet(first):
        return is_inet(row.src0) and first >> 32 == row.src0 >> 32
    return second == row.src1 and third == row.src2  # type: ignore[no-any-return]


@compiled
def may_latch(row: Any, exact: bool, first: int, second: int, third: int, now: int) -> bool:
    """May this source, which is not the latched one, become it?"""
    if row.latch == IDLE:
        return False
    if row.latch == ARMED and exact:
        return True
    if now > row.window_end:
        return False
    if exact:
        return True
    if not may_be_meant(row, first, second, third):
        return False
    return row.latch == ARMED or (row.exact == 0 and now - row.last_heard > SILENT_NS)  # type: ignore[no-any-return]


@compiled
def admit(desk: Any, index: int, ssrc: int, now: int) -> bool:
    """Is the RTP packet whose sender is in `desk.source` this party's? Latches where it may; reports a new source."""
    row = desk.table[index]
    source = desk.source
    first, second, third = source[0], source[1], source[2]
    if is_inet(first):
        second, third = 0, 0
    if is_latched(row, first, second, third):
        return True
    exact = first == row.stated0 and second == row.stated1 and third == row.stated2
    if not may_latch(row, exact, first, second, third, now):
        return False
    row.latch = LATCHED
    row.exact = 1 if exact else 0
    row.src0, row.src1, row.src2 = first, second, third
    # Symmetric RTP: what comes from there goes to there (RFC 4961 §3).
    row.to0, row.to1, row.to2, row.to3 = first, source[1], source[2], source[3]
    row.to_octets = INET_OCTETS if is_inet(first) else INET6_OCTETS
    if row.rtcp_learnt == 0 and (not exact or row.rtcp_to_octets == 0):
        row.rtcp_to0, row.rtcp_to1, row.rtcp_to2, row.rtcp_to3 = next_port(first), row.to1, row.to2, row.to3
        row.rtcp_to_octets = row.to_octets
    report(desk, _LATCHED_REPORT, index, ssrc, first, second, third)
    return True


@inlined
def next_port(first: int) -> int:
    """The first word of the address one port above: where RTCP lies unless stated otherwise (RFC 3550 §11)."""
    port = ((first >> 16) & 0xFF) << 8 | (first >> 24) & 0xFF
    port = (port + 1) & 0xFFFF
    return (first & ~0xFFFF0000) | (port >> 8) << 16 | (port & 0xFF) << 24


@compiled
def admit_rtcp(desk: Any, index: int) -> bool:
    """Is the RTCP packet whose sender is in `desk.source` this party's? Learns where its RTCP comes from."""
    row = desk.table[index]
    source = desk.source
    first, second, third = source[0], source[1], source[2]
    if is_inet(first):
        second, third = 0, 0
    stated = first == row.stated_rtcp0 and second == row.stated_rtcp1 and third == row.stated_rtcp2
    if row.latch == IDLE or not (stated or (row.latch == LATCHED and same_host(row, first, second, third))):
        return False
    if row.rtcp_learnt == 0:
        row.rtcp_learnt = 1
        row.rtcp_to0, row.rtcp_to1, row.rtcp_to2, row.rtcp_to3 = first, source[1], source[2], source[3]
        row.rtcp_to_octets = INET_OCTETS if is_inet(first) else INET6_OCTETS
    return True
