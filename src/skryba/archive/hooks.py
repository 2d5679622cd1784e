"""What a hook is told of a sealed recording, how that is signed, and when it is tried again.

Knows no network, no database and no clock: time and the roll of dice are arguments. `deliverer` sends.
"""

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from skryba.archive.books import Delivery, DeliveryBook

EVENT: Final = "recording.sealed"
SIGNATURE: Final = "Skryba-Signature"  # t=<unix seconds>,v1=<hex>
DELIVERY: Final = "Skryba-Delivery"  # the number of the delivery, as the dead-letter list shows it

ATTEMPTS: Final = 10  # spread over half a day
FIRST_WAIT: Final = 1.0  # seconds
LONGEST_WAIT: Final = 6 * 3600.0
_GROWTH: Final = 4.0
_SPREAD: Final = 0.25  # of a wait, to either side: receivers are not called by all recorders at once
_GONE: Final = 410  # RFC 9110 §15.5.11: likely to be permanent
_ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s]*")


class Outcome(StrEnum):
    """What an attempt came to."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"  # goes to the dead-letter list; a person may revive it


@dataclass(frozen=True, slots=True)
class Hook:
    """Somebody who is told. `timeout` in seconds covers one attempt. ValueError for any address but http and https."""

    id: str
    url: str = field(repr=False)  # an address may carry a token
    secret: str = field(repr=False)
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.url):
            raise ValueError(f"hook {self.id}: only http and https addresses are called")


def announce(
    book: DeliveryBook, hooks: Iterable[Hook], entry: Mapping[str, Any], manifest: Mapping[str, Any], *, at: datetime
) -> int:
    """Put the seal of a recording, an entry of the chain, into the book for each hook; how many were new.

    Once, however often it is called: the book knows what it has. Order is kept within a call.
    """
    recording, seq = str(entry["id"]), int(entry["seq"])
    call = str(_part(manifest, "call").get("call") or recording)
    text = body(manifest, seq=seq, at=at)
    return sum([book.enqueue(hook.id, recording, call, EVENT, seq, text, at) for hook in hooks])


def event_id(recording: str, seq: int) -> str:
    """The same for all hooks and all attempts; what a receiver knows a repetition by. `seq` is the chain's."""
    return f"{recording}.{seq}"


def body(manifest: Mapping[str, Any], *, seq: int, at: datetime) -> str:
    """The message of one seal: a summary for those who need no more, and the manifest as it was signed. Pure ASCII."""
    message = {
        "id": event_id(str(manifest["id"]), seq),
        "event": EVENT,
        "created_at": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seq": seq,
        "recording": summary(manifest),
        "manifest": manifest,
    }
    return json.dumps(message, separators=(",", ":"))


def summary(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The few words of a manifest that most receivers want; what it does not say is null."""
    time, call, decision = (_part(manifest, name) for name in ("time", "call", "decision"))
    files: list[Mapping[str, Any]] = manifest.get("files") or []
    return {
        **{name: manifest.get(name) for name in ("id", "name", "conversation", "state", "reasons", "alarms")},
        **{name: time.get(name) for name in ("begin", "end", "duration_ms")},
        **{name: call.get(name) for name in ("call", "direction", "station", "trunk", "caller", "callee")},
        **{name: decision.get(name) for name in ("rule", "purpose", "legal_basis", "retention")},
        "encrypted": manifest.get("encryption") is not None,
        "files": [
            {name: entry.get(name) for name in ("role", "file", "format", "octets", "sha256")} for entry in files
        ],
    }


def sign(secret: str, body: str, *, unix: int) -> str:
    """The value of `Skryba-Signature`: HMAC-SHA-256 (RFC 2104) over the time, a dot and the body's octets.

    The time is part of it so that a listener cannot replay an old message with a new time.
    """
    digest = hmac.new(secret.encode(), f"{unix}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={unix},v1={digest}"


def headers(hook: Hook, delivery: Delivery, *, unix: int) -> dict[str, str]:
    """All that goes with the body of a delivery."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "skryba",
        DELIVERY: str(delivery.id),
        SIGNATURE: sign(hook.secret, delivery.body, unix=unix),
    }


def choose(due: Sequence[Delivery], *, under_way: Collection[Delivery], parallel: int) -> list[Delivery]:
    """What may be sent now: at most `parallel` to one hook, so that a slow one keeps no other waiting.

    Of one call and hook never two at a time, whatever the book says: they arrive in the order of their seals.
    """
    load = Counter(delivery.hook for delivery in under_way)
    calls = {(delivery.hook, delivery.call) for delivery in under_way}
    chosen = []
    for delivery in sorted(due, key=lambda each: each.seq):
        if load[delivery.hook] < parallel and (delivery.hook, delivery.call) not in calls:
            load[delivery.hook] += 1
            chosen.append(delivery)
        calls.add((delivery.hook, delivery.call))
    return chosen


def judge(status: int | None, attempts: int) -> Outcome:
    """`status` of the answer, None without one; `attempts` made, this one included.

    A redirect is a failure: following it would carry the message to an address that nobody configured.
    """
    if status is not None and 200 <= status < 300:
        return Outcome.DELIVERED
    return Outcome.DEAD if status == _GONE or attempts >= ATTEMPTS else Outcome.RETRY


def wait(attempts: int, dice: float, *, retry_after: str | None = None) -> float:
    """Seconds until the next attempt: 1, 4, 16 … up to six hours, each spread by `dice` of [0, 1).

    `retry_after` is the receiver's own wish in seconds (RFC 9110 §10.2.3); it can lengthen the wait, never shorten it.
    """
    grown = FIRST_WAIT * _GROWTH ** (min(max(attempts, 1), ATTEMPTS) - 1)
    spread = min(grown, LONGEST_WAIT) * (1 + _SPREAD * (2 * dice - 1))
    wished = float(retry_after) if retry_after and re.fullmatch(r"[0-9]{1,9}", retry_after) else 0.0
    return min(max(spread, FIRST_WAIT, wished), LONGEST_WAIT)


def _part(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = manifest.get(name)
    return part if isinstance(part, Mapping) else {}
