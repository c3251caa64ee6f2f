"""From the sensor to the month's report, with an operator, a mail server and a phone that know nothing of each other.

A car that does not charge reaches the phone and the mailbox, is acknowledged, ends when it leaves, and stands in the
month's PDF; one that charges and one at a dead charge point beside it raise nothing. Grace cannot go below three
minutes, so the cars arrived five minutes ago: the messages are as old as they say.
"""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from stadtfunk.demo.cpo import Cpo, location
from tests.browser.conftest import browsing, log_in
from tests.browser.test_officer import SOON, until
from tests.browser.town import OPERATOR, STREETS, evse_id, open_town
from tests.support.cpo import serving_cpo
from tests.support.mosquitto import free_port
from tests.support.receivers import mail_server
from tests.support.service import run_command

pytestmark = pytest.mark.anyio

CAR, CHARGING, DEAD = STREETS
PLACE = "Binger Str. 19"


def sections(tmp_path, cpo, mail, portal):
    token = tmp_path / "operator.token"
    token.write_text(cpo.token_a)
    operator = {
        "versions_url": f"{cpo.base_url}/ocpi/versions",
        "token_file": str(token),
        "poll_seconds": 30,
        "allow_hosts": ["127.0.0.1"],
    }
    inbox = {
        "kind": "email",
        "host": "127.0.0.1",
        "port": mail.port,
        "security": "none",
        "sender": "stadtfunk@mainz.example",
        "recipients": ["leitstelle@mainz.example"],
        "shift": "always",
        "grouped": False,
    }
    return {
        "charging": {
            "public_url": f"http://127.0.0.1:{portal}",
            "state_dir": str(tmp_path / "charging"),
            "ocpi": {OPERATOR: operator},
        },
        "alerts": {
            "rules": {"wrong_parking": {"kind": "wrong_parking", "timers": {"grace": 180, "free_stable": 1}}},
            "channels": {"leitstelle": inbox},
        },
    }


async def when(condition):
    async with asyncio.timeout(SOON):
        while not (found := condition()):
            await asyncio.sleep(0.05)
    return found


async def test_from_the_sensor_to_the_phone_the_mailbox_and_the_month(tmp_path, database, chromium):
    cpo, portal, now = Cpo(), free_port(), datetime.now(UTC)
    earlier = now - timedelta(hours=2)
    cpo.add(location(key[:4], [evse_id(key)], name=name, at=earlier) for key, (name, *_) in STREETS.items())
    cpo.set_status(evse_id(DEAD), "OUTOFORDER", now - timedelta(minutes=30))
    with mail_server() as mail:
        async with (
            serving_cpo(cpo),
            open_town(
                tmp_path, database, port=portal, told=False, settings=sections(tmp_path, cpo, mail, portal)
            ) as town,
            browsing(chromium, town, "phone", {}) as officer,
        ):
            page = officer.page
            await log_in(officer, "olga")
            await page.get_by_text("Nichts zu tun").wait_for()
            await polled(town)
            pushed = await cpo.change(evse_id(CHARGING), "CHARGING", now - timedelta(minutes=4))
            assert pushed.code == 1000
            for key in STREETS:
                await town.parks(key, 5)

            await officer.page.get_by_text("Belegt ohne Ladevorgang").wait_for()
            number = str((await town.case(CAR))["number"])
            [first] = await when(lambda: mail.mails[:1])
            assert PLACE in first["subject"]
            text = first.get_body(("plain",)).get_content()
            assert "Belegt ohne Ladevorgang" in first["subject"] + text
            [link] = re.findall(rf"http://127\.0\.0\.1:{portal}/inbox/cases/\S+", text)
            await page.goto(link)
            await page.get_by_text(PLACE).first.wait_for()
            await officer.does("acknowledge")
            await officer.state_is("acknowledged")
            await officer.photographs("done-when-acknowledged")

            await town.leaves(CAR, 0)
            await officer.state_is("resolved")
            await page.get_by_text("weggefahren").first.wait_for()
            await until(town, CAR, state="resolved", reason="drove_away", assignee="olga")
            [_, last] = await when(lambda: mail.mails[1:2] and mail.mails[:2])
            assert "weggefahren" in last["subject"] + last.get_body(("plain",)).get_content()

            assert await town.events(number) == ["opened", "acknowledged", "resolved"]
            assert len(mail.mails) == 2
            assert [row[0] for row in await town.rows("SELECT subject FROM alert")] == [CAR]
            assert cpo.violations == []
            assert officer.complaints == []
            first_page = months_pdf(town, tmp_path / "monat.pdf")
    assert re.search(r"\b1 Verdachtsf", first_page)


async def polled(town):
    """Wait until the operator's charge points are known."""
    async with asyncio.timeout(SOON):
        while len(await town.rows("SELECT FROM evse_status")) < len(STREETS):
            await asyncio.sleep(0.05)


def months_pdf(town, file) -> str:
    """The words of the first page of this month's report."""
    month = f"{datetime.now(ZoneInfo('Europe/Berlin')):%Y-%m}"
    arguments = ["report", "parking", "--month", month, "--pdf", str(file), "-c", str(town.service.file)]
    done = run_command(arguments, cwd=town.service.folder)
    assert done.returncode == 0, done.stderr
    return PdfReader(file).pages[0].extract_text()
