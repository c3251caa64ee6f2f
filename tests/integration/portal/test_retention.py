"""What the portal keeps no longer than it needs: exactly to the moment, with proof, in the role of maintenance."""

from datetime import timedelta

import pytest

from portal.retention import ACTION_KEYS, OIDC_REMEMBERED, expire_portal
from storage.database import Role, connect, try_lock
from storage.turns import hourly
from tests.integration.portal.clock import START, Clock, rows
from tests.support.portal import USERS, open_portal, portal_settings

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)
OIDC = {"issuer": "https://id.example.org", "client_id": "stadtfunk", "client_secret": "geheim"}


async def expire(database, now, settings=None):
    async with await connect(database, role=Role.MAINTENANCE) as connection:
        return await expire_portal(connection, settings or portal_settings(), now=now)


def subscribed(database, name):
    rows(
        database,
        "INSERT INTO push_subscription (endpoint_digest, username, endpoint, keys)"
        f" VALUES (sha256('{name}'), '{name}', 'https://push.example/{name}', '{{}}') RETURNING username",
    )


def logged_in(database, name, at, role="officer", origin="oidc"):
    detail = f'{{"origin": "{origin}", "role": "{role}"}}'
    rows(
        database,
        "INSERT INTO audit_log (at, username, action, detail)"
        f" VALUES ('{at.isoformat()}', '{name}', 'login', '{detail}') RETURNING id",
    )


def browsers(database):
    return [name for (name,) in rows(database, "SELECT username FROM push_subscription ORDER BY username")]


def proofs(database):
    return rows(database, "SELECT table_name, cutoff, deleted, ran_at FROM retention_run ORDER BY table_name")


async def test_ended_logins_go_and_living_ones_stay(database_settings):
    clock = Clock()
    async with open_portal(database_settings, clock=clock) as portal:
        await portal.login("olga")
        clock.now += timedelta(hours=9)
        await portal.login("oskar")
    now = START + timedelta(hours=10) + SECOND
    assert await expire(database_settings, now) == {"portal_session": 1}
    assert rows(database_settings, "SELECT username FROM portal_session") == [("oskar",)]
    assert proofs(database_settings) == [("portal_session", now, 1, now)]


async def test_keys_of_actions_go_when_no_phone_will_send_them_again(database_settings):
    for name, age in (("old", ACTION_KEYS + SECOND), ("young", ACTION_KEYS - SECOND)):
        rows(
            database_settings,
            "INSERT INTO portal_action (idempotency_key, username, answer, created_at)"
            f" VALUES ('{name}', 'olga', '{{}}', '{(START - age).isoformat()}') RETURNING username",
        )
    assert await expire(database_settings, START) == {"portal_action": 1}
    assert rows(database_settings, "SELECT idempotency_key FROM portal_action") == [("young",)]


async def test_browsers_of_those_who_may_not_read_the_inbox_go(database_settings):
    for name in (*USERS, "gone"):
        subscribed(database_settings, name)
    logged_in(database_settings, "gone", START - SECOND)  # without a provider that says nothing
    assert await expire(database_settings, START) == {"push_subscription": 3}
    assert browsers(database_settings) == ["olga", "oskar", "otto"]
    assert [proof[0::2] for proof in proofs(database_settings)] == [("push_subscription", 3)]


async def test_people_of_the_identity_provider_stay_while_they_come(database_settings):
    settings = portal_settings(oidc=OIDC, public_url="https://stadtfunk.example")
    for name in ("here", "away", "moved", "never"):
        subscribed(database_settings, name)
    logged_in(database_settings, "here", START - OIDC_REMEMBERED + SECOND)
    logged_in(database_settings, "away", START - OIDC_REMEMBERED - SECOND)
    logged_in(database_settings, "moved", START - 2 * SECOND)
    logged_in(database_settings, "moved", START - SECOND, role="viewer")
    logged_in(database_settings, "never", START - SECOND, origin="local")
    assert await expire(database_settings, START, settings) == {"push_subscription": 3}
    assert browsers(database_settings) == ["here"]


async def test_a_users_file_that_cannot_be_read_deletes_nobody(database_settings, tmp_path):
    subscribed(database_settings, "from_the_file")
    settings = portal_settings(users_file=tmp_path / "missing.yaml")
    assert await expire(database_settings, START, settings) == {}
    assert browsers(database_settings) == ["from_the_file"]


async def test_once_an_hour(database_settings):
    for age in (timedelta(0), timedelta(minutes=59)):
        await expire(database_settings, START + age)
    assert rows(database_settings, "SELECT ran_at FROM maintenance_task WHERE name = 'portal'") == [(START,)]
    subscribed(database_settings, "gone")
    assert await expire(database_settings, START + timedelta(minutes=60) - SECOND) == {}
    assert await expire(database_settings, START + timedelta(minutes=60)) == {"push_subscription": 1}


async def test_two_processes_do_not_do_it_at_once(database_settings):
    subscribed(database_settings, "gone")
    async with await connect(database_settings, role=Role.MAINTENANCE) as other:
        assert await try_lock(other, "portal")
        assert await expire(database_settings, START) == {}
    assert await expire(database_settings, START) == {"push_subscription": 1}


async def test_what_failed_is_due_again(database_settings):
    async with await connect(database_settings, role=Role.MAINTENANCE) as connection:
        with pytest.raises(ZeroDivisionError):
            async with hourly(connection, "task", START) as due:
                assert due
                raise ZeroDivisionError
        for expected in (True, False):
            async with hourly(connection, "task", START) as due:
                assert due is expected
