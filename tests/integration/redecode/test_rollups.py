"""After a run, rollups say what the readings say: the same as in a database that was filled with the new decoder."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

import stadtfunk.redecode
from tests.integration.redecode.city import START, City, energy, log, soil

NOW = START + timedelta(days=10)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rollups are brought up to date as of a time soon after the story."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return NOW

    monkeypatch.setattr(stadtfunk.redecode, "datetime", Clock)


def story() -> list:
    return [
        *(log(n, (0, 20.0 + n % 9), (20, 20.0)) for n in range(100)),
        *(energy(n, 1000 + 7 * n) for n in range(100)),
        *(soil(n, 21.0, dev_eui="d" * 16) for n in range(100)),
    ]


def test_rollups_equal_a_rebuild_from_scratch(city: City, tmp_path: Path) -> None:
    city.mapping = {"devices": {"d" * 16: "test_probe"}}
    city.ingest(story())
    city.store.maintain(NOW)
    before = city.rollups()
    city.decoders(VERSION=2, OFFSET=1.5, ENERGY=4, FORGETS=True, HEALTH=False)
    done = city.redecode()
    after = city.rollups()
    assert after != before

    contents = city.contents()
    city.store.wipe()
    city.ingest(story())
    city.store.maintain(NOW)
    assert city.rollups() == after
    for kind in ("tree_moisture", "heat_meter", "device_health"):
        assert len(city.contents()[kind]) == len(contents[kind])

    city.store.wipe()
    city.decoders()
    city.ingest(story())
    city.store.maintain(NOW)
    city.decoders(VERSION=2, OFFSET=1.5, ENERGY=4, FORGETS=True, HEALTH=False)
    again = city.redecode()
    assert (done.run is not None, again.run is not None) == (True, True)
    city.undo(again.run.id)
    assert city.rollups() == before


def test_only_touched_ranges_are_computed(city: City) -> None:
    """Rows of other hours keep their place in the stored steps, which both databases have."""
    city.ingest(story())
    city.store.maintain(NOW)
    where = "SELECT ctid::text AS place, bucket FROM heat_meter_hourly_steps ORDER BY bucket"
    before = city.store.execute(where)
    city.decoders(VERSION=2, OFFSET=3)
    city.redecode()
    assert city.store.execute(where) == before
