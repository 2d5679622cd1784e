"""One day of the keyring as text: wrapped epoch keys, keys wrapped by them, and the names of destroyed keys.

May not know files nor open anything. One JSON object a line, appended in the order of events:
`{"epoch", "key", "master"}`, `{"epoch", "key", "name"}`, `{"destroyed", "name"}`. A line without its end was never
acknowledged; one that cannot be read is lost and left out when the page is written again.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any, Self

NAME = re.compile(r"[0-9A-Za-z._-]{1,128}")


@dataclass(frozen=True, slots=True)
class WrappedEpoch:
    """An epoch's key, wrapped by the master of this id."""

    master: str
    key: bytes


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key, wrapped by the key of this epoch."""

    epoch: str
    key: bytes


@dataclass(slots=True)
class KeyPage:
    """What a day's file says. `end` is where its whole lines end."""

    epochs: dict[str, WrappedEpoch] = field(default_factory=dict)
    keys: dict[str, WrappedKey] = field(default_factory=dict)
    destroyed: dict[str, str] = field(default_factory=dict)
    end: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """All that can be read."""
        page = cls(end=data.rfind(b"\n") + 1)
        for line in data[: page.end].splitlines():
            try:
                page._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue
        return page

    def to_bytes(self) -> bytes:
        """The whole page, written anew."""
        epochs = [epoch_line(name, epoch) for name, epoch in self.epochs.items()]
        keys = [key_line(name, key) for name, key in self.keys.items()]
        return b"".join([*epochs, *keys, *(destroyed_line(name, at) for name, at in self.destroyed.items())])

    def _take(self, words: dict[str, Any]) -> None:
        if "master" in words:
            self.epochs[str(words["epoch"])] = WrappedEpoch(str(words["master"]), _octets(words["key"]))
        elif "destroyed" in words:
            self.destroyed[str(words["name"])] = str(words["destroyed"])
        else:
            self.keys[str(words["name"])] = WrappedKey(str(words["epoch"]), _octets(words["key"]))


def epoch_line(name: str, epoch: WrappedEpoch) -> bytes:
    """A line that adds an epoch."""
    return _line({"epoch": name, "key": _text(epoch.key), "master": epoch.master})


def key_line(name: str, key: WrappedKey) -> bytes:
    """A line that adds a key."""
    return _line({"epoch": key.epoch, "key": _text(key.key), "name": name})


def destroyed_line(name: str, at: str) -> bytes:
    """A line that says that a key was destroyed."""
    return _line({"destroyed": at, "name": name})


def mention(name: str) -> bytes:
    """Octets that a page holds if and only if it says something about the key of this name."""
    return f'"name":"{name}"'.encode("ascii")


def _line(words: dict[str, str]) -> bytes:
    return json.dumps(words, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
