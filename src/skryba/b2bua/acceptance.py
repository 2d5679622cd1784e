"""Acceptance: a 2xx of ours, sent again and again until its ACK comes (RFC 3261 §13.3.1.4).

May not know what was accepted.
"""

from skryba.b2bua.switchboard import Line
from skryba.sip.events import ServerKey
from skryba.sip.message import Response


class Acceptance:
    """`alarm` is the name under which the line wakes us."""

    __slots__ = ("_alarm", "_give_up_at", "_interval", "_key", "_line", "_response", "cseq")

    def __init__(self, line: Line, alarm: str, key: ServerKey, response: Response, now: float) -> None:
        timers = line.settings.timers
        self.cseq = response.cseq.number
        self._line = line
        self._alarm = alarm
        self._key = key
        self._response = response
        self._interval = timers.t1
        self._give_up_at = now + timers.timeout
        line.respond(key, response, now)
        line.set_alarm(alarm, now + self._interval)

    def repeat(self, now: float) -> bool:
        """Once more; False when 64*T1 have passed without ACK."""
        if now >= self._give_up_at:
            return False
        self._line.respond(self._key, self._response, now)
        self._interval = min(2 * self._interval, self._line.settings.timers.t2)
        self._line.set_alarm(self._alarm, min(now + self._interval, self._give_up_at))
        return True

    def stop(self) -> None:
        """The ACK is there, or nobody waits for it any more."""
        self._line.clear_alarm(self._alarm)
