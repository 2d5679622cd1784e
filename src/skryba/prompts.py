"""What parties are told: texts and sounds that ship with the package or lie in the owner's folder, for each codec.

May not know calls, rules or ports; reads files, once, when the library is made. A sound that cannot be used is never an
exception: it is missing from the library and named in `problems`, and the rule's failure choice applies to the call.

`python -m skryba.prompts --speak` makes the WAVs anew from the texts beside them (needs `espeak-ng`).
"""

import argparse
import hashlib
import io
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skryba.codecs.g711 import PcmaEncoder, PcmuEncoder
from skryba.codecs.g722 import G722Encoder
from skryba.codecs.resample import resample
from skryba.media.prompt import PromptAudio

SAMPLE_RATES = (8000, 16000)
LONGEST = 60.0  # seconds; a notice that long is a mistake
FRAME = 160  # bytes per 20 ms of each of the three codecs
_NAME = re.compile(r"([a-z0-9][a-z0-9_-]*)\.([a-z]{2})\.wav")

_LOUDNESS = -23.0  # dBFS, gated RMS of what `--speak` makes
_PEAK = 0.89  # −1 dBFS
_VOICES = {"pl": ("pl", "165"), "en": ("en-gb", "160")}  # espeak-ng voice and words per minute
_MARGIN = 0.05  # seconds of quiet kept before and after the words

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One announcement in one language."""

    id: str
    language: str
    text: str  # what is said, word for word
    version: str  # changes with the text or the sound
    sha256: str  # of the WAV file
    duration_ms: int
    path: Path
    audio: Mapping[str, PromptAudio]  # by codec: PCMU, PCMA, G722


class PromptLibrary:
    """All announcements there are. `extra` is the owner's folder of `<id>.<language>.wav` + `.txt`; it wins.

    A damaged file in `extra` hides the shipped one of that name: the owner wanted other words than those.
    """

    def __init__(self, extra: Path | None = None, *, shipped: Path | None = None) -> None:
        self.problems: list[str] = []
        self._prompts: dict[tuple[str, str], Prompt] = {}
        self._read(shipped or shipped_folder())
        if extra is not None:
            if extra.is_dir():
                self._read(extra)
            else:
                self.problems.append(f"{extra}: no such folder; make it or leave [notice] prompts empty")

    def get(self, prompt_id: str, language: str) -> Prompt | None:
        return self._prompts.get((prompt_id, language))

    @property
    def known(self) -> frozenset[tuple[str, str]]:
        """(id, language) of each prompt that can be played."""
        return frozenset(self._prompts)

    def _read(self, folder: Path) -> None:
        for path in sorted(folder.glob("*.wav")):
            match = _NAME.fullmatch(path.name)
            if match is None:
                self.problems.append(f"{path}: name it <id>.<language>.wav, small letters, as standard.pl.wav")
                continue
            name, language = match.groups()
            self._prompts.pop((name, language), None)
            try:
                self._prompts[name, language] = _load(path, name, language)
            except (OSError, EOFError, ValueError, wave.Error) as error:
                self.problems.append(f"{path}: {str(error) or 'the file is empty or ends early'}")


def shipped_folder() -> Path:
    """Where the package keeps its own prompts."""
    return Path(str(resources.files("skryba"))) / "data" / "prompts"


def _load(path: Path, name: str, language: str) -> Prompt:
    """ValueError (for people) when the sound is not one that can be played."""
    data = path.read_bytes()
    try:
        text = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ValueError(f"write what it says into {path.with_suffix('.txt').name} beside it") from None
    if not text:
        raise ValueError(f"{path.with_suffix('.txt').name} beside it is empty")
    samples, rate = read_wav(data)
    duration = len(samples) / rate
    if not 0.1 <= duration <= LONGEST:
        raise ValueError(f"lasts {duration:.1f} s; 0.1 to {LONGEST:.0f} s can be played")
    sha256 = hashlib.sha256(data).hexdigest()
    version = hashlib.sha256(f"{sha256}\n{text}".encode()).hexdigest()[:12]
    return Prompt(name, language, text, version, sha256, round(duration * 1000), path, _encode(samples, rate))


def read_wav(data: bytes) -> tuple[Samples, int]:
    """Samples and rate of a mono PCM16 WAV. ValueError, wave.Error or EOFError when it is none."""
    with wave.open(io.BytesIO(data)) as file:
        rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
        if (channels, width) != (1, 2) or rate not in SAMPLE_RATES:
            raise ValueError(f"{rate} Hz, {channels} channels, {8 * width} bit; must be 8000 or 16000 Hz, mono, 16 bit")
        frames = file.readframes(file.getnframes())
        if len(frames) < 2 * file.getnframes():
            raise ValueError("ends early: the file is shorter than its header says")
    return np.frombuffer(frames, dtype="<i2").astype(np.int16), rate


def _encode(samples: Samples, rate: int) -> dict[str, PromptAudio]:
    """Whole frames of 20 ms in each codec, the last one filled up with silence."""
    wide = samples if rate == 16000 else resample(samples, rate, 16000)
    narrow = samples if rate == 8000 else resample(samples, rate, 8000)
    narrow = np.pad(narrow, (0, -len(narrow) % FRAME))
    wide = np.pad(wide, (0, 2 * len(narrow) - len(wide))) if len(wide) < 2 * len(narrow) else wide[: 2 * len(narrow)]
    payloads = {
        "PCMU": PcmuEncoder().encode(narrow),
        "PCMA": PcmaEncoder().encode(narrow),
        "G722": G722Encoder().encode(wide),
    }
    return {codec: PromptAudio(codec, payload) for codec, payload in payloads.items()}


def speak(text: str, language: str, path: Path) -> float:
    """Have espeak-ng say `text`; 16 kHz mono PCM16 of the house's loudness into `path`. Returns seconds."""
    voice, speed = _VOICES[language]
    program = shutil.which("espeak-ng")
    if program is None:
        raise FileNotFoundError("espeak-ng is not installed: apt-get install espeak-ng")
    said = subprocess.run(  # the text ships with the package; no shell between
        [program, "-v", voice, "-s", speed, "-a", "50", "--stdout", text], check=True, capture_output=True
    ).stdout
    with wave.open(io.BytesIO(said)) as file:
        raw = np.frombuffer(file.readframes(len(said)), dtype="<i2").astype(np.float64) / 32768.0
        sound = finish(_at_16000(raw, file.getframerate()))
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16000)
        target.writeframes(np.rint(sound * 32767).astype("<i2").tobytes())
    return len(sound) / 16000


def _at_16000(sound: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """The whole clip through one Fourier transform, quiet around it so that its end does not ring at its beginning."""
    sound = np.pad(sound, rate // 4)
    count = round(len(sound) * 16000 / rate)
    spectrum = np.fft.rfft(sound)[: count // 2 + 1]
    return np.asarray(np.fft.irfft(spectrum, count) * (count / len(sound)), dtype=np.float64)


def loudness(sound: NDArray[np.float64], rate: int = 16000) -> float:
    """RMS in dBFS of the 400 ms blocks in which somebody speaks (gates of ITU-R BS.1770 without its weighting)."""
    size = int(0.4 * rate)
    blocks = [np.mean(np.square(sound[at : at + size])) for at in range(0, max(1, len(sound) - size + 1), size // 4)]
    powers = np.array([power for power in blocks if power > 10 ** (-70 / 10)])
    if not len(powers):
        return -120.0
    spoken = powers[powers > np.mean(powers) / 10]
    return 10 * float(np.log10(np.mean(spoken)))


def finish(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quiet cut off at both ends, loudness set, peaks kept below −1 dBFS, faded in and out. 16 kHz."""
    heard = np.flatnonzero(np.abs(sound) > 0.01 * np.max(np.abs(sound)))
    margin = round(_MARGIN * 16000)
    cut = sound[max(0, int(heard[0]) - margin) : int(heard[-1]) + margin]
    gain = 10 ** ((_LOUDNESS - loudness(cut)) / 20)
    cut = cut * min(gain, _PEAK / float(np.max(np.abs(cut))))
    fade = np.linspace(0, 1, margin)
    cut[:margin] *= fade
    cut[-margin:] *= fade[::-1]
    return cut


def main(arguments: list[str] | None = None) -> int:
    """List the shipped prompts, or make their WAVs anew."""
    parser = argparse.ArgumentParser(prog="python -m skryba.prompts", description=main.__doc__)
    parser.add_argument("--speak", action="store_true", help="make the WAV beside each text with espeak-ng")
    parser.add_argument("--folder", type=Path, default=shipped_folder(), help="of <id>.<language>.txt files")
    options = parser.parse_args(arguments)
    if options.speak:
        for source in sorted(options.folder.glob("*.txt")):
            _, language = source.stem.split(".")
            seconds = speak(source.read_text(encoding="utf-8").strip(), language, source.with_suffix(".wav"))
            sys.stdout.write(f"{source.with_suffix('.wav').name}: {seconds:.1f} s\n")
    library = PromptLibrary(shipped=options.folder)
    for prompt_id, language in sorted(library.known):
        prompt = library.get(prompt_id, language)
        if prompt is not None:
            sys.stdout.write(
                f"{prompt_id} {language} {prompt.duration_ms} ms version {prompt.version}: {prompt.text}\n"
            )
    for problem in library.problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if library.problems else 0


if __name__ == "__main__":
    sys.exit(main())
