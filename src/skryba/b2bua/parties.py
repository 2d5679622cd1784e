"""Parties: the legs of one call — the caller's, the branches toward the callee — and which of them is meant.

May not know what the call does with them.
"""

from collections.abc import Iterator

from skryba.b2bua.credentials import Account, Authorisation
from skryba.b2bua.dialling import Dialling
from skryba.b2bua.inbound import InboundInvite
from skryba.b2bua.leg import Leg
from skryba.b2bua.outbound import OutboundInvite, Target
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.session import Session
from skryba.b2bua.signals import Extras
from skryba.b2bua.surroundings import Surroundings
from skryba.b2bua.switchboard import DialogOwner, Line
from skryba.sip.events import ClientKey, Flow, ServerKey
from skryba.sip.message import Request
from skryba.terms import Side


class Parties:
    """`owner` is the call."""

    __slots__ = ("_around", "_line", "_number", "_owner", "dialling", "inbound")

    def __init__(
        self,
        around: Surroundings,
        line: Line,
        owner: DialogOwner,
        *,
        request: Request,
        key: ServerKey,
        flow: Flow,
        roams: bool,
    ) -> None:
        self._around = around
        self._line = line
        self._owner = owner
        self._number = 0
        self.dialling = Dialling()
        caller = self._leg(Side.CALLER, flow, around.settings.contact(flow), roams=roams, account=None)
        self.inbound = InboundInvite(caller, owner, request, key)

    @property
    def caller(self) -> Leg:
        return self.inbound.leg

    @property
    def callee(self) -> Leg | None:
        """The leg of the branch that answered."""
        return self.dialling.winner.leg if self.dialling.winner else None

    @property
    def gone(self) -> bool:
        """Is nothing of any leg under way?"""
        return all(leg.gone for leg in self)

    def __iter__(self) -> Iterator[Leg]:
        yield self.caller
        for branch in self.dialling:
            yield branch.leg

    def branch(self, target: Target) -> OutboundInvite:
        """A new branch toward the callee."""
        leg = self._leg(Side.CALLEE, target.flow, target.contact, roams=target.roams, account=target.account)
        return OutboundInvite(leg, target)

    def of_tag(self, tag: str) -> Leg | None:
        """Whose dialog has this tag of ours? None = an early dialog of the caller."""
        return next((leg for leg in self if leg.dialog is not None and leg.dialog.local_tag == tag), None)

    def sender(self, key: ClientKey) -> Leg | None:
        """Who sent this request within its dialog?"""
        return next((leg for leg in self if leg.owns(key)), None)

    def numbered(self, number: int) -> Leg | None:
        """The leg of an alarm."""
        return next((leg for leg in self if leg.number == number), None)

    def other(self, leg: Leg) -> Leg | None:
        """The other party, if it is there."""
        return self.callee if leg is self.caller else self.caller

    def part(self, refusal: Refusal, reason: Extras, now: float) -> None:
        """End them all, each in the way its state asks for: `refusal` to an open INVITE, BYE with `reason`, CANCEL."""
        self.inbound.refuse(refusal, now)
        self.caller.hang_up(reason, now)
        self.dialling.call_off(reason, now)

    def _leg(self, side: Side, flow: Flow, contact: str, *, roams: bool, account: Account | None) -> Leg:
        self._number += 1
        token = self._around.token
        return Leg(
            self._line,
            self._owner,
            side=side,
            number=self._number,
            flow=flow,
            contact=contact,
            roams=roams,
            authorisation=Authorisation(account, token),
            token=token,
            session=Session(self._around.session_id()),
        )
