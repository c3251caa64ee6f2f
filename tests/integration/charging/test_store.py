"""Statuses as history, contacts as spans, links of bays and charge points, on a real database with the real roles."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts.charging.status import RECHECK, EvseState, StatusEvent
from alerts.charging.store import (
    EvseRow,
    find_evse,
    merge_link,
    newest_status,
    read_link,
    record_contact,
    record_evses,
    record_statuses,
    sync_bays,
    unsettled,
)
from storage.asset_rows import asset_rows
from storage.assets import import_assets
from storage.database import Role, connect

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
KEY = "DEMZXELS011"


def minutes(number: float) -> datetime:
    return START + timedelta(minutes=number)


def event(status: EvseState, at: float, *, key=KEY, source="cpo", received=None, raw="") -> StatusEvent:
    return StatusEvent(key, minutes(at), minutes(at if received is None else received), source, status, raw)


@pytest.fixture(params=[Role.ALERTS, Role.PORTAL])
async def connection(request, database_settings):
    async with await connect(database_settings, role=request.param) as opened:
        yield opened


async def history(connection, key=KEY) -> list[tuple[str, float, str]]:
    cursor = await connection.execute(
        "SELECT s.status, s.at, s.source FROM evse_status s JOIN evse e ON e.id = s.evse_id WHERE evse_key = %s"
        " ORDER BY s.at, s.id",
        (key,),
    )
    return [(row[0], (row[1] - START) / timedelta(minutes=1), row[2]) for row in await cursor.fetchall()]


async def spans(connection, source="cpo") -> list[tuple[float, float]]:
    cursor = await connection.execute(
        "SELECT first_at, last_at FROM evse_contact WHERE source = %s ORDER BY first_at", (source,)
    )
    return [tuple((at - START) / timedelta(minutes=1) for at in row) for row in await cursor.fetchall()]


async def test_consecutive_repeats_and_older_statuses_are_no_history(connection):
    stored = await record_statuses(
        connection,
        [event(EvseState.IDLE, 0), event(EvseState.IDLE, 1), event(EvseState.IN_USE, 2), event(EvseState.IDLE, 3)],
    )
    assert stored == 3
    assert await record_statuses(connection, [event(EvseState.IDLE, 4)]) == 0
    assert await record_statuses(connection, [event(EvseState.DOWN, 2.5)]) == 0, "older than what is known"
    assert await history(connection) == [("IDLE", 0, "cpo"), ("IN_USE", 2, "cpo"), ("IDLE", 3, "cpo")]


async def test_the_same_status_in_other_words_is_kept(connection):
    """BLOCKED is AVAILABLE with a car before it: the same state, another fact."""
    await record_statuses(
        connection, [event(EvseState.IDLE, 0, raw="AVAILABLE"), event(EvseState.IDLE, 1, raw="BLOCKED")]
    )
    assert len(await history(connection)) == 2


async def test_each_source_has_a_history_of_its_own(connection):
    await record_statuses(connection, [event(EvseState.IN_USE, 5)])
    assert await record_statuses(connection, [event(EvseState.IDLE, 1, source="mobilithek")]) == 1
    assert await history(connection) == [("IDLE", 1, "mobilithek"), ("IN_USE", 5, "cpo")]


async def test_a_batch_in_any_order_gives_the_same_history(connection):
    events = [event(EvseState.IDLE, 3), event(EvseState.IN_USE, 2), event(EvseState.IDLE, 0)]
    await record_statuses(connection, events)
    assert [status for status, *_ in await history(connection)] == ["IDLE", "IN_USE", "IDLE"]


async def test_a_time_in_the_future_counts_from_the_arrival(connection):
    await record_statuses(connection, [event(EvseState.IDLE, 60, received=1)])
    assert await history(connection) == [("IDLE", 1, "cpo")]


async def test_every_recheck_is_kept(connection):
    await record_statuses(connection, [event(EvseState.IDLE, 0)])
    asked = [event(EvseState.IDLE, at, source=RECHECK, received=11) for at in (0, 5)]
    assert await record_statuses(connection, asked) == 2
    assert await record_statuses(connection, asked) == 0, "and the same one once"


async def test_unknown_charge_points_of_a_country_wide_feed_are_left_out(connection):
    assert await record_statuses(connection, [event(EvseState.IDLE, 0)], create=False) == 0
    await record_statuses(connection, [event(EvseState.IDLE, 0)])
    assert await record_statuses(connection, [event(EvseState.DOWN, 1)], create=False) == 1


async def test_contacts_join_to_spans_only_when_close(connection):
    for at in (0, 1, 2, 3.5, 10):
        await record_contact(connection, "cpo", minutes(at))
    assert await spans(connection) == [(0, 2), (3.5, 3.5), (10, 10)]
    await record_contact(connection, "cpo", minutes(2.7))  # a late one lies between two
    assert await spans(connection) == [(0, 2.7), (2.7, 3.5), (10, 10)]
    await record_contact(connection, "other", minutes(3))
    assert await spans(connection, "other") == [(3, 3)]


async def test_a_contact_inside_a_span_changes_nothing(connection):
    for at in (0, 1, 0.5, 0, 1):
        await record_contact(connection, "cpo", minutes(at))
    assert await spans(connection) == [(0, 1)]


async def test_a_failed_recheck_leaves_a_charge_point_unsettled(connection):
    await record_statuses(connection, [event(EvseState.IDLE, 0)])
    assert await unsettled(connection, "cpo") == []
    await record_statuses(connection, [event(EvseState.UNKNOWN, 11, source=RECHECK)])
    assert await unsettled(connection, "cpo") == [KEY]
    known = await newest_status(connection, KEY)
    assert known is not None and (known.source, known.status) == (RECHECK, EvseState.UNKNOWN)
    await record_statuses(connection, [event(EvseState.IDLE, 12, source=RECHECK)])
    assert await unsettled(connection, "cpo") == []


async def test_an_operators_description_replaces_an_older_one(connection):
    await record_evses(connection, "cpo", [EvseRow(KEY, "DE*MZX*ELS01*1", "LS01", "1", {"a": 1})])
    await record_evses(connection, "cpo", [EvseRow(KEY, "DE*MZX*ELS01*1", "LS02", "7", {"a": 2})])
    assert await find_evse(connection, KEY) == ("cpo", "LS02", "7")
    assert await find_evse(connection, "NOBODY") is None


async def test_link_state_is_merged(connection):
    await merge_link(connection, "cpo", {"last_poll": "a", "version": "2.2.1"})
    await merge_link(connection, "cpo", {"last_poll": "b", "version": None})
    assert await read_link(connection, "cpo") == {"last_poll": "b"}
    assert await read_link(connection, "other") == {}


async def test_nobody_rewrites_history(connection):
    await record_statuses(connection, [event(EvseState.IDLE, 0)])
    for statement in ("UPDATE evse_status SET status = 'IN_USE'", "DELETE FROM evse_status"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement)


def bay(key, evses, mapping="FIXED"):
    return {"kind": "bay", "key": key, "attributes": {"station": "LS01", "mapping": mapping, "evses": evses}}


async def links(connection):
    """Bay, charge point, mapping, station, and whether it holds since ever and for ever."""
    cursor = await connection.execute(
        "SELECT a.key, e.evse_key, b.mapping, e.station, b.valid_from = '-infinity', b.valid_to = 'infinity'"
        " FROM bay_evse b JOIN asset a ON a.id = b.asset_id JOIN evse e ON e.id = b.evse_id ORDER BY 1, 2, b.valid_from"
    )
    return await cursor.fetchall()


@pytest.fixture
async def portal(database_settings):
    async with await connect(database_settings, role=Role.PORTAL) as opened:
        yield opened


async def test_bays_are_linked_as_their_attributes_say(portal):
    await import_assets(
        portal,
        asset_rows(
            [
                bay("B1", ["DE*MZX*ELS01*1"]),
                bay("B2", ["de-mzx-els01-2", "DE*MZX*ELS01*1"], mapping="GROUP"),
                bay("B3", None),
                {"kind": "charging_station", "key": "LS09", "attributes": {"evses": ["DE*MZX*ELS09*1"]}},
            ]
        ),
    )
    assert await sync_bays(portal, START) == (3, 0)
    assert await links(portal) == [
        ("B1", "DEMZXELS011", "FIXED", "LS01", True, True),
        ("B2", "DEMZXELS011", "GROUP", "LS01", True, True),
        ("B2", "DEMZXELS012", "GROUP", "LS01", True, True),
    ]
    assert (await find_evse(portal, "DEMZXELS091")) == ("", "", "")
    assert await sync_bays(portal, minutes(1)) == (0, 0), "the same again changes nothing"


async def test_a_changed_mapping_ends_the_old_link_and_begins_a_new_one(portal):
    await import_assets(portal, asset_rows([bay("B1", ["DE*MZX*ELS01*1"]), bay("B2", ["DE*MZX*ELS01*2"])]))
    await sync_bays(portal, START)
    await import_assets(portal, asset_rows([bay("B1", ["DE*MZX*ELS01*2"]), bay("B2", ["DE*MZX*ELS01*2"], "GROUP")]))
    assert await sync_bays(portal, minutes(5)) == (2, 2)
    assert await links(portal) == [
        ("B1", "DEMZXELS011", "FIXED", "LS01", True, False),
        ("B1", "DEMZXELS012", "FIXED", "LS01", False, True),
        ("B2", "DEMZXELS012", "FIXED", "LS01", True, False),
        ("B2", "DEMZXELS012", "GROUP", "LS01", False, True),
    ]


async def test_an_evse_of_the_assets_gets_the_source_that_speaks_of_it(portal):
    await import_assets(portal, asset_rows([bay("B1", ["DE*MZX*ELS01*1"])]))
    await sync_bays(portal, START)
    await record_statuses(portal, [event(EvseState.IDLE, 0, source="mqtt")])
    await record_statuses(portal, [event(EvseState.IDLE, 0, source="other")])
    assert await find_evse(portal, KEY) == ("mqtt", "", "")
