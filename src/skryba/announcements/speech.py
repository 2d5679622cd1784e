"""⚡ Having espeak-ng say a text. Only while a text is saved, never while a call waits.

May not know what is done with the sound.
"""

import io
import shutil
import subprocess
import wave

import numpy as np
from numpy.typing import NDArray

from skryba.errors import ResourceError

_VOICES = {"pl": ("pl", "165"), "en": ("en-gb", "160"), "uk": ("uk", "155"), "de": ("de", "172")}  # and words a minute
_AMPLITUDE = "50"  # leaves room: louder voices clip
_LONGEST_WAIT = 30.0  # seconds; it speaks some hundred times faster than people listen

Sound = NDArray[np.float64]


def speak(text: str, language: str) -> tuple[Sound, int]:
    """Mono within ±1, and the rate. ResourceError when there is no voice to be had."""
    voice, speed = _VOICES[language]
    said = _run("-v", voice, "-s", speed, "-a", _AMPLITUDE, "--stdin", "--stdout", text=text)
    try:
        with wave.open(io.BytesIO(said)) as file:  # its header names a length of 2 GB, for it was written to a pipe
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(len(said)), dtype="<i2")
    except (EOFError, ValueError, wave.Error) as error:
        raise ResourceError(f"espeak-ng gave no sound: {error}") from error
    return samples.astype(np.float64) / 32768.0, rate


def engine() -> str:
    """Name and version, for the record of what was spoken."""
    words = _run("--version", text="").decode("utf-8", "replace").split()
    version = next((word for word in words if word[:1].isdigit()), "")
    return f"espeak-ng {version}".strip()


def _run(*arguments: str, text: str) -> bytes:
    program = shutil.which("espeak-ng")
    if program is None:
        raise ResourceError("espeak-ng is not installed: apt-get install espeak-ng, or upload a recorded prompt")
    try:
        done = subprocess.run(  # no shell between; the text goes in by standard input, so it can never be an option
            [program, *arguments], input=text.encode(), capture_output=True, check=True, timeout=_LONGEST_WAIT
        )
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode("utf-8", "replace").strip()
        raise ResourceError(f"espeak-ng ended with {error.returncode}: {told}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResourceError(f"espeak-ng cannot be run: {error}") from error
    return done.stdout
