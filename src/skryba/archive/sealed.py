"""From an entry of the chain and a manifest to the catalogue's words for a recording.

Knows no database and no file.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from skryba.archive.books import FileEntry, Location
from skryba.archive.model import Recording


def recording_of(entry: Mapping[str, Any], manifest: Mapping[str, Any]) -> Recording:
    """As sealed just now: its audio lies here."""
    call, decision = manifest.get("call") or {}, manifest.get("decision") or {}
    conversation, time = manifest.get("conversation") or {}, manifest["time"]
    sealed_at = datetime.fromisoformat(entry["at"])
    files = files_of(manifest)
    return Recording(
        id=entry["id"],  # the stem: not the manifest's id if there was such a recording before
        call=call.get("call"),
        conversation=conversation.get("id"),
        segment=conversation.get("segment"),
        state=manifest["state"],
        reasons=list(manifest.get("reasons", ())),
        alarms=list(manifest.get("alarms", ())),
        begin_at=_moment(time.get("begin")) or sealed_at,
        end_at=_moment(time.get("end")),
        duration_ms=time["duration_ms"],
        direction=call.get("direction"),
        station=call.get("station"),
        trunk=call.get("trunk"),
        caller=call.get("caller"),
        callee=call.get("callee"),
        rule=decision.get("rule"),
        purpose=decision.get("purpose"),
        retention=decision.get("retention"),
        folder=entry["facts"]["folder"],
        name=manifest.get("name"),
        files=[{"file": each.file, "octets": each.octets, "sha256": each.sha256} for each in files],
        octets=sum(each.octets for each in files),
        encrypted=manifest.get("encryption") is not None,
        seq=entry["seq"],
        sealed_at=sealed_at,
        location=Location.LOCAL,
    )


def files_of(manifest: Mapping[str, Any]) -> tuple[FileEntry, ...]:
    """Audio, renditions and peaks, in the manifest's order."""
    return tuple(FileEntry(each["file"], each["octets"], each["sha256"]) for each in manifest.get("files", ()))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
