"""What the SIP stack tells its user: events in the past tense, and the values they carry.

Knows messages; knows no transaction machine, no dialog, no call.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from skryba.sip.message import Request, Response
from skryba.terms import SocketAddress


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to a peer. For "tcp" a connection to `remote`, opened by the shell when there is none.

    `local` is the bound address of our socket or listener, never the ephemeral port of an outgoing connection.
    """

    transport: Literal["udp", "tcp"]
    local: SocketAddress
    remote: SocketAddress

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"


class ServerKey(NamedTuple):
    """Names a server transaction (RFC 3261 §17.2.3). To be compared and hashed, not read."""

    branch: str
    sent_by: str
    method: str


class ClientKey(NamedTuple):
    """Names a client transaction (RFC 3261 §17.1.3). To be compared and hashed, not read."""

    branch: str
    sent_by: str
    method: str


class FailureKind(StrEnum):
    """Why a client transaction ended without a final response."""

    TIMEOUT = "timeout"  # treat as 408 (RFC 3261 §8.1.3.1)
    TRANSPORT = "transport"  # treat as 503


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new, valid request: no retransmission, no ACK, no CANCEL. Must be answered by `Stack.respond`."""

    request: Request
    transaction: ServerKey
    flow: Flow


@dataclass(frozen=True, slots=True)
class AckReceived:
    """An ACK of a 2xx, or one that matches nothing; ACKs of refusals end in the stack."""

    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """The INVITE `transaction`, not yet finally answered, shall end: answer it with 487. The CANCEL has its 200."""

    transaction: ServerKey
    request: Request


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to our request: each 1xx, the final one, and each repeated or forked 2xx of an INVITE (RFC 6026)."""

    response: Response
    transaction: ClientKey
    flow: Flow


@dataclass(frozen=True, slots=True)
class TransactionFailed:
    """Our request got no final response and will get none. Comes at most once, never after a final response."""

    transaction: ClientKey
    kind: FailureKind


@dataclass(frozen=True, slots=True)
class MalformedReceived:
    """Bytes that are no valid message; answered already where an answer was possible."""

    reason: str
    flow: Flow


Event = RequestReceived | AckReceived | CancelReceived | ResponseReceived | TransactionFailed | MalformedReceived
