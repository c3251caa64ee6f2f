"""From readings in the database to findings, for every rule that compares values of one reading kind with limits."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from psycopg import sql

from alerts.model import Ended, Finding, Findings, Json, Severity, SubjectKind
from alerts.rules.devices import Devices, device_portions
from alerts.rules.episodes import Episode, Level, Mark, Timing, episodes
from decoders.readings import QualityFlag
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alert_rules")
BACK_TO_NORMAL = "back_to_normal"
DISTRUSTED = int(
    QualityFlag.SENSOR_FAULT
    | QualityFlag.OUT_OF_RANGE
    | QualityFlag.CLOCK
    | QualityFlag.NO_SENSOR
    | QualityFlag.STARTUP
)
_FARTHEST = timedelta(days=90)
"""So far back goes the window of an alert that is open; one that is older is known to go on."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared, as SQL on a row of the kind's table.

    Attributes:
        kind: the reading kind, a checked name.
        value: what people see; rows without it are passed over.
        bad, clear: conditions that are never NULL where `value` is not.
    """

    kind: str
    value: sql.Composable
    bad: sql.Composable
    clear: sql.Composable


@dataclass(frozen=True, slots=True)
class Judgement:
    """How marks become findings, apart from what is compared."""

    rule: str
    version: str
    code: str
    severity: Severity
    timing: Timing
    look_back: timedelta
    facts: dict[str, Json]


async def judge_history(
    connection: Connection, comparison: Comparison, how: Judgement, since: datetime, until: datetime
) -> AsyncIterator[Findings]:
    """See `alerts.rules.Portioned`."""
    async for devices in device_portions(connection, since, until):
        yield await judge(connection, comparison, how, until, since=since, devices=devices)


async def judge(
    connection: Connection,
    comparison: Comparison,
    how: Judgement,
    now: datetime,
    *,
    since: datetime | None,
    devices: Devices | None = None,
) -> Findings:
    """All subjects that were bad or have an open alert, of `devices` only if they are given; see `Rule.evaluate`."""
    start = (now if since is None else since) - how.look_back
    some: sql.Composable = sql.SQL("true")
    if devices is not None:
        some = sql.SQL("r.device_id >= {} AND r.device_id < {}").format(*map(sql.Literal, devices))
    names = ("kind", "value", "bad", "clear", "some")
    parts = (sql.Identifier(comparison.kind), comparison.value, comparison.bad, comparison.clear, some)
    values = {
        "rule": how.rule,
        "now": now,
        "start": start,
        "earliest": min(start, now - _FARTHEST),
        "distrusted": DISTRUSTED,
        "live": since is None,
    }
    statement = sql.SQL(_QUERIES["marks"]).format(**dict(zip(names, parts, strict=True)))
    rows = await (await connection.execute(statement, values)).fetchall()
    found, subjects, next_due = marked(rows, how, now)
    if since is not None:
        found = [one for one in found if one.ended is None or one.ended.at > since]
    return Findings(how.rule, how.version, tuple(found), frozenset(subjects), start, next_due=next_due)


def marked(
    rows: Sequence[tuple[Any, ...]], how: Judgement, now: datetime
) -> tuple[list[Finding], set[str], datetime | None]:
    """Findings, subjects and the next time something is due, of rows in order of subject and time. Pure."""
    found: list[Finding] = []
    subjects = set()
    dues = []
    for key, several in groupby(rows, key=lambda row: row[:5]):
        dev_eui, name, channel, meter, active_since = key
        subject = subject_of(dev_eui, channel, meter)
        marks = [Mark(row[5], Level(row[6]), row[7]) for row in several if row[5] is not None]
        subjects.add(subject)
        told, due = episodes(marks, how.timing, now, active_since=active_since)
        found += [_finding(subject, name, episode, how) for episode in told]
        dues += [] if due is None else [due]
    return found, subjects, min(dues, default=None)


def subject_of(dev_eui: str, channel: int, meter: str) -> str:
    """The device, with channel and meter or probe where it has several."""
    if meter:
        return f"{dev_eui}/{channel}/{meter}"
    return f"{dev_eui}/{channel}" if channel else dev_eui


def _finding(subject: str, name: str, episode: Episode, how: Judgement) -> Finding:
    values: dict[str, Json] = dict(_values(episode))
    return Finding(
        subject=subject,
        subject_kind=SubjectKind.DEVICE,
        occurrence=episode.since.isoformat(),
        code=how.code,
        severity=how.severity,
        since=episode.since,
        due_at=episode.due_at,
        facts={"name": name, **how.facts, **values},
        evidence={"first_at": episode.since.isoformat(), "last_at": episode.last_at.isoformat(), **values},
        ended=None if episode.ended_at is None else Ended(episode.ended_at, BACK_TO_NORMAL),
    )


def _values(episode: Episode) -> Iterator[tuple[str, Json]]:
    if episode.first is not None:
        yield "first_value", episode.first
    if episode.last is not None:
        yield "last_value", episode.last
