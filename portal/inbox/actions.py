"""What officers do, as a form for browsers without scripts and as JSON for the page's own queue.

Each wish has a key, so that a phone may send it again after a bad connection; two who act on one case are told of
each other: 409 with a sentence that says who did what.
"""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from alerts.cases import act
from alerts.model import EventKind
from alerts.settings import AlertSettings
from alerts.wishes import Action, Conflict, Done, Meanwhile, Outcome, Refused, Wish
from portal.errors import wants_page
from portal.inbox import live, words
from portal.inbox.case_page import show_case
from portal.inbox.roles import ACTING_SCOPE
from portal.pages import translator_of
from portal.services import PortalServices, Services
from portal.times import clock
from portal.translation import Translator, _
from portal.users import User

MAX_TEXT: Final = 2000
"""Longer notes are refused with a sentence up to here, and without one above."""

routes = APIRouter()


class Sent(BaseModel):
    """A wish as it comes in."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    key: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9_-]*$")
    position: int | None = Field(default=None, ge=0, le=1_000_000)
    outcome: Outcome | None = None
    note: str = Field(default="", max_length=MAX_TEXT)
    made_at: datetime | None = None

    @field_validator("outcome", "position", "made_at", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("made_at")
    @classmethod
    def _with_zone(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("made_at: expected a time with its zone")
        return value


@routes.post("/inbox/cases/{number}/{action}")
async def carry_out(
    request: Request, services: Services, user: Annotated[User, Depends(ACTING_SCOPE)], number: str, action: Action
) -> Response:
    """Do it, and show the case as it is then."""
    sent = await _read(request)
    wish = Wish(
        action=action,
        actor=user.name,
        key=sent.key,
        position=sent.position,
        outcome=sent.outcome,
        note=sent.note,
        made_at=sent.made_at,
    )
    try:
        done = await _act(services, number, wish)
    except LookupError:
        raise HTTPException(404, "Not Found") from None
    except Refused as refused:
        sentence = translator_of(request).plain(words.REFUSALS[refused.reason])
        return await _failed(request, services, user, number, sent, status=422, error=refused.reason, sentence=sentence)
    except Conflict as conflict:
        sentence = told(conflict, translator_of(request))
        return await _failed(
            request, services, user, number, sent, status=409, error=conflict.meanwhile, sentence=sentence
        )
    live.CHANGES.announce()
    if wants_page(request):
        return RedirectResponse(f"/inbox/cases/{done.number}", status_code=303)
    return JSONResponse({"number": done.number, "state": done.state.value, "position": done.position})


def told(conflict: Conflict, translate: Translator) -> str:
    """A sentence that says what happened meanwhile."""
    at = clock(conflict.at) if conflict.at is not None else ""
    if conflict.meanwhile is Meanwhile.NEWER_CASE:
        return translate(_("Zu diesem Platz ist inzwischen der Fall {number} offen."), number=conflict.reason)
    if conflict.meanwhile is Meanwhile.ENDED:
        reason = translate.plain(words.ENDS.get(conflict.reason, conflict.reason))
        return translate(_("Der Fall hat sich um {at} Uhr erledigt: {reason}."), at=at, reason=reason)
    what = translate.plain(words.HAPPENED.get(conflict.kind, conflict.kind))
    if conflict.kind == EventKind.CLOSED and conflict.reason:
        what = f"{what} ({translate.plain(words.OUTCOMES.get(conflict.reason, conflict.reason))})"
    if not conflict.actor:
        return translate(_("Inzwischen geändert, um {at} Uhr: {what}."), at=at, what=what)
    return translate(_("{who} war schneller, um {at} Uhr: {what}."), who=conflict.actor, at=at, what=what)


async def _act(services: PortalServices, number: str, wish: Wish) -> Done:
    settings = services.parts.get(AlertSettings)
    policy = settings.policy() if isinstance(settings, AlertSettings) else None
    async with services.connection() as connection:
        return await act(connection, number, wish, now=services.clock(), policy=policy)


async def _read(request: Request) -> Sent:
    """The wish of a form or of JSON.

    Raises:
        HTTPException: 422, it is neither.
    """
    try:
        given: Any
        if request.headers.get("content-type", "").startswith("application/json"):
            given = await request.json()
        else:
            given = dict(await request.form(max_files=0))
        return Sent.model_validate(given)
    except (ValidationError, ValueError):
        raise HTTPException(422, "invalid") from None


async def _failed(
    request: Request,
    services: PortalServices,
    user: User,
    number: str,
    sent: Sent,
    *,
    status: int,
    error: str,
    sentence: str,
) -> Response:
    if not wants_page(request):
        return JSONResponse({"error": str(error), "message": sentence}, status_code=status)
    return await show_case(
        request,
        services,
        user,
        number,
        status_code=status,
        problem=sentence,
        note=sent.note,
        outcome=sent.outcome or "",
    )
