"""What people do with an alert: take it on, drive there, note, close it with an outcome, take a close back.

Each action is one transaction: the alert is locked, the wish is judged against what happened meanwhile, the row
changes, the event joins the hash chain, and those who were told are told of the end.
"""

from datetime import datetime

from psycopg.types.json import Jsonb

from alerts import policy as telling
from alerts.events import EventRow, append
from alerts.model import AlertState, EventKind
from alerts.notify import enqueue
from alerts.policy import Policy
from alerts.reconcile import describe
from alerts.silences import unended
from alerts.wishes import Case, Done, Happened, Step, Wish, judge
from storage.database import Connection
from storage.statements import load

_QUERIES = load("cases")
_ENGINE = load("alerts")


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
