"""The exceptions of the house. A failed call is not among them: that is a `terms.Termination`.

SkrybaError
├── ConfigError          refuse to start or to reload; exit code 2; names file, line and remedy
├── ProtocolError
│   ├── ParseError       theirs: bytes that break a grammar; carries the SIP status to answer with
│   └── StateError       ours: a machine was asked for what it cannot do now; let it rise
├── NegotiationError     theirs: no common codec or media (488)
├── ResourceError        nobody's: no port, no disk, no memory (503, or continue unrecorded as policy says)
├── IntegrityError       a recording that is not what its manifest says
├── KeyUnavailable       a key that exists, or may exist, but cannot be used here and now
└── KeyDestroyed         a key that was destroyed on purpose: what it encrypted is erased for good
"""


class SkrybaError(Exception):
    """Root; never raised itself."""


class ConfigError(SkrybaError):
    """The configuration cannot be used. `str()` is the whole message for the person who has to mend it."""


class ProtocolError(SkrybaError):
    """Root of what goes wrong between two machines."""


class ParseError(ProtocolError):
    """Their bytes break the grammar.

    `status` is the SIP status to answer with when an answer is possible at all; `offset` is the byte or
    character where reading stopped, or None.
    """

    def __init__(self, message: str, *, status: int = 400, offset: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.offset = offset


class StateError(ProtocolError):
    """Our bug: a machine was asked for what its state does not allow."""


class NegotiationError(SkrybaError):
    """Offer and capabilities have nothing in common. Answered with 488 Not Acceptable Here."""


class ResourceError(SkrybaError):
    """Something finite ran out: ports, descriptors, disk, memory."""


class IntegrityError(SkrybaError):
    """A file is not what its manifest says."""


class KeyUnavailable(SkrybaError):  # noqa: N818 - the state of a key, not a fault
    """A key cannot be had: unknown name, another master key, or a process that may only write."""


class KeyDestroyed(SkrybaError):  # noqa: N818 - done on purpose
    """A key was destroyed to erase what it encrypted. Nobody can undo that."""
