"""Which transaction a request belongs to (RFC 3261 §17.2.3), and which way its responses go (§18.2, RFC 3581).

Knows messages and flows; knows no state of any transaction.
"""

from skryba.sip import grammar
from skryba.sip.events import ClientKey, Flow, ServerKey
from skryba.sip.message import Request, Response
from skryba.sip.server_transaction import CallKey
from skryba.sip.via import MAGIC_COOKIE, Via
from skryba.terms import SocketAddress

_COOKIE = MAGIC_COOKIE.lower()  # a branch is a token, so its case means nothing


def server_key(request: Request) -> ServerKey:
    """The key of the transaction; an ACK has that of its INVITE. Raises ParseError when the top Via is unreadable."""
    via = request.via
    host, port = via.sent_by
    method = "INVITE" if request.method == "ACK" else request.method
    branch = via.branch or ""
    if not branch.lower().startswith(_COOKIE):
        # An RFC 2543 client: all of this stays the same in a retransmission, in CANCEL and in the ACK of a refusal
        parts = (request.uri, request.call_id, request.from_.tag, request.cseq.number, via.transport, branch)
        branch = "2543 " + " ".join(map(str, parts))
    return ServerKey(branch, f"{host}:{port}", method)


def client_key(response: Response) -> ClientKey:
    """The key of the request it answers (§17.1.3), sent-by included: a stranger's Via finds nothing (§18.1.2)."""
    via = response.via
    host, port = via.sent_by
    return ClientKey(via.branch or "", f"{host}:{port}", response.cseq.method)


def sent_by(address: SocketAddress) -> str:
    """What both keys say of a Via that we wrote with `address`."""
    return f"{address.host.lower()}:{address.port}"


def call_key(request: Request) -> CallKey | None:
    """What copies of one request, merged again behind a fork, have in common; None within a dialog (§8.2.2.2)."""
    if request.to.tag is not None:
        return None
    cseq = request.cseq
    return (request.call_id, request.from_.tag or "", cseq.number, cseq.method)


def complete_via(request: Request, source: SocketAddress) -> None:
    """Notes in the top Via where the request came from (§18.2.1, RFC 3581 §4). An unreadable Via raises ParseError."""
    via = request.via
    completed = via.with_received(source.host.partition("%")[0], source.port)
    if completed is via:
        return
    headers = request.headers
    rest = grammar.split_list(headers.get("Via") or "")[1:]
    headers.remove_first("Via")
    headers.prepend("Via", ", ".join([str(completed), *rest]))


def reply_flow(flow: Flow, via: Via) -> Flow:
    """Where responses go: back by the connection, to the source port if asked for, else to the port in Via (§18.2.2).

    `maddr` is not followed: it would let anybody aim our responses at a third party.
    """
    if flow.reliable or via.has_rport:
        return flow
    port = via.sent_by[1]
    remote = flow.remote
    return flow if port == remote.port else Flow(flow.transport, flow.local, SocketAddress(remote.host, port))
