"""Why would this call be recorded, or not? The facts of a call that was never placed, put to the policy's own engine.

Knows configuration and policy, no running proxy.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from skryba.config.model import Config
from skryba.errors import ConfigError
from skryba.policy.e164 import matches, normalise
from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts, ConsentMode, Decision, Mode
from skryba.rulebook import read_rules
from skryba.terms import Direction

_WORDS = {Mode.NEVER: "not recorded", Mode.AUTOMATIC: "recorded", Mode.ON_DEMAND: "recorded on demand only"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was asked and what the engine answers."""

    facts: CallFacts
    decision: Decision

    @property
    def recorded(self) -> bool:
        """From its beginning; a call of mode on_demand is not, until it is commanded."""
        return self.decision.mode is Mode.AUTOMATIC

    def as_json(self) -> dict[str, Any]:
        return {"recorded": self.recorded, "facts": self.facts.as_json(), "decision": self.decision.as_json()}

    def lines(self) -> list[str]:
        """For people."""
        facts, decision = self.facts, self.decision
        told = [
            f"{_WORDS[decision.mode]}: {decision.reason}",
            f"  {decision.reason_pl}",
            f"call: {facts.direction}, station {facts.station or '—'}, trunk {facts.trunk or '—'}, "
            f"from {facts.caller or 'withheld'} to {facts.callee}{f' via {facts.via}' if facts.via else ''} "
            f"at {facts.at.isoformat()}",
            f"rule: {decision.rule} (rules {decision.version or 'none'})",
        ]
        if decision.notice is not None:
            told.append(f"notice: {decision.notice.prompt}, {decision.notice.language}, by {decision.notice.moment}")
        if decision.consent is ConsentMode.OPT_IN:
            told.append("consent: only if the other party agrees")
        if decision.purpose is not None:
            told.append(f"purpose: {decision.purpose}; basis: {decision.legal_basis}; retention: {decision.retention}")
        if facts.direction is Direction.OUTBOUND and facts.trunk is None:
            told.append("but no trunk takes this number: the call would be refused with 404")
        told += [f"  {'✓' if step.matched else '·'} {step.rule}: {step.reason}" for step in decision.path]
        return told


def explain(
    config: Config,
    *,
    caller: str,
    callee: str,
    at: datetime,
    direction: Direction | None = None,
    station: str | None = None,
    trunk: str | None = None,
    via: str | None = None,
    private: bool = False,
    draw: float | None = None,
) -> Explanation:
    """`at` is aware; what is None is told from the numbers as routing would. ConfigError: rules or names are faulty.

    `via`, `private` and `draw` are facts of the call that no number tells; None: directly, and no draw.
    """
    facts = facts_of(config, caller=caller, callee=callee, at=at, direction=direction, station=station, trunk=trunk)
    facts = replace(facts, via=via if facts.direction is Direction.INBOUND else None, private=private, draw=draw)
    engine = Engine(read_rules(config), emergency=config.policy.emergency)
    return Explanation(facts, engine.decide(facts))


def facts_of(
    config: Config,
    *,
    caller: str,
    callee: str,
    at: datetime,
    direction: Direction | None,
    station: str | None,
    trunk: str | None,
) -> CallFacts:
    """As routing would see the call."""
    stations = {each.id: each for each in config.station}
    called = callee if callee in stations else config.numbers.get(normalise(callee, country=config.policy.country))
    if direction is None:
        ours, emergency = caller in stations, callee in config.policy.emergency
        direction = (
            Direction.INBOUND if not ours else Direction.INTERNAL if called and not emergency else Direction.OUTBOUND
        )
    if station is None:
        station = called if direction is Direction.INBOUND else caller if caller in stations else None
    elif station not in stations:
        raise ConfigError(f"there is no station {station}. Stations are {', '.join(sorted(stations)) or 'none yet'}")
    if trunk is None and direction is not Direction.INTERNAL:
        trunk = _likely_trunk(config, callee, direction)
    elif trunk is not None and trunk not in {each.id for each in config.trunk}:
        raise ConfigError(
            f"there is no trunk {trunk}. Trunks are {', '.join(each.id for each in config.trunk) or 'none yet'}"
        )
    if direction is Direction.OUTBOUND and caller in stations:
        caller = stations[caller].number or caller
    return CallFacts(
        direction=direction,
        station=station,
        caller=caller,
        callee=callee,
        trunk=trunk,
        at=at,
        groups=frozenset(stations[station].groups) if station in stations else frozenset(),
        did=callee if direction is Direction.INBOUND else None,
    )


def _likely_trunk(config: Config, callee: str, direction: Direction) -> str | None:
    """The first one that takes the called number; from outside, the only one there is."""
    if direction is Direction.INBOUND:
        return config.trunk[0].id if len(config.trunk) == 1 else None
    number = normalise(callee, country=config.policy.country)
    fitting = (each.id for each in config.trunk if any(p == "*" or matches(p, number) for p in each.prefix))
    return next(fitting, None)
