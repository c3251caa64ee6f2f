"""A portal for tests: built on a test's database, asked through ASGI as a browser would, with cheap password hashes.

async with open_portal(database_settings) as portal:
    browser = await portal.login("olga", next="/inbox")
    answer = await browser.post("/cases/1/acknowledge", data={...})   # with the CSRF token
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx2
from argon2 import PasswordHasher
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from alerts.charging.metrics import ChargingMetrics
from alerts.charging.settings import ChargingSettings
from alerts.settings import AlertSettings
from portal.building import build_services
from portal.services import Clock, PortalServices, utc_now
from portal.site import PARTS, create_site
from portal.site_settings import PortalSettings
from portal.user_roles import UserRole
from storage.database import Role, connect
from storage.settings import DatabaseSettings, RetentionSettings

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery staple"
HASH = CHEAP.hash(PASSWORD)
USERS = {
    "olga": UserRole.OFFICER,
    "oskar": UserRole.OFFICER,
    "otto": UserRole.OPERATOR,
    "emma": UserRole.ENGINEER,
    "vera": UserRole.VIEWER,
}
URL = "http://127.0.0.1:8081"
PAGE = {"Accept": "text/html,application/xhtml+xml"}


def portal_settings(**changes) -> PortalSettings:
    """Settings with one user of each role (two officers), all with `PASSWORD`."""
    users = {name: {"password_hash": HASH, "role": role.value} for name, role in USERS.items()}
    return PortalSettings.model_validate({"enabled": True, "users": users} | changes)


class Browser(httpx2.AsyncClient):
    """Keeps cookies, asks for pages, follows no redirects, and sends the CSRF token of the page seen last."""

    def __init__(self, site: FastAPI, url: str = URL, *, address: str = "192.0.2.1") -> None:
        super().__init__(
            transport=httpx2.ASGITransport(app=site, client=(address, 4711), raise_app_exceptions=False),
            base_url=url,
            headers=PAGE,
            follow_redirects=False,
        )
        self.csrf_token = ""

    async def request(self, method, url, **options):
        """As httpx2's; a changing request carries the CSRF token unless it has one."""
        headers = dict(options.pop("headers", None) or {})
        if method not in ("GET", "HEAD") and self.csrf_token:
            headers.setdefault("X-CSRF-Token", self.csrf_token)
        answer = await super().request(method, url, headers=headers, **options)
        found = re.search(r'<meta name="csrf-token" content="([^"]*)">', answer.text) if _is_page(answer) else None
        if found and found[1]:
            self.csrf_token = found[1]
        return answer


def _is_page(answer) -> bool:
    return answer.headers.get("content-type", "").startswith("text/html")


@dataclass
class TestPortal:
    """A running site and its services."""

    __test__ = False

    site: FastAPI
    services: PortalServices
    browsers: list[Browser] = field(default_factory=list)

    def browser(self, **options) -> Browser:
        """A browser of somebody who is not logged in."""
        browser = Browser(self.site, self.services.public_url, **options)
        self.browsers.append(browser)
        return browser

    async def login(self, name: str, *, password: str = PASSWORD, **options) -> Browser:
        """The browser of `name`, logged in, with the CSRF token of the login."""
        browser = self.browser(**options)
        await browser.get("/login")
        answer = await browser.post("/login", data={"username": name, "password": password})
        assert answer.status_code == 303, answer.text
        await browser.get("/account")
        return browser


def standard_parts() -> dict[type, object]:
    """What the composition root hands to the portal, with default settings."""
    found = (RetentionSettings(), AlertSettings(), ChargingSettings(), ChargingMetrics(CollectorRegistry()))
    return {type(one): one for one in found}


@asynccontextmanager
async def open_portal(
    database: DatabaseSettings,
    *,
    settings: PortalSettings | None = None,
    parts: Mapping[type, object] | None = None,
    clock: Clock = utc_now,
    registry: CollectorRegistry | None = None,
    sections=PARTS,
) -> AsyncIterator[TestPortal]:
    """The portal on `database` for the block."""
    services = build_services(
        settings or portal_settings(),
        partial(connect, database, role=Role.PORTAL, application_name="stadtfunk portal"),
        parts=standard_parts() | dict(parts or {}),
        clock=clock,
        hasher=CHEAP,
        registry=registry,
    )
    portal = TestPortal(create_site(services, parts=sections), services)
    try:
        yield portal
    finally:
        for browser in portal.browsers:
            await browser.aclose()
        await services.pool.close()
