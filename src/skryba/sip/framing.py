"""StreamFramer: whole SIP messages out of a byte stream cut anywhere (RFC 3261 §7.5, §18.3; RFC 5626 §3.5.1).

May not know connections: who owns one closes it when a `ParseError` leaves `feed`.
"""

import re

from skryba.errors import ParseError

MAX_SIZE = 65535  # no larger over TCP than a datagram could be

_PING = b"\r\n\r\n"
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE)


class StreamFramer:
    """Feed it what the connection delivers; get complete messages back.

    `pings` counts double-CRLF keep-alives between messages, each of which the owner answers with one CRLF.
    A message that hides its end (Content-Length twice, negative, no number) is handed out as its head alone, so that
    it can be answered with 400; the stream is lost from there on (RFC 4475 §3.1.2.3, §3.3.9): `failed` is true and the
    next `feed` raises. Without a Content-Length there is no body (§20.14 demands it on streams).
    """

    __slots__ = ("_buffer", "_failure", "_max_size", "_needed", "_scanned", "pings")

    def __init__(self, *, max_size: int = MAX_SIZE) -> None:
        self.pings = 0
        self._buffer = bytearray()
        self._max_size = max_size
        self._scanned = 0  # no end of a head begins before this
        self._needed = 0  # size of the message being collected, once its head is complete
        self._failure: ParseError | None = None

    @property
    def failed(self) -> bool:
        """No message can come any more; close the connection once what `feed` returned is dealt with."""
        return self._failure is not None

    def feed(self, data: bytes) -> list[bytes]:
        """Complete messages, in order. Raises `ParseError` when the stream cannot be followed; never loses a message
        that was complete before."""
        messages: list[bytes] = []
        self._buffer += data
        while self._failure is None:
            try:
                message = self._next()
            except ParseError as error:
                self._failure = error
                break
            if message is None:
                return messages
            messages.append(message)
        self._buffer.clear()
        if messages:
            return messages
        raise self._failure

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not self._needed:
            if not self._scanned:
                self._skip_empty_lines()
                if _PING.startswith(buffer[:4]):
                    return None  # may yet become a ping
            end = _END_OF_HEAD.search(buffer, self._scanned)
            if end is None:
                self._scanned = max(0, len(buffer) - 2)
                if len(buffer) > self._max_size:
                    raise ParseError(f"head above {self._max_size} octets", status=513)
                return None
            self._needed = end.end() + self._body_length(end.end())
            if self._needed > self._max_size:
                raise ParseError(f"message above {self._max_size} octets", status=513)
        if len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._needed = self._scanned = 0
        return message

    def _skip_empty_lines(self) -> None:
        buffer = self._buffer
        position = 0
        while True:
            if buffer.startswith(_PING, position):
                self.pings += 1
                position += 4
            elif buffer.startswith(b"\n", position):
                position += 1
            elif buffer.startswith(b"\r\n", position) and not _PING.startswith(buffer[position : position + 4]):
                position += 2  # an answer to a ping, or the empty line some peers put behind a body
            else:
                break
        del buffer[:position]

    def _body_length(self, head_size: int) -> int:
        values = _LENGTH.findall(self._buffer, 0, head_size)
        if not values:
            return 0
        value = bytes(values[0]).strip()
        if len(values) > 1 or not value.isdigit():
            self._failure = ParseError("Content-Length leaves the end of the message open")
            return 0
        return int(value) if len(value) < 10 else self._max_size
