"""Decisions per second on one core, with a thousand rules and calls of which no two are alike.

The rules use every condition there is; the calls are spread over stations, numbers, trunks, directions and the hours of
a year, so that none profits from what was remembered of another. Every decision is made, its path is not read. Exit
code 1 when the rate is below the target. --calls is not used; --seconds is how long decisions are made.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.options import parser
from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts
from skryba.policy.rules import RuleBook, parse_rules
from skryba.terms import Direction

TARGET = 100_000  # decisions per second
RULES = 1000
STATIONS = 400
_GROUPS = ("sales", "service", "dispatch", "reception", "board", "hr")
_TRUNKS = ("carrier", "mobile", "pbx")
_HOURS = ("mon-fri 08:00-16:00", "mon-fri 16:00-22:00; sat 09:00-13:00", "22:00-06:00", "sat-sun 00:00-24:00")
_PREFIXES = ("+48*", "+4822*", "+48600*", "+4861*", "+49*", "+4930*", "+44*", "+380*")
_BATCH = 20_000


def main(arguments: list[str]) -> int:
    """Parse, measure, print."""
    options = parser("policy", (__doc__ or "").splitlines()[0], seconds=5.0)
    options.add_argument("--rules", type=int, default=RULES, help=f"rules in the book (default {RULES})")
    asked = options.parse_args(arguments)
    result = measure(asked.rules, asked.seconds)
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name}: {value}" for name, value in result.items()))
    return 0 if result["decisions_per_second"] >= TARGET else 1


def measure(rules: int, seconds: float) -> dict[str, Any]:
    """Calls are made in batches; only the deciding is timed."""
    dice = random.Random(20261124)
    engine = Engine(book(rules, dice), emergency=("112", "997", "998", "999"))
    decide, spent, made, outcomes = engine.decide, 0.0, 0, dict.fromkeys(("never", "automatic", "on_demand"), 0)
    while spent < seconds:
        batch = list(calls(_BATCH, dice))
        began = time.process_time()
        decisions = [decide(call) for call in batch]
        spent += time.process_time() - began
        made += len(batch)
        for decision in decisions:
            outcomes[decision.mode] += 1
    return {"decisions_per_second": round(made / spent), "rules": rules, "decisions": made, "outcomes": outcomes}


def book(rules: int, dice: random.Random) -> RuleBook:
    """As a house writes them: most name a few stations or a group, and one or two things more."""
    text = ['never = ["110", "group:hr", "+48225310300", "+4850010*"]', 'always = ["+48800100200"]']
    text += ['always_like = "r0"', "[lists]", 'lawyers = ["+48618554400", "+4861855441*"]']
    text += ["[[country]]", 'code = ["+49"]', 'force = "opt_in"', 'notice = "standard"']
    for index in range(rules):
        text += ["[[rule]]", f'id = "r{index}"', *_terms(index, dice), *_conditions(index, dice)]
    return parse_rules("\n".join(text), source="bench")


def _terms(index: int, dice: random.Random) -> Iterator[str]:
    mode = dice.choice(("automatic", "automatic", "on_demand", "never")) if index else "automatic"
    yield f'mode = "{mode}"'
    if mode == "never":
        return
    yield from ('purpose = "quality"', 'legal_basis = "art. 6"', 'retention = "90d"', 'notice = "standard"')
    if mode == "automatic" and index % 5 == 1:
        yield f"sample = {dice.randint(1, 99)}"
    if index % 7 == 1:
        yield "private = true"


def _conditions(index: int, dice: random.Random) -> Iterator[str]:
    stations = ", ".join(f'"{100 + dice.randrange(STATIONS)}"' for _ in range(3))
    yield f'station = ["group:{dice.choice(_GROUPS)}"]' if index % 10 == 9 else f"station = [{stations}]"
    yield f'direction = ["{dice.choice(("outbound", "inbound", "inbound_direct", "inbound_via", "internal", "*"))}"]'
    match index % 6:
        case 0:
            yield f'number = ["{dice.choice(_PREFIXES)}", "+48{dice.randrange(10**8, 10**9)}", "list:lawyers"]'
        case 1:
            yield f'number = ["{dice.choice(_PREFIXES)}", "anonymous"]'
        case 2:
            yield f'hours = "{dice.choice(_HOURS)}"\nholidays = "{dice.choice(("any", "except", "only"))}"'
        case 3:
            yield f'trunk = ["{dice.choice(_TRUNKS)}"]'
        case 4:
            yield f'did = ["+4822123{dice.randrange(STATIONS):04}"]'
        case _:
            yield 'call_type = ["queue", "outgoing", "internal", "incoming", "ivr"]'


def calls(count: int, dice: random.Random) -> Iterator[CallFacts]:
    """Numbers, moments and draws are new in each."""
    year = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(count):
        direction = dice.choice((Direction.OUTBOUND, Direction.INBOUND, Direction.INBOUND, Direction.INTERNAL))
        inbound = direction is Direction.INBOUND
        line = dice.randrange(STATIONS)
        own = f"+4822123{line:04}"
        other = "" if inbound and dice.random() < 0.05 else _number(dice)
        if direction is Direction.INTERNAL:
            other = str(100 + dice.randrange(STATIONS))
        yield CallFacts(
            direction=direction,
            station=str(100 + line),
            caller=other if inbound else own,
            callee=own if inbound else other,
            trunk=None if direction is Direction.INTERNAL else dice.choice(_TRUNKS),
            at=year + timedelta(seconds=dice.randrange(365 * 86400)),
            groups=frozenset({_GROUPS[line % len(_GROUPS)]}) if line % len(_GROUPS) != 5 else frozenset(),
            did=own if inbound else None,
            via=dice.choice((None, None, "queue:sales", "ivr")) if inbound else None,
            private=dice.random() < 0.05,
            draw=dice.random(),
        )


def _number(dice: random.Random) -> str:
    digits = dice.randrange(10**8, 10**9)
    return dice.choice((f"+48{digits}", f"{digits}", f"0048{digits}", f"+49{digits}", f"+44{digits}", f"+4822{digits}"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
