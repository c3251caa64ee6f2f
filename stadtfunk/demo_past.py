"""What the demo knows of the past days on the bays: statuses of the charge points, cases, and what officers did.

Cases are opened and closed in event time by the engine's own rule and reconciler, and nobody is told. The officers are
simulated: they know the truth about each car, their names begin with `demo-`, and every case that they closed says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from alerts.calendar import Calendar
from alerts.cases import act
from alerts.channels.settings import DAY, SHIFTS
from alerts.charging.status import StatusEvent, evse_key, state_of
from alerts.charging.store import record_statuses
from alerts.model import Finding, Findings
from alerts.parking.verdict import Code
from alerts.policy import Policy
from alerts.reconcile import reconcile
from alerts.rules import Portioned, Rule
from alerts.wishes import Action, Conflict, Outcome, Wish
from config.settings import Settings
from stadtfunk.demo.parking import Stay
from storage.database import Connection
from storage.statements import load

OFFICERS: Final = ("demo-streife-1", "demo-streife-2", "demo-streife-3")
NOTE: Final = "Ausgang von der Demo simuliert"
RULE: Final = "wrong_parking"
LATENESS: Final = timedelta(seconds=90)
_NOBODY: Final = Policy()
_VISITED: Final = 0.6
_VISITED_LONG: Final = 0.2
"""Shares of the cases of a shift that somebody goes to; of those that stay too long fewer."""
_EVERY_FEW: Final = 200
_QUERIES = load("demo")


@dataclass(frozen=True, slots=True)
class Car:
    """A car that stood on a bay, and the truth about it."""

    bay: str
    stay: Stay
    arrived_at: datetime
    left_at: datetime
    plugged_at: datetime | None
    unplugged_at: datetime | None

    def charges(self, at: datetime) -> bool:
        """True while it is plugged in."""
        return bool(self.plugged_at and self.unplugged_at and self.plugged_at <= at < self.unplugged_at)


@dataclass(frozen=True, slots=True)
class BayPast:
    """What the simulator says of the past days, see `stadtfunk.demo.charge_points.past_as_json`."""

    statuses: Sequence[Mapping[str, str]]
    contacts: Sequence[tuple[str, str]]
    cars: Sequence[Car]

    @classmethod
    def read(cls, found: Mapping[str, Sequence[Mapping[str, str]]]) -> "BayPast":
        """Of the simulator's JSON."""
        return cls(
            found["statuses"],
            [(first, last) for first, last in found["contacts"]],
            [_car(one) for one in found["stays"]],
        )


async def store_charging(connection: Connection, past: BayPast, *, source: str) -> int:
    """Store statuses and contacts as if they had come in time; returns how many statuses were new. Role: alerts."""
    stored = 0
    events = [_event(one, source) for one in past.statuses]
    for start in range(0, len(events), _EVERY_FEW):
        stored += await record_statuses(connection, events[start : start + _EVERY_FEW])
    first, last = zip(*past.contacts, strict=True)
    values = {"source": source, "first": list(first), "last": list(last)}
    await connection.execute(_QUERIES["insert_contacts"], values)
    return stored


async def forget_link(connection: Connection, source: str) -> None:
    """The simulated operator knows nobody when it starts, so neither do we know it. Role: alerts."""
    await connection.execute(_QUERIES["forget_link"], {"source": source})


async def play_cases(
    connection: Connection, settings: Settings, past: BayPast, *, since: datetime, now: datetime
) -> int:
    """Open and close the cases of the past that are over; returns how many were new. Role: alerts."""
    rule = settings.alerts.make_rule(RULE)
    past_rule = settings.alerts.make_past(RULE)
    assert isinstance(past_rule, Portioned)
    rows = await (await connection.execute(_QUERIES["known_occurrences"], {"rule": RULE})).fetchall()
    known = {(subject, occurrence) for subject, occurrence in rows}
    over = [
        one
        async for found in past_rule.history(connection, since, now)
        for one in found.findings
        if one.ended and (one.subject, one.occurrence) not in known
    ]
    calendar = Calendar(settings.alerts.calendar)
    for finding in sorted(over, key=lambda one: one.due_at):
        await _play(connection, rule, finding, past.cars, calendar)
    return len(over)


async def _play(connection: Connection, rule: Rule, finding: Finding, cars: Sequence[Car], calendar: Calendar) -> None:
    """One case from its begin to its end, each step at its own time."""
    assert finding.ended is not None
    opened_at = min(finding.due_at + LATENESS, finding.ended.at)
    await reconcile(connection, _findings(rule, replace(finding, ended=None)), opened_at, policy=_NOBODY)
    if finding.notifiable:
        values = {"rule": rule.name, "subject": finding.subject, "occurrence": finding.occurrence}
        row = await (await connection.execute(_QUERIES["case_number"], values)).fetchone()
        assert row is not None
        for at, wish in visit(finding, opened_at, cars, calendar):
            try:
                await act(connection, row[0], wish, now=at)
            except Conflict:
                break
    await reconcile(connection, _findings(rule, finding), finding.ended.at + LATENESS, policy=_NOBODY)


def visit(
    finding: Finding, opened_at: datetime, cars: Iterable[Car], calendar: Calendar
) -> Iterator[tuple[datetime, Wish]]:
    """What the officers do about a case until it ends by itself: when, and what. Pure; the same for the same case."""
    chance = Random(finding.occurrence)
    assert finding.ended is not None
    share = _VISITED_LONG if finding.code == Code.V3_MAX_STAY else _VISITED
    if not calendar.covers(SHIFTS[DAY], opened_at) or chance.random() > share:
        return
    actor, at = chance.choice(OFFICERS), opened_at
    steps = (
        (Action.ACKNOWLEDGE, (1, 12)),
        (Action.DISPATCH, (1, 4)),
        (Action.ON_SITE, (5, 18)),
        (Action.CLOSE, (2, 6)),
    )
    for action, minutes in steps:
        at += timedelta(minutes=chance.uniform(*minutes))
        if at >= finding.ended.at:
            return
        outcome = _outcome(finding, at, cars, chance) if action is Action.CLOSE else None
        yield at, Wish(action=action, actor=actor, outcome=outcome, note=NOTE if outcome else "")


def _outcome(finding: Finding, at: datetime, cars: Iterable[Car], chance: Random) -> Outcome:
    """What somebody who looks at the bay finds there."""
    bays = finding.facts.get("candidates") or [finding.facts.get("bay")]
    assert isinstance(bays, list)
    there = [car for car in cars if car.bay in bays and car.arrived_at <= at < car.left_at]
    if not there:
        return Outcome.KEIN_FAHRZEUG
    if finding.code == Code.V3_MAX_STAY:
        return chance.choices([Outcome.VERWARNUNG_ERTEILT, Outcome.ERMAHNUNG], [3, 2])[0]
    if all(car.charges(at) for car in there):
        return Outcome.FAHRZEUG_LAEDT_DOCH
    [car, *_] = [car for car in there if not car.charges(at)]
    if car.stay is Stay.DEAD_CHARGER:
        return Outcome.SAEULE_DEFEKT
    if car.stay is Stay.COMBUSTION:
        return chance.choices([Outcome.BUSSGELD_ANZEIGE, Outcome.VERWARNUNG_ERTEILT, Outcome.ABGESCHLEPPT], [6, 3, 1])[
            0
        ]
    return chance.choices([Outcome.VERWARNUNG_ERTEILT, Outcome.ERMAHNUNG, Outcome.BERECHTIGT], [5, 4, 1])[0]


def _findings(rule: Rule, finding: Finding) -> Findings:
    return Findings(
        rule.name, rule.version, (finding,), frozenset({finding.subject}), finding.since, explains_ends=True
    )


def _event(one: Mapping[str, str], source: str) -> StatusEvent:
    at, received_at = datetime.fromisoformat(one["ts"]), datetime.fromisoformat(one["received_at"])
    return StatusEvent(evse_key(one["evse_id"]), at, received_at, source, state_of(one["status"]), one["status"])


def _car(one: Mapping[str, str]) -> Car:
    moments = (one[name] and datetime.fromisoformat(one[name]) for name in ("plugged_at", "unplugged_at"))
    plugged_at, unplugged_at = (moment or None for moment in moments)
    arrived_at, left_at = (datetime.fromisoformat(one[name]) for name in ("arrived_at", "left_at"))
    return Car(one["bay"], Stay(one["stay"]), arrived_at, left_at, plugged_at, unplugged_at)
