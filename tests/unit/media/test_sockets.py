"""Pairs of sockets on ports of the pool."""

import os
import socket
from collections.abc import Iterator

import pytest

from skryba.errors import ResourceError
from skryba.media.ports import PortPool
from skryba.media.sockets import bind_pair

RANGE = (24000, 24098)


@pytest.fixture
def pool() -> PortPool:
    return PortPool(RANGE, 5.0)


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(pool: PortPool, request: pytest.FixtureRequest) -> Iterator[tuple[int, socket.socket, socket.socket]]:
    port, fd, fd_rtcp = bind_pair(pool, request.param)
    rtp, rtcp = socket.socket(fileno=fd), socket.socket(fileno=fd_rtcp)
    yield port, rtp, rtcp
    rtp.close()
    rtcp.close()


def test_they_lie_on_neighbouring_ports(pair: tuple[int, socket.socket, socket.socket]) -> None:
    port, rtp, rtcp = pair
    assert port % 2 == 0
    assert (rtp.getsockname()[1], rtcp.getsockname()[1]) == (port, port + 1)


def test_they_do_not_block_have_room_and_are_marked_as_speech(pair: tuple[int, socket.socket, socket.socket]) -> None:
    for each in pair[1:]:
        assert not os.get_blocking(each.fileno())
        assert not os.get_inheritable(each.fileno())
        assert each.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 1 << 18
        if each.family == socket.AF_INET6:
            assert each.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 0xB8
            assert each.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        else:
            assert each.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0xB8


@pytest.mark.parametrize("taken", [0, 1])
def test_a_pair_of_which_one_is_taken_is_passed_over_and_rests(pool: PortPool, taken: int) -> None:
    port, fd, fd_rtcp = bind_pair(pool, "127.0.0.1")
    os.close(fd)
    os.close(fd_rtcp)
    narrow = PortPool((port, port + 3), 5.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port + taken))
        lent, fd, fd_rtcp = bind_pair(narrow, "127.0.0.1")
        os.close(fd)
        os.close(fd_rtcp)
        assert lent == port + 2
        assert (narrow.lent, narrow.resting) == (1, 1)
        with pytest.raises(ResourceError, match="no media port free"):
            bind_pair(narrow, "127.0.0.1")


def test_an_address_that_is_not_ours_is_an_error_and_the_port_is_given_back(pool: PortPool) -> None:
    with pytest.raises(ResourceError, match=r"192\.0\.2\.1"):
        bind_pair(pool, "192.0.2.1")
    assert (pool.lent, pool.resting) == (0, 1)
