"""Login with user name and password, logout, the start page, and the choice of language."""

import logging
from math import ceil
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal import audit
from portal.audit import AuditAction
from portal.auth import public, visit_of
from portal.client_address import client_address
from portal.cookies import FORM, LANGUAGE, SESSION, forget, read, write
from portal.devices import forget_device
from portal.metrics import LoginOutcome
from portal.pages import navigation, render
from portal.redirects import safe_path
from portal.services import PortalServices, Services
from portal.sessions import Origin
from portal.translation import LANGUAGES
from portal.users import MAX_PASSWORD, User

logger = logging.getLogger(__name__)

Visitor = Annotated[User | None, Depends(public)]
LANGUAGE_SECONDS: Final = 365 * 24 * 3600


routes = APIRouter()


def router(_services: PortalServices) -> APIRouter:
    """The routes that are open to everybody."""
    return routes


@routes.get("/")
async def start(request: Request, user: Visitor) -> Response:
    """To the first page of the visitor's role, or to the login."""
    if user is None:
        return RedirectResponse("/login", status_code=303)
    pages = navigation(request, await visit_of(request))
    return RedirectResponse(pages[0].path if pages else "/account", status_code=303)


@routes.get("/login")
async def login_page(request: Request, services: Services, user: Visitor, next: str = "/") -> Response:  # noqa: A002
    if user is not None:
        return RedirectResponse(safe_path(next), status_code=303)
    return _login_page(request, services, wanted=next)


@routes.post("/login")
async def login(
    request: Request,
    services: Services,
    _user: Visitor,
    username: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=MAX_PASSWORD)],
    next: Annotated[str, Form(max_length=2048)] = "/",  # noqa: A002
) -> Response:
    """Prove the password, within the limits of the back-off."""
    name, address = username.strip().lower(), client_address(request, services.settings.trusted_proxies)
    wait = services.limiter.wait(name, address)
    if wait > 0:
        services.metrics.login(Origin.LOCAL, LoginOutcome.SLOWED)
        await _note(services, AuditAction.LOGIN_SLOWED, name, address)
        return _login_page(request, services, wanted=next, username=username, wait=ceil(wait))
    services.limiter.failed(name, address)
    found = await services.accounts.login(name, password)
    if found is None:
        services.metrics.login(Origin.LOCAL, LoginOutcome.FAILED)
        await _note(services, AuditAction.LOGIN_FAILED, name, address)
        return _login_page(request, services, wanted=next, username=username, failed=True)
    services.limiter.succeeded(name, address)
    return await log_in(request, services, found, Origin.LOCAL, wanted=next)


@routes.post("/logout")
async def logout(request: Request, services: Services, user: Visitor) -> Response:
    """End the login here and in the database."""
    token = read(request, SESSION, services.settings)
    response = RedirectResponse("/login", status_code=303)
    if user is not None:
        async with services.connection() as connection, connection.transaction():
            await services.sessions.end(connection, token)
            await forget_device(connection, request, response, services.settings)
            await audit.record(connection, AuditAction.LOGOUT, at=services.clock(), username=user.name)
    forget(response, SESSION, services.settings)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@routes.post("/language")
async def language(
    services: Services,
    _user: Visitor,
    chosen: Annotated[str, Form(alias="language", max_length=8)],
    next: Annotated[str, Form(max_length=2048)] = "/",  # noqa: A002
) -> Response:
    """Remember the language that the visitor chose."""
    response = RedirectResponse(safe_path(next), status_code=303)
    if chosen in LANGUAGES:
        write(response, LANGUAGE, chosen, settings=services.settings, seconds=LANGUAGE_SECONDS)
    return response


async def log_in(
    request: Request, services: PortalServices, user: User, origin: Origin, *, wanted: str
) -> RedirectResponse:
    """Begin a login with a new token, whatever token the browser had before, and go to the page that was wanted."""
    address = client_address(request, services.settings.trusted_proxies)
    response = RedirectResponse(safe_path(wanted), status_code=303)
    async with services.connection() as connection, connection.transaction():
        await services.sessions.end(connection, read(request, SESSION, services.settings))
        await forget_device(connection, request, response, services.settings, kept=user.name)
        token = await services.sessions.begin(connection, user, origin, services.clock())
        await audit.record(
            connection,
            AuditAction.LOGIN,
            at=services.clock(),
            username=user.name,
            detail={"address": address, "origin": origin.value, "role": user.role.value},
        )
    services.metrics.login(origin, LoginOutcome.OK)
    logger.info("portal_login role=%s origin=%s", user.role, origin)
    write(response, SESSION, token, settings=services.settings, seconds=services.sessions.lifetime.total_seconds())
    forget(response, FORM, services.settings)
    return response


async def _note(services: PortalServices, action: AuditAction, name: str, address: str) -> None:
    """Write a failure down. An unknown name may be a password in the wrong field: it is not kept."""
    known = services.accounts.role_of(name) is not None
    logger.warning("portal_%s known_user=%s", action, known)
    async with services.connection() as connection:
        await audit.record(
            connection,
            action,
            at=services.clock(),
            username=name if known else "",
            detail={"address": address, "known_user": known},
        )


def _login_page(
    request: Request,
    services: PortalServices,
    *,
    wanted: str,
    username: str = "",
    failed: bool = False,
    wait: int = 0,
) -> Response:
    response = render(
        request,
        "login.html",
        status_code=429 if wait else 403 if failed else 200,
        wanted=safe_path(wanted),
        username=username,
        failed=failed,
        wait=wait,
        passwords=len(services.accounts) > 0,
        oidc=services.settings.oidc,
    )
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
