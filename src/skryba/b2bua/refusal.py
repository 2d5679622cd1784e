"""Refusal: a "no" of ours as a value, and the responses that any request may get without a call.

May not know calls. Failed is a value here, not an exception.
"""

from dataclasses import dataclass

from skryba.b2bua.signals import Extras
from skryba.sip.message import Request, Response, response_to
from skryba.sip.status import reason as usual_reason

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER"
KNOWN = frozenset({"MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "SUBSCRIBE", "UPDATE"})  # but not taken by us
SUPPORTED = frozenset({"path"})  # RFC 3327; in REGISTER only


@dataclass(frozen=True, slots=True)
class Refusal:
    """Status, reason phrase and header fields of a final answer that is no success."""

    status: int
    reason: str | None = None
    extras: Extras = ()

    def respond(self, request: Request, tag: str) -> Response:
        """The response to this request."""
        response = response_to(request, self.status, self.reason or usual_reason(self.status), to_tag=tag)
        for name, value in self.extras:
            response.headers.add(name, value)
        return response


def unsupported_extensions(request: Request) -> Refusal | None:
    """420 when the request requires what we do not have (RFC 3261 §8.2.2.3)."""
    supported = SUPPORTED if request.method == "REGISTER" else frozenset()
    missing = [option for option in request.require if option.lower() not in supported]
    return Refusal(420, None, (("Unsupported", ", ".join(missing)),)) if missing else None


def unwanted_method(method: str) -> Refusal:
    """405 for a method we know and do not take, 501 for one we do not know (RFC 3261 §8.2.1)."""
    return Refusal(405 if method in KNOWN or method == "REGISTER" else 501, None, (("Allow", ALLOW),))


def capabilities(request: Request, tag: str) -> Response:
    """200 to OPTIONS (RFC 3261 §11.2)."""
    response = response_to(request, 200, to_tag=tag)
    response.headers.add("Allow", ALLOW)
    response.headers.add("Accept", "application/sdp, multipart/mixed")
    response.headers.add("Accept-Encoding", "identity")
    return response
