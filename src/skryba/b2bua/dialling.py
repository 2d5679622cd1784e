"""Dialling: the branches of one call toward its callee — rounds of targets, first answer wins, best refusal counts.

May not know the caller. RFC 3261 §16.7 item 6 chooses among refusals.
"""

from collections.abc import Callable, Iterator

from skryba.b2bua.bodies import Part
from skryba.b2bua.outbound import OutboundInvite, Target
from skryba.b2bua.signals import Extras, Refused
from skryba.sdp.description import SessionDescription
from skryba.sip.events import ClientKey

Build = Callable[[Target], OutboundInvite]
Offer = Callable[[OutboundInvite], SessionDescription | None]

NO_ANSWER = Refused(480, "no answer")


class Dialling:
    """`winner` is the branch that answered first."""

    __slots__ = ("_refusals", "_rounds", "branches", "trunk", "winner")

    def __init__(self) -> None:
        self.branches: list[OutboundInvite] = []
        self.winner: OutboundInvite | None = None
        self.trunk: str | None = None
        self._rounds: list[list[Target]] = []
        self._refusals: list[Refused] = []

    def plan(self, rounds: list[list[Target]]) -> None:
        """What may be dialled, in order."""
        self._rounds = rounds

    @property
    def first(self) -> Target:
        """Who is dialled first."""
        return self._rounds[0][0]

    @property
    def exhausted(self) -> bool:
        """Is there nothing left to dial?"""
        return not self._rounds

    def dial(
        self,
        build: Build,
        offer: Offer,
        *,
        parts: tuple[Part, ...],
        max_forwards: int,
        extras: Extras,
        now: float,
    ) -> None:
        """The next round: all its targets at once."""
        targets = self._rounds.pop(0)
        self._refusals.clear()
        for target in targets:
            branch = build(target)
            self.trunk = target.trunk
            self.branches.append(branch)
            branch.start(offer(branch), parts, max_forwards, extras, now)

    def won(self, branch: OutboundInvite, now: float) -> None:
        """This one answered: the others are called off."""
        self.winner = branch
        for other in self.branches:
            if other is not branch:
                other.cancel(now)

    def refused(self, refusal: Refused, *, persistent: bool) -> Refused | None:
        """One branch said no. None = others still ring, or `exhausted` is False and the next round is due.

        `persistent` (emergency): try all that is left, whatever the refusal was.
        """
        self._refusals.append(refusal)
        if self.ringing:
            return None
        best = min(self._refusals, key=_rank)
        if not self.exhausted and (best.retry_elsewhere or persistent):
            return None
        return best

    @property
    def ringing(self) -> bool:
        """Is any branch still open?"""
        return any(branch.open for branch in self.branches)

    def owner(self, key: ClientKey) -> OutboundInvite | None:
        """Whose INVITE is it?"""
        return next((branch for branch in self.branches if branch.owns(key)), None)

    def __iter__(self) -> Iterator[OutboundInvite]:
        return iter(self.branches)

    def call_off(self, extras: Extras, now: float) -> None:
        """End all branches, each in the way its state asks for."""
        for branch in self.branches:
            if branch.open:
                branch.cancel(now)
            else:
                branch.leg.hang_up(extras, now)

    def prune(self) -> None:
        """Forget branches of which nothing is left."""
        self.branches = [branch for branch in self.branches if not branch.leg.gone or branch is self.winner]


def _rank(refusal: Refused) -> tuple[int, int]:
    if refusal.status >= 600:
        return 0, refusal.status
    if refusal.status == 486:
        return 1, 486  # busy says more than "not found" or "no answer" of another phone
    return 2, refusal.status
