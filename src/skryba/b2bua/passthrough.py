"""Passthrough: what crosses from one leg to the other as it is, and which refusals do. All else stays on its side.

May not know calls. Lists, not rules: what is not named here does not cross (RFC 5853 §3.1, RFC 7092).
"""

from skryba.b2bua.signals import Extras
from skryba.sip.headers import Headers, key_of
from skryba.sip.message import Message
from skryba.sip.status import reason

INVITATION = frozenset(
    {
        "accept-language",
        "alert-info",
        "geolocation",  # RFC 6442: <cid:…> or a reference, needed by emergency services
        "geolocation-routing",
        "p-early-media",  # RFC 5009
        "priority",
        "resource-priority",  # RFC 4412
        "session-id",  # RFC 7989: made for crossing B2BUAs
        "subject",
        "user-to-user",  # RFC 7433
    }
)
PROVISIONAL = frozenset({"alert-info", "p-early-media", "reason", "session-id", "user-to-user"})
ANSWER = frozenset({"session-id", "user-to-user"})
REFUSAL = frozenset({"reason", "retry-after", "session-id", "user-to-user"})
FAREWELL = frozenset({"reason", "session-id", "user-to-user"})  # BYE, CANCEL
INFORMATION = frozenset(  # bodies of INFO
    {"application/dtmf-relay", "application/dtmf", "application/broadsoft", "application/media_control+xml"}
)

# What the callee said, as the caller may be told. What stands here crosses as it is; the rest is translated.
_CROSSING = frozenset({404, 408, 410, 415, 480, 482, 483, 484, 486, 488, 600, 603, 604, 606, 607, 608})
_TRANSLATED = {
    401: 502,  # our credentials were not taken: our fault toward the caller, not theirs
    407: 502,
    403: 403,
    487: 480,  # they cancelled themselves
    503: 500,  # RFC 3261 §16.7 item 6: theirs is not ours
    504: 504,
}


def crossing(message: Message, allowed: frozenset[str], more: frozenset[str]) -> Extras:
    """The header fields of a message that may cross: those on the list, and those configured in addition."""
    found = []
    for name, value in message.headers:
        key = key_of(name)
        if (key in allowed or key in more) and value.isprintable():
            found.append((name if len(name) > 1 else key.capitalize(), value))
    return tuple(found)


def add(headers: Headers, extras: Extras) -> None:
    """Put what crossed on a message of ours."""
    for name, value in extras:
        headers.add(name, value)


def refusal(status: int) -> int:
    """The status the caller is told when the callee answered with this one."""
    if status in _CROSSING:
        return status
    if status in _TRANSLATED:
        return _TRANSLATED[status]
    if status < 400:
        return 480  # a redirection names the other side's topology
    if status >= 600:
        return 603
    return 500


def cause(status: int, text: str | None = None) -> tuple[str, str]:
    """A Reason header field (RFC 3326) for a leg that has to end by BYE or CANCEL."""
    return "Reason", f'SIP;cause={status};text="{_quotable(text or reason(status))}"'


def _quotable(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char not in '"\\')[:120]
