"""Prompts being played: a frame each 20 ms to each party that is told something. Compiled into the loop.

May not know texts or calls. The beat is kept from the start of the prompt: a late frame makes no later one later.
"""

from typing import Any

from skryba.media.desk import NEXT_LOOK, PLAYS, report
from skryba.media.numbering import take_the_floor
from skryba.media.prompt import FRAME_NS, FRAME_OCTETS
from skryba.media.relay import RTP_HEADER, put_big16, put_big32, send_to_party
from skryba.media.syscalls import address_of, compiled, inlined, memcpy
from skryba.media.table import Report

LOOK_NS = 1_000_000  # between two looks at who is due
_FINISHED_REPORT = int(Report.PROMPT_FINISHED)


@compiled
def start_playing(desk: Any, index: int, order: Any, now: int) -> None:
    """In place of what is being played, if anything."""
    stop_playing(desk, index, now)
    row = desk.table[index]
    row.prompt, row.frames, row.play_id, row.prompt_type = order.prompt, order.frames, order.play_id, order.prompt_type
    row.frames_out, row.frames_sent = 0, 0
    row.started, row.due = now, now
    row.playing = 1
    take_the_floor(row, order.ssrc, order.sequence, order.timestamp, now)
    words = desk.words
    desk.plays[words[PLAYS]] = index
    words[PLAYS] += 1
    words[NEXT_LOOK] = now


@compiled
def stop_playing(desk: Any, index: int, now: int) -> None:
    """Say what was heard; nothing happens if nothing is being played."""
    row = desk.table[index]
    if row.playing == 0:
        return
    row.playing = 0
    words = desk.words
    for place in range(words[PLAYS]):
        if desk.plays[place] == index:
            words[PLAYS] -= 1
            desk.plays[place] = desk.plays[words[PLAYS]]
            break
    whole = 1 if row.frames_sent == row.frames and row.frames_out == row.frames and now >= row.due else 0
    report(desk, _FINISHED_REPORT, index, whole, row.play_id, row.started, now)


@compiled
def play_frame(desk: Any, index: int, now: int) -> None:
    """The row's next frame; if its party's address is not known yet, its time passes unheard."""
    row = desk.table[index]
    frame = desk.frame
    row.out_timestamp = (row.out_timestamp + int(FRAME_NS * row.tick + 0.5)) & 0xFFFFFFFF
    row.out_at = now
    if row.to_octets != 0:
        row.out_sequence = (row.out_sequence + 1) & 0xFFFF
        frame[0] = 0x80
        frame[1] = (0x80 if row.frames_out == 0 else 0) | row.prompt_type
        put_big16(frame, 2, row.out_sequence)
        put_big32(frame, 4, int(row.out_timestamp))
        put_big32(frame, 8, int(row.out_ssrc))
        memcpy(address_of(frame) + RTP_HEADER, row.prompt + row.frames_out * FRAME_OCTETS, FRAME_OCTETS)
        if send_to_party(desk, index, address_of(frame), RTP_HEADER + FRAME_OCTETS):
            row.frames_sent += 1
    row.frames_out += 1
    row.due += FRAME_NS


@inlined
def play_what_is_due(desk: Any, now: int) -> int:
    """One frame to each party whose time has come. Returns ns until the next look, -1 if nothing is played."""
    words = desk.words
    if words[PLAYS] == 0:
        return -1
    if now < words[NEXT_LOOK]:
        return words[NEXT_LOOK] - now  # type: ignore[no-any-return]
    next_due = now + FRAME_NS
    place = 0
    while place < words[PLAYS]:
        index = desk.plays[place]
        row = desk.table[index]
        if now >= row.due:
            if row.frames_out == row.frames:
                stop_playing(desk, index, now)  # another takes this place
                continue
            play_frame(desk, index, now)
        next_due = min(next_due, row.due)
        place += 1
    words[NEXT_LOOK] = max(next_due, now + LOOK_NS)
    return words[NEXT_LOOK] - now if words[PLAYS] > 0 else -1
