"""Compressed chunks of TimescaleDB: changed there, and nothing else of them is taken out of compression."""

import pytest

from storage.database import Role
from tests.integration.redecode.city import City, soil

pytestmark = pytest.mark.parametrize("migrated", ["timescaledb"], indirect=True)
DEVICES = [f"{n:016x}" for n in range(1, 6)]
TABLES = ("uplink", "payload_public", "payload_household", "tree_moisture", "device_health")


def compress(city: City) -> None:
    for table in TABLES:
        city.store.execute(
            "SELECT compress_chunk(c, true) FROM show_chunks(%s::regclass) AS c", f"stadtfunk.{table}", role=Role.OWNER
        )


def uncompressed(city: City, table: str) -> list[int]:
    """Devices with rows outside of the columnstore: `ONLY` reads what a chunk keeps as rows."""
    chunks = city.store.execute("SELECT c::text AS name FROM show_chunks(%s::regclass) AS c", f"stadtfunk.{table}")
    found = {
        row["device_id"]
        for chunk in chunks
        for row in city.store.execute(f"SELECT device_id FROM ONLY {chunk['name']}")
    }
    return sorted(found)


def filled(city: City) -> None:
    city.mapping = {"devices": dict.fromkeys(DEVICES, "test_probe")}
    city.ingest(
        soil(n, 95.0 if device == DEVICES[2] else 20.0, dev_eui=device) for n in range(30) for device in DEVICES
    )
    compress(city)
    assert [uncompressed(city, table) for table in TABLES] == [[]] * len(TABLES)


def test_what_does_not_change_stays_compressed(city: City) -> None:
    filled(city)
    city.decoders(VERSION=2)
    assert not city.redecode().tally.changes_something
    assert [uncompressed(city, table) for table in TABLES] == [[]] * len(TABLES)


def test_one_device_changes(city: City) -> None:
    filled(city)
    before = city.contents()
    city.decoders(VERSION=2, WETTEST=90)
    done = city.redecode()
    assert done.run is not None
    assert {kind: tally.vanish for kind, tally in done.tally.kinds.items()} == {
        "tree_moisture": 30, "device_health": 30,
    }  # fmt: skip
    assert len(city.contents()["tree_moisture"]) == 120
    assert [uncompressed(city, table) for table in ("tree_moisture", "device_health", "uplink")] == [[], [], [3]]
    city.undo(done.run.id)
    assert city.contents() == before
    assert [uncompressed(city, table) for table in ("tree_moisture", "device_health", "uplink")] == [[3]] * 3


def test_all_devices_change(city: City) -> None:
    filled(city)
    before = city.contents()
    city.decoders(VERSION=2, OFFSET=1)
    done = city.redecode()
    assert done.run is not None
    assert set(city.values("soil_temperature")) == {13.5}
    assert uncompressed(city, "device_health") == []
    compress(city)
    assert not city.redecode().tally.changes_something
    assert uncompressed(city, "tree_moisture") == []
    city.undo(done.run.id + 1)
    city.undo(done.run.id)
    assert city.contents() == before


def test_orphans_become_readings_in_compressed_chunks(city: City) -> None:
    filled(city)
    city.ingest(soil(n, dev_eui="e" * 16) for n in range(30))
    compress(city)
    city.mapping["devices"]["e" * 16] = "test_probe"
    done = city.redecode()
    assert {kind: tally.appear for kind, tally in done.tally.kinds.items()} == {
        "tree_moisture": 30,
        "device_health": 30,
    }
    assert len(city.contents()["tree_moisture"]) == 180
    assert city.store.execute("SELECT count(*) AS n FROM payload_public") == [{"n": 180}]
