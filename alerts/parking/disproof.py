"""Which cases that ended by themselves are disproved by data that came later. In doubt a case stands.

A case is disproved when the history, told again and completely, has no episode in its time, and when something is
known now that the case's evidence does not hold. Data that are gone prove nothing: everything that the case rests on
must still be there, of the same sensor, with the same signs and charge points. Nor does a history in which the rule is
fulfilled all the same, and only confidence or hours speak against a case.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from alerts.model import Disproof, Finding, Json
from alerts.parking.findings import EVIDENCE_MOST, held, serving
from alerts.parking.inputs import Bay
from alerts.parking.story import BayStory
from alerts.parking.verdict import BayState, Code, Verdict
from storage.database import Connection
from storage.statements import load

_QUERIES = load("parking")
_NAMED: Final = 20
"""So many of the new messages and statuses are named at most."""


@dataclass(frozen=True, slots=True)
class Told:
    """Stories of bays, with all bays of their groups, and between which times they are complete.

    Attributes:
        windows: from when on, by the bays' keys.
    """

    stories: Sequence[BayStory]
    windows: Mapping[str, datetime]
    until: datetime

    def of(self, subject: str) -> list[BayStory]:
        """The stories that a case of this bay or station is about."""
        return [story for story in self.stories if subject in (story.bay.key, story.bay.group)]

    def begins(self) -> dict[str, datetime]:
        """From when on a case of each bay and station would be known from its begin."""
        found: dict[str, datetime] = {}
        for story in self.stories:
            for name in filter(None, (story.bay.key, story.bay.group)):
                found[name] = max(self.windows[story.bay.key], found.get(name, self.windows[story.bay.key]))
        return found


class Over(NamedTuple):
    """A case that ended by itself."""

    id: int
    subject: str
    occurrence: str
    codes: Sequence[str]
    since: datetime
    due_at: datetime
    closed_at: datetime
    content: str


class Basis(NamedTuple):
    """What it rests on, by bay: messages and statuses; `bay` is the one whose charge points are `evses`."""

    evidence: Mapping[str, Mapping[str, Any]]
    bay: str
    evses: Sequence[str]


async def disproved(
    connection: Connection,
    told: Told,
    found: Sequence[Finding],
    *,
    rule: str,
    version: str,
    lateness: timedelta,
    zone: ZoneInfo,
) -> list[Disproof]:
    """The cases of these bays that later data disprove.

    Args:
        found: all that the stories say.
        version: cases of other settings are not judged by these.
        lateness: a condition that holds longer makes a case, if it is sure enough.
        zone: where months begin: what was counted for good stays.
    """
    begins = told.begins()
    values = {
        "rule": rule,
        "version": version,
        "subjects": list(begins),
        "starts": list(begins.values()),
        "until": told.until,
    }
    rows = await (await connection.execute(_QUERIES["over_by_themselves"], values)).fetchall()
    missing = {one.id: one for one in (Over(*row) for row in rows) if not holds(one, told, found, lateness)}
    if not missing:
        return []
    more = {"ids": list(missing), "zone": zone.key}
    rows = await (await connection.execute(_QUERIES["bases"], more)).fetchall()
    judged = [(missing[number], Basis(by_bay(subject, evidence), *rest)) for number, subject, evidence, *rest in rows]
    return [one for over, basis in judged if (one := disproof(over, basis, told)) is not None]


def holds(one: Over, told: Told, found: Sequence[Finding], lateness: timedelta) -> bool:
    """True when the history has an episode in the time of the case, or does not say for certain that it has none."""
    stories = told.of(one.subject)
    names = {name for story in stories for name in (story.bay.key, story.bay.group)}
    if any(other.subject in names and _meets(other, one) for other in found):
        return True
    return any(_leaves_doubt(verdict, one, lateness) for story in stories for verdict in story.verdicts)


def _meets(other: Finding, one: Over) -> bool:
    if other.occurrence == one.occurrence:
        return True
    return other.since < one.closed_at and (other.ended is None or other.ended.at > one.since)


def _leaves_doubt(verdict: Verdict, one: Over, lateness: timedelta) -> bool:
    """A stay that is not over yet, in which the rule was fulfilled without a case, or that is as long as it was."""
    stay = verdict.occupancy
    if stay.since >= one.closed_at or (stay.closed_at is not None and stay.closed_at <= one.since):
        return False
    if stay.closed_at is None or not verdict.counted.keys().isdisjoint(one.codes):
        return True
    if any(
        step.state is BayState.SUSPECT and following.at - step.at > lateness
        for step, following in pairwise(verdict.transitions)
    ):
        return True
    return Code.V3_MAX_STAY in one.codes and stay.since == one.since and stay.closed_at > one.due_at


# ---- what it rested on, and what is new --------------------------------------------------------------------


def disproof(one: Over, basis: Basis, told: Told) -> Disproof | None:
    """What disproves a case of which the history holds nothing; None when something is missing, or nothing new."""
    stories = {story.bay.key: story for story in told.of(one.subject)}
    if not basis.evidence or not basis.evidence.keys() <= stories.keys():
        return None
    if not all(_still_there(part, stories[key], one) for key, part in basis.evidence.items()):
        return None
    if not _same_points(one, basis, stories) or any(
        _owner(one, story.bay) != one.subject for story in stories.values()
    ):
        return None
    uplinks = [name for key, part in basis.evidence.items() for name in _new_uplinks(part, stories[key], one)]
    statuses = {number for key, part in basis.evidence.items() for number in _new_statuses(part, stories[key], one)}
    if not (uplinks or statuses):
        return None
    new: dict[str, Json] = {"uplinks": list(dict.fromkeys(uplinks))[:_NAMED], "statuses": sorted(statuses)[:_NAMED]}
    return Disproof(one.subject, one.occurrence, one.content, {name: said for name, said in new.items() if said})


def _still_there(part: Mapping[str, Any], story: BayStory, one: Over) -> bool:
    """True when every message and status of the case is told again, by the sensor that answers for the bay."""
    seen, known = {sighting.uplink for sighting in story.sightings}, {status.id for status in story.statuses}
    uplinks = [row["key"] for row in part.get("uplinks", ()) if _at(row) >= one.since]
    statuses = _in_force(part.get("statuses", ()), one.since)
    return bool(uplinks) and seen.issuperset(uplinks) and known.issuperset(statuses)


def _in_force(statuses: Sequence[Mapping[str, Any]], since: datetime) -> Iterator[int]:
    """Those of a case's statuses that held when it began or came later."""
    ordered = sorted(statuses, key=lambda row: (row["evse"], _at(row)))
    for _, several in groupby(ordered, key=lambda row: row["evse"]):
        rows = list(several)
        before = [row for row in rows if _at(row) <= since]
        yield from (row["id"] for row in rows if _at(row) > since)
        yield from (row["id"] for row in before if _at(row) == _at(before[-1]))


def _same_points(one: Over, basis: Basis, stories: Mapping[str, BayStory]) -> bool:
    """True when the bay has the charge points that it had then."""
    story = stories.get(basis.bay)
    return story is not None and set(serving(story.bay, one.since, one.closed_at)) == set(basis.evses)


def _owner(one: Over, bay: Bay) -> str:
    return bay.group if bay.group and bay.shares(one.due_at) else bay.key


def _new_uplinks(part: Mapping[str, Any], story: BayStory, one: Over) -> Iterator[str]:
    """Messages that the case does not know, or that say something else now."""
    known = {(row["key"], _at(row), row["occupied"], row["event"]) for row in part["uplinks"]}
    start = _at(part["uplinks"][0])  # what was before it may not have been looked at then
    for seen in story.sightings:
        said = (seen.uplink, seen.at, seen.occupied, str(seen.event))
        if start <= seen.at <= one.closed_at and said not in known:
            yield seen.uplink


def _new_statuses(part: Mapping[str, Any], story: BayStory, one: Over) -> Iterator[int]:
    known, start = {row["id"] for row in part.get("statuses", ())}, _at(part["uplinks"][0])
    for status, until in held(story.statuses):
        if status.at <= one.closed_at and until > start and status.id not in known and len(known) < EVIDENCE_MOST:
            yield status.id


def by_bay(subject: str, evidence: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The evidence of a bay as that of a group."""
    return {subject: evidence} if "uplinks" in evidence else evidence


def _at(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])
