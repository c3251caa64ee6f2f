"""Errors as answers: a page in plain words for people, JSON for programs, the login page where one is due."""

import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import quote

import psycopg
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from portal.auth import visit_of
from portal.csrf import SAFE_METHODS
from portal.guards import security_headers
from portal.pages import render, translator_of
from portal.services import services_of
from portal.translation import _
from storage.failures import Fatal, Retryable

logger = logging.getLogger(__name__)

Handler = Callable[[Request, Exception], Coroutine[object, object, Response]]


_TITLES: Final = {
    400: _("Das hat nicht geklappt"),
    401: _("Anmeldung nötig"),
    403: _("Kein Zugang"),
    404: _("Nicht gefunden"),
    405: _("Das hat nicht geklappt"),
    409: _("Inzwischen geändert"),
    413: _("Zu groß"),
    422: _("Angaben fehlen oder passen nicht"),
    429: _("Zu viele Versuche"),
    500: _("Störung"),
    503: _("Gerade nicht möglich"),
}
_SENTENCES: Final = {
    "login_needed": _("Bitte melden Sie sich an."),
    "token": _("Das API-Token gilt nicht oder nicht mehr."),
    "role": _("Ihre Rolle hat zu dieser Seite keinen Zugang."),
    "scope": _("Das API-Token reicht dafür nicht."),
    "csrf": _("Die Seite war zu lange offen. Bitte laden Sie sie neu und versuchen Sie es noch einmal."),
    "database": _(
        "Die Datenbank antwortet nicht. Gespeichert wurde nichts; bitte versuchen Sie es gleich noch einmal."
    ),
    "defect": _("Da ist etwas schiefgegangen. Der Fehler steht im Protokoll."),
    "oidc_lost": _("Die Anmeldung hat zu lange gedauert oder wurde in einem anderen Fenster begonnen."),
    "oidc_refused": _("Der Anmeldedienst hat die Anmeldung nicht bestätigt."),
    "oidc_no_role": _("Ihr Konto hat keinen Zugang zu Stadtfunk. Bitte wenden Sie sich an den Betrieb."),
    "oidc_away": _("Der Anmeldedienst antwortet gerade nicht. Bitte versuchen Sie es gleich noch einmal."),
    "invalid": _("Bitte prüfen Sie Ihre Eingaben."),
    "Method Not Allowed": _("So geht das hier nicht."),
    "Content Too Large": _("Das ist mehr, als hier angenommen wird."),
    "Not Found": _("Diese Seite gibt es nicht oder nicht mehr."),
}
_RETRY_AFTER: Final = {"Retry-After": "5"}


def handlers() -> dict[int | type[Exception], Handler]:
    """The handler of every error that may leave a page."""
    return {
        HTTPException: _refused,
        RequestValidationError: _invalid,
        Retryable: _database_away,
        Fatal: _database_away,
        psycopg.OperationalError: _database_away,
        Exception: _defect,
    }


def wants_page(request: Request) -> bool:
    """True for a browser that shows the answer, False for scripts and programs."""
    return "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 401 and wants_page(request) and request.method in SAFE_METHODS:
        return RedirectResponse(f"/login?next={quote(_wanted(request), safe='/')}", status_code=303)
    if wants_page(request):
        await _know_visitor(request)
    return answer(request, error.status_code, str(error.detail), headers=error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = [".".join(map(str, one["loc"])) for one in error.errors()]  # what was sent is not repeated
    if wants_page(request):
        return answer(request, 422, "invalid")
    return JSONResponse({"error": "invalid", "fields": places}, status_code=422)


async def _database_away(request: Request, error: Exception) -> Response:
    logger.warning("portal_database_away path=%s reason=%s", _route(request), type(error).__name__)
    return answer(request, 503, "database", headers=_RETRY_AFTER)


async def _defect(request: Request, error: Exception) -> Response:
    logger.error("portal_defect path=%s error=%s", _route(request), type(error).__name__)
    response = answer(request, 500, "defect")
    response.headers.update(security_headers(services_of(request).settings))  # sent from outside of our middleware
    return response


def answer(request: Request, status: int, reason: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """An error as page or JSON; `reason` is a word, or a sentence that the caller has translated."""
    translator = translator_of(request)
    sentence = translator.plain(_SENTENCES[reason]) if reason in _SENTENCES else reason
    if not wants_page(request):
        body = {"error": reason, "message": sentence}
        return JSONResponse(body, status_code=status, headers=dict(headers or {}))
    title = translator.plain(_TITLES.get(status, _TITLES[400]))
    shown = "" if sentence == reason and " " not in reason else sentence
    response = render(request, "error.html", status_code=status, title=title, sentence=shown)
    response.headers.update(headers or {})
    return response


async def _know_visitor(request: Request) -> None:
    """Have the page around the error show the navigation of whoever is logged in, if the database answers."""
    with suppress(Retryable, Fatal, psycopg.Error):
        await visit_of(request)


def _wanted(request: Request) -> str:
    """The page that the visitor asked for, to come back to after the login."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"


def _route(request: Request) -> str:
    """The route's pattern, not the path, which may hold a token."""
    return str(getattr(request.scope.get("route"), "path", "-"))
