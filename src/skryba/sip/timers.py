"""Timers: every interval of the transaction layer, from RFC 3261 table 4 (§17) and RFC 6026 §7.1.

May not know machines or clocks; seconds throughout. Where a reliable transport makes a timer zero, the machine knows.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """`t1` round-trip estimate, `t2` longest interval between retransmissions, `t4` longest life of a datagram in the
    network, `d` how long a client keeps absorbing final responses over UDP. Tests shorten them."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    d: float = 32.0

    @property
    def timeout(self) -> float:
        """64*T1: when the other side counts as gone."""
        return 64 * self.t1

    @property
    def a(self) -> float:
        """First retransmission of INVITE over UDP; doubles."""
        return self.t1

    @property
    def b(self) -> float:
        """INVITE client gives up."""
        return self.timeout

    @property
    def c(self) -> float:
        """Longest silence of a ringing callee toward a proxy (§16.6: above three minutes)."""
        return 181.0

    @property
    def e(self) -> float:
        """First retransmission of another request over UDP; doubles up to `t2`."""
        return self.t1

    @property
    def f(self) -> float:
        """Non-INVITE client gives up."""
        return self.timeout

    @property
    def g(self) -> float:
        """First retransmission of an INVITE's refusal; doubles up to `t2`."""
        return self.t1

    @property
    def h(self) -> float:
        """Server stops waiting for the ACK."""
        return self.timeout

    @property
    def i(self) -> float:
        """INVITE server absorbs repeated ACKs, over UDP."""
        return self.t4

    @property
    def j(self) -> float:
        """Non-INVITE server absorbs repeated requests, over UDP."""
        return self.timeout

    @property
    def k(self) -> float:
        """Non-INVITE client absorbs repeated responses, over UDP."""
        return self.t4

    @property
    def accepted(self) -> float:
        """Timers L and M of RFC 6026: how long an INVITE transaction outlives its 2xx."""
        return self.timeout
