"""The protocol of a case as a document that proves itself: its events are a hash chain, whose ends seal its content.

Whoever changes, leaves out or adds an event breaks the chain; whoever recomputes it all gets another head, which stands
in the printed protocol and in the portal's audit log. Erasing a name leaves the chain valid.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from psycopg.rows import dict_row

from alerts.events import GENESIS, canonical, chain_hash, commitment
from alerts.model import EventKind, Json
from storage.database import Connection
from storage.statements import load

_QUERIES = load("inbox")

FORMAT: Final = "stadtfunk-vorgangsprotokoll"
VERSION: Final = 1
NOTICE: Final = (
    "Hinweis, kein Beweis: Der Sensor sieht weder Antriebsart noch Kennzeichen. "
    "Den Tatbestand stellt die Dienstkraft vor Ort fest."
)

Document = Mapping[str, Any]

_SEALED: Final = (
    "code",
    "codes",
    "severity",
    "confidence",
    "group",
    "notifiable",
    "badges",
    "since",
    "due_at",
    "facts",
    "evidence",
)


class Flaw(StrEnum):
    """What is wrong with a document."""

    FORMAT = "format"
    ORDER = "order"
    LINK = "link"
    HASH = "hash"
    NAME = "name"
    HEAD = "head"
    OTHER_HEAD = "other_head"
    CONTENT = "content"
    OTHER_CASE = "other_case"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check found.

    Attributes:
        flaws: what is wrong, with the position of the event (0: the document as a whole).
        sealed_at: position of the event that seals the content as it stands; None while the case goes on.
        erased: how many events have had their name erased.
    """

    number: str
    events: int
    head: str
    flaws: Sequence[tuple[Flaw, int]]
    sealed_at: int | None
    erased: int

    @property
    def sound(self) -> bool:
        """True when nothing is wrong."""
        return not self.flaws


async def document(connection: Connection, number: str, *, at: datetime) -> Document | None:
    """The protocol of a case, read in one snapshot; None without the case."""
    async with connection.transaction():
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(_QUERIES["whole_case"], {"number": number})
        case = await cursor.fetchone()
        if case is None:
            return None
        await cursor.execute(_QUERIES["events"], {"number": number})
        events = [_plain(event) for event in await cursor.fetchall()]
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": _iso(at),
        "notice": NOTICE,
        "number": number,
        "case": _plain(case),
        "events": events,
        "head": events[-1]["hash"] if events else GENESIS,
    }


def verify(found: object, *, head: str = "") -> Verified:
    """Check a document. Pure.

    Args:
        head: the head as another source tells it: the printed protocol, the audit log.
    """
    if not _readable(found):
        return Verified("", 0, "", [(Flaw.FORMAT, 0)], None, 0)
    assert isinstance(found, Mapping)
    events = found["events"]
    flaws = list(_chain_flaws(events))
    last = events[-1]["hash"] if events else GENESIS
    if found["head"] != last:
        flaws.append((Flaw.HEAD, 0))
    if head and head.strip().lower() != last:
        flaws.append((Flaw.OTHER_HEAD, 0))
    seals = [event for event in events if "content" in event["detail"]]
    content = content_hash(found["case"])
    sealed = bool(seals) and seals[-1]["detail"]["content"] == content
    if not sealed and (found["case"]["content_digest"] != content or _over(found["case"], events, seals)):
        flaws.append((Flaw.CONTENT, 0))
    flaws += _case_flaws(found["case"], events)
    return Verified(
        str(found["number"]),
        len(events),
        last,
        flaws,
        seals[-1]["position"] if sealed else None,
        sum(bool(event["actor_commitment"]) and not event["actor"] for event in events),
    )


def content_hash(case: Mapping[str, Any]) -> str:
    """The digest of what the rule said of the case, as `alerts.changes.content_digest` makes it of a finding."""
    content = {name: case[name] for name in _SEALED} | {"version": case["rule_version"]}
    content |= {name: _iso(datetime.fromisoformat(case[name])) for name in ("since", "due_at")}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _chain_flaws(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Flaw, int]]:
    previous = GENESIS
    for place, event in enumerate(events, start=1):
        if event["position"] != place:
            yield Flaw.ORDER, place
        if event["previous_hash"] != previous:
            yield Flaw.LINK, place
        if event["actor"] and event["actor_commitment"] != commitment(event["actor_salt"], event["actor"]):
            yield Flaw.NAME, place
        if event["hash"] != _hash_of(event):
            yield Flaw.HASH, place
        previous = event["hash"]


def _case_flaws(case: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Flaw, int]]:
    """Events of another case, and an outcome that nobody gave. Older cases' first events name no case."""
    opened = next((event for event in events if event["kind"] == EventKind.OPENED), None)
    if opened is not None and any(
        name in opened["detail"] and opened["detail"][name] != case.get(name) for name in ("number", "subject")
    ):
        yield Flaw.OTHER_CASE, opened["position"]
    said = [event for event in events if event["kind"] in (EventKind.CLOSED, EventKind.REOPENED)]
    closed = bool(said) and said[-1]["kind"] == EventKind.CLOSED
    if case.get("outcome", "") != (said[-1]["detail"].get("outcome", "") if closed else ""):
        yield Flaw.OUTCOME, said[-1]["position"] if said else 0


def _hash_of(event: Mapping[str, Any]) -> str:
    return chain_hash(
        position=event["position"],
        at=datetime.fromisoformat(event["at"]),
        kind=event["kind"],
        actor_commitment=event["actor_commitment"],
        reason=event["reason"],
        detail=event["detail"],
        previous_hash=event["previous_hash"],
    )


def _over(case: Mapping[str, Any], events: Sequence[Mapping[str, Any]], seals: Sequence[Mapping[str, Any]]) -> bool:
    """True when the case is over and its end sealed a content; that one stands for good."""
    ends = [event["position"] for event in events if event["kind"] in _ENDS]
    return case["closed_at"] is not None and bool(ends and seals) and seals[-1]["position"] >= ends[-1]


_ENDS: Final = (EventKind.CLOSED, EventKind.RESOLVED, EventKind.WITHDRAWN)
_EVENT_TEXTS: Final = ("at", "kind", "actor", "actor_salt", "actor_commitment", "reason", "previous_hash", "hash")


def _readable(found: object) -> bool:
    """True when the document has the form that the checks rely on."""
    if not isinstance(found, Mapping) or found.get("format") != FORMAT or found.get("version") != VERSION:
        return False
    case, events = found.get("case"), found.get("events")
    if not isinstance(case, Mapping) or not isinstance(events, list) or not isinstance(found.get("head"), str):
        return False
    whole = {*_SEALED, "rule_version", "content_digest", "closed_at", "number"} <= case.keys()
    return (
        whole
        and case["number"] == found.get("number")
        and all(_is_time(case[name]) for name in ("since", "due_at"))
        and all(map(_is_event, events))
    )


def _is_event(event: object) -> bool:
    return (
        isinstance(event, Mapping)
        and isinstance(event.get("position"), int)
        and isinstance(event.get("detail"), Mapping)
        and all(isinstance(event.get(name), str) for name in _EVENT_TEXTS)
        and _is_time(event["at"])
    )


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _plain(row: Mapping[str, Any]) -> dict[str, Json]:
    return {name: _iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
