"""An announcement as the engine plays it: one codec's payload, whole frames of 20 ms.

May not know files, texts or languages.
"""

from dataclasses import dataclass

FRAME_OCTETS = 160  # 20 ms of G.711 at 8 kHz, and of G.722 at 64 kbit/s
FRAME_STEP = 160  # RTP clock ticks per frame; G.722's RTP clock is 8000 too (RFC 3551 §4.5.2)
FRAME_NS = 20_000_000
CODECS = frozenset({"PCMU", "PCMA", "G722"})


@dataclass(frozen=True, slots=True)
class PromptAudio:
    """`payload` holds `frames` frames of 160 octets."""

    codec: str
    payload: bytes

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"the engine plays {', '.join(sorted(CODECS))}, not {self.codec}")
        if not self.payload or len(self.payload) % FRAME_OCTETS:
            raise ValueError(f"a prompt is whole frames of {FRAME_OCTETS} octets, not {len(self.payload)} octets")

    @property
    def frames(self) -> int:
        return len(self.payload) // FRAME_OCTETS

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames * FRAME_NS / 1e9
