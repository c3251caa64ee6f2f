"""An undo restores exactly what was there, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.redecode import Refusal, RunRefused, RunState
from storage.settings import RetentionSettings
from tests.integration.redecode.city import NOBODY, City, energy, log, soil
from tests.support.store import FOR_EVER

DAY = timedelta(days=1)


def eventful(city: City) -> int:
    """A run with everything in it: changed, moved, vanished and new readings of three kinds, outcomes, payloads."""
    city.ingest(
        [
            *(soil(n, 20.0 + n, dev_eui="d" * 16) for n in range(12)),
            *(log(n, (0, 20.0 + n), (20, 20.0 + n - 1)) for n in range(15)),
            *(energy(n, 1000 + n) for n in range(12)),
            *(soil(n, dev_eui=NOBODY) for n in range(12)),
        ]
    )
    city.mapping = {"devices": {NOBODY: "test_probe", "d" * 16: "test_probe"}}
    city.decoders(VERSION=2, OFFSET=0.1, HEALTH=False, ENERGY=3, FORGETS=True, WETTEST=25)
    done = city.redecode()
    assert done.run is not None
    return done.run.id


def refusal(city: City, run: int) -> Refusal:
    with pytest.raises(RunRefused) as refused:
        city.undo(run)
    return refused.value.reason


def test_everything_is_as_it_was(city: City) -> None:
    city.mapping = {"devices": {"d" * 16: "test_probe"}}
    city.ingest(soil(n, 20.0 + n, 0.1 * n, dev_eui="d" * 16) for n in range(12))
    before = city.contents()
    city.mapping = {}
    run = eventful(city)
    assert city.contents()["tree_moisture"] != before["tree_moisture"]
    undone = city.undo(run)
    assert undone.state is RunState.UNDONE
    after = city.contents()
    assert [row for row in after["uplink"] if row["device_id"] == 1] == before["uplink"]
    assert [row for row in after["tree_moisture"] if row["device_id"] == 1] == before["tree_moisture"]
    assert [row for row in after["device_health"] if row["device_id"] == 1] == before["device_health"]
    archived = "SELECT (SELECT count(*) FROM redecode_public) + (SELECT count(*) FROM redecode_household) AS n"
    assert city.store.execute(archived) == [{"n": 0}]
    assert refusal(city, run) is Refusal.UNDONE


def test_the_whole_database_is_as_it_was(city: City) -> None:
    city.ingest([*(log(n, (0, 20.0 + n), (20, 20.0 + n - 1)) for n in range(15)), *(energy(n, n) for n in range(12))])
    city.ingest(soil(n, dev_eui=NOBODY) for n in range(12))
    before = city.contents()
    city.mapping = {"devices": {NOBODY: "test_probe"}}
    city.decoders(VERSION=2, ENERGY=3, FORGETS=True, LOGGED=1)
    done = city.redecode()
    assert {kind: tally.rows > 0 for kind, tally in done.tally.kinds.items()} == {
        "tree_moisture": True, "heat_meter": True, "device_health": True,
    }  # fmt: skip
    assert done.run is not None
    city.undo(done.run.id)
    assert city.contents() == before


def test_runs_are_undone_newest_first(city: City) -> None:
    city.ingest(soil(n) for n in range(5))
    before = city.contents()
    runs = []
    for version in (2, 3):
        city.decoders(VERSION=version, OFFSET=version)
        done = city.redecode()
        assert done.run is not None
        runs.append(done.run.id)
    assert refusal(city, runs[0]) is Refusal.LATER_RUN
    for run in reversed(runs):
        city.undo(run)
    assert city.contents() == before


def test_no_undo_without_the_archive(city: City) -> None:
    run = eventful(city)
    assert refusal(city, run + 1) is Refusal.UNKNOWN_RUN
    city.store.maintain(datetime.now(UTC) + 91 * DAY, FOR_EVER)
    for table in ("redecode_public", "redecode_household", "redecode_uplink", "redecode_rejected"):
        assert city.store.execute(f"SELECT count(*) AS n FROM {table}") == [{"n": 0}]
    assert refusal(city, run) is Refusal.EXPIRED


def test_households_old_readings_die_with_their_retention(city: City) -> None:
    eventful(city)
    kept = FOR_EVER.model_copy(update={"readings_household": 30})
    last = city.values("observed_at", "heat_meter")[-1]
    deleted = city.store.maintain(last + 30 * DAY, RetentionSettings.model_validate(kept.model_dump())).deleted
    assert deleted["redecode_household"] == 11
    assert city.store.execute("SELECT count(*) AS n FROM redecode_household") == [{"n": 1}]
    assert city.store.execute("SELECT count(*) > 0 AS any FROM redecode_public") == [{"any": True}]
