"""Names, signs, statuses and notes that try to be markup: they are shown as what they are, on every page of a case."""

import json

import pytest
from psycopg.types.json import Jsonb

from alerts.charging.status import EvseState, StatusEvent, evse_key
from alerts.charging.store import record_statuses
from storage.database import connect
from tests.integration.portal.clock import Clock
from tests.support.cases import NOW, Streets, evse_of
from tests.support.portal import PASSWORD, open_portal

pytestmark = pytest.mark.anyio

BAY = "MZ-LS66-1"
IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(1)</script>"
QUOTE = "\"'><svg onload=alert(1)>"
HOSTILE = (IMAGE, SCRIPT, QUOTE)


@pytest.fixture
def streets(database_settings):
    return Streets(database_settings, bays={BAY: (IMAGE, QUOTE, 50.0, 8.26)})


@pytest.fixture
async def number(database_settings, streets):
    finding = streets.finding(BAY)
    facts = {
        **finding.facts,
        "sign_version": SCRIPT,
        "regime": QUOTE,
        "confidence_parts": [{"reason": IMAGE, "change": -1}],
    }
    evidence = {
        "uplinks": [{"key": SCRIPT, "at": NOW.isoformat(), "f_cnt": 1, "occupied": True, "event": IMAGE}],
        "statuses": [
            {"id": 1, "evse": QUOTE, "at": NOW.isoformat(), "status": SCRIPT, "raw": IMAGE, "source": QUOTE},
        ],
        "transitions": [{"at": NOW.isoformat(), "state": SCRIPT, "reason": IMAGE}],
    }
    event = StatusEvent(evse_key(evse_of(BAY)), NOW, NOW, "ocpi", EvseState.IDLE, IMAGE)
    async with await connect(database_settings) as connection:
        await record_statuses(connection, [event])
        await connection.execute("UPDATE evse SET detail = %s", (Jsonb({"name": SCRIPT, "physical_reference": IMAGE}),))
    return await streets.open_now(BAY, facts=facts, evidence=evidence)


async def test_no_page_of_a_case_runs_what_others_wrote(database_settings, number):
    async with open_portal(database_settings, clock=Clock(NOW)) as portal:
        browser = await portal.login("olga")
        note = {"note": f"{IMAGE}{SCRIPT}{QUOTE}"}
        sent = await browser.post(f"/inbox/cases/{number}/note", json=note, headers={"Accept": "application/json"})
        assert sent.status_code == 200, sent.text
        case = f"/inbox/cases/{number}"
        for path in ("/inbox", "/inbox?teil=liste", "/inbox?bezirk=" + QUOTE, case, f"{case}?teil=fall", "/statistics"):
            page = await browser.get(path)
            assert page.status_code == 200, path
            assert page.headers["content-type"].startswith("text/html"), path
            for one in HOSTILE:
                assert one not in page.text, path
        assert "&lt;img src=x onerror=alert(1)&gt;" in (await browser.get(case)).text
        assert (await browser.get("/inbox/cases.json")).headers["content-type"] == "application/json"
        found = await browser.get(f"{case}/protokoll.json")
        assert json.loads(found.text)["case"]["name"] == IMAGE
        assert (await browser.get(f"{case}/protokoll.pdf")).content.startswith(b"%PDF")


async def test_a_planted_login_is_not_the_one_that_begins(database_settings):
    async with open_portal(database_settings, clock=Clock(NOW)) as portal:
        attacker = await portal.login("vera")
        planted = attacker.cookies["stadtfunk"]
        victim = portal.browser()
        victim.cookies.set("stadtfunk", planted, domain="127.0.0.1", path="/")
        await victim.get("/account")
        answer = await victim.post("/login", data={"username": "olga", "password": PASSWORD})
        assert answer.status_code == 303
        assert victim.cookies["stadtfunk"] != planted
        assert (await attacker.get("/account")).status_code in (303, 401), "the planted login is over"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:alert(1)"]
)
async def test_no_login_leads_away(database_settings, wanted):
    async with open_portal(database_settings, clock=Clock(NOW)) as portal:
        browser = portal.browser()
        await browser.get("/login", params={"next": wanted})
        answer = await browser.post("/login", data={"username": "olga", "password": PASSWORD, "next": wanted})
        assert answer.headers["location"] == "/"
        assert (await browser.get("/login", params={"next": wanted})).headers["location"] == "/"
        answer = await browser.post("/language", data={"language": "en", "next": wanted})
        assert answer.headers.get("location", "/") == "/"
