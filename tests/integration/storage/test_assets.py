"""Assets and bindings on both databases: import, list, bind, swap, and statistics that never mix two assets."""

import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from decoders.readings import ParkingBay, PeopleCount, TreeMoisture
from storage.asset_rows import AssetKind, Binding, asset_rows, asset_rows_from_csv
from storage.assets import AssetError, Imported, bind, import_assets, list_assets, swap
from storage.database import Connection, Role
from tests.support.store import Store

DAY = datetime(2026, 6, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD, NEW = "00000000000000a1", "00000000000000a2"

CITY = [
    {
        "kind": "tree",
        "key": "B-1",
        "name": "Linde am Markt",
        "district": "Mitte",
        "latitude": 49.99,
        "longitude": 8.27,
        "attributes": {"species": "Tilia cordata"},
        "devices": [{"dev_eui": OLD}],
    },
    {"kind": "tree", "key": "B-2", "name": "Ahorn", "district": "Nord"},
    {"kind": "bay", "key": "LS01-1", "geometry": {"type": "Point", "coordinates": [8.27, 49.99]}},
]


def ask(store: Store, scenario: Callable[[Connection], Awaitable[Any]]) -> Any:
    """Run it as the portal, which edits assets."""
    return store.run(scenario, role=Role.PORTAL)


def keys(store: Store, **criteria: Any) -> list[tuple[str, list[str]]]:
    found = ask(store, lambda c: list_assets(c, at=DAY, **criteria))
    return [(asset.key, list(asset.devices)) for asset in found]


def test_an_import_adds_updates_and_repeats_without_change(store: Store) -> None:
    rows = asset_rows(CITY)
    assert ask(store, lambda c: import_assets(c, rows)) == Imported(created=3, bindings=1)
    assert ask(store, lambda c: import_assets(c, rows)) == Imported(unchanged=3)
    renamed = asset_rows([{**CITY[0], "name": "Alte Linde"}])
    assert ask(store, lambda c: import_assets(c, renamed)) == Imported(updated=1)
    assert keys(store) == [("LS01-1", []), ("B-1", [OLD]), ("B-2", [])]
    assert keys(store, kind=AssetKind.TREE, district="Mitte") == [("B-1", [OLD])]
    assert keys(store, search="linde") == [("B-1", [OLD])]


def test_a_csv_of_a_tree_register_becomes_assets(store: Store) -> None:
    text = (
        "kind;key;name;district;latitude;longitude;species;dev_eui\ntree;B-7;Eiche;Nord;50.0;8.2;Quercus;" + NEW.upper()
    )
    assert ask(store, lambda c: import_assets(c, asset_rows_from_csv(io.StringIO(text)))).created == 1
    [asset] = ask(store, lambda c: list_assets(c, at=DAY))
    assert (asset.attributes, asset.devices, asset.latitude) == ({"species": "Quercus"}, [NEW], 50.0)


def test_a_device_measures_one_asset_at_a_time(store: Store) -> None:
    ask(store, lambda c: import_assets(c, asset_rows(CITY)))
    with pytest.raises(AssetError, match="tree B-2: device 00000000000000a1 measures tree B-1 from ever to ever"):
        ask(store, lambda c: bind(c, AssetKind.TREE, "B-2", Binding(dev_eui=OLD, valid_from=DAY)))
    with pytest.raises(AssetError, match="there is no tree B-9"):
        ask(store, lambda c: bind(c, AssetKind.TREE, "B-9", Binding(dev_eui=NEW)))


def test_the_database_itself_refuses_two_claims_on_one_reading(store: Store) -> None:
    ask(store, lambda c: import_assets(c, asset_rows(CITY)))
    claim = (
        "INSERT INTO asset_device (asset_id, device_id, channel) SELECT a.id, d.id, 1 FROM asset AS a, device AS d"
        " WHERE a.key = 'B-2' AND d.dev_eui = %s"
    )
    with pytest.raises(Exception, match="asset_device_no_overlap"):
        store.execute(claim, OLD)


def test_probes_and_meters_of_one_device_may_measure_different_assets(store: Store) -> None:
    ask(store, lambda c: import_assets(c, asset_rows(CITY)))
    for key, channel in (("B-1", 0), ("B-2", 1)):
        binding = Binding(dev_eui=NEW, channel=channel)
        ask(store, lambda c, key=key, binding=binding: bind(c, AssetKind.TREE, key, binding))
    store.add([TreeMoisture(device=NEW, channel=n, observed_at=DAY, soil_moisture=10 + n) for n in (0, 1, 2)])
    found = store.execute("SELECT channel, asset_key FROM v_tree_moisture ORDER BY channel")
    assert [(row["channel"], row["asset_key"]) for row in found] == [(0, "B-1"), (1, "B-2"), (2, None)]


def test_a_swap_ends_one_binding_and_begins_the_next(store: Store) -> None:
    ask(store, lambda c: import_assets(c, asset_rows(CITY)))
    ask(store, lambda c: swap(c, AssetKind.TREE, "B-1", new_dev_eui=NEW, at=DAY))
    assert ask(store, lambda c: list_assets(c, at=DAY - HOUR, search="B-1"))[0].devices == [OLD]
    assert ask(store, lambda c: list_assets(c, at=DAY, search="B-1"))[0].devices == [NEW]
    assert ask(store, lambda c: import_assets(c, asset_rows(CITY))) == Imported(unchanged=3)
    assert ask(store, lambda c: list_assets(c, at=DAY, search="B-1"))[0].devices == [NEW]
    with pytest.raises(AssetError, match="B-2 has no device"):
        ask(store, lambda c: swap(c, AssetKind.TREE, "B-2", new_dev_eui=OLD, at=DAY))


def test_a_swap_that_cannot_be_changes_nothing(store: Store) -> None:
    ask(store, lambda c: import_assets(c, asset_rows(CITY)))
    ask(store, lambda c: bind(c, AssetKind.TREE, "B-2", Binding(dev_eui=NEW)))
    with pytest.raises(AssetError, match="measures tree B-2"):
        ask(store, lambda c: swap(c, AssetKind.TREE, "B-1", new_dev_eui=NEW, at=DAY))
    assert keys(store, kind=AssetKind.TREE) == [("B-1", [OLD]), ("B-2", [NEW])]


def bound(store: Store, view: str, *names: str) -> list[tuple[Any, ...]]:
    found = store.execute(f"SELECT * FROM {view} ORDER BY bucket, asset_key NULLS FIRST")
    return [(row["bucket"], row["asset_key"], *(row[name] for name in names)) for row in found]


@pytest.mark.parametrize("maintained", [True, False], ids=["stored", "live"])
def test_statistics_never_mix_two_trees_in_one_hour(store: Store, maintained: bool) -> None:
    ask(store, lambda c: import_assets(c, asset_rows(CITY)))
    move = DAY + 30 * timedelta(minutes=1)
    store.execute("UPDATE asset_device SET valid_to = %s", move)
    ask(store, lambda c: bind(c, AssetKind.TREE, "B-2", Binding(dev_eui=OLD, valid_from=move)))
    minutes = ((10, 20.0), (20, 22.0), (40, 40.0), (70, 44.0))
    store.add([TreeMoisture(device=OLD, observed_at=DAY + m * HOUR / 60, soil_moisture=v) for m, v in minutes])
    if maintained:
        store.maintain(DAY + 48 * HOUR)
    names = ("readings", "soil_moisture_avg", "soil_moisture_n")
    assert bound(store, "v_tree_moisture_hourly", *names) == [
        (DAY, "B-1", 2, 21.0, 2),
        (DAY, "B-2", 1, 40.0, 1),
        (DAY + HOUR, "B-2", 1, 44.0, 1),
    ]
    assert [row[1:] for row in bound(store, "v_tree_moisture_daily", *names)] == [
        ("B-1", 2, 21.0, 2),
        ("B-2", 2, 42.0, 2),
    ]


@pytest.mark.parametrize("maintained", [True, False], ids=["stored", "live"])
def test_states_and_counters_do_not_cross_a_swap(store: Store, maintained: bool) -> None:
    ask(store, lambda c: import_assets(c, asset_rows(CITY)))
    move = DAY + 90 * timedelta(minutes=1)
    store.add([ParkingBay(device=OLD, observed_at=DAY + n * HOUR, occupied=True) for n in (0, 4)])
    store.add([PeopleCount(device=OLD, observed_at=DAY + n * HOUR, entered=100 + 10 * n) for n in range(5)])
    if maintained:
        store.maintain(DAY + 26 * HOUR)
    # registered afterwards, as it happens in practice: what is stored must follow
    store.execute("UPDATE asset_device SET valid_to = %s", move)
    ask(store, lambda c: bind(c, AssetKind.TREE, "B-2", Binding(dev_eui=OLD, valid_from=move)))
    if maintained:
        store.maintain(DAY + 27 * HOUR)
    seconds = bound(store, "v_parking_bay_hourly", "occupied_seconds")
    assert seconds[:3] == [
        (DAY, "B-1", {"true": 3600}),
        (DAY + HOUR, "B-1", {"true": 1800}),
        (DAY + 4 * HOUR, "B-2", {"true": 3600}),
    ]
    deltas = bound(store, "v_people_count_hourly", "entered_delta")
    assert deltas == [
        (DAY, "B-1", None),
        (DAY + HOUR, "B-1", 10.0),
        (DAY + 2 * HOUR, "B-2", None),
        (DAY + 3 * HOUR, "B-2", 10.0),
        (DAY + 4 * HOUR, "B-2", 10.0),
    ]
    total = store.execute("SELECT sum(entered_delta) AS total FROM v_people_count_daily")
    assert total == [{"total": 30.0}]
