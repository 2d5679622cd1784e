"""A stamp holds for its line, its time and its authority; an answer that is no stamp is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from skryba.errors import ConfigError, IntegrityError, ResourceError
from skryba.vault.chain import line_digest
from skryba.vault.stamp import request_stamp, verify_stamp
from tests.support.timestamps import http_authority

DATA = Path(__file__).parents[2] / "data/stamp"
LINE = b"a line"
STAMP = (DATA / "line.tsr").read_bytes()
ROOT = (DATA / "root.pem").read_bytes()
STRANGER = (DATA / "stranger.pem").read_bytes()


def test_a_stamp_says_when_its_line_existed() -> None:
    assert verify_stamp(STAMP, line_digest(LINE), ROOT) == datetime(2026, 11, 24, 3, 56, 3, tzinfo=UTC)
    assert verify_stamp(STAMP, line_digest(LINE), STRANGER + ROOT).year == 2026


def test_it_holds_for_no_other_line() -> None:
    with pytest.raises(IntegrityError, match="Mismatch"):
        verify_stamp(STAMP, line_digest(b"another"), ROOT)


def test_it_holds_below_no_other_root() -> None:
    with pytest.raises(IntegrityError, match="does not hold"):
        verify_stamp(STAMP, line_digest(LINE), STRANGER)


@pytest.mark.parametrize("what", [b"20261124035603Z", bytes.fromhex(line_digest(LINE))])
def test_a_changed_stamp_does_not_hold(what: bytes) -> None:
    at = STAMP.index(what)
    assert at > 0
    for place in (at + 3, at + 9):
        changed = bytearray(STAMP)
        changed[place] ^= 1
        with pytest.raises(IntegrityError):
            verify_stamp(bytes(changed), line_digest(LINE), ROOT)


@pytest.mark.parametrize("token", [b"", b"hello", STAMP[:-1], STAMP[:100], bytes.fromhex("30053003020102")])
def test_what_is_no_stamp_is_refused(token: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"no time stamp|not granted"):
        verify_stamp(token, line_digest(LINE), ROOT)


def test_a_root_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="certificate"):
        verify_stamp(STAMP, line_digest(LINE), b"hello")


def test_an_answer_to_another_question_is_refused() -> None:
    with http_authority(lambda question: STAMP) as url, pytest.raises(ResourceError, match="another question"):
        request_stamp(url, LINE)


@pytest.mark.parametrize(("answer", "status"), [(b"hello", 200), (b"", 200), (STAMP, 503)])
def test_an_answer_that_is_no_stamp_is_refused(answer: bytes, status: int) -> None:
    with http_authority(lambda question: answer, status=status) as url, pytest.raises(ResourceError):
        request_stamp(url, LINE)


def test_an_authority_that_is_not_there() -> None:
    with http_authority(lambda question: b"") as url:
        pass
    with pytest.raises(ResourceError, match="cannot be reached"):
        request_stamp(url, LINE)


def test_only_http_is_spoken() -> None:
    with pytest.raises(ConfigError, match="http"):
        request_stamp("file:///etc/hostname", LINE)
