"""⚡ A sealing process: one job after another, as lines of JSON on its standard input, each answered by a line.

May not know rings, the control socket or the chain of seals. It dies with its parent, at once: whoever comes next seals
the spool anew. Low priority: the relay goes first.
"""

import base64
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from skryba.errors import KeyUnavailable, ResourceError
from skryba.recorder import seal
from skryba.recorder.manifest import State
from skryba.recorder.publication import Making
from skryba.recorder.seal import Sealed
from skryba.recorder.storage import Storage

LOW_PRIORITY = 15  # nice value
_PR_SET_PDEATHSIG = 1

Words = dict[str, Any]


def serve(jobs: TextIO, answers: TextIO, recordings: Path, spool: Path) -> None:
    """Until the end of `jobs`. One broken spool must not keep the others from being sealed."""
    for line in jobs:
        answers.write(json.dumps(answer(json.loads(line), recordings, spool)) + "\n")
        answers.flush()


def answer(job: Mapping[str, Any], recordings: Path, spool: Path) -> Words:
    """Seal one spool. `postponed` if the disk or the key was not to be had: the spool is as it was."""
    recording = str(job["id"])
    try:
        storage = Storage(recordings, spool)
        key = base64.b64decode(job["key"]) if job.get("key") else None
        making = Making(
            renditions=tuple(job.get("renditions", ())), split_minutes=int(job.get("split_minutes", 0)), key=key
        )
        return to_words(seal.seal(storage, recording, lost=str(job["lost"]), making=making))
    except (ResourceError, KeyUnavailable, OSError) as error:
        words = to_words(Sealed(recording, State.FAILED, (f"not sealed yet: {error}",), None, None, 0))
        return words | {"postponed": True}
    except Exception as error:
        Storage(recordings, spool).set_aside(recording)
        problem = f"cannot be sealed: {type(error).__name__}: {error}"
        return to_words(Sealed(recording, State.FAILED, (problem,), None, None, 0))


def to_words(sealed: Sealed) -> Words:
    """JSON-ready."""
    return {
        "recording": sealed.recording,
        "state": sealed.state.value,
        "reasons": list(sealed.reasons),
        "audio": str(sealed.audio) if sealed.audio else None,
        "manifest": str(sealed.manifest) if sealed.manifest else None,
        "duration_ms": sealed.duration_ms,
        "alarms": list(sealed.alarms),
        "again": sealed.again,
    }


def from_words(words: Mapping[str, Any]) -> Sealed:
    """What `to_words` wrote."""
    return Sealed(
        recording=str(words["recording"]),
        state=State(words["state"]),
        reasons=tuple(words["reasons"]),
        audio=Path(words["audio"]) if words["audio"] else None,
        manifest=Path(words["manifest"]) if words["manifest"] else None,
        duration_ms=int(words["duration_ms"]),
        alarms=tuple(words["alarms"]),
        again=bool(words["again"]),
    )


def main(arguments: list[str]) -> None:
    """`python -m skryba.recorder.sealing RECORDINGS SPOOL PARENT`."""
    recordings, spool, parent = arguments
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it died before we could ask to die with it
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpriority(os.PRIO_PROCESS, 0, LOW_PRIORITY)
    seal.warm()
    serve(sys.stdin, sys.stdout, Path(recordings), Path(spool))


if __name__ == "__main__":
    main(sys.argv[1:])
