"""Flows and keys as values."""

from skryba.sip.events import ClientKey, FailureKind, Flow, ServerKey
from skryba.terms import SocketAddress


def test_a_flow_is_a_value_and_only_udp_loses() -> None:
    here, there = SocketAddress("::1", 5060), SocketAddress("::1", 5062)
    assert Flow("udp", here, there) == Flow("udp", here, there)
    assert len({Flow("udp", here, there), Flow("tcp", here, there), Flow("udp", here, there)}) == 2
    assert not Flow("udp", here, there).reliable
    assert Flow("tcp", here, there).reliable


def test_keys_tell_methods_apart() -> None:
    assert len({ServerKey("b", "s", "INVITE"), ServerKey("b", "s", "CANCEL"), ServerKey("b", "s", "INVITE")}) == 2
    assert len({ClientKey("b", "s", "INVITE"), ClientKey("b", "s", "CANCEL"), ClientKey("b", "s", "INVITE")}) == 2


def test_failures_read_as_their_words() -> None:
    assert [str(kind) for kind in FailureKind] == ["timeout", "transport"]
