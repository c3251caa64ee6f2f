"""Cases of the past, with what people did about them, straight into the tables."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count

from psycopg.types.json import Jsonb

from alerts.events import append
from alerts.model import EventKind
from storage.database import Connection
from tests.support.store import Store

MINUTE = timedelta(minutes=1)
_numbers = count(1)


def add_case(
    store: Store,
    subject: str,
    due: datetime,
    *,
    code: str = "V1_NO_CHARGE",
    codes: tuple[str, ...] = (),
    minutes: float | None = 60,
    outcome: str = "",
    reason: str = "drove_away",
    state: str = "resolved",
    notifiable: bool = True,
    backfilled: bool = False,
    taken: float | None = None,
    arrived: float | None = None,
    actor: str = "kim",
    raised: Mapping[str, datetime] | None = None,
) -> int:
    """A case that was due at `due`, ten minutes after the arrival; it opened 90 seconds later. Gives its id."""
    opened = due + timedelta(seconds=90)
    closed = None if minutes is None else opened + minutes * MINUTE
    facts = {"raised": [{"code": word, "due_at": at.isoformat()} for word, at in (raised or {}).items()]}
    [row] = store.execute(
        "INSERT INTO alert (number, rule, rule_version, subject, subject_kind, asset_id, occurrence, district, code,"
        " codes, severity, confidence, state, outcome, reason, assignee, backfilled, notifiable, since, due_at,"
        " opened_at, updated_at, closed_at, facts)"
        " VALUES (%s, 'wrong_parking', '1', %s, 'bay', (SELECT id FROM asset WHERE kind = 'bay' AND key = %s), %s,"
        " 'Altstadt', %s, %s, 'warning', 80, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        f"T-{next(_numbers)}",
        subject,
        subject,
        f"{subject}@{due.isoformat()}",
        code,
        list(codes or (code,)),
        state if closed else "open",
        outcome,
        "" if outcome or closed is None else reason,
        actor if outcome or taken is not None else "",
        backfilled,
        notifiable,
        due - 10 * MINUTE,
        due,
        opened,
        closed or opened,
        closed,
        Jsonb(facts),
    )
    number = int(row["id"])

    async def happened(connection: Connection) -> None:
        async with connection.transaction():
            await append(connection, number, EventKind.OPENED, at=opened)
            if taken is not None:
                await append(connection, number, EventKind.ACKNOWLEDGED, at=opened + taken * MINUTE, actor=actor)
            if arrived is not None:
                await append(connection, number, EventKind.ON_SITE, at=opened + arrived * MINUTE, actor=actor)
            if outcome and closed is not None:
                detail = {"outcome": outcome}
                await append(connection, number, EventKind.CLOSED, at=closed, actor=actor, detail=detail)

    store.run(happened)
    return number
