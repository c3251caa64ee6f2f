"""The system's Chromium for tests of pages: phone and desktop, light and dark, nothing but loopback."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from portal.server import serve

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome") or ""
needs_chromium = pytest.mark.skipif(not PROGRAM, reason="there is no Chromium on this machine")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "locale": "de-DE"}
DESKTOP = {"viewport": {"width": 1280, "height": 800}, "locale": "de-DE"}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Browser]:
    """A browser for the block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def serving(site, listener: socket.socket) -> AsyncIterator[str]:
    """`site` on a real socket for the block; its URL."""
    task = asyncio.create_task(serve(site, listener))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.1 AA, with the elements that it concerns."""
    found = await Axe().run(page, options=RULES)
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found.response["violations"]]


async def is_too_wide(page: Page) -> bool:
    """True when the page must be moved sideways to be read."""
    return bool(await page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
