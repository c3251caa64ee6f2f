"""The reconciler: makes the stored alerts say what a rule found, in one transaction with events and messages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from alerts.changes import DISPROVED, Change, Known, Step, content_digest, is_late, plan
from alerts.events import EventRow, NewEvent, append_all
from alerts.model import AlertState, Ended, EventKind, Finding, Findings, Json, Severity
from alerts.notify import enqueue
from alerts.policy import Label, Policy, Told, messages
from alerts.silences import unended
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")
_CHUNK = 1000
"""Rows of one statement: evidence can be large."""

_MOVED_BY = timedelta(days=1)
"""Late data move the begin of an episode by less."""

_WEIGHTS = {Severity.INFO: 0.5, Severity.WARNING: 2.0, Severity.CRITICAL: 3.0}


RULE_REMOVED = "rule_removed"


@dataclass(frozen=True, slots=True)
class Origin:
    """The rule whose alerts are changed."""

    rule: str
    version: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a reconciliation did; `messages` will be sent, held ones not counted."""

    steps: Mapping[Step, int] = field(default_factory=dict)
    messages: int = 0
    dues: Sequence[datetime] = ()
    """When the alerts were due that were opened in time."""

    @property
    def changed(self) -> bool:
        """True when anything was written."""
        return bool(self.steps)


async def reconcile(connection: Connection, findings: Findings, now: datetime, *, policy: Policy) -> Reconciled:
    """Open, update, resolve and withdraw alerts of one rule; joins the caller's transaction or makes its own."""
    async with connection.transaction():
        changes = plan(findings, await _known(connection, findings), now)
        return await _apply(connection, changes, Origin(findings.rule, findings.version), now, policy)


async def retire(connection: Connection, rule: str, now: datetime, *, policy: Policy) -> Reconciled:
    """Resolve every open alert of a rule that the configuration no longer has."""
    nothing = Findings(rule, "", (), frozenset(), now)
    async with connection.transaction():
        known = await _known(connection, nothing)
        changes = [Change(Step.END, None, one, Ended(now, RULE_REMOVED)) for one in known]
        return await _apply(connection, changes, Origin(rule, ""), now, policy)


async def _apply(
    connection: Connection, changes: Sequence[Change], origin: Origin, now: datetime, policy: Policy
) -> Reconciled:
    if not changes:
        return Reconciled()
    done = [one for part in _parts(changes) for one in await _store(connection, origin, part, now, policy)]
    await connection.execute(_QUERIES["cancel_waiting"], {"ids": _ended(done), "now": now})
    labels = await describe(connection, [alert_id for _, alert_id in done])
    events = [event for change, alert_id in done for event in _events(change, alert_id, labels[alert_id], now)]
    rows = await append_all(connection, events)
    silent = {alert_id for change, alert_id in done if change.step is Step.DISPROVE}
    told = [row for row in rows if row.alert_id not in silent]
    sent = await _tell(connection, labels, told, _news(done), policy, now)
    steps: dict[Step, int] = {}
    for change, _ in done:
        steps[change.step] = steps.get(change.step, 0) + 1
    opened = [_finding(change) for change, _ in done if change.step is Step.OPEN]
    return Reconciled(steps, sent, tuple(one.due_at for one in opened if not is_late(one, now, policy.age_limit)))


async def describe(connection: Connection, ids: Sequence[int]) -> dict[int, Label]:
    """What messages say of these alerts, and who knows of them."""
    cursor = await connection.execute(_QUERIES["describe_alerts"], (list(ids),))
    return {row[0]: _label(row) for row in await cursor.fetchall()}


async def _known(connection: Connection, findings: Findings) -> list[Known]:
    keys = {(finding.subject, finding.occurrence) for finding in findings.findings}
    keys |= {(one.subject, one.occurrence) for one in findings.disproved}
    values = {
        "rule": findings.rule,
        "subjects": [subject for subject, _ in keys],
        "occurrences": [occurrence for _, occurrence in keys],
        "oldest": min((one.since for one in findings.findings), default=datetime.max.replace(tzinfo=UTC)) - _MOVED_BY,
    }
    cursor = await connection.execute(_QUERIES["known_alerts"], values)
    return [_known_alert(row) for row in await cursor.fetchall()]


def _parts(changes: Sequence[Change]) -> Iterator[tuple[Step, Sequence[Change]]]:
    """The changes in their order, in parts of one step each."""
    start = 0
    for index in range(1, len(changes) + 1):
        if index == len(changes) or changes[index].step is not changes[start].step or index - start == _CHUNK:
            yield changes[start].step, changes[start:index]
            start = index


async def _store(
    connection: Connection, origin: Origin, part: tuple[Step, Sequence[Change]], now: datetime, policy: Policy
) -> list[tuple[Change, int]]:
    """Write one part; returns what was done: a person may have been faster, who is then right."""
    step, changes = part
    if step in (Step.OPEN, Step.BACKFILL):
        rows = [_new_row(change, origin, now, policy) for change in changes]
        by_name = {(change.subject, _finding(change).occurrence): change for change in changes}
        parameters = (origin.rule, now, now, Jsonb(rows))
        cursor = await connection.execute(_QUERIES["insert_alerts"], parameters)
        return [(by_name[subject, occurrence], alert_id) for alert_id, subject, occurrence in await cursor.fetchall()]
    by_id = {change.known.id: change for change in changes if change.known is not None}
    done = set(by_id)
    if step in (Step.END, Step.CORRECT):
        done = await _run(connection, "end_alerts" if step is Step.END else "correct_alerts", _ends(by_id), now)
    elif step is Step.DISPROVE:
        done = await _run(connection, "disprove_alerts", list(map(_disproved_row, by_id.values())), now)
    elif step is Step.REOPEN:
        done = await _run(connection, "reopen_alerts", [{"id": alert_id} for alert_id in by_id], now)
    found = [(alert_id, one.finding) for alert_id, one in by_id.items() if alert_id in done and one.finding is not None]
    contents = [{"id": alert_id, **_content(finding, origin.version)} for alert_id, finding in found]
    await _run(connection, "update_alerts", contents, now)
    return [(change, alert_id) for alert_id, change in by_id.items() if alert_id in done]


async def _run(connection: Connection, statement: str, rows: Sequence[Mapping[str, Json]], now: datetime) -> set[int]:
    if not rows:  # even a statement without rows would wake the engine
        return set()
    cursor = await connection.execute(_QUERIES[statement], {"rows": Jsonb(rows), "now": now})
    return {row[0] for row in await cursor.fetchall()}


def _new_row(change: Change, origin: Origin, now: datetime, policy: Policy) -> Mapping[str, Json]:
    finding = _finding(change)
    late = change.ended is not None or is_late(finding, now, policy.age_limit)
    return {
        **_content(finding, origin.version),
        "subject": finding.subject,
        "subject_kind": finding.subject_kind.value,
        "state": AlertState.OPEN.value if change.ended is None else change.ended.state.value,
        "reason": "" if change.ended is None else change.ended.reason,
        "backfilled": late,
        "opened_at": _iso(finding.due_at if late else now),
        "closed_at": None if change.ended is None else _iso(change.ended.at),
    }


def _content(finding: Finding, version: str) -> Mapping[str, Json]:
    weight = finding.facts.get("weight")
    weight = weight if isinstance(weight, (int, float)) else _WEIGHTS[finding.severity]
    return {
        "rule_version": version,
        "occurrence": finding.occurrence,
        "group_key": finding.group,
        "code": finding.code,
        "codes": list(finding.codes or (finding.code,)),
        "severity": finding.severity.value,
        "confidence": finding.confidence,
        "priority": weight * finding.confidence / 100,
        "badges": list(finding.badges),
        "notifiable": finding.notifiable,
        "since": _iso(finding.since),
        "due_at": _iso(finding.due_at),
        "facts": dict(finding.facts),
        "evidence": dict(finding.evidence),
        "content_digest": content_digest(finding, version),
    }


def _ends(by_id: Mapping[int, Change]) -> list[Mapping[str, Json]]:
    return [
        {"id": alert_id, "state": change.ended.state.value, "reason": change.ended.reason, "at": _iso(change.ended.at)}
        for alert_id, change in by_id.items()
        if change.ended is not None
    ]


def _disproved_row(change: Change) -> Mapping[str, Json]:
    assert change.known is not None
    return {"id": change.known.id, "reason": DISPROVED, "content": change.known.content_digest}


def _ended(done: Iterable[tuple[Change, int]]) -> list[int]:
    return [alert_id for change, alert_id in done if change.step is Step.END]


def _events(change: Change, alert_id: int, label: Label, now: datetime) -> Iterator[NewEvent]:
    detail: dict[str, Json] = {"code": label.code, "confidence": label.confidence}
    if change.finding is not None:
        detail |= {"content": content_digest(change.finding, label.rule_version), "due_at": _iso(change.finding.due_at)}
    if change.step in (Step.OPEN, Step.BACKFILL):
        named: dict[str, Json] = {"number": label.number, "subject": label.subject, "backfilled": label.backfilled}
        yield NewEvent(alert_id, EventKind.OPENED, label.opened_at, detail=detail | named)
    if change.step in (Step.END, Step.BACKFILL) and change.ended is not None:
        withdrawn = change.ended.state is AlertState.WITHDRAWN
        kind = EventKind.WITHDRAWN if withdrawn else EventKind.RESOLVED
        yield NewEvent(alert_id, kind, change.ended.at, reason=change.ended.reason, detail=detail)
    elif change.disproof is not None and change.known is not None:
        sealed: dict[str, Json] = {"content": change.known.content_digest, "ended": change.known.reason}
        said = {**detail, **sealed, "by": dict(change.disproof.by)}
        yield NewEvent(alert_id, EventKind.WITHDRAWN, now, reason=DISPROVED, detail=said)
    elif change.step is Step.REOPEN:
        yield NewEvent(alert_id, EventKind.REOPENED, now, reason="cause_is_back", detail=detail)
    elif change.step in _UPDATE_REASONS:
        yield NewEvent(alert_id, EventKind.UPDATED, now, reason=_UPDATE_REASONS[change.step], detail=detail)


_UPDATE_REASONS = {Step.UPDATE: "", Step.ADOPT: "begin_moved", Step.CORRECT: "end_corrected"}


def _news(done: Iterable[tuple[Change, int]]) -> set[int]:
    """Alerts that became worth telling, or more serious."""
    order = list(Severity)
    found = set()
    for change, alert_id in done:
        if change.step is Step.UPDATE and change.known is not None and change.finding is not None:
            before, after = change.known, change.finding
            graver = order.index(after.severity) > order.index(Severity(before.severity))
            if graver or (after.notifiable and not before.notifiable):
                found.add(alert_id)
    return found


async def _tell(
    connection: Connection,
    labels: Mapping[int, Label],
    rows: Sequence[EventRow],
    news: set[int],
    policy: Policy,
    now: datetime,
) -> int:
    if not policy.channels or not rows:
        return 0
    silences = await unended(connection, now)
    found = [
        message
        for row in rows
        for message in messages(
            labels[row.alert_id], row, policy=policy, silences=silences, now=now, news=row.alert_id in news
        )
    ]
    return await enqueue(connection, found, now)


def _label(row: Sequence[Any]) -> Label:
    values = list(row)
    told = values.pop()
    values[10] = Severity(values[10])
    known = {name: Told(datetime.fromisoformat(last), held) for name, (last, held) in (told or {}).items()}
    return replace(Label(*values), told=known)


def _known_alert(row: Sequence[Any]) -> Known:
    values = list(row)
    values[4] = AlertState(values[4])
    for place in (8, 11):
        values[place] = tuple(values[place])
    return Known(*values)


def _finding(change: Change) -> Finding:
    assert change.finding is not None
    return change.finding


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
