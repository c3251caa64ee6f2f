"""Every route lets in exactly whom it names: walked over all of them, so that a new one is covered without a test."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import psycopg
import pytest
from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from portal.auth import Public, Require
from portal.scopes import Scope
from portal.tokens import NewToken
from portal.user_roles import UserRole
from portal.users import User
from tests.integration.portal.clock import Clock, rows
from tests.support.portal import USERS, open_portal

pytestmark = pytest.mark.anyio

MACHINES = ("/ocpi", "/charging", "/webhooks")
"""Routes of machines prove their senders themselves; see their own tests."""
NAMES = {role: name for name, role in USERS.items()}


def walked(router):
    """All routes, those of included routers, too; one of a kind that nobody knows would escape the walk."""
    for route in router.routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from walked(included)
        else:
            assert isinstance(route, (APIRoute, Route, Mount)), route
            yield route


def routes(site):
    for route in walked(site):
        if not isinstance(route, Mount) and not route.path.startswith(MACHINES):
            yield route


def guards(route):
    pending = [route.dependant] if isinstance(route, APIRoute) else []
    found = []
    while pending:
        dependant = pending.pop()
        pending += dependant.dependencies
        if isinstance(dependant.call, (Require, Public)):
            found.append(dependant.call)
    return found


def filled(path):
    """The path with something in the place of its parameters."""
    parts = [("1" if part.startswith("{") else part) for part in path.split("/")]
    return "/".join(parts)


def protected(site):
    for route in routes(site):
        for guard in guards(route):
            if isinstance(guard, Require):
                for method in sorted(route.methods - {"HEAD"}):
                    yield method, filled(route.path), guard


async def test_every_route_says_whom_it_lets_in(database_settings):
    async with open_portal(database_settings) as portal:
        assert len(list(routes(portal.site))) > 5
        assert [route.path for route in routes(portal.site) if len(guards(route)) != 1] == []


async def test_nobody_gets_in_without_a_login(database_settings):
    async with open_portal(database_settings) as portal:
        found = list(protected(portal.site))
        assert found
        for method, path, _ in found:
            browser = portal.browser()
            page = await browser.request(method, path)
            assert page.status_code == (303 if method == "GET" else 401), (method, path)
            program = await browser.request(method, path, headers={"Accept": "application/json"})
            assert program.status_code == 401, (method, path)
            assert program.json()["error"] == "login_needed"


@pytest.mark.parametrize("role", UserRole)
async def test_the_wrong_role_gets_403_everywhere(database_settings, role):
    async with open_portal(database_settings) as portal:
        browser = await portal.login(NAMES[role])
        for method, path in [(one[0], one[1]) for one in protected(portal.site) if role not in one[2].roles]:
            answer = await browser.request(method, path)
            assert answer.status_code == 403, (method, path)


async def test_every_changing_route_wants_the_csrf_token(database_settings):
    async with open_portal(database_settings) as portal:
        for route in routes(portal.site):
            [guard] = guards(route)
            role = min(guard.roles) if isinstance(guard, Require) else UserRole.OFFICER
            browser = await portal.login(NAMES[role])
            for method in sorted(route.methods - {"GET", "HEAD"}):
                for sent in ({"X-CSRF-Token": ""}, {"X-CSRF-Token": "wrong"}, {"Sec-Fetch-Site": "cross-site"}):
                    answer = await browser.request(method, filled(route.path), headers=sent, data=form(route))
                    assert answer.status_code == 403, (method, route.path, sent)
                foreign = {"Origin": "https://evil.example"}
                answer = await browser.request(method, filled(route.path), headers=foreign, data=form(route))
                assert answer.status_code == 403, (method, route.path)


def form(route):
    """A value for each required field, so that the refusal is not one of a missing field."""
    return {field.alias: "x" for field in route.dependant.body_params}


async def test_the_navigation_shows_what_the_role_may_see(database_settings):
    async with open_portal(database_settings) as portal:
        for role, name in NAMES.items():
            browser = await portal.login(name)
            page = (await browser.get("/account")).text
            for entry in portal.site.state.pages:
                assert (f'href="{entry.path}"' in page) == (role in entry.roles), (role, entry.path)


async def test_pages_of_the_navigation_let_in_whom_they_name(database_settings):
    async with open_portal(database_settings) as portal:
        named = {path: guard.roles for method, path, guard in protected(portal.site) if method == "GET"}
        for entry in portal.site.state.pages:
            assert named[entry.path] == entry.roles


async def test_the_start_page_is_the_first_that_the_role_may_see(database_settings):
    async with open_portal(database_settings) as portal:
        browser = await portal.login("otto")
        first = next(page for page in portal.site.state.pages if UserRole.OPERATOR in page.roles)
        assert (await browser.get("/")).headers["location"] == first.path
        assert (await portal.browser().get("/")).headers["location"] == "/login"


class TestTokens:
    async def token(self, portal, **wanted):
        clock = portal.services.clock
        new = NewToken(name="dashboard", scopes=(Scope.INBOX,), expires_at=clock() + timedelta(days=1))
        async with portal.services.connection() as connection:
            # the command line makes tokens with the login's own rights; the portal itself may not
            await connection.execute("RESET ROLE")
            token = await portal.services.tokens.create(connection, replace(new, **wanted), clock())
            await connection.close()
        return {"Authorization": f"Bearer {token}"}

    async def asked(self, portal, headers, *, scope="", roles=(UserRole.VIEWER,), method="GET"):
        """The answer of a route that lets programs in as given."""
        guard = Require(*roles, scope=scope)

        async def probe(user: Annotated[User, Depends(guard)]) -> dict[str, str]:
            return {"name": user.name, "role": user.role}

        path = f"/probe{len(portal.site.routes)}"
        portal.site.add_api_route(path, probe, methods=[method])
        return await portal.browser().request(method, path, headers=headers)

    async def test_a_token_reads_the_parts_that_it_names(self, database_settings):
        async with open_portal(database_settings) as portal:
            headers = await self.token(portal)
            answer = await self.asked(portal, headers, scope=Scope.INBOX)
            assert answer.json() == {"name": "token:dashboard", "role": "viewer"}
            assert (await self.asked(portal, headers, scope=Scope.STATISTICS)).status_code == 403
            assert (await self.asked(portal, headers)).status_code == 403
            assert (await self.asked(portal, headers, scope=Scope.INBOX, roles=[UserRole.OFFICER])).status_code == 403

    async def test_a_token_changes_nothing_unless_it_may_write(self, database_settings):
        async with open_portal(database_settings) as portal:
            headers = await self.token(portal)
            assert (await self.asked(portal, headers, scope=Scope.INBOX, method="POST")).status_code == 403
            headers = await self.token(portal, name="dispatch", writes=True)
            assert (await self.asked(portal, headers, scope=Scope.INBOX, method="POST")).status_code == 200

    async def test_a_token_ends_by_time_and_by_revocation(self, database_settings):
        clock = Clock()
        async with open_portal(database_settings, clock=clock) as portal:
            headers = await self.token(portal)
            assert (await self.asked(portal, headers, scope=Scope.INBOX)).status_code == 200
            clock.now += timedelta(days=1)
            answer = await self.asked(portal, headers, scope=Scope.INBOX)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            clock.now -= timedelta(hours=1)
            assert (await self.asked(portal, headers, scope=Scope.INBOX)).status_code == 200
            async with portal.services.connection() as connection:
                await connection.execute("RESET ROLE")
                assert await portal.services.tokens.revoke(connection, "dashboard")
                await connection.close()
            assert (await self.asked(portal, headers, scope=Scope.INBOX)).status_code == 401

    @pytest.mark.parametrize("shown", ["", "Bearer", "Bearer stadtfunk_x", "Basic b2xnYTpwdw==", "Bearer \xfc"])
    async def test_anything_else_in_the_header_is_401(self, database_settings, shown):
        async with open_portal(database_settings) as portal:
            headers = {"Authorization": shown.encode("latin-1")}
            assert (await self.asked(portal, headers, scope=Scope.INBOX)).status_code == 401

    async def test_only_the_digest_is_stored_and_the_last_use_is_told(self, database_settings):
        async with open_portal(database_settings) as portal:
            headers = await self.token(portal)
            assert rows(database_settings, "SELECT last_used_at FROM portal_token") == [(None,)]
            await self.asked(portal, headers, scope=Scope.INBOX)
            [(digest, last_used_at)] = rows(database_settings, "SELECT token_digest, last_used_at FROM portal_token")
            assert last_used_at is not None
            assert headers["Authorization"].removeprefix("Bearer ").encode() not in bytes(digest)

    async def test_the_portal_itself_can_make_no_tokens(self, database_settings):
        async with open_portal(database_settings) as portal, portal.services.connection() as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(
                    "INSERT INTO portal_token (name, token_digest, role, scopes, expires_at) "
                    "VALUES ('x', '', 'viewer', '{}', now())"
                )
