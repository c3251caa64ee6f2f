"""What stands around every answer: headers, hosts, sizes, and plain words when something is broken."""

import re

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from portal.guards import security_headers
from portal.site import MAX_BODY_BYTES
from portal.site_settings import MapSettings, PortalSettings
from storage.failures import Retryable
from tests.support.portal import PASSWORD, open_portal, portal_settings

pytestmark = pytest.mark.anyio


def add(portal, path, handler):
    portal.site.add_api_route(path, handler, methods=["GET"])


async def broken():
    raise RuntimeError("secret detail")


async def test_every_answer_carries_the_security_headers(database_settings):
    async with open_portal(database_settings) as portal:
        add(portal, "/broken", broken)
        browser = await portal.login("otto")
        expected = set(security_headers(portal.services.settings))
        for path in ("/", "/login", "/account", "/audit", "/nothing", "/broken", "/static/portal.css", "/texts/en.js"):
            answer = await browser.get(path)
            assert [name for name in expected if name not in answer.headers] == [], path


async def test_the_policy_allows_nothing_inline_and_only_the_tiles_from_elsewhere():
    policy = security_headers(PortalSettings())["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "img-src 'self' data: https://sgx.geodatenzentrum.de;" in policy
    none = security_headers(PortalSettings(map=MapSettings(tiles=None)))["Content-Security-Policy"]
    assert "img-src 'self' data:;" in none
    assert "http" not in none


async def test_no_page_has_anything_inline(database_settings):
    inline = re.compile(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son[a-z]+=|javascript:", re.IGNORECASE)
    async with open_portal(database_settings) as portal:
        browser = await portal.login("otto")
        for page in (await portal.browser().get("/login"), await browser.get("/account"), await browser.get("/audit")):
            assert page.status_code == 200
            assert inline.search(page.text) is None


async def test_pages_are_never_kept_and_files_with_a_digest_for_ever(database_settings):
    async with open_portal(database_settings) as portal:
        page = await portal.browser().get("/login")
        assert page.headers["cache-control"] == "no-store"
        [css] = re.findall(r'href="(/static/portal.css\?v=[0-9a-f]{12})"', page.text)
        kept = await portal.browser().get(css)
        assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
        asked = await portal.browser().get("/static/portal.css")
        assert asked.headers["cache-control"] == "no-cache"
        again = await portal.browser().get("/static/portal.css", headers={"If-None-Match": asked.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/leaflet/leaflet.css", "/static/leaflet/leaflet-src.esm.js", "/static/icons.svg"]
)
async def test_leaflet_and_symbols_come_from_here(database_settings, path):
    async with open_portal(database_settings) as portal:
        answer = await portal.browser().get(path)
        assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")


@pytest.mark.parametrize("path", ["/static/../settings.py", "/static/%2e%2e/settings.py", "/static/leaflet/../../x"])
async def test_nothing_outside_of_the_folder_is_served(database_settings, path):
    async with open_portal(database_settings) as portal:
        assert (await portal.browser().get(path)).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", ""])
async def test_foreign_host_names_are_refused(database_settings, host):
    async with open_portal(database_settings) as portal:
        answer = await portal.browser().get("/login", headers={"Host": host})
        assert answer.status_code == 421
        assert "x-frame-options" in answer.headers


@pytest.mark.parametrize("host", ["portal.example.org", "PORTAL.example.org:443", "127.0.0.1:8081", "localhost"])
async def test_our_own_names_are_answered(database_settings, host):
    async with open_portal(database_settings, settings=portal_settings(public_url="https://portal.example.org")) as one:
        assert (await one.browser().get("/login", headers={"Host": host})).status_code == 200


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(database_settings):
    async with open_portal(database_settings) as portal:
        browser = portal.browser()
        await browser.get("/login")
        big = {"username": "olga", "password": "x" * MAX_BODY_BYTES}
        assert (await browser.post("/login", data=big)).status_code == 413

        async def pieces():
            for _ in range(20):
                yield b"x" * 100_000

        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await browser.post("/login", content=pieces(), headers=form)).status_code == 413


async def test_files_are_not_taken(database_settings):
    async with open_portal(database_settings) as portal:
        browser = portal.browser()
        await browser.get("/login")
        sent = {"csrf_token": (None, browser.csrf_token), "username": ("x.txt", b"olga"), "password": (None, PASSWORD)}
        browser.csrf_token = ""
        assert (await browser.post("/login", files=sent)).status_code in (400, 403, 422)


async def test_a_defect_tells_nothing_to_the_visitor(database_settings):
    async with open_portal(database_settings) as portal:
        add(portal, "/broken", broken)
        page = await portal.browser().get("/broken")
        assert page.status_code == 500
        assert "Störung" in page.text
        assert "secret" not in page.text
        program = await portal.browser().get("/broken", headers={"Accept": "application/json"})
        assert program.json()["error"] == "defect"


@pytest.mark.parametrize("error", [Retryable("away"), psycopg.OperationalError("gone")])
async def test_a_database_that_is_away_is_said_in_plain_words(database_settings, error):
    async def away():
        raise error

    async with open_portal(database_settings) as portal:
        add(portal, "/away", away)
        page = await portal.browser().get("/away")
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "Die Datenbank antwortet nicht" in page.text


async def test_a_restarted_database_costs_no_visitor_an_error(database_settings):
    async with open_portal(database_settings) as portal:
        browser = await portal.login("olga")
        with psycopg.connect(database_settings.dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE application_name = 'stadtfunk portal'"
            )
        assert (await browser.get("/account")).status_code == 200


async def test_errors_for_a_logged_in_user_keep_navigation_and_forms_working(database_settings):
    async with open_portal(database_settings) as portal:
        browser = await portal.login("otto")
        page = await browser.get("/nothing")
        assert page.status_code == 404
        assert 'href="/audit"' in page.text
        assert (await browser.post("/language", data={"language": "en", "next": "/nothing"})).status_code == 303


async def test_answers_are_measured_by_route_and_logins_counted(database_settings):
    registry = CollectorRegistry()
    async with open_portal(database_settings, registry=registry) as portal:
        browser = await portal.login("otto")
        await browser.get("/audit")
        for path in ("/nothing/1", "/nothing/2"):
            await browser.get(path)
        await browser.post("/login", data={"username": "otto", "password": "wrong"})

        def count(name, **labels):
            return registry.get_sample_value(f"stadtfunk_portal_{name}", labels)

        assert count("answer_seconds_count", route="/audit", status="2xx") == 1
        assert count("answer_seconds_count", route="other", status="4xx") == 2
        assert count("logins_total", origin="local", outcome="ok") == 1
        assert count("logins_total", origin="local", outcome="failed") == 1
