"""What happened in a case, in one line of time: events of the case and steps of the bay, latest first. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from alerts.evidence import Document
from alerts.model import AlertState, EventKind
from alerts.wishes import UNDO_WITHIN, Action
from portal.inbox import words
from portal.inbox.entries import Entry

_NEXT: Final = {
    AlertState.OPEN: (Action.ACKNOWLEDGE, Action.DISPATCH, Action.ON_SITE),
    AlertState.ACKNOWLEDGED: (Action.DISPATCH, Action.ON_SITE),
    AlertState.DISPATCHED: (Action.ON_SITE,),
    AlertState.ON_SITE: (),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened.

    Attributes:
        what: German, marked for the catalogue; reason likewise.
        person: true when somebody did it.
        late: when it arrived, if that was later than it happened.
    """

    at: datetime
    what: str
    reason: str = ""
    actor: str = ""
    note: str = ""
    person: bool = False
    late: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bay:
    """What one bay's part of the evidence says; a group has several."""

    key: str
    uplinks: Sequence[Mapping[str, Any]]
    statuses: Sequence[Mapping[str, Any]]
    transitions: Sequence[Mapping[str, Any]]


def lines(document: Document) -> list[Line]:
    """Everything that happened, the latest first."""
    steps = [line for bay in bays(document) for line in _steps(bay)]
    return sorted([*steps, *_events(document)], key=lambda line: line.at)[::-1]


def bays(document: Document) -> list[Bay]:
    """The evidence by bay."""
    evidence = document["case"]["evidence"]
    parts = {document["case"]["subject"]: evidence} if "uplinks" in evidence else evidence
    return [
        Bay(
            key,
            *(
                [_timed(row) for row in part.get(name, ()) if "at" in row]
                for name in ("uplinks", "statuses", "transitions")
            ),
        )
        for key, part in parts.items()
        if isinstance(part, Mapping)
    ]


def next_actions(entry: Entry, user: str) -> list[Action]:
    """What may be done next, the likeliest first; somebody else's case can be taken over."""
    if entry.ended:
        return []
    following = list(_NEXT[entry.state])
    return [Action.ACKNOWLEDGE, *following] if _taken_by_another(entry, user) else following


def undo_until(document: Document, entry: Entry) -> datetime | None:
    """Up to when the close can be taken back; None when there is none."""
    if not entry.outcome:
        return None
    closed = [event for event in document["events"] if event["kind"] == EventKind.CLOSED]
    if not closed:
        return None
    return datetime.fromisoformat(closed[-1]["detail"].get("received_at") or closed[-1]["at"]) + UNDO_WITHIN


def withdrawn_at(document: Document, entry: Entry) -> datetime | None:
    """When later data took the case back, which may be long after its end; None when they did not."""
    if entry.state is not AlertState.WITHDRAWN or entry.outcome:
        return None
    taken_back = [event for event in document["events"] if event["kind"] == EventKind.WITHDRAWN]
    return datetime.fromisoformat(taken_back[-1]["at"]) if taken_back else None


def was_on_the_way(document: Document) -> bool:
    """True when the case ended by itself after somebody had set out, and nobody has said how it ended."""
    way = {EventKind.DISPATCHED, EventKind.ON_SITE}
    return any(event["kind"] in way for event in document["events"])


def _taken_by_another(entry: Entry, user: str) -> bool:
    return entry.state is AlertState.ACKNOWLEDGED and entry.assignee != user


def _events(document: Document) -> Iterator[Line]:
    for event in document["events"]:
        detail = event["detail"]
        outcome = detail.get("outcome", "") if event["kind"] == EventKind.CLOSED else ""
        reason = words.OUTCOMES.get(outcome, outcome) or words.EVENT_REASONS.get(event["reason"], event["reason"])
        received = detail.get("received_at")
        yield Line(
            datetime.fromisoformat(event["at"]),
            words.HAPPENED.get(event["kind"], event["kind"]),
            reason,
            event["actor"],
            detail.get("note", ""),
            person=bool(event["actor_commitment"]),
            late=datetime.fromisoformat(received) if received else None,
        )


def _steps(bay: Bay) -> Iterator[Line]:
    for step in bay.transitions:
        if step["state"] != "VIOLATION":  # the case's own event says so
            yield Line(step["at"], words.BAY_STATES.get(step["state"], step["state"]), reason=_reason(step))


def _reason(step: Mapping[str, Any]) -> str:
    reason = str(step.get("reason", ""))
    return words.ENDS.get(reason, "") or words.CODES.get(reason, "")


def _timed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "at": datetime.fromisoformat(row["at"])}
