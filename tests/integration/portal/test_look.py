"""The pages of the base in a real browser: accessible, narrow enough, usable by keyboard, nothing refused by policy."""

import re
from contextlib import asynccontextmanager

import pytest

from alerts.settings import AlertSettings
from portal.server import bind
from portal.settings import HttpSettings
from tests.support.chromium import DESKTOP, PHONE, is_too_wide, needs_chromium, open_chromium, serving, violations
from tests.support.portal import PASSWORD, open_portal

MAIL = {"kind": "email", "host": "127.0.0.1", "port": 1, "security": "none", "sender": "stadtfunk@stadt.example"}
CHANNELS = AlertSettings.model_validate({"channels": {"leitstelle": MAIL | {"recipients": ["amt@stadt.example"]}}})
"""Nobody listens there."""

pytestmark = [pytest.mark.anyio, needs_chromium]

LOOKS = {
    "phone": PHONE,
    "phone-dark": PHONE | {"color_scheme": "dark"},
    "desktop": DESKTOP,
    "desktop-dark": DESKTOP | {"color_scheme": "dark"},
}


@asynccontextmanager
async def open_page(database_settings, look):
    """A page in a browser, the portal's URL, and what the console complained about."""
    async with (
        open_portal(database_settings, parts={AlertSettings: CHANNELS}) as portal,
        open_chromium() as chromium,
        serving(portal.site, bind(HttpSettings(port=0))) as url,
    ):
        context = await chromium.new_context(**look, reduced_motion="reduce")
        page = await context.new_page()
        complaints = []
        page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, url, complaints
        await context.close()


async def log_in(page, name):
    await page.fill("#username", name)
    await page.fill("#password", PASSWORD)
    await page.press("#password", "Enter")
    await page.wait_for_url(re.compile(r"^[^?]*/account$"))


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
async def test_every_page_of_the_base_is_accessible_and_fits(database_settings, look):
    async with open_page(database_settings, look) as (page, url, complaints):

        async def check():
            assert await violations(page) == []
            assert not await is_too_wide(page)

        await page.goto(f"{url}/login?next=/account")
        await check()
        await log_in(page, "otto")
        await check()
        await page.goto(f"{url}/audit")
        await check()
        await page.goto(f"{url}/channels")
        await page.click("text=Test senden")
        await page.locator(".notice--danger").wait_for()
        await check()
        assert complaints == []
        assert (await page.goto(f"{url}/nothing")).status == 404
        await check()


async def test_the_login_works_by_keyboard_alone(database_settings):
    async with open_page(database_settings, DESKTOP) as (page, url, _):
        await page.goto(f"{url}/login?next=/account")
        assert await page.evaluate("document.activeElement.id") == "username"
        await page.keyboard.type("otto")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(r"^[^?]*/account$"))
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip-link"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"


async def test_what_is_to_be_touched_is_large_enough_and_at_the_thumb(database_settings):
    async with open_page(database_settings, PHONE) as (page, url, _):
        await page.goto(f"{url}/login?next=/account")
        await log_in(page, "otto")
        for selector in (".tabs__item", ".languages__item", ".actions .button", ".bar__user"):
            box = await page.locator(selector).first.bounding_box()
            assert min(box["width"], box["height"]) >= 44, selector
        button = await page.locator(".actions .button").bounding_box()
        tabs = await page.locator(".tabs").bounding_box()
        assert button["y"] > 740 / 2
        assert tabs["y"] + tabs["height"] == 740
        assert button["y"] + button["height"] <= tabs["y"]


async def test_a_lost_connection_is_said_and_so_is_its_return(database_settings):
    async with open_page(database_settings, PHONE) as (page, url, _):
        await page.goto(f"{url}/login")
        notice = page.locator("[data-offline]")
        assert not await notice.is_visible()
        await page.context.set_offline(True)
        await notice.wait_for(state="visible")
        assert "Keine Verbindung" in await notice.inner_text()
        await page.context.set_offline(False)
        await notice.wait_for(state="hidden")


async def test_pages_work_without_scripts(database_settings):
    async with open_page(database_settings, DESKTOP | {"java_script_enabled": False}) as (page, url, _):
        await page.goto(f"{url}/login?next=/account")
        await log_in(page, "otto")
        await page.click(".languages__item")
        assert await page.locator("h1").inner_text() == "Account"
        await page.click(".actions .button")
        await page.wait_for_url(re.compile(r"^[^?]*/login$"))
