"""Proves that recordings are what their manifests say. Reads only; knows no spool, ring or process.

A finding is a path and what is wrong with it. No finding means: manifest readable, audio there, digest, length, rate
and channels as stated, and nothing lying about that belongs to nobody.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skryba.recorder.manifest import CHANNELS, SCHEMA, State
from skryba.recorder.wav import HEADER, read_header

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    path: Path
    problem: str


def verify(path: Path) -> list[Finding]:
    """A recording (its audio or its manifest) or all recordings below a folder."""
    if path.is_dir():
        return [finding for manifest in manifests(path) for finding in _verify_one(manifest)] + _strays(path)
    manifest = path.with_suffix(".json")
    if not manifest.exists():
        return [Finding(path, "there is no manifest beside it" if path.exists() else "there is no such file")]
    return _verify_one(manifest)


def manifests(path: Path) -> list[Path]:
    """The manifests that `verify` looks at."""
    return sorted(path.rglob("*.json")) if path.is_dir() else [path.with_suffix(".json")]


def report(path: Path) -> dict[str, Any]:
    """As `skryba verify --json` prints it."""
    findings = verify(path)
    return {
        "ok": not findings,
        "checked": len(manifests(path)),
        "findings": [{"path": str(finding.path), "problem": finding.problem} for finding in findings],
    }


def _verify_one(manifest: Path) -> list[Finding]:
    try:
        words = json.loads(manifest.read_bytes())
        audio, schema, state = words["audio"], words["schema"], words["state"]
        name = str(audio["file"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [Finding(manifest, f"the manifest cannot be read: {type(error).__name__}: {error}")]
    if schema != SCHEMA:
        return [Finding(manifest, f"schema {schema} is not known, {SCHEMA} is")]
    problems = [] if state in {member.value for member in State} else [Finding(manifest, f"unknown state {state!r}")]
    if Path(name).name != name or Path(name).stem != manifest.stem:
        return [*problems, Finding(manifest, f"it names the audio {name!r}")]
    file = manifest.with_name(name)
    if not file.exists():
        return [*problems, Finding(file, "the audio is missing")]
    return [*problems, *(Finding(file, problem) for problem in _differences(file, audio))]


def _differences(file: Path, audio: dict[str, Any]) -> Iterator[str]:
    digest = hashlib.sha256()
    with file.open("rb") as data:
        head = data.read(HEADER.size)
        digest.update(head)
        while chunk := data.read(_CHUNK):
            digest.update(chunk)
        octets = data.tell()
    found = read_header(head)
    if found is None:
        yield "its header is not that of a recording"
    else:
        stated = {
            "sample rate": (found.sample_rate, audio.get("sample_rate")),
            "channels": (found.channels, audio.get("channels")),
            "bits": (found.bits, 16),
            "frames": (found.frames, audio.get("frames")),
            "octets": (octets, HEADER.size + found.frames * found.channels * found.bits // 8),
        }
        for name, (actual, wanted) in stated.items():
            if actual != wanted:
                yield f"{name}: {actual}, stated {wanted}"
        if audio.get("channels") != len(CHANNELS):
            yield f"channels: the manifest states {audio.get('channels')}"
    if digest.hexdigest() != audio.get("sha256"):
        yield "SHA-256 differs from the manifest"


def _strays(folder: Path) -> list[Finding]:
    alone = [
        Finding(audio, "there is no manifest beside it")
        for audio in sorted(folder.rglob("*.wav"))
        if not audio.with_suffix(".json").exists()
    ]
    return alone + [Finding(part, "never finished") for part in sorted(folder.rglob("*.part"))]
