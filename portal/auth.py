"""Who may do what: each route names its roles, and is given the user.

    @routes.get("/inbox")
    async def inbox(request: Request, user: Annotated[User, Depends(require(UserRole.OFFICER))]) -> Response: ...

A visitor without a login is sent to the login page (programs get 401), one with another role gets 403. A changing
request must show the login's CSRF token. A program with an API token comes in where the route names a `scope`.
"""

import secrets
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from portal.cookies import FORM, SESSION, read
from portal.csrf import SAFE_METHODS, proved
from portal.services import PortalServices, services_of
from portal.sessions import Origin, Session
from portal.user_roles import UserRole
from portal.users import User


@dataclass(frozen=True, slots=True)
class Visit:
    """Who sends a request; kept in `request.state.visit` for the page around the answer.

    Attributes:
        csrf_token: what forms of the answer must carry.
        form_cookie: a visitor's new secret, to be set as a cookie with the answer.
    """

    user: User | None
    session: Session | None
    csrf_token: str
    form_cookie: str | None = None


class Require:
    """Lets users of `roles` in, and programs whose token has `scope`; gives the handler the user.

    Args:
        scope: part of the portal, as tokens name it; empty: no token gets in.
    """

    def __init__(self, *roles: UserRole, scope: str = "") -> None:
        self.roles = frozenset(roles)
        self.scope = scope

    async def __call__(self, request: Request) -> User:
        """The user of `request`.

        Raises:
            HTTPException: 401 nobody, 403 somebody else, or without the CSRF token.
        """
        if "authorization" in request.headers:
            return await self._program(request)
        visit = await visit_of(request)
        if visit.user is None:
            raise HTTPException(401, "login_needed")
        if visit.user.role not in self.roles:
            raise HTTPException(403, "role")
        await _check_csrf(request, visit)
        return visit.user

    async def _program(self, request: Request) -> User:
        scheme, _, shown = request.headers["authorization"].partition(" ")
        services = services_of(request)
        async with services.connection() as connection:
            token = await services.tokens.find(connection, shown.strip(), services.clock())
        if token is None or scheme.lower() != "bearer":
            raise HTTPException(401, "token", headers={"WWW-Authenticate": "Bearer"})
        writing = request.method not in SAFE_METHODS
        if token.user.role not in self.roles or not token.allows(self.scope, writing=writing):
            raise HTTPException(403, "scope")
        request.state.visit = Visit(token.user, None, "")
        return token.user


class Public:
    """Lets everybody in, gives the user if there is one, and wants the CSRF token of changing requests."""

    async def __call__(self, request: Request) -> User | None:
        """The user of `request`; None for a visitor.

        Raises:
            HTTPException: 403 without the CSRF token.
        """
        visit = await visit_of(request)
        await _check_csrf(request, visit)
        return visit.user


def require(*roles: UserRole, scope: str = "") -> Require:
    """The dependency of a route: its user has one of `roles`."""
    return Require(*roles, scope=scope)


public = Public()
"""The dependency of a route that is open to everybody."""


async def visit_of(request: Request) -> Visit:
    """Who sends `request`, looked up once."""
    known: Visit | None = getattr(request.state, "visit", None)
    if known is None:
        services = services_of(request)
        known = await _logged_in(request, services) or visitor(request, services)
        request.state.visit = known
    return known


def visitor(request: Request, services: PortalServices) -> Visit:
    """A visit of somebody who is not logged in."""
    cookie = read(request, FORM, services.settings)
    fresh = None if cookie else secrets.token_urlsafe(32)
    return Visit(None, None, cookie or fresh or "", form_cookie=fresh)


async def _logged_in(request: Request, services: PortalServices) -> Visit | None:
    token = read(request, SESSION, services.settings)
    if not token:
        return None
    async with services.connection() as connection:
        session = await services.sessions.find(connection, token, services.clock())
        if session is None:
            return None
        user = _as_of_now(session, services)
        if user is None:
            await services.sessions.end(connection, token)
            return None
    return Visit(user, session, session.csrf_token)


def _as_of_now(session: Session, services: PortalServices) -> User | None:
    """The user with the role of today's configuration; None when they were taken out of it."""
    if session.origin is Origin.OIDC:
        return session.user if services.settings.oidc is not None else None
    role = services.accounts.role_of(session.user.name)
    return None if role is None else User(session.user.name, role)


async def _check_csrf(request: Request, visit: Visit) -> None:
    if request.method in SAFE_METHODS:
        return
    if not await proved(request, visit.csrf_token, public_url=services_of(request).public_url):
        raise HTTPException(403, "csrf")
