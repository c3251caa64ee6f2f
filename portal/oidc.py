"""Login at the city's identity provider: OpenID Connect with authorization code, PKCE, state and nonce.

What is under way is kept in memory for ten minutes, bound to the browser by a cookie, and used once.
"""

import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal import audit
from portal.audit import AuditAction
from portal.auth import public
from portal.client_address import client_address
from portal.cookies import LOGIN, forget, read, write
from portal.errors import answer
from portal.login import log_in
from portal.metrics import LoginOutcome
from portal.oidc_provider import Claims, OidcRefused, Provider, ProviderAway
from portal.redirects import safe_path
from portal.services import PortalServices
from portal.sessions import Origin
from portal.site_settings import OidcSettings
from portal.user_roles import UserRole
from portal.users import User

logger = logging.getLogger(__name__)

CALLBACK: Final = "/login/oidc/callback"
LASTS_SECONDS: Final = 600.0
MAX_UNDER_WAY: Final = 1000
MAX_NAME: Final = 64

Visitor = Annotated[User | None, Depends(public)]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login that has gone to the provider and has not come back."""

    browser: str
    nonce: str
    verifier: str
    wanted: str
    started: float


class Attempts:
    """Logins under way by their `state`; each can be taken once, by the browser that began it."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._attempts: OrderedDict[str, Attempt] = OrderedDict()

    def begin(self, wanted: str) -> tuple[str, Attempt]:
        """A new attempt and its state."""
        state, browser, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        attempt = Attempt(browser, nonce, verifier, wanted, self._clock())
        self._attempts[state] = attempt
        while len(self._attempts) > MAX_UNDER_WAY:
            self._attempts.popitem(last=False)
        return state, attempt

    def take(self, state: str, browser: str) -> Attempt | None:
        """The attempt of `state`, when this browser began it a short while ago."""
        attempt = self._attempts.pop(state, None)
        if attempt is None or self._clock() - attempt.started > LASTS_SECONDS:
            return None
        return attempt if hmac.compare_digest(attempt.browser.encode(), browser.encode()) else None


def router(services: PortalServices) -> APIRouter:
    """The way to the provider and back; nothing when none is configured."""
    routes = APIRouter()
    if services.settings.oidc is not None:
        pages = OidcPages(services, services.settings.oidc)
        routes.add_api_route("/login/oidc", pages.leave, methods=["GET"])
        routes.add_api_route(CALLBACK, pages.come_back, methods=["GET"])
    return routes


class OidcPages:
    """The two steps of a login elsewhere."""

    def __init__(self, services: PortalServices, settings: OidcSettings) -> None:
        self._services = services
        self._settings = settings
        self._provider = Provider(settings, redirect_uri=f"{services.public_url}{CALLBACK}")
        self._attempts = Attempts()

    async def leave(self, request: Request, _user: Visitor, next: str = "/") -> Response:  # noqa: A002
        """Send the browser to the provider."""
        state, attempt = self._attempts.begin(safe_path(next))
        try:
            url = await self._provider.authorization_url(state=state, nonce=attempt.nonce, verifier=attempt.verifier)
        except ProviderAway as error:
            return self._away(request, error)
        response = RedirectResponse(url, status_code=303)
        write(response, LOGIN, attempt.browser, settings=self._services.settings, seconds=LASTS_SECONDS)
        return response

    async def come_back(
        self,
        request: Request,
        _user: Visitor,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=4096)] = "",
    ) -> Response:
        """Prove what the provider says, find the role, begin the login."""
        attempt = self._attempts.take(state, read(request, LOGIN, self._services.settings))
        if attempt is None or not code:
            raise HTTPException(403, "oidc_lost")
        try:
            claims = await self._provider.claims(code, nonce=attempt.nonce, verifier=attempt.verifier)
        except ProviderAway as error:
            return self._away(request, error)
        except OidcRefused as error:
            return await self._refused(request, "oidc_refused", str(error))
        user = user_of(claims, self._settings)
        if user is None:
            return await self._refused(request, "oidc_no_role", "no_role")
        response = await log_in(request, self._services, user, Origin.OIDC, wanted=attempt.wanted)
        forget(response, LOGIN, self._services.settings)
        return response

    async def _refused(self, request: Request, reason: str, why: str) -> Response:
        logger.warning("portal_oidc_refused reason=%s", why)
        self._services.metrics.login(Origin.OIDC, LoginOutcome.FAILED)
        address = client_address(request, self._services.settings.trusted_proxies)
        async with self._services.connection() as connection:
            detail = {"address": address, "origin": Origin.OIDC.value, "reason": why}
            await audit.record(connection, AuditAction.LOGIN_FAILED, at=self._services.clock(), detail=detail)
        return answer(request, 403, reason)

    def _away(self, request: Request, error: ProviderAway) -> Response:
        logger.warning("portal_oidc_away reason=%s", error)
        return answer(request, 503, "oidc_away", headers={"Retry-After": "30"})


def user_of(claims: Claims, settings: OidcSettings) -> User | None:
    """The user whom the provider's claims describe; None without a name or a role that we know."""
    name = claims.get(settings.name_claim)
    role = role_of(_groups(claims, settings.roles_claim), settings.roles)
    if not isinstance(name, str) or not name.strip().isprintable() or not 0 < len(name.strip()) <= MAX_NAME:
        return None
    return None if role is None else User(name.strip().lower(), role)


def role_of(groups: frozenset[str], roles: Mapping[str, UserRole]) -> UserRole | None:
    """The role of the first entry of `roles` that is among `groups`."""
    return next((role for group, role in roles.items() if group in groups), None)


def _groups(claims: Claims, path: str) -> frozenset[str]:
    """The texts at `path`, which may lead into objects (`realm_access.roles`); a single text is a list of one."""
    found: object = claims
    for key in (path,) if path in claims else path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    values = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(value for value in values if isinstance(value, str))
