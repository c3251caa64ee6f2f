"""Every page in a real browser: accessible, narrow enough, by keyboard, with and without a map, in both languages."""

import re

import pytest

from tests.browser.conftest import browsing, log_in
from tests.browser.test_officer import opened
from tests.browser.town import open_town
from tests.support.mosquitto import free_port
from tests.support.portal import PASSWORD

pytestmark = pytest.mark.anyio

SEEN_BY = {
    "olga": ["/inbox", "/inbox?ansicht=parkdauer", "/inbox?ansicht=erledigt"],
    "otto": ["/inbox", "/statistics", "/account", "/audit"],
    "vera": ["/statistics", "/account"],
}


async def test_no_page_has_a_violation_light_or_dark(town, joins, look):
    await town.parks("LS01-1")
    await opened(town, "LS01-1")
    for name in SEEN_BY:
        for scheme in ("light", "dark"):
            async with joins(name, look, color_scheme=scheme) as person:
                links = await person.page.locator("nav.tabs a").evaluate_all("all => all.map(a => a.pathname)")
                for path in dict.fromkeys([*links, *SEEN_BY[name]]):
                    answer = await person.page.goto(f"{town.url}{path}")
                    assert answer.status == 200, path
                    await person.photographs(f"page-{name}{re.sub('[^a-z]+', '-', path)}-{scheme}")


async def test_the_map_works_without_tiles(town, joins, look):
    await town.parks("LS01-1")
    await town.parks("LS10-1")
    number = await opened(town, "LS01-1")
    await opened(town, "LS10-1")
    async with joins("olga", look) as officer:
        page = officer.page
        await officer.opens("/inbox")
        if not await page.locator("[data-map]").is_visible():
            await page.locator("[data-map-toggle]").click()
        await page.locator(".pin").nth(1).wait_for()
        await officer.photographs("map")
        await page.locator(".pin[title*='Binger']").click()
        await page.locator(f"[data-case='{number}'].is-chosen").wait_for(state="attached")


async def test_the_map_works_while_the_server_of_its_tiles_is_away(tmp_path, database, chromium):
    tiles = f"http://127.0.0.1:{free_port()}/{{z}}/{{x}}/{{y}}.png"
    async with open_town(tmp_path, database, tiles=tiles) as town, browsing(chromium, town, "desktop", {}) as officer:
        await town.parks("LS01-1")
        number = await opened(town, "LS01-1")
        await log_in(officer, "olga")
        await officer.opens("/inbox")
        await officer.page.locator(".pin").wait_for()
        assert await officer.case(number).count() == 1
        assert {one for one in officer.complaints if "ERR_CONNECTION_REFUSED" not in one} == set()


async def test_the_language_is_switched_and_kept(town, joins, look):
    await town.parks("LS01-1")
    await opened(town, "LS01-1")
    async with joins("olga", look) as officer:
        page = officer.page
        await officer.opens("/inbox")
        assert await page.locator("html").get_attribute("lang") == "de"
        await page.locator(".languages__item", has_text=re.compile("en|english", re.IGNORECASE)).first.click()
        await page.locator("html[lang='en']").wait_for()
        await officer.opens("/inbox")
        await page.get_by_role("heading", name="Inbox").wait_for()
        assert await page.get_by_text("Belegt ohne Ladevorgang").count() == 0
        await officer.photographs("inbox-english")


async def test_the_nearest_case_comes_first(town, joins):
    await town.parks("LS01-1", 90)
    await town.parks("LS10-1", 20)
    far, near = await opened(town, "LS01-1"), await opened(town, "LS10-1")
    here = {"latitude": 50.0095, "longitude": 8.2530}
    async with joins("olga", "phone", geolocation=here, permissions=["geolocation"]) as officer:
        page = officer.page
        await officer.opens("/inbox")
        numbers = page.locator("[data-case]")
        assert [await numbers.nth(n).get_attribute("data-case") for n in (0, 1)] == [far, near]
        await page.locator("[data-nearest]").click()
        await page.locator(f"[data-cases] > :first-child[data-case='{near}']").wait_for()
        assert re.search(r"\d+ m", await officer.case(near).locator("[data-distance]").inner_text())
        await officer.photographs("nearest")


async def test_a_case_is_worked_off_by_keyboard_alone(town, chromium):
    await town.parks("LS01-1")
    number = await opened(town, "LS01-1")
    async with browsing(chromium, town, "desktop", {}) as officer:
        page = officer.page
        await officer.opens("/login?next=/inbox")
        await page.keyboard.type("olga")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(r"/inbox$"))
        await reach(page, f"a[data-focus='{number}']")
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(f"/inbox/cases/{number}"))
        for action, state in (("acknowledge", "acknowledged"), ("on_site", "on_site")):
            await reach(page, f"[data-focus='{action}']")
            assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            await page.keyboard.press("Enter")
            await officer.state_is(state)
        await reach(page, "input[name='outcome']")
        await page.keyboard.press("Space")
        await reach(page, "form[data-action='close'] button")
        await page.keyboard.press("Enter")
        await officer.state_is("resolved")
    assert (await town.case("LS01-1"))["outcome"] == "VERWARNUNG_ERTEILT"


async def reach(page, selector: str, most: int = 80) -> None:
    """Press Tab until the focus is there."""
    await page.locator(selector).first.wait_for()
    for _ in range(most):
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not lead to {selector}")
