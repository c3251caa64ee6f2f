"""Actions in the portal's own role: who is told of a close, what the role may not do, keys that are forgotten."""

from datetime import timedelta

import psycopg
import pytest

from alerts.cases import act
from alerts.notify import Channel
from alerts.policy import Policy
from alerts.wishes import Action, Conflict, Meanwhile, Outcome, Wish
from storage.database import Role, connect
from tests.integration.portal.clock import rows
from tests.support.cases import NOW, Streets

pytestmark = pytest.mark.anyio
POLICY = Policy(channels=(Channel("leitstelle"),))
CLOSE = Wish(action=Action.CLOSE, actor="olga", outcome=Outcome.ERMAHNUNG, key="k1")


@pytest.fixture
def streets(database_settings):
    return Streets(database_settings, policy=POLICY)


@pytest.fixture
async def portal(database_settings, streets):
    async with await connect(database_settings, role=Role.PORTAL) as connection:
        yield connection


def told(settings):
    return rows(settings, "SELECT kind, channel, state FROM notification ORDER BY id")


async def test_who_was_told_of_a_case_is_told_of_its_close_once(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1", minutes=12)
    assert told(database_settings) == [("opened", "leitstelle", "pending")]
    for _ in range(2):
        await act(portal, number, CLOSE, now=NOW + timedelta(minutes=2), policy=POLICY)
    assert told(database_settings) == [("opened", "leitstelle", "pending"), ("closed", "leitstelle", "pending")]


async def test_no_message_says_who_did_something(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1", minutes=12)
    noted = Wish(action=Action.CLOSE, actor="olga", outcome=Outcome.ERMAHNUNG, note="Gruß von olga")
    await act(portal, number, noted, now=NOW + timedelta(minutes=2), policy=POLICY)
    bodies = rows(database_settings, "SELECT body::text FROM notification ORDER BY id")
    assert len(bodies) == 2
    assert not any("olga" in body for (body,) in bodies), "so that erasing a name has nothing to do there"


async def test_a_case_that_nobody_was_told_of_closes_quietly(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1", minutes=90)  # too old to be told
    await act(portal, number, CLOSE, now=NOW, policy=POLICY)
    assert told(database_settings) == []


async def test_a_refused_action_leaves_nothing_behind(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    await act(portal, number, CLOSE, now=NOW)
    with pytest.raises(Conflict):
        await act(portal, number, Wish(action=Action.DISPATCH, actor="oskar", key="k2"), now=NOW)
    assert rows(database_settings, "SELECT idempotency_key FROM portal_action") == [("olga/k1",)]
    assert rows(database_settings, "SELECT count(*) FROM alert_event") == [(2,)]


async def test_a_close_stays_when_another_vehicle_has_a_case_already(streets, portal):
    number = await streets.open_now("MZ-LS01-1", minutes=40)
    await act(portal, number, CLOSE, now=NOW)
    await streets.open_now("MZ-LS01-1", minutes=13)
    with pytest.raises(Conflict) as caught:
        await act(portal, number, Wish(action=Action.UNDO, actor="olga"), now=NOW)
    assert (caught.value.meanwhile, caught.value.reason) == (Meanwhile.NEWER_CASE, "2026-000002")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE alert SET confidence = 100",
        "UPDATE alert SET evidence = '{}'",
        "DELETE FROM alert",
        "UPDATE alert_event SET detail = '{}'",
        "DELETE FROM alert_event",
    ],
)
async def test_the_portal_cannot_rewrite_what_was_found_or_done(streets, portal, statement):
    await streets.open_now("MZ-LS01-1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await portal.execute(statement)
