"""Kanäle: the outbox in numbers, and a test that really arrives, for those who run Stadtfunk alone."""

import pytest

from alerts.settings import AlertSettings
from tests.integration.portal.clock import START, Clock, rows
from tests.support.portal import open_portal
from tests.support.receivers import Reply, WebReceiver, mail_server

pytestmark = pytest.mark.anyio

SECRET = "s" * 40


def mail(port, **changes):
    values = {"kind": "email", "host": "127.0.0.1", "port": port, "security": "none", "sender": "a@stadt.example"}
    return values | {"recipients": ["b@stadt.example"], "timeout": "2s"} | changes


def hook(folder, url):
    (folder / "secret").write_text(SECRET)
    return {"kind": "webhook", "url": url, "secret_file": str(folder / "secret"), "allow_hosts": ["127.0.0.1"]}


def alerts(**channels):
    return {AlertSettings: AlertSettings.model_validate({"channels": channels})}


def with_hook(database, folder, receiver):
    return open_portal(database, parts=alerts(one=hook(folder, receiver.url)))


def message(database, channel, state, *, days=0, error="", sent=False):
    sent_at = f"timestamptz '{START}'" if sent else "NULL"
    rows(
        database,
        "INSERT INTO notification (idempotency_key, channel, kind, body, state, due_at, sent_at, last_error)"
        f" SELECT '{channel}' || count(*), '{channel}', 'digest', '{{}}', '{state}',"
        f" timestamptz '{START}' - interval '{days} days', {sent_at}, '{error}' FROM notification RETURNING id",
    )


async def press(browser, name):
    return await browser.post(f"/channels/{name}/test")


async def test_a_test_arrives_in_a_mailbox_and_is_written_down(database_settings):
    with mail_server() as server:
        async with open_portal(database_settings, parts=alerts(post=mail(server.port)), clock=Clock()) as portal:
            otto = await portal.login("otto")
            assert "Test senden" in (await otto.get("/channels")).text
            answer = await press(otto, "post")
            assert (answer.status_code, answer.headers["location"]) == (303, "/channels")
            assert "Test vom 24.11.2026 07:00: angenommen." in (await otto.get("/channels")).text
            assert "Kanal geprüft" in (await otto.get("/audit")).text
    [received] = server.mails
    assert "Test" in received["Subject"]
    query = "SELECT username, subject, detail FROM audit_log WHERE action = 'channel_tested'"
    assert rows(database_settings, query) == [("otto", "post", {"arrived": True})]
    assert rows(database_settings, "SELECT count(*) FROM notification") == [(0,)]


async def test_a_test_that_fails_says_why_without_a_secret(database_settings, tmp_path):
    async with WebReceiver(lambda call: Reply(403)) as receiver:
        parts = alerts(leitstelle=hook(tmp_path, receiver.url))
        async with open_portal(database_settings, parts=parts) as portal:
            emma = await portal.login("emma")
            assert (await press(emma, "leitstelle")).status_code == 303
            page = (await emma.get("/channels")).text
    assert "nicht angekommen" in page
    assert "403" in page
    assert receiver.url not in page
    assert SECRET not in page
    assert len(receiver.calls) == 1


async def test_who_presses_again_and_again_is_slowed_down_by_channel(database_settings, tmp_path):
    async with WebReceiver() as receiver:
        parts = alerts(one=hook(tmp_path, receiver.url), two=hook(tmp_path, receiver.url))
        async with open_portal(database_settings, parts=parts) as portal:
            otto, emma = await portal.login("otto"), await portal.login("emma")
            answers = [await press(browser, "one") for browser in (otto, emma, otto, emma)]
            assert [answer.status_code for answer in answers] == [303, 303, 429, 429]
            assert 0 < int(answers[2].headers["retry-after"]) <= 30
            assert "eben erst geprüft" in answers[2].text
            assert (await press(otto, "two")).status_code == 303
    assert len(receiver.calls) == 3


@pytest.mark.parametrize("name", ["olga", "vera"])
async def test_others_neither_see_channels_nor_test_them(database_settings, tmp_path, name):
    async with WebReceiver() as receiver, with_hook(database_settings, tmp_path, receiver) as portal:
        browser = await portal.login(name)
        assert (await browser.get("/channels")).status_code == 403
        assert (await press(browser, "one")).status_code == 403
        assert "/channels" not in (await browser.get("/account")).text
    assert receiver.connections == 0


async def test_nothing_is_sent_without_the_proof_of_our_own_page(database_settings, tmp_path):
    async with WebReceiver() as receiver, with_hook(database_settings, tmp_path, receiver) as portal:
        otto = await portal.login("otto")
        answer = await otto.post("/channels/one/test", headers={"X-CSRF-Token": "guessed"})
        assert answer.status_code == 403
        assert (await press(otto, "unknown")).status_code == 404
    assert receiver.connections == 0
    assert rows(database_settings, "SELECT 1 FROM audit_log WHERE action = 'channel_tested'") == []


async def test_the_page_shows_what_became_of_messages(database_settings):
    message(database_settings, "post", "sent", sent=True)
    message(database_settings, "post", "pending", error="the mail server answers 421")
    for _ in range(3):
        message(database_settings, "post", "dead", days=2, error="older")
    message(database_settings, "post", "dead", days=31)
    message(database_settings, "other", "dead")
    parts = alerts(post=mail(25), stumm=mail(25, enabled=False))
    async with open_portal(database_settings, parts=parts, clock=Clock()) as portal:
        otto = await portal.login("otto")
        page = (await otto.get("/channels")).text
        first, second = page.split('<section class="card"')[1:]
        assert "<dt>Wartet</dt><dd>1</dd>" in first
        assert '<span class="badge badge--danger">3</span>' in first
        assert "24.11.2026 07:00" in first
        assert "the mail server answers 421" in first
        assert "ausgeschaltet" in second
        assert "<dt>Wartet</dt><dd>0</dd>" in second
        await otto.post("/language", data={"language": "en"})
        assert "Last sent" in (await otto.get("/channels")).text


async def test_without_channels_the_page_says_so(database_settings):
    async with open_portal(database_settings, parts=alerts()) as portal:
        assert "kein Kanal eingerichtet" in (await (await portal.login("otto")).get("/channels")).text
