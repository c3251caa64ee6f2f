"""Logging in, staying in for a shift, and getting out again, through the whole application on a real database."""

import hashlib
from datetime import timedelta

import pytest

from portal.rate_limit import PAIR
from portal.user_roles import UserRole
from tests.integration.portal.clock import START, Clock, rows
from tests.support.portal import HASH, PASSWORD, open_portal, portal_settings

pytestmark = pytest.mark.anyio


async def test_a_login_leads_to_the_page_that_was_wanted(database_settings):
    async with open_portal(database_settings) as portal:
        browser = portal.browser()
        sent_away = await browser.get("/account?x=1")
        assert (sent_away.status_code, sent_away.headers["location"]) == (303, "/login?next=/account%3Fx%3D1")
        page = await browser.get(sent_away.headers["location"])
        assert 'name="next" value="/account?x=1"' in page.text
        answer = await browser.post("/login", data={"username": " Olga ", "password": PASSWORD, "next": "/account?x=1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?x=1")
        account = await browser.get("/account")
        assert account.status_code == 200
        assert "olga" in account.text


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
async def test_no_login_leads_out_of_the_portal(database_settings, wanted):
    async with open_portal(database_settings) as portal:
        browser = portal.browser()
        page = await browser.get("/login", params={"next": wanted})
        assert 'name="next" value="/"' in page.text
        answer = await browser.post("/login", data={"username": "olga", "password": PASSWORD, "next": wanted})
        assert answer.headers["location"] == "/"
        again = await browser.get("/login", params={"next": wanted})
        assert again.headers["location"] == "/"


async def test_the_cookie_is_kept_from_scripts_and_only_its_digest_is_stored(database_settings):
    async with open_portal(database_settings) as portal:
        browser = portal.browser()
        await browser.get("/login")
        answer = await browser.post("/login", data={"username": "olga", "password": PASSWORD})
        [cookie] = [one for one in answer.headers.get_list("set-cookie") if one.startswith("stadtfunk=")]
        attributes = {one.strip().lower() for one in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/", "max-age=36000"} <= attributes
        assert "secure" not in attributes
        token = browser.cookies["stadtfunk"]
        [(digest, username, role)] = rows(database_settings, "SELECT token_digest, username, role FROM portal_session")
        assert bytes(digest) == hashlib.sha256(token.encode()).digest()
        assert (username, role) == ("olga", "officer")
        assert token not in str(rows(database_settings, "SELECT * FROM portal_session"))


async def test_over_https_cookies_are_secure_and_bound_to_the_host(database_settings):
    settings = portal_settings(public_url="https://portal.example.org")
    async with open_portal(database_settings, settings=settings) as portal:
        browser = await portal.login("olga")
        assert set(browser.cookies) == {"__Host-stadtfunk"}
        answer = await browser.get("/account")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_each_login_has_a_new_token_and_ends_the_old_one(database_settings):
    async with open_portal(database_settings) as portal:
        browser = await portal.login("olga")
        first = browser.cookies["stadtfunk"]
        answer = await browser.post("/login", data={"username": "olga", "password": PASSWORD})
        assert answer.status_code == 303
        assert browser.cookies["stadtfunk"] != first
        assert rows(database_settings, "SELECT count(*) FROM portal_session") == [(1,)]


async def test_a_token_that_the_browser_brought_along_is_never_adopted(database_settings):
    async with open_portal(database_settings) as portal:
        browser = portal.browser()
        browser.cookies.set("stadtfunk", "planted", domain="127.0.0.1")
        await browser.get("/login")
        await browser.post("/login", data={"username": "olga", "password": PASSWORD})
        digests = [bytes(one) for (one,) in rows(database_settings, "SELECT token_digest FROM portal_session")]
        assert hashlib.sha256(b"planted").digest() not in digests


async def test_a_login_lasts_a_shift_and_not_longer(database_settings):
    clock = Clock()
    async with open_portal(database_settings, clock=clock) as portal:
        browser = await portal.login("olga")
        clock.now = START + timedelta(hours=9, minutes=59)
        assert (await browser.get("/account")).status_code == 200
        clock.now = START + timedelta(hours=10)
        assert (await browser.get("/account")).status_code == 303


async def test_an_unused_login_ends_earlier_and_use_keeps_it(database_settings):
    clock = Clock()
    async with open_portal(database_settings, clock=clock, settings=portal_settings(idle_hours=1)) as portal:
        browser = await portal.login("olga")
        for minutes in range(50, 600, 50):
            clock.now = START + timedelta(minutes=minutes)
            assert (await browser.get("/account")).status_code == 200, minutes
        clock.now = START + timedelta(hours=10)
        assert (await browser.get("/account")).status_code == 303
        other = await portal.login("olga")
        clock.now += timedelta(minutes=61)
        assert (await other.get("/account")).status_code == 303


async def test_logout_ends_the_login_in_the_database(database_settings):
    async with open_portal(database_settings) as portal:
        browser = await portal.login("olga")
        token = browser.cookies["stadtfunk"]
        answer = await browser.post("/logout")
        assert answer.headers["location"] == "/login"
        assert rows(database_settings, "SELECT count(*) FROM portal_session") == [(0,)]
        thief = portal.browser()
        thief.cookies.set("stadtfunk", token, domain="127.0.0.1")
        assert (await thief.get("/account")).status_code == 303


async def test_who_is_taken_out_of_the_configuration_is_out_at_once(database_settings):
    async with open_portal(database_settings) as before:
        token = (await before.login("olga")).cookies["stadtfunk"]
    settings = portal_settings(users={"otto": {"password_hash": HASH, "role": "operator"}})
    async with open_portal(database_settings, settings=settings) as after:
        browser = after.browser()
        browser.cookies.set("stadtfunk", token, domain="127.0.0.1")
        assert (await browser.get("/account")).status_code == 303
        assert rows(database_settings, "SELECT count(*) FROM portal_session") == [(0,)]


async def test_a_changed_role_counts_at_once(database_settings):
    async with open_portal(database_settings) as before:
        token = (await before.login("otto")).cookies["stadtfunk"]
    settings = portal_settings(users={"otto": {"password_hash": HASH, "role": UserRole.VIEWER.value}})
    async with open_portal(database_settings, settings=settings) as after:
        browser = after.browser()
        browser.cookies.set("stadtfunk", token, domain="127.0.0.1")
        assert (await browser.get("/audit")).status_code == 403


async def test_failures_slow_down_the_pair_and_nobody_else(database_settings):
    async with open_portal(database_settings) as portal:
        attacker = portal.browser(address="198.51.100.7")
        await attacker.get("/login")
        for _ in range(PAIR.free):
            answer = await attacker.post("/login", data={"username": "olga", "password": "wrong"})
            assert answer.status_code == 403
        slowed = await attacker.post("/login", data={"username": "olga", "password": PASSWORD})
        assert slowed.status_code == 429
        assert int(slowed.headers["retry-after"]) >= 1
        assert "stadtfunk" not in attacker.cookies
        await portal.login("olga", address="192.0.2.9")
        await portal.login("oskar", address="198.51.100.7")


async def test_unknown_users_and_wrong_passwords_get_the_same_answer(database_settings):
    async with open_portal(database_settings) as portal:
        browser = portal.browser()
        await browser.get("/login")
        known = await browser.post("/login", data={"username": "olga", "password": "wrong"})
        unknown = await browser.post("/login", data={"username": "nobody", "password": "wrong"})
        assert known.status_code == unknown.status_code == 403
        assert known.text.replace("olga", "") == unknown.text.replace("nobody", "")


async def test_logins_failures_and_logouts_are_written_down_without_passwords(database_settings):
    async with open_portal(database_settings) as portal:
        browser = portal.browser(address="192.0.2.77")
        await browser.get("/login")
        await browser.post("/login", data={"username": "olga", "password": "wrong-secret"})
        await browser.post("/login", data={"username": "hunter2-typed-in-the-wrong-field", "password": "x"})
        await browser.post("/login", data={"username": "olga", "password": PASSWORD})
        await browser.get("/account")
        await browser.post("/logout")
    found = rows(database_settings, "SELECT action, username, detail->>'address' FROM audit_log ORDER BY id")
    assert found == [
        ("login_failed", "olga", "192.0.2.77"),
        ("login_failed", "", "192.0.2.77"),
        ("login", "olga", "192.0.2.77"),
        ("logout", "olga", None),
    ]
    assert "hunter2" not in str(rows(database_settings, "SELECT * FROM audit_log"))


async def test_the_language_is_german_until_somebody_switches(database_settings):
    async with open_portal(database_settings) as portal:
        browser = portal.browser()
        assert "Benutzername" in (await browser.get("/login")).text
        answer = await browser.post("/language", data={"language": "en", "next": "/login"})
        assert answer.headers["location"] == "/login"
        page = (await browser.get("/login")).text
        assert "User name" in page
        assert '<html lang="en"' in page
        await browser.post("/language", data={"language": "tlh", "next": "/login"})
        assert "User name" in (await browser.get("/login")).text
