"""RTP ports: even numbers of a range, lent in turn, rested after use so that late packets of one call meet nobody.

May not know sockets; `now` is seconds.
"""

from collections import deque

from skryba.errors import ResourceError


class PortPool:
    """Each even number stands for itself (RTP) and the odd one above it (RTCP, RFC 3550 §11).

    `ports` is the range, both ends included.
    """

    def __init__(self, ports: tuple[int, int], quarantine: float) -> None:
        first, last = ports
        first += first % 2
        self._free = deque(range(first, last, 2))
        self._resting: deque[tuple[float, int]] = deque()
        self._lent: set[int] = set()
        self._quarantine = quarantine
        self.size = len(self._free)

    def lend(self, now: float) -> int:
        """The number that has been free longest; ResourceError when there is none."""
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        if not self._free:
            raise ResourceError(f"no media port free: {len(self._lent)} in use, {len(self._resting)} resting")
        port = self._free.popleft()
        self._lent.add(port)
        return port

    def give_back(self, port: int, now: float) -> None:
        """Into quarantine. `now` never goes back."""
        self._lent.remove(port)
        self._resting.append((now + self._quarantine, port))

    @property
    def lent(self) -> int:
        return len(self._lent)

    @property
    def resting(self) -> int:
        return len(self._resting)


def ephemeral_overlap(ports: tuple[int, int], ephemeral: tuple[int, int]) -> str | None:
    """A warning if the kernel hands out the same numbers to others (net.ipv4.ip_local_port_range)."""
    first, last = max(ports[0], ephemeral[0]), min(ports[1], ephemeral[1])
    if first > last:
        return None
    return (
        f"media ports {ports[0]}–{ports[1]} overlap the kernel's own range {ephemeral[0]}–{ephemeral[1]} in "
        f"{first}–{last}: now and then a port will be taken"
    )
