"""Keys in memory with the keyring's interface; one that can only be written to has no reading side."""

import os
from datetime import datetime

from skryba.errors import KeyUnavailable


class Keyring:
    """Every key that was ever made stays in `keys`, for the test to look at."""

    def __init__(self, *, readable: bool = True) -> None:
        self.keys: dict[str, bytes] = {}
        self._readable = readable

    def new(self, name: str, at: datetime) -> bytes:
        assert at.tzinfo is not None
        assert name not in self.keys
        self.keys[name] = os.urandom(32)
        return self.keys[name]

    def has(self, name: str) -> bool:
        return name in self.keys

    def get(self, name: str) -> bytes:
        if not self._readable or name not in self.keys:
            raise KeyUnavailable(name)
        return self.keys[name]
