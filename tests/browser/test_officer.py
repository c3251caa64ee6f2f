"""The officer's way through the portal in a real browser, on a desk and on a phone, against the whole service."""

import asyncio
import re

import pytest

from alerts.charging.status import EvseState
from tests.browser.conftest import browsing, log_in

pytestmark = pytest.mark.anyio

STREET = "Binger Str. 19"
SOON = 60.0
"""A deadline, not a promise: the machine may be busy with other tests."""


async def opened(town, key: str) -> str:
    """Wait until the engine has opened a case of a bay; its number."""
    await until(town, key, state="open")
    return str((await town.case(key))["number"])


async def until(town, key: str, **expected: str) -> None:
    """Wait until the case of a bay is as expected in the database."""
    async with asyncio.timeout(SOON):
        while not expected.items() <= (await town.case(key)).items():
            await asyncio.sleep(0.05)


async def test_the_whole_way_from_the_login_to_an_outcome_and_back(town, chromium, look):
    await town.parks("LS01-1")
    await town.parks("LS10-1", 25)
    number = await opened(town, "LS01-1")
    await opened(town, "LS10-1")
    async with browsing(chromium, town, look, {}) as officer:
        page = officer.page
        await officer.opens("/")
        await page.wait_for_url(re.compile("/login"))
        await officer.photographs("login")
        await log_in(officer, "olga")

        await page.wait_for_url(re.compile("/inbox"))
        await page.get_by_text("Belegt ohne Ladevorgang").first.wait_for()
        assert await page.locator("[data-case]").count() == 2
        await page.locator(".live--on").wait_for()
        await officer.photographs("inbox")

        await officer.case(number).get_by_role("link", name=STREET).click()
        await page.wait_for_url(re.compile(f"/inbox/cases/{number}"))
        assert STREET in await page.locator("h1").inner_text()
        await officer.photographs("case")
        for action, state in (("acknowledge", "acknowledged"), ("dispatch", "dispatched"), ("on_site", "on_site")):
            await officer.does(action)
            await officer.state_is(state)
        await officer.photographs("case-on-site")

        await page.locator("#abschluss[open]").wait_for()
        await page.get_by_label("Verwarnung erteilt").check()
        await page.locator("#close-note").fill("Zettel an der Scheibe")
        await page.locator("form[data-action='close'] button").click()
        await officer.state_is("resolved")
        assert "Verwarnung erteilt" in await page.locator(".notice--success").inner_text()
        await officer.photographs("case-closed")

        await page.locator("form[data-action='undo'] button").click()
        await officer.state_is("on_site")
        assert officer.complaints == []
    case = await town.case("LS01-1")
    assert (case["state"], case["outcome"], case["assignee"]) == ("on_site", "", "olga")
    kinds = ["opened", "acknowledged", "dispatched", "on_site", "closed", "reopened"]
    assert [kind for kind in await town.events(number) if kind != "updated"] == kinds


async def test_a_car_that_leaves_ends_the_case_before_everybodys_eyes(town, joins, look):
    await town.parks("LS01-1")
    number = await opened(town, "LS01-1")
    async with joins("olga", look) as officer, joins("oskar", look) as other:
        await officer.opens(f"/inbox/cases/{number}")
        await officer.does("acknowledge")
        await officer.does("dispatch")
        await officer.state_is("dispatched")
        await other.opens("/inbox")
        await other.case(number).wait_for()
        await town.leaves("LS01-1")
        await officer.page.get_by_text("Anfahrt abbrechen").first.wait_for()
        await officer.state_is("resolved")
        assert "weggefahren" in await officer.page.locator("[data-list]").inner_text()
        await other.case(number).wait_for(state="detached")
        await officer.photographs("called-off")
    assert (await town.case("LS01-1"))["reason"] == "drove_away"


async def test_a_new_case_appears_by_itself_and_a_session_ends_it(town, joins, look):
    async with joins("olga", look) as officer:
        await officer.opens("/inbox")
        await officer.page.get_by_text("Nichts zu tun").wait_for()
        await officer.photographs("inbox-empty")
        await town.parks("LS08-1")
        number = await opened(town, "LS08-1")
        await officer.case(number).wait_for()
        await town.says("LS08-1", EvseState.IN_USE, -3)
        await officer.case(number).wait_for(state="detached")
    assert (await town.case("LS08-1"))["reason"] == "charging_started"


async def test_filters_by_district_and_stand(town, joins, look):
    await town.parks("LS01-1")
    await town.parks("LS10-1")
    altstadt, neustadt = await opened(town, "LS01-1"), await opened(town, "LS10-1")
    async with joins("olga", look) as officer:
        page = officer.page
        await officer.opens("/inbox")
        await page.locator(".filters summary").click()
        await page.select_option("#bezirk", "Neustadt")
        await page.wait_for_url(re.compile("bezirk=Neustadt"))
        assert await officer.case(neustadt).count() == 1
        assert await officer.case(altstadt).count() == 0
        await officer.photographs("inbox-filtered")
        await page.select_option("#stand", label="In Arbeit")
        await page.get_by_text("Zu diesen Filtern gibt es keinen Fall.").wait_for()
        await page.get_by_role("link", name="Alle zeigen").click()
        await officer.case(altstadt).wait_for()


async def test_what_is_pressed_without_a_connection_is_sent_when_there_is_one(town, joins):
    await town.parks("LS01-1")
    number = await opened(town, "LS01-1")
    async with joins("olga", "phone") as officer:
        page = officer.page
        await officer.opens(f"/inbox/cases/{number}")
        await officer.context.set_offline(True)
        await page.locator("[data-offline]").wait_for()
        await officer.does("acknowledge")
        waiting = page.locator("[data-waiting]")
        await waiting.wait_for()
        assert "wartet auf Verbindung" in await waiting.inner_text()
        await officer.photographs("offline")
        assert (await town.case("LS01-1"))["state"] == "open"
        await officer.context.set_offline(False)
        await until(town, "LS01-1", state="acknowledged", assignee="olga")
        await waiting.wait_for(state="hidden")
        await officer.state_is("acknowledged")
    assert await town.events(number) == ["opened", "acknowledged"]


async def test_two_officers_on_one_case_see_each_other(town, joins):
    await town.parks("LS01-1")
    number = await opened(town, "LS01-1")
    async with joins("olga") as first, joins("oskar", "phone") as second:
        for one in (first, second):
            await one.opens(f"/inbox/cases/{number}")
        await second.page.route("**/inbox/events", lambda route: route.abort())  # a phone that missed the news
        await second.page.route("**teil=fall**", lambda route: route.abort())
        await first.does("acknowledge")
        await first.state_is("acknowledged")
        await second.does("acknowledge")
        await second.page.get_by_text("olga war schneller").first.wait_for()
        second.complaints.clear()  # requests that this test cut off
    assert (await town.case("LS01-1"))["assignee"] == "olga"


async def test_a_note_with_a_licence_plate_is_refused_and_not_kept(town, joins, look):
    await town.parks("LS01-1")
    number = await opened(town, "LS01-1")
    async with joins("olga", look) as officer:
        page = officer.page
        await officer.opens(f"/inbox/cases/{number}")
        await page.locator("#notiz summary").click()
        await page.locator("#note").fill("steht hier MZ-AB 123")
        await page.locator("form[data-action='note'] button").click()
        await page.get_by_text("wie ein Kennzeichen aussieht").first.wait_for()
        assert "MZ-AB" not in str(await page.evaluate("JSON.stringify(localStorage)"))
    assert await town.events(number) == ["opened"]
