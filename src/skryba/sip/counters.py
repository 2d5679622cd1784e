"""What the stack counts, in plain integers; whoever exports them reads them when asked.

Knows the names of methods; the stack writes here.
"""

from collections import Counter
from dataclasses import dataclass, field

from skryba.sip.validation import KNOWN_METHODS


@dataclass(slots=True)
class Counters:
    """Retransmissions are counted apart and not among the received and sent. Methods nobody knows count as "other"."""

    requests_received: Counter[str] = field(default_factory=Counter)  # by method
    requests_sent: Counter[str] = field(default_factory=Counter)
    responses_received: Counter[int] = field(default_factory=Counter)  # by status
    responses_sent: Counter[int] = field(default_factory=Counter)
    retransmissions_received: int = 0
    retransmissions_sent: int = 0
    malformed: int = 0
    stray_responses: int = 0  # matched no request of ours
    merged: int = 0  # answered 482
    overload: int = 0  # answered 503 for want of room
    timeouts: int = 0  # requests of ours that nobody answered
    transport_failures: int = 0  # requests of ours that could not be sent
    unacknowledged: int = 0  # refusals of ours whose ACK never came
    invite_clients: int = 0  # alive now
    other_clients: int = 0
    invite_servers: int = 0
    other_servers: int = 0


def method_label(method: str) -> str:
    """The method, or "other" for one that nobody knows: a stranger must not choose what we count by."""
    return method if method in KNOWN_METHODS else "other"
