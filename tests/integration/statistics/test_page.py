"""The page Auswertung through the whole application: figures, filters, downloads, who may see it."""

import asyncio
import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from pypdf import PdfReader

from alerts.report.settings import ReportSettings
from tests.integration.portal.clock import Clock, rows
from tests.integration.statistics.city import add_case
from tests.integration.statistics.kept import keep_months
from tests.support.portal import open_portal
from tests.support.store import Store
from tests.unit.statistics.month import STATIONS

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
OCTOBER = "/statistics?monat=2026-10"


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
async def portal(database_settings, clock):
    await keep_months(database_settings)
    async with open_portal(database_settings, clock=clock, parts={ReportSettings: ReportSettings()}) as found:
        yield found


def plain(page: str) -> str:
    """The words of a page, without its elements."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


async def test_a_month_says_what_it_was_like(portal):
    browser = await portal.login("olga")
    text = plain((await browser.get(OCTOBER)).text)
    for expected in (
        "149 Verdachtsfälle",
        "Vormonat: 149",
        "Wann Plätze blockiert sind",
        "Wann sich eine Streife lohnt",
    ):
        assert expected in text
    for _, name, district, *_ in STATIONS:
        assert name in text
        assert district in text


async def test_the_heat_map_and_its_table_have_168_cells(portal):
    browser = await portal.login("olga")
    page = (await browser.get(OCTOBER)).text
    assert page.count('<g class="heat') == 168
    assert len(re.findall(r'<td class="number">\d+ <span class="muted">\(\d\)</span></td>', page)) == 168


async def test_nothing_is_inline(portal):
    browser = await portal.login("olga")
    answer = await browser.get(OCTOBER)
    page = answer.text
    assert answer.status_code == 200
    assert " style=" not in page
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)


async def test_filters_by_district_and_station(portal):
    browser = await portal.login("olga")
    district = plain((await browser.get(f"{OCTOBER}&bezirk=Neustadt")).text)
    assert f"{60 + 23} Verdachtsfälle" in district
    station = plain((await browser.get(f"{OCTOBER}&station=S02")).text)
    assert "41 Verdachtsfälle" in station
    assert "Oktober 2026 · Rheinufer, Großer Ölberg" in station


@pytest.mark.parametrize(
    "query", ["monat=2026-13", "monat=x", "monat=2026-10&station=S99", "monat=2026-10&bezirk=Mars"]
)
async def test_what_does_not_exist_is_not_found(portal, query):
    browser = await portal.login("olga")
    assert (await browser.get(f"/statistics?{query}")).status_code == 404


@pytest.mark.parametrize("name", ["olga", "otto", "emma", "vera"])
async def test_everybody_who_is_logged_in_may_look(portal, name):
    browser = await portal.login(name)
    answer = await browser.get(OCTOBER)
    assert answer.status_code == 200
    assert 'href="/statistics" aria-current="page"' in answer.text


async def test_nobody_else(portal):
    for path in (OCTOBER, "/statistics/tabelle.csv", "/statistics/bericht.pdf", "/statistics/schluessel.csv"):
        answer = await portal.browser().get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")


async def test_the_table_is_that_of_the_choice(portal):
    browser = await portal.login("vera")
    answer = await browser.get("/statistics/tabelle.csv?monat=2026-10&station=S02")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="ladeplaetze-2026-10.csv"' in answer.headers["content-disposition"]
    found = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline=""), delimiter=";"))
    assert [(row["Name"], row["Wert"]) for row in found if row["Merkmal"] == "FAELLE"] == [
        ("Rheinufer, Großer Ölberg", "41"),
        ("Rheinufer, Großer Ölberg", "41"),
    ]
    assert (await browser.get("/statistics/schluessel.csv")).text.startswith("\ufeffListe;Code;")


@pytest.mark.parametrize(
    ("form", "expected"), [("", "interne Fassung"), ("&fassung=oeffentlich", "öffentliche Fassung")]
)
async def test_the_report_is_a_download_and_written_down(portal, database_settings, form, expected):
    browser = await portal.login("otto")
    answer = await browser.get(f"/statistics/bericht.pdf?monat=2026-10{form}")
    assert answer.headers["content-type"] == "application/pdf"
    assert expected in PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    [(username, subject)] = rows(
        database_settings, "SELECT username, subject FROM audit_log WHERE action = 'statistics_exported'"
    )
    assert (username, subject) == ("otto", "2026-10")


async def test_a_running_month_is_counted_from_cases_and_soon_again(portal, database_settings, clock):
    await run(database_settings, Store.execute, "INSERT INTO asset (kind, key, name) VALUES ('bay', 'B1', 'Am Markt')")
    browser = await portal.login("olga")
    assert "0 Verdachtsfälle" in plain((await browser.get("/statistics")).text)
    await portal_case(database_settings)
    assert "0 Verdachtsfälle" in plain((await browser.get("/statistics")).text)  # for a minute
    clock.now += timedelta(minutes=2)
    text = plain((await browser.get("/statistics")).text)
    assert "1 Verdachtsfälle" in text
    assert "der Monat läuft noch" in text


async def portal_case(settings):
    await run(settings, add_case, "B1", NOW - timedelta(hours=3), taken=5, outcome="ERMAHNUNG")


async def run(settings, what, *arguments, **named):
    """In a thread of its own: a `Store` runs a loop of its own."""
    return await asyncio.to_thread(what, Store(settings, timescale=False), *arguments, **named)


async def test_no_name_of_an_officer_is_in_any_figure(portal, database_settings):
    await portal_case(database_settings)  # by kim
    browser = await portal.login("otto")
    for path in ("/statistics", "/statistics/tabelle.csv"):
        assert "kim" not in (await browser.get(path)).text
    paper = PdfReader(io.BytesIO((await browser.get("/statistics/bericht.pdf")).content))
    assert "kim" not in "".join(page.extract_text() for page in paper.pages)


async def test_in_english(portal):
    browser = await portal.login("olga")
    await browser.post("/language", data={"language": "en", "next": "/statistics"})
    text = plain((await browser.get(OCTOBER)).text)
    assert "149 Suspected cases" in text
    assert "When a patrol is worthwhile" in text
    assert "92.1 %" in text


async def test_a_program_needs_the_scope(portal):
    answer = await portal.browser().get(OCTOBER, headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
