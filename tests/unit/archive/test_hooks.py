import hashlib
import hmac
import json
import os
import random
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from skryba.archive.books import Delivery
from skryba.archive.hooks import (
    ATTEMPTS,
    LONGEST_WAIT,
    Hook,
    Outcome,
    announce,
    body,
    choose,
    event_id,
    headers,
    judge,
    sign,
    summary,
    wait,
)
from tests.support.deliveries import Book
from tests.support.shelf import manifest

AT = datetime(2026, 11, 24, 10, 2, 3, 456_789, tzinfo=UTC)
GUIDE = Path(__file__).parents[3] / "docs/howto/hooks.md"
SECRET = "a secret of enough letters"


def delivery(number: int, hook: str = "crm", call: str = "c1", *, seq: int | None = None) -> Delivery:
    return Delivery(number, hook, f"r{number}", call, "recording.sealed", seq or number, "{}", 0)


def test_a_message_has_an_id_that_stays_a_summary_and_the_whole_manifest() -> None:
    words = manifest(
        "r1", name="zażółć \ud800", files=[{"role": "audio", "file": "r1.wav", "octets": 5, "sha256": "ab"}]
    )
    text = body(words, seq=17, at=AT)
    assert text.isascii(), "half a surrogate of a caller's name cannot break it"
    message = json.loads(text)
    assert (message["id"], message["event"], message["created_at"], message["seq"]) == (
        "r1.17",
        "recording.sealed",
        "2026-11-24T10:02:03.456Z",
        17,
    )
    assert message["manifest"] == words
    assert message["id"] == event_id("r1", 17)


def test_a_seal_is_announced_once_to_each_hook() -> None:
    book, hooks = Book(), [Hook("crm", "https://a.example/", SECRET), Hook("bi", "https://b.example/", SECRET)]
    entry = {"seq": 5, "id": "r1-2", "facts": {"folder": "2026/11/24"}}
    files = [{"role": "audio", "file": "r1-2.wav", "octets": 1, "sha256": "ab"}]
    assert announce(book, hooks, entry, manifest("r1", files=files), at=AT) == 2
    assert announce(book, hooks, entry, manifest("r1", files=files), at=AT) == 0
    told = [row.delivery for row in book.rows.values()]
    assert [(each.hook, each.recording, each.call, each.kind, each.seq) for each in told] == [
        ("crm", "r1-2", "call-r1", "recording.sealed", 5),
        ("bi", "r1-2", "call-r1", "recording.sealed", 5),
    ]
    assert told[0].body == body(manifest("r1", files=files), seq=5, at=AT)
    assert announce(book, hooks[:1], entry | {"seq": 6, "id": "r9"}, manifest("r9", call=None), at=AT) == 1
    assert book.rows[3].delivery.call == "r9", "a recording without a call waits for nobody"


def test_the_summary_says_what_most_want() -> None:
    words = manifest(
        "r1",
        encryption={"scheme": "AES-256-GCM"},
        files=[
            {"role": "audio", "file": "r1.wav.skv", "format": "WAV PCM16", "octets": 5, "sha256": "ab", "frames": 1}
        ],
    )
    told = summary(words)
    assert (told["id"], told["state"], told["begin"], told["duration_ms"]) == (
        "r1",
        "ok",
        "2026-11-24T10:00:00.000Z",
        60_000,
    )
    assert (told["call"], told["direction"], told["caller"], told["rule"], told["retention"]) == (
        "call-r1",
        "inbound",
        "+48221234567",
        "all",
        "90d",
    )
    assert told["encrypted"] is True
    assert told["files"] == [
        {"role": "audio", "file": "r1.wav.skv", "format": "WAV PCM16", "octets": 5, "sha256": "ab"}
    ]
    assert summary(manifest("r1"))["encrypted"] is False


def test_a_manifest_without_decision_or_call_is_told_all_the_same() -> None:
    told = summary({"id": "r1", "decision": None, "call": None})
    assert (told["id"], told["rule"], told["caller"], told["files"]) == ("r1", None, None, [])


def test_signature_is_hmac_sha256_over_time_and_body() -> None:
    expected = hmac.new(SECRET.encode(), b"1764000000.{}", hashlib.sha256).hexdigest()
    assert sign(SECRET, "{}", unix=1_764_000_000) == f"t=1764000000,v1={expected}"
    others = [sign(SECRET, "{}", unix=1_764_000_001), sign(SECRET, "{ }", unix=1_764_000_000), sign("b", "{}", unix=0)]
    assert not any(other.endswith(expected) for other in others)


def test_headers_carry_the_number_and_the_signature() -> None:
    hook = Hook("crm", "https://example.net/x", SECRET)
    assert headers(hook, delivery(41), unix=7) == {
        "Content-Type": "application/json",
        "User-Agent": "skryba",
        "Skryba-Delivery": "41",
        "Skryba-Signature": sign(SECRET, "{}", unix=7),
    }


@pytest.mark.parametrize(
    "url", ["ftp://x/", "file:///etc/passwd", "example.net", "gopher://x", "http:///x", "", "unix:x"]
)
def test_only_http_and_https_are_called(url: str) -> None:
    with pytest.raises(ValueError, match="crm: only http and https"):
        Hook("crm", url, SECRET)


def test_neither_secret_nor_address_is_printed() -> None:
    shown = repr(Hook("crm", "https://example.net/?token=xyz", SECRET))
    assert SECRET not in shown
    assert "xyz" not in shown


@pytest.mark.parametrize(
    ("status", "attempts", "outcome"),
    [
        (200, 1, Outcome.DELIVERED),
        (204, ATTEMPTS, Outcome.DELIVERED),
        (301, 1, Outcome.RETRY),
        (307, 1, Outcome.RETRY),
        (404, 1, Outcome.RETRY),
        (410, 1, Outcome.DEAD),
        (429, 9, Outcome.RETRY),
        (500, 9, Outcome.RETRY),
        (500, 10, Outcome.DEAD),
        (None, 1, Outcome.RETRY),
        (None, 10, Outcome.DEAD),
        (199, 1, Outcome.RETRY),
    ],
)
def test_what_an_answer_means(status: int | None, attempts: int, outcome: Outcome) -> None:
    assert judge(status, attempts) is outcome


def test_waits_grow_from_one_second_to_six_hours() -> None:
    assert [wait(attempts, 0.5) for attempts in range(1, 10)] == [1, 4, 16, 64, 256, 1024, 4096, 16384, 21600]


def test_waits_are_spread_by_a_quarter_but_stay_in_bounds() -> None:
    dice = random.Random(7)
    waits = [wait(5, dice.random()) for _ in range(500)]
    assert min(waits) >= 192
    assert max(waits) <= 320
    assert max(waits) - min(waits) > 100
    assert wait(1, 0.0) == 1
    assert wait(9, 0.999) == LONGEST_WAIT
    assert wait(10_000, 0.5) == LONGEST_WAIT


@pytest.mark.parametrize(
    ("wish", "expected"),
    [("30", 30), ("0", 4), ("999999999", LONGEST_WAIT), ("-5", 4), ("soon", 4), ("1e9", 4), (None, 4)],
)
def test_a_receiver_may_ask_for_patience(wish: str | None, expected: float) -> None:
    assert wait(2, 0.5, retry_after=wish) == expected


def test_a_slow_hook_does_not_take_all_places() -> None:
    due = [delivery(number, "slow", f"c{number}") for number in range(1, 20)] + [delivery(99, "quick", "c99")]
    chosen = choose(due, under_way=[delivery(50, "slow", "c50")], parallel=4)
    assert [each.id for each in chosen] == [1, 2, 3, 99]


def test_of_one_call_only_the_earliest_is_sent_and_nothing_overtakes_it() -> None:
    due = [delivery(3, call="a", seq=30), delivery(1, call="a", seq=10), delivery(2, call="b", seq=20)]
    assert [each.seq for each in choose(due, under_way=[], parallel=8)] == [10, 20]
    assert [each.seq for each in choose(due, under_way=[delivery(9, call="a")], parallel=8)] == [20]
    assert [each.seq for each in choose(due, under_way=[], parallel=1)] == [10]
    assert choose([delivery(1)], under_way=[delivery(1)], parallel=8) == []


# --- what docs/howto/hooks.md shows is run ---------------------------------------------------------------------------


def example(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


@pytest.mark.parametrize(
    ("change", "genuine"),
    [
        ({}, True),
        ({"secret": "another secret"}, False),
        ({"body": b"{} "}, False),
        ({"unix": int(time.time()) - 301}, False),
        ({"unix": int(time.time()) + 400}, False),
        ({"header": "t=x,v1=y"}, False),
        ({"header": ""}, False),
        ({"header": "v1="}, False),
    ],
)
def test_the_guides_python_knows_genuine_messages(change: dict[str, Any], genuine: bool) -> None:
    names: dict[str, Any] = {}
    exec(example("python"), names)
    header = change.get("header", sign(SECRET, "{}", unix=change.get("unix", int(time.time()))))
    assert names["is_genuine"](change.get("secret", SECRET), header, change.get("body", b"{}")) is genuine


@pytest.mark.parametrize(("text", "genuine"), [('{"a": "ż"}', True), ('{"a": "z"}', False)])
def test_the_guides_shell_does_too(text: str, genuine: bool, tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text(text, encoding="utf-8")
    given = {"HEADER": sign(SECRET, '{"a": "ż"}', unix=1_764_000_000), "SECRET": SECRET, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["sh", "-c", example("sh")], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=10, check=False
    )
    assert (done.returncode == 0, done.stdout) == (genuine, "genuine\n" if genuine else "")


def test_the_guide_tells_the_true_waits() -> None:
    waits = [wait(attempts, 0.5) for attempts in range(1, ATTEMPTS)]
    minutes = [round(seconds / 60) for seconds in waits[4:7]]
    hours = [round(seconds / 3600, 1) for seconds in waits[7:]]
    assert (waits[:4], minutes, hours) == ([1, 4, 16, 64], [4, 17, 68], [4.6, 6.0])
    assert "after 1, 4, 16, 64 s, then 4, 17 and 68 min, 4.6 and 6 h" in GUIDE.read_text(encoding="utf-8")
