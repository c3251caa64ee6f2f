"""Pages about oneself and about what was done: the account, and the audit log for those who run Stadtfunk."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from portal import audit
from portal.audit import AuditAction
from portal.auth import require, visit_of
from portal.pages import Page, render
from portal.services import PortalServices, Services
from portal.translation import _
from portal.user_roles import UserRole
from portal.users import User

AUDITORS: Final = frozenset({UserRole.OPERATOR})
PAGES: Final = (Page("/audit", _("Protokoll"), "log", AUDITORS, order=900),)
ROLE_TITLES: Final = {
    UserRole.OFFICER: _("Verkehrsbehörde"),
    UserRole.OPERATOR: _("Betrieb"),
    UserRole.ENGINEER: _("Technik"),
    UserRole.VIEWER: _("Lesend"),
}
ACTION_TITLES: Final[Mapping[str, str]] = {
    AuditAction.LOGIN: _("Angemeldet"),
    AuditAction.LOGIN_FAILED: _("Anmeldung fehlgeschlagen"),
    AuditAction.LOGIN_SLOWED: _("Anmeldung gebremst"),
    AuditAction.LOGOUT: _("Abgemeldet"),
    AuditAction.CHANNEL_TESTED: _("Kanal geprüft"),
}
ENTRIES: Final = 100

routes = APIRouter()


def router(_services: PortalServices) -> APIRouter:
    """The account and the audit log."""
    return routes


@routes.get("/account")
async def account(request: Request, user: Annotated[User, Depends(require(*UserRole))]) -> Response:
    """Who is logged in, until when, and the way out."""
    session = (await visit_of(request)).session
    if session is None:  # a program has a token and no account
        raise HTTPException(404, "Not Found")
    return render(request, "account.html", session=session, role_title=ROLE_TITLES[user.role])


@routes.get("/audit")
async def audit_log(
    request: Request,
    services: Services,
    _user: Annotated[User, Depends(require(*AUDITORS))],
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Who did what, the latest first."""
    async with services.connection() as connection:
        entries = await audit.latest(connection, limit=ENTRIES, before=before)
    older = entries[-1].id if len(entries) == ENTRIES else None
    return render(request, "audit.html", entries=entries, older=older, titles=ACTION_TITLES)
