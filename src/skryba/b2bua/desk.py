"""Desk: requests that belong to no dialog yet — registrations, questions, and the INVITEs that become calls.

May not know how a call goes on once it has begun.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC

from skryba.b2bua import bodies
from skryba.b2bua.admission import Admission
from skryba.b2bua.call import Call
from skryba.b2bua.notices import RequestRefused
from skryba.b2bua.refusal import Refusal, capabilities, unsupported_extensions, unwanted_method
from skryba.b2bua.registrar import Registrar
from skryba.b2bua.routing import Route
from skryba.b2bua.surroundings import Surroundings
from skryba.errors import NegotiationError, ParseError
from skryba.policy.model import CallFacts, Decision, Mode
from skryba.sdp.description import SessionDescription
from skryba.sip.events import Flow, ServerKey
from skryba.sip.message import Request
from skryba.sip.status import reason as usual_reason
from skryba.terms import Direction


class Desk:
    """`calls` are those in progress; `begin` enters and starts a new one. `policy` may fail: calls are still
    connected."""

    def __init__(
        self,
        around: Surroundings,
        admission: Admission,
        registrar: Registrar,
        calls: Mapping[str, Call],
        begin: Callable[[Call, float], None],
        policy: Callable[[CallFacts], Decision],
        new_id: Callable[[], str],
    ) -> None:
        self._around = around
        self._admission = admission
        self._registrar = registrar
        self._calls = calls
        self._begin = begin
        self._policy = policy
        self._new_id = new_id
        self.draining = False

    def receive(self, request: Request, key: ServerKey, flow: Flow, now: float) -> None:
        """A request without a To tag."""
        refusal = unsupported_extensions(request) or self._treat(request, key, flow, now)
        if refusal is None:
            return
        self._around.board.stack.respond(key, refusal.respond(request, self._around.token()), now)
        if refusal.status != 401:  # the first half of any digest exchange
            self._around.tell(
                RequestRefused(
                    request.method, refusal.status, refusal.reason or usual_reason(refusal.status), flow.remote
                )
            )

    def _treat(self, request: Request, key: ServerKey, flow: Flow, now: float) -> Refusal | None:
        match request.method:
            case "INVITE":
                return self._invited(request, key, flow, now)
            case "REGISTER":
                return self._register(request, key, flow, now)
            case "OPTIONS":
                if self.draining:
                    return self._unavailable
                self._around.board.stack.respond(key, capabilities(request, self._around.token()), now)
                return None
            case "BYE" | "INFO" | "NOTIFY" | "PRACK" | "UPDATE":
                return Refusal(481)  # they live in dialogs only
            case _:
                return unwanted_method(request.method)

    @property
    def _unavailable(self) -> Refusal:
        return Refusal(503, None, (("Retry-After", str(self._around.settings.retry_after)),))

    def _register(self, request: Request, key: ServerKey, flow: Flow, now: float) -> Refusal | None:
        who = self._admission.authenticate(request, now)
        if isinstance(who, Refusal):
            return who
        if request.to.uri.user_text != who.id:  # RFC 3261 §10.3 step 4: nobody registers for another
            return Refusal(403)
        response = self._registrar.register(who.id, request, flow, now, self._around.token())
        self._around.board.stack.respond(key, response, now)
        return None

    def _invited(self, request: Request, key: ServerKey, flow: Flow, now: float) -> Refusal | None:
        if request.max_forwards == 0:
            return Refusal(483)
        who = self._admission.admit(request, flow, now)
        if isinstance(who, Refusal):
            return who
        route = self._around.routing.route(request, who)
        if isinstance(route, Refusal):
            return route
        decision = self._decide(route, now)
        if decision.emergency and route.direction is Direction.OUTBOUND:
            route = replace(route, emergency=True)
        urgent = route.emergency or decision.emergency
        if not urgent and (self.draining or len(self._calls) >= self._around.settings.limits.calls):
            return self._unavailable
        try:
            body = bodies.read(request)
            offer = None if body.sdp is None else SessionDescription.parse(body.sdp)
            call = Call(
                self._new_id(),
                self._around,
                route,
                decision,
                recording_id=self._new_id(),
                request=request,
                key=key,
                flow=flow,
                offer=offer,
                parts=body.parts,
                now=now,
            )
        except ParseError as error:
            accept = (("Accept", "application/sdp, multipart/mixed"),) if error.status == 415 else ()
            return Refusal(error.status, None, accept)
        except NegotiationError:
            return Refusal(488)
        self._begin(call, now)
        return None

    def _decide(self, route: Route, now: float) -> Decision:
        """Policy's word; without it the call is connected and not recorded."""
        facts = CallFacts(
            direction=route.direction,
            station=route.station,
            caller=route.caller,
            callee=route.dialled,
            trunk=route.trunk,
            at=self._around.at(now).astimezone(UTC),
            groups=route.groups,
            did=route.did,
            priority=route.priority,
            draw=int.from_bytes(hashlib.sha256(self._around.token().encode()).digest()[:6]) / (1 << 48),
        )
        try:
            return self._policy(facts)
        except Exception as error:  # an emergency call connects with the policy gone
            return Decision(
                mode=Mode.NEVER,
                rule="fallback",
                reason=f"the policy engine failed ({type(error).__name__}): not recorded",
                reason_pl=f"silnik reguł zawiódł ({type(error).__name__}): bez nagrywania",
                notice=None,
                emergency=route.emergency,
                path=(),
                purpose=None,
                legal_basis=None,
                retention=None,
                version="",
            )
