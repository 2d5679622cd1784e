"""Numbers of what a party receives: one continuous source across an announcement and the bridge (RFC 3550 §5.1; R-M1).

May not know sockets or latches. Compiled into the loop. A row that was never played to is transparent: numbers pass
untouched and the last ones are remembered. After a prompt the bridged source goes on under the prompt's SSRC: the
first packet takes the next sequence number and, in timestamp, the time that has passed; what follows keeps its distance
to the first. A packet older than the first is withheld: its number belongs to the prompt.
"""

from typing import Any

from skryba.media.prompt import FRAME_NS
from skryba.media.syscalls import compiled, inlined
from skryba.media.table import REWRITTEN

GAP = 3000  # RFC 3550 §A.1 MAX_DROPOUT: more is a restart, not loss
DISORDER = 100  # MAX_MISORDER
_TURN = 1 << 16


@inlined
def signed16(number: int) -> int:
    """The distance that a difference of sequence numbers means."""
    return ((number + 0x8000) & 0xFFFF) - 0x8000


@inlined
def unwrap(row: Any, ssrc: int, sequence: int) -> int:
    """The sequence number on an endless scale; a new source, or a leap, opens a new epoch of the row."""
    if row.epoch > 0 and ssrc == row.ssrc:
        step = signed16(sequence - row.highest)
        if -DISORDER < step < GAP:
            return row.highest + step  # type: ignore[no-any-return]
    if row.epoch > 0:
        row.lost_before += max(0, row.highest - row.first + 1 - row.received)
        if ssrc != row.ssrc:
            row.ssrc_changes += 1
    row.epoch += 1
    row.ssrc = ssrc
    row.first = _TURN + sequence
    row.highest = _TURN + sequence - 1
    row.received = 0
    row.transit_known = 0
    return _TURN + sequence


@inlined
def elapsed(row: Any, now: int) -> int:
    """RTP clock ticks since the row's last packet was sent, at least one frame."""
    return int(max(now - row.out_at, FRAME_NS) * row.tick + 0.5)


@inlined
def remember(row: Any, ssrc: int, sequence: int, timestamp: int, now: int) -> None:
    """What went out last, by sequence number."""
    if row.spoken == 0 or ssrc != row.out_ssrc or signed16(sequence - row.out_sequence) > 0:
        row.out_ssrc, row.out_sequence, row.out_timestamp = ssrc, sequence, timestamp
        row.out_at = now
        row.spoken = 1


@compiled
def anchor(receiver: Any, index: int, row: Any, ext: int, sequence: int, timestamp: int, now: int) -> None:
    """Let the receiver's next number be this packet's; `index` is the source's row, `ext` its unwrapped number."""
    receiver.anchor_row, receiver.anchor_epoch, receiver.anchor = index, row.epoch, ext
    receiver.sequence_delta = (receiver.out_sequence + 1 - sequence) & 0xFFFF
    receiver.timestamp_delta = (receiver.out_timestamp + elapsed(receiver, now) - timestamp) & 0xFFFFFFFF


@inlined
def is_anchored(receiver: Any, index: int, row: Any) -> bool:
    """Do the receiver's numbers follow from this source's?"""
    return receiver.anchor_row == index and receiver.anchor_epoch == row.epoch  # type: ignore[no-any-return]


@compiled
def take_the_floor(row: Any, ssrc: int, sequence: int, timestamp: int, now: int) -> None:
    """From now on we speak to this party ourselves: under its last source, or this new one if it heard nobody yet."""
    if row.spoken == 0:
        row.out_ssrc, row.out_sequence, row.out_timestamp = ssrc, sequence & 0xFFFF, timestamp
    else:
        # The first frame of the prompt adds one frame to what is set here.
        row.out_timestamp = (row.out_timestamp + elapsed(row, now) - int(FRAME_NS * row.tick + 0.5)) & 0xFFFFFFFF
    row.spoken = 1
    row.rewrite = REWRITTEN
    row.anchor_row = -1
