"""A day of the chain, stamped by a real authority (`openssl ts`) over HTTP and checked by us and by openssl."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skryba.errors import IntegrityError
from skryba.vault.chain import Kind
from skryba.vault.journal import Journal
from skryba.vault.stamp import request_stamp, verify_stamp
from tests.support.seals import signer
from tests.support.timestamps import Authority, http_authority

pytestmark = pytest.mark.wire


def test_a_day_is_stamped_and_proven(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    journal = Journal(tmp_path / "chain", signer(), lambda: now)
    for number in range(3):
        journal.append(Kind.SEAL, f"r{number}", "00", {})
    head = journal.head_of_day(now.date())
    assert head is not None
    authority = Authority(tmp_path / "authority")
    with http_authority(authority.answer) as url:
        token = request_stamp(url, head.line)

    assert abs(verify_stamp(token, head.digest, authority.root) - now) < timedelta(minutes=1)
    with pytest.raises(IntegrityError):
        verify_stamp(token, head.digest, Authority(tmp_path / "stranger").root)

    (tmp_path / "line").write_bytes(head.line)
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "root.pem").write_bytes(authority.root)
    words = ["openssl", "ts", "-verify", "-data", "line", "-in", "token", "-CAfile", "root.pem"]
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).stdout.strip() == b"Verification: OK"
