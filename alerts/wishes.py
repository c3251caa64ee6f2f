"""What somebody wants to do with an alert, and what it changes: a pure judgement, by what happened meanwhile.

Two people on one case see each other: a wish that was made without knowing of the other's step is a `Conflict` that
says who did what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.model import AlertState, EventKind, Json
from alerts.plates import holds_plate

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
