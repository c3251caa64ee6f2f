"""The page of one case, also as the answer to an action that could not be carried out."""

from typing import Final
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from alerts.evidence import document
from alerts.wishes import Action, Outcome
from portal.inbox import story, words
from portal.inbox.entries import one_case
from portal.inbox.roles import ACTING
from portal.pages import render
from portal.services import PortalServices
from portal.users import User

STEPS: Final = list(words.STATES)[:4]
"""The way of a case, as the page draws it."""


async def show_case(
    request: Request,
    services: PortalServices,
    user: User,
    number: str,
    *,
    part: bool = False,
    status_code: int = 200,
    problem: str = "",
    note: str = "",
    outcome: str = "",
) -> Response:
    """The page of a case, after a failed action with what was wrong and what had been typed in."""
    now = services.clock()
    async with services.connection() as connection:
        entry = await one_case(connection, number)
        found = await document(connection, number, at=now)
    if entry is None or found is None:
        raise HTTPException(404, "Not Found")
    until = story.undo_until(found, entry)
    return render(
        request,
        "inbox/_case.html" if part else "inbox/case.html",
        status_code=status_code,
        entry=entry,
        document=found,
        lines=story.lines(found),
        bays=story.bays(found),
        steps=STEPS,
        following=story.next_actions(entry, user.name),
        called_off=entry.called_off and story.was_on_the_way(found),
        withdrawn_at=story.withdrawn_at(found, entry),
        undo_until=until if until is not None and until > now else None,
        may_act=user.role in ACTING,
        problem=problem,
        note=note,
        chosen_outcome=outcome,
        outcomes=list(Outcome),
        Action=Action,
        now=now,
        words=words,
        new_key=lambda: uuid4().hex,
    )
