"""A town, and people who look at it with a real browser. Without one these tests fail: nothing unseen is proved."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page

from tests.browser.town import Town, open_town
from tests.support.chromium import DESKTOP, PHONE, PROGRAM, is_too_wide, open_chromium, violations
from tests.support.portal import PASSWORD

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
LOOKS = {"desktop": DESKTOP, "phone": PHONE}
CUT_OFF = """[...document.querySelectorAll('.button, .badge, .chip')]
    .filter(one => one.offsetParent && one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""
"""Buttons whose words do not fit."""
HARMLESS = re.compile(r"ERR_INTERNET_DISCONNECTED|status of 409|status of 422")
"""What a browser logs of a lost connection or of a refusal that the page explains itself."""


@dataclass
class Person:
    """Somebody with a browser, logged in."""

    page: Page
    context: BrowserContext
    town: Town
    look: str
    complaints: list[str]

    async def opens(self, path: str) -> None:
        """Go to a page of the portal."""
        await self.page.goto(f"{self.town.url}{path}")

    async def photographs(self, name: str) -> None:
        """Check what is to be seen, and keep a picture of it."""
        assert await violations(self.page) == []
        assert not await is_too_wide(self.page)
        assert await self.page.evaluate(CUT_OFF) == []
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}-{self.look}.png")

    def case(self, number: object) -> Locator:
        """The entry of a case in the list."""
        return self.page.locator(f"[data-case='{number}']")

    async def does(self, action: str) -> None:
        """Press the button of an action on a case's page."""
        await self.page.locator(f".next-actions form[data-action='{action}'] button").click()

    async def state_is(self, state: str) -> None:
        """Wait until the case's page shows this state."""
        await self.page.locator(f"[data-list] > [data-state='{state}']").wait_for()


Joins = Callable[..., AbstractAsyncContextManager[Person]]


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    if not PROGRAM:
        pytest.fail("Chromium is missing: install it (Debian: apt-get install chromium); these tests are not skipped")
    async with open_chromium() as browser:
        yield browser


@pytest.fixture
async def town(tmp_path: Path, database: str) -> AsyncIterator[Town]:
    """Three bays, no car."""
    async with open_town(tmp_path, database) as running:
        yield running


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    """The size of the screen."""
    return str(request.param)


@pytest.fixture
def joins(chromium: Browser, town: Town) -> Joins:
    """`async with joins("olga", look) as person`: a browser of one's own, logged in."""

    @asynccontextmanager
    async def join(name: str, look: str = "desktop", **options: object) -> AsyncIterator[Person]:
        async with browsing(chromium, town, look, options) as person:
            await log_in(person, name)
            yield person
            assert person.complaints == []

    return join


@asynccontextmanager
async def browsing(chromium: Browser, town: Town, look: str, options: Mapping[str, object]) -> AsyncIterator[Person]:
    """A browser of one's own, not logged in."""
    context = await chromium.new_context(**LOOKS[look], reduced_motion="reduce", **options)
    page = await context.new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("console", lambda one: complaints.append(one.text) if _matters(one) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield Person(page, context, town, look, complaints)
    finally:
        await context.close()


async def log_in(person: Person, name: str) -> None:
    """Log in by hand."""
    await person.opens("/login")
    await person.page.fill("#username", name)
    await person.page.fill("#password", PASSWORD)
    await person.page.press("#password", "Enter")
    await person.page.wait_for_url(re.compile(r"^(?!.*/login).*$"))


def _matters(message) -> bool:
    return message.type == "error" and HARMLESS.search(message.text) is None
