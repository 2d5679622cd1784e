"""Whatever stands in a manifest: no member leaves the export, and the export proves itself."""

import io
import json
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from skryba.archive.export import export, local_audio
from skryba.archive.offline import verify
from tests.support.shelf import Shelf

AT = datetime(2026, 11, 25, tzinfo=UTC)
MEMBER = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*")
TEXT = st.text(alphabet=st.one_of(st.sampled_from("./\\:~%=<&;\"'\n\0\u202e"), st.characters()), max_size=300)


@settings(max_examples=40, deadline=None)
@given(names=st.lists(TEXT, min_size=1, max_size=4), caller=TEXT, reason=TEXT)
def test_no_text_of_a_caller_leads_out_of_the_export(names: list[str], caller: str, reason: str) -> None:
    with TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder) / "shelf")
        call: dict[str, Any] = {"caller": caller, "callee": caller, "station": "101", "direction": caller}
        party = {"channel": "left", "role": "station", "name": caller, "number": caller, "from_ms": 0, "to_ms": None}
        paths = [shelf.record(f"r{at}", b"", name=name, call=call, parties=[party]) for at, name in enumerate(names)]
        out = io.BytesIO()
        export(
            paths,
            out,
            open_audio=local_audio(),
            decrypt=False,
            at=AT,
            reason=reason,
            chain=shelf.chain,
            signer=shelf.signer,
        )
        with zipfile.ZipFile(out) as archive:
            members = archive.namelist()
            contents = json.loads(archive.read("contents.json"))
        assert len(members) == len(set(members)) == len({member.casefold() for member in members})
        assert all(MEMBER.fullmatch(part) for member in members for part in member.split("/"))
        assert len(contents["recordings"]) == len(names)
        path = Path(folder) / "EXPORT.zip"
        path.write_bytes(out.getvalue())
        assert verify(path, [shelf.signer.public_pem()]).findings == []
