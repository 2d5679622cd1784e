"""Ports are lent in turn and rest after use."""

import pytest

from skryba.errors import ResourceError
from skryba.media.ports import PortPool, ephemeral_overlap


def test_lends_even_ports_whose_neighbour_is_in_the_range() -> None:
    pool = PortPool((20001, 20006), 5.0)
    assert [pool.lend(0.0), pool.lend(0.0)] == [20002, 20004]
    assert pool.size == 2


def test_a_port_rests_before_it_is_lent_again() -> None:
    pool = PortPool((20000, 20001), 5.0)
    pool.give_back(pool.lend(0.0), 10.0)
    assert (pool.lent, pool.resting) == (0, 1)
    with pytest.raises(ResourceError, match="0 in use, 1 resting"):
        pool.lend(14.999)
    assert pool.lend(15.0) == 20000
    assert (pool.lent, pool.resting) == (1, 0)


def test_the_port_that_is_free_longest_comes_next() -> None:
    pool = PortPool((20000, 20005), 0.0)
    pool.give_back(pool.lend(0.0), 0.0)
    assert [pool.lend(1.0), pool.lend(1.0), pool.lend(1.0)] == [20002, 20004, 20000]


def test_nobody_gives_back_what_was_not_lent() -> None:
    pool = PortPool((20000, 20005), 5.0)
    with pytest.raises(KeyError):
        pool.give_back(20000, 0.0)


def test_says_where_the_kernel_lends_the_same_ports() -> None:
    assert ephemeral_overlap((20000, 29999), (32768, 60999)) is None
    warning = ephemeral_overlap((30000, 39999), (32768, 60999))
    assert warning is not None
    assert "32768–39999" in warning
