"""Rows are laid out for the cache, addresses for the loop's comparisons."""

import numpy as np
import pytest

from skryba.media.table import (
    AF_INET,
    AF_INET6,
    EVENT,
    LINE,
    ORDER,
    ROW,
    ROW_OCTETS,
    aligned,
    from_words,
    offset_of,
    to_host,
    to_words,
)
from skryba.terms import SocketAddress

FAMILIES = {"192.0.2.1": AF_INET, "255.255.255.255": AF_INET, "2001:db8::ff00:42": AF_INET6, "::1": AF_INET6}


def test_rows_are_whole_cache_lines_and_the_hot_fields_share_theirs() -> None:
    assert ROW_OCTETS % LINE == 0
    for name, line in {"src0": 0, "to0": 1, "packets": 2, "sequence_delta": 3, "foreign": 4}.items():
        assert offset_of(name) == line * LINE
    assert offset_of("rtcp_learnt") < LINE  # nothing of the first line spills over


@pytest.mark.parametrize("dtype", [ROW, ORDER, EVENT])
def test_eight_octet_fields_lie_where_they_are_read_in_one_go(dtype: np.dtype[np.void]) -> None:
    assert dtype.fields is not None
    assert all(offset % 8 == 0 for kind, offset, *_ in dtype.fields.values() if kind.base.itemsize == 8)


@pytest.mark.parametrize("host", FAMILIES)
def test_addresses_come_back_from_their_words(host: str) -> None:
    address = SocketAddress(host, 40001)
    words = to_words(address, FAMILIES[host])
    assert words is not None
    assert from_words(*words[:3]) == address


def test_words_are_the_kernels_sockaddr() -> None:
    words = to_words(SocketAddress("127.0.0.1", 0x1234), AF_INET)
    assert np.array(words, np.int64).tobytes() == bytes.fromhex("0200 1234 7f000001").ljust(32, b"\0")
    words = to_words(SocketAddress("::2", 0x1234), AF_INET6)
    expected = bytes.fromhex("0a00 1234 00000000 00000000000000000000000000000002").ljust(32, b"\0")
    assert np.array(words, np.int64).tobytes() == expected


@pytest.mark.parametrize(
    ("host", "port", "family"),
    [
        ("::1", 4000, AF_INET),
        ("127.0.0.1", 4000, AF_INET6),
        ("example.org", 4000, AF_INET),
        ("127.0.0.1", 0, AF_INET),
        ("127.0.0.1", 65536, AF_INET),
        ("0.0.0.0", 4000, AF_INET),
        ("::", 4000, AF_INET6),
    ],
)
def test_what_cannot_be_sent_to_has_no_words(host: str, port: int, family: int) -> None:
    assert to_words(SocketAddress(host, port), family) is None


def test_a_name_is_no_host() -> None:
    assert to_host("trunk.example.org", AF_INET) is None
    assert to_host("192.0.2.7", AF_INET) == (0x070200C0, 0)


def test_aligned_records_begin_on_a_line_and_are_zero() -> None:
    rows = aligned(3, ROW)
    assert rows.ctypes.data % LINE == 0
    assert len(rows) == 3
    assert not rows.view(np.uint8).any()
