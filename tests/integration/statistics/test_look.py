"""The page in a real browser: accessible, narrow enough, nothing refused by the content security policy."""

import os
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.server import bind
from portal.settings import HttpSettings
from tests.integration.portal.clock import Clock
from tests.integration.statistics.kept import keep_months
from tests.integration.statistics.test_page import NOW
from tests.support.chromium import DESKTOP, PHONE, is_too_wide, needs_chromium, open_chromium, serving, violations
from tests.support.portal import PASSWORD, open_portal

pytestmark = [pytest.mark.anyio, needs_chromium]

LOOKS = {
    "phone": PHONE,
    "desktop": DESKTOP,
    "phone-dark": PHONE | {"color_scheme": "dark"},
    "desktop-dark": DESKTOP | {"color_scheme": "dark"},
}


@asynccontextmanager
async def open_page(database_settings, look):
    """The page of October in a browser, and what the console complained about."""
    await keep_months(database_settings)
    async with (
        open_portal(database_settings, clock=Clock(NOW)) as portal,
        open_chromium() as chromium,
        serving(portal.site, bind(HttpSettings(port=0))) as url,
    ):
        context = await chromium.new_context(**look, reduced_motion="reduce")
        page = await context.new_page()
        complaints = []
        page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{url}/login?next=/statistics")
        await page.fill("#username", "olga")
        await page.fill("#password", PASSWORD)
        await page.press("#password", "Enter")
        await page.wait_for_url(f"{url}/statistics")
        await page.goto(f"{url}/statistics?monat=2026-10")
        yield page, complaints
        await context.close()


@pytest.mark.parametrize("name", LOOKS)
async def test_the_page_is_accessible_and_fits(database_settings, name):
    async with open_page(database_settings, LOOKS[name]) as (page, complaints):
        await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert await violations(page) == []
        assert not await is_too_wide(page)
        await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = false)")
        folder = os.environ.get("STADTFUNK_SCREENSHOTS")
        if folder:
            await page.screenshot(path=Path(folder) / f"auswertung-{name}.png", full_page=True)
        assert complaints == []


async def test_months_are_chosen_by_keyboard_alone(database_settings):
    async with open_page(database_settings, DESKTOP) as (page, complaints):
        await page.focus("#monat")
        await page.keyboard.press("ArrowDown")
        for _ in range(3):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/statistics?monat=2026-09**")
        assert "September 2026" in await page.inner_text(".statistics__state")
        assert complaints == []
