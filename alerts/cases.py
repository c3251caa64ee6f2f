"""What people do with an alert: take it on, drive there, note, close it with an outcome, take a close back.

Each action is one transaction: the alert is locked, the wish is judged against what happened meanwhile (pure), the row
changes, the event joins the hash chain, and those who were told are told of the end. Two people on one case see each
other: a wish that was made without knowing of the other's step is a `Conflict` that says who did what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from psycopg.types.json import Jsonb

from alerts import policy as telling
from alerts.events import EventRow, append
from alerts.model import AlertState, EventKind, Json
from alerts.notify import enqueue
from alerts.plates import holds_plate
from alerts.policy import Policy
from alerts.reconcile import describe
from alerts.silences import unended
from storage.database import Connection
from storage.statements import load

_QUERIES = load("cases")
_ENGINE = load("alerts")

UNDO_WITHIN: Final = timedelta(minutes=10)
OFFLINE_AT_MOST: Final = timedelta(hours=12)
"""An action that waited longer for a connection counts from when it arrived."""
OFFLINE_FROM: Final = timedelta(seconds=30)
MAX_NOTE: Final = 500
UNDONE: Final = "undone"


class Action(StrEnum):
    """What somebody wants to do."""

    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    ON_SITE = "on_site"
    NOTE = "note"
    CLOSE = "close"
    UNDO = "undo"
    """Take a close back, within `UNDO_WITHIN`."""


class Outcome(StrEnum):
    """How a case ended, in the words of the traffic authority."""

    VERWARNUNG_ERTEILT = "VERWARNUNG_ERTEILT"
    BUSSGELD_ANZEIGE = "BUSSGELD_ANZEIGE"
    ABGESCHLEPPT = "ABGESCHLEPPT"
    ERMAHNUNG = "ERMAHNUNG"
    FAHRZEUG_LAEDT_DOCH = "FAHRZEUG_LAEDT_DOCH"
    SAEULE_DEFEKT = "SAEULE_DEFEKT"
    KEIN_FAHRZEUG = "KEIN_FAHRZEUG"
    FAHRZEUG_WEG = "FAHRZEUG_WEG"
    BERECHTIGT = "BERECHTIGT"
    NICHT_ANGEFAHREN = "NICHT_ANGEFAHREN"


class Refusal(StrEnum):
    """Why a wish makes no sense, whoever has it."""

    PLATE = "plate"
    NOTE_MISSING = "note_missing"
    NOTE_TOO_LONG = "note_too_long"
    OUTCOME_MISSING = "outcome_missing"
    NOT_CLOSED = "not_closed"
    TOO_LATE = "too_late"


class Refused(Exception):
    """The wish cannot be carried out; nothing was changed."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Meanwhile(StrEnum):
    """What came between."""

    ACTED = "acted"
    """Somebody else did something with the case."""
    ENDED = "ended"
    """The case ended by itself."""
    NEWER_CASE = "newer_case"
    """The subject has another open case, so this one stays closed."""


class Conflict(Exception):
    """The case is no longer as the actor saw it; nothing was changed.

    Attributes:
        kind, actor, at, reason: of the event that came between; `reason` is the other case's number for NEWER_CASE.
    """

    def __init__(
        self, meanwhile: Meanwhile, *, kind: str = "", actor: str = "", at: datetime | None = None, reason: str = ""
    ) -> None:
        super().__init__(meanwhile.value)
        self.meanwhile = meanwhile
        self.kind = kind
        self.actor = actor
        self.at = at
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One action that somebody wants.

    Attributes:
        key: the same when the same wish is sent again; empty: it is never sent twice.
        position: of the last event that the actor saw; None: they act without having looked.
        made_at: when it was made on a phone without connection; None: now.
    """

    action: Action
    actor: str
    key: str = ""
    position: int | None = None
    outcome: Outcome | None = None
    note: str = ""
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The case after an action; `repeated` when it had been carried out before."""

    number: str
    state: AlertState
    position: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the case, as far as judging needs it."""

    position: int
    at: datetime
    kind: EventKind
    actor: str
    reason: str
    detail: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An alert as it is when somebody wants to act on it."""

    id: int
    number: str
    rule: str
    subject: str
    state: AlertState
    outcome: str
    reason: str
    assignee: str
    opened_at: datetime
    closed_at: datetime | None
    content_digest: str
    events: Sequence[Happened]
    newer: str = ""
    """Number of the subject's open case, if that is another one."""

    @property
    def position(self) -> int:
        """Of the last event."""
        return self.events[-1].position if self.events else 0


@dataclass(frozen=True, slots=True)
class Step:
    """What an action changes; without an event nothing is to be done."""

    state: AlertState
    outcome: str
    assignee: str
    closed_at: datetime | None
    event: EventKind | None
    at: datetime
    reason: str = ""
    detail: Mapping[str, Json] = field(default_factory=dict)


_STEPS: Final = {
    Action.ACKNOWLEDGE: (AlertState.ACKNOWLEDGED, EventKind.ACKNOWLEDGED),
    Action.DISPATCH: (AlertState.DISPATCHED, EventKind.DISPATCHED),
    Action.ON_SITE: (AlertState.ON_SITE, EventKind.ON_SITE),
}
_WAY: Final = list(AlertState)[:4]
_OF_PEOPLE: Final = frozenset(
    {EventKind.ACKNOWLEDGED, EventKind.DISPATCHED, EventKind.ON_SITE, EventKind.CLOSED, EventKind.REOPENED}
)


async def act(connection: Connection, number: str, wish: Wish, *, now: datetime, policy: Policy | None = None) -> Done:
    """Carry out `wish` on the case `number`, in one transaction.

    Args:
        policy: who is told of a close; None: nobody.

    Raises:
        LookupError: there is no such case.
        Refused, Conflict: nothing was changed.
    """
    async with connection.transaction():
        case = await _lock(connection, number)
        key = f"{wish.actor}/{wish.key}" if wish.key else ""
        known = await _carried_out(connection, key)
        if known is not None:
            return known
        step = judge(case, wish, now)
        done = Done(case.number, step.state, case.position)
        if step.event is not None:
            event = await _store(connection, case, step, wish.actor, now)
            await _tell(connection, event, policy, now)
            done = Done(case.number, step.state, event.position)
        if key:
            answer = Jsonb({"number": done.number, "state": done.state.value, "position": done.position})
            values = {"key": key, "actor": wish.actor, "answer": answer, "now": now}
            await connection.execute(_QUERIES["keep_action"], values)
        return done


def judge(case: Case, wish: Wish, now: datetime) -> Step:
    """What `wish` changes. Pure.

    Raises:
        Refused, Conflict: it cannot be carried out.
    """
    note = _note(wish)
    if wish.action is Action.UNDO:
        return _undo(case, wish, now)
    at, detail = _moment(case, wish, now), {**_late(case, wish, now), **({"note": note} if note else {})}
    if wish.action is Action.NOTE:
        return Step(case.state, case.outcome, case.assignee, case.closed_at, EventKind.NOTE, at, "", detail)
    _check_meanwhile(case, wish)
    if wish.action is Action.CLOSE:
        return _close(case, wish, at, detail)
    if case.state.ended:
        raise _end_of(case)
    state, kind = _STEPS[wish.action]
    if _WAY.index(case.state) >= _WAY.index(state) and case.assignee == wish.actor and not note:
        return Step(case.state, case.outcome, case.assignee, None, None, at)
    return Step(state, "", wish.actor, None, kind, at, "", detail)


def undo_until(closed: Happened) -> datetime:
    """Up to when the close can be taken back: counted from when it arrived."""
    received = closed.detail.get("received_at")
    return (datetime.fromisoformat(received) if isinstance(received, str) else closed.at) + UNDO_WITHIN


def _close(case: Case, wish: Wish, at: datetime, detail: Mapping[str, Json]) -> Step:
    """Close an open case, or say how one ended that was over by itself before anybody could."""
    if wish.outcome is None:
        raise Refused(Refusal.OUTCOME_MISSING)
    if case.outcome:
        if case.outcome == wish.outcome and case.assignee == wish.actor:
            return Step(case.state, case.outcome, case.assignee, case.closed_at, None, at)
        raise _end_of(case)
    state = case.state if case.state.ended else AlertState.RESOLVED
    closed_at = case.closed_at if case.state.ended else at
    said: dict[str, Json] = {
        **detail,
        "outcome": wish.outcome.value,
        "from": case.state.value,
        "content": case.content_digest,
    }
    return Step(state, wish.outcome.value, wish.actor, closed_at, EventKind.CLOSED, at, "", said)


def _undo(case: Case, wish: Wish, now: datetime) -> Step:
    closed = next((event for event in reversed(case.events) if event.kind in _OF_PEOPLE), None)
    if not case.outcome or closed is None or closed.kind is not EventKind.CLOSED:
        raise Refused(Refusal.NOT_CLOSED)
    if now > undo_until(closed):
        raise Refused(Refusal.TOO_LATE)
    before = AlertState(str(closed.detail.get("from", AlertState.ACKNOWLEDGED)))
    if not before.ended and case.newer:
        raise Conflict(Meanwhile.NEWER_CASE, reason=case.newer)
    closed_at = case.closed_at if before.ended else None
    return Step(before, "", wish.actor, closed_at, EventKind.REOPENED, now, UNDONE, {"outcome": case.outcome})


def _check_meanwhile(case: Case, wish: Wish) -> None:
    if wish.position is None:
        return
    for event in reversed(case.events):
        if event.position <= wish.position:
            return
        if event.kind in _OF_PEOPLE and event.actor != wish.actor and event.actor:
            raise _acted(event)


def _end_of(case: Case) -> Conflict:
    """What to say to somebody who acts on a case that is over."""
    if case.outcome:
        closed = [event for event in case.events if event.kind is EventKind.CLOSED]
        return _acted(closed[-1]) if closed else Conflict(Meanwhile.ACTED, kind=EventKind.CLOSED.value)
    kind = EventKind.WITHDRAWN if case.state is AlertState.WITHDRAWN else EventKind.RESOLVED
    return Conflict(Meanwhile.ENDED, kind=kind.value, at=case.closed_at, reason=case.reason)


def _acted(event: Happened) -> Conflict:
    outcome = str(event.detail.get("outcome", "")) if event.kind is EventKind.CLOSED else ""
    return Conflict(Meanwhile.ACTED, kind=event.kind.value, actor=event.actor, at=event.at, reason=outcome)


def _note(wish: Wish) -> str:
    note = " ".join(wish.note.split())
    if wish.action is Action.NOTE and not note:
        raise Refused(Refusal.NOTE_MISSING)
    if len(note) > MAX_NOTE:
        raise Refused(Refusal.NOTE_TOO_LONG)
    if holds_plate(note):
        raise Refused(Refusal.PLATE)
    return note


def _moment(case: Case, wish: Wish, now: datetime) -> datetime:
    """When the action happened: as the phone says, if it waited there for a connection and that can be."""
    made = wish.made_at
    earliest = max(case.opened_at, now - OFFLINE_AT_MOST)
    return made if made is not None and earliest <= made <= now - OFFLINE_FROM else now


def _late(case: Case, wish: Wish, now: datetime) -> Mapping[str, Json]:
    if _moment(case, wish, now) == now:
        return {}
    return {"received_at": now.astimezone(UTC).isoformat(timespec="seconds")}


async def _lock(connection: Connection, number: str) -> Case:
    row = await (await connection.execute(_QUERIES["lock_case"], {"number": number})).fetchone()
    if row is None:
        raise LookupError(f"there is no case {number}")
    alert_id, number, rule, subject, state, outcome, reason, assignee, opened_at, closed_at, content = row
    cursor = await connection.execute(_QUERIES["events_of"], {"id": alert_id})
    events = [Happened(one[0], one[1], EventKind(one[2]), *one[3:]) for one in await cursor.fetchall()]
    values = {"rule": rule, "subject": subject, "id": alert_id}
    other = await (await connection.execute(_QUERIES["other_open"], values)).fetchone()
    return Case(
        id=alert_id,
        number=number,
        rule=rule,
        subject=subject,
        state=AlertState(state),
        outcome=outcome,
        reason=reason,
        assignee=assignee,
        opened_at=opened_at,
        closed_at=closed_at,
        content_digest=content,
        events=events,
        newer="" if other is None else other[0],
    )


async def _carried_out(connection: Connection, key: str) -> Done | None:
    if not key:
        return None
    row = await (await connection.execute(_QUERIES["find_action"], {"key": key})).fetchone()
    if row is None:
        return None
    return Done(row[0]["number"], AlertState(row[0]["state"]), int(row[0]["position"]), repeated=True)


async def _store(connection: Connection, case: Case, step: Step, actor: str, now: datetime) -> EventRow:
    assert step.event is not None
    values = {
        "id": case.id,
        "state": step.state.value,
        "outcome": step.outcome,
        "assignee": step.assignee,
        "closed_at": step.closed_at,
        "now": now,
    }
    await connection.execute(_QUERIES["change_case"], values)
    return await append(
        connection, case.id, step.event, at=step.at, actor=actor, reason=step.reason, detail=step.detail
    )


async def _tell(connection: Connection, event: EventRow, policy: Policy | None, now: datetime) -> None:
    """Tell those who know of the case that it is closed; what still waited for them is not said any more."""
    if event.kind is not EventKind.CLOSED:
        return
    await connection.execute(_ENGINE["cancel_waiting"], {"ids": [event.alert_id], "now": now})
    if policy is None or not policy.channels:
        return
    label = (await describe(connection, [event.alert_id]))[event.alert_id]
    silences = await unended(connection, now)
    found = list(telling.messages(label, event, policy=policy, silences=silences, now=now))
    await enqueue(connection, found, now)
