"""Decoding history again, on both databases: what appears, vanishes and changes, and that nothing else does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from stadtfunk.redecode import Effort
from storage.redecode import RunRefused, RunState
from tests.integration.redecode.city import END, HOUR, METER, NOBODY, START, City, encrypted, energy, log, soil, uplink


def counts(tally):
    """(appear, vanish, change, moved) by kind."""
    return {kind: (one.appear, one.vanish, one.change, one.moved) for kind, one in tally.kinds.items() if one.rows}


def test_a_new_version_changes_one_field(city: City) -> None:
    city.ingest(soil(n, 20.0 + n) for n in range(25))
    before = city.contents()
    city.decoders(VERSION=2, OFFSET=0.5)
    dry = city.redecode(dry_run=True)
    assert dry.run is None
    assert dry.tally.counts()["kinds"] == {
        "tree_moisture": {
            "appear": 0, "vanish": 0, "change": 25, "moved": 0,
            "fields": {"soil_temperature": {"appear": 0, "vanish": 0, "change": 25}},
        }
    }  # fmt: skip
    [example, *_] = dry.tally.kinds["tree_moisture"].fields["soil_temperature"].examples
    assert (example.device, example.observed_at, example.old, example.new) == ("a" * 16, START, 12.5, 13.0)
    assert city.contents() == before

    done = city.redecode()
    assert counts(done.tally) == counts(dry.tally)
    assert done.run is not None
    assert (done.run.state, done.run.tally.uplinks) == (RunState.DONE, 25)
    assert city.values("soil_temperature") == [13.0] * 25
    assert city.values("soil_moisture") == [20.0 + n for n in range(25)]
    after = city.contents()
    assert after["device_health"] == before["device_health"]
    versions = city.store.execute(
        "SELECT DISTINCT d.version FROM uplink u JOIN decoder_version d ON d.id = u.decoder_id"
    )
    assert versions == [{"version": 2}]


def test_a_second_run_changes_nothing(city: City) -> None:
    city.ingest([*(soil(n) for n in range(12)), *(log(n, (0, 30.0), (20, 31.0), (40, 32.0)) for n in range(12, 24))])
    city.decoders(VERSION=2, OFFSET=0.5, LOGGED=1, FORGETS=True)
    assert city.redecode().tally.changes_something
    before = city.contents()
    again = city.redecode()
    assert not again.tally.changes_something
    assert again.run is not None and again.run.tally.archived == 0
    assert city.contents() == before


def test_what_is_equal_is_not_written(city: City) -> None:
    """Rows of the same content keep their place and the version that made them."""
    city.ingest(soil(n, 20.0, 12.5) for n in range(9))
    city.ingest([soil(9, 99.0)])
    where = "SELECT ctid::text AS place, decoder_id, observed_at FROM tree_moisture ORDER BY observed_at"
    before = city.store.execute(where)
    city.decoders(VERSION=2, WETTEST=90)
    done = city.redecode()
    assert counts(done.tally) == {"device_health": (0, 1, 0, 0), "tree_moisture": (0, 1, 0, 0)}
    assert done.tally.refused == {"invalid_payload": 1}
    assert city.store.execute(where) == before[:9]
    outcomes = city.store.execute("SELECT outcome, count(*) AS n FROM uplink GROUP BY outcome ORDER BY outcome")
    assert outcomes == [{"outcome": "decoded", "n": 9}, {"outcome": "failed", "n": 1}]


def test_readings_that_a_decoder_does_not_give_any_more_vanish(city: City) -> None:
    city.ingest(soil(n) for n in range(15))
    city.decoders(VERSION=2, HEALTH=False)
    dry = city.redecode(dry_run=True)
    assert counts(dry.tally) == {"device_health": (0, 15, 0, 0)}
    assert counts(city.redecode().tally) == {"device_health": (0, 15, 0, 0)}
    assert city.contents()["device_health"] == []
    assert len(city.contents()["tree_moisture"]) == 15


def test_orphans_become_readings_and_their_messages_are_resolved(city: City) -> None:
    city.ingest([*(soil(n, dev_eui=NOBODY) for n in range(15)), soil(0)])
    assert {row["outcome"] for row in city.contents()["uplink"]} == {"orphan", "decoded"}
    assert sum(row["open"] for row in city.contents()["rejected"]) == 15
    city.mapping = {"devices": {NOBODY: "test_probe"}}
    assert counts(city.redecode(dry_run=True).tally) == {"device_health": (15, 0, 0, 0), "tree_moisture": (15, 0, 0, 0)}
    done = city.redecode()
    assert done.tally.resolved == 15
    assert {row["outcome"] for row in city.contents()["uplink"]} == {"decoded"}
    assert sum(row["open"] for row in city.contents()["rejected"]) == 0
    assert len(city.values("soil_moisture")) == 16
    assert city.store.execute("SELECT count(*) AS n FROM payload_household") == [{"n": 0}]
    city.undo(done.run.id)
    assert sum(row["open"] for row in city.contents()["rejected"]) == 15
    assert len(city.values("soil_moisture")) == 1


def test_a_device_is_no_orphan_any_more_when_its_newest_uplink_is_understood(city: City) -> None:
    city.ingest([*(soil(n, dev_eui=NOBODY) for n in range(15)), soil(0)])
    orphaned = city.contents()["device_state"]
    assert sorted(row["outcome"] for row in orphaned) == ["decoded", "orphan"]
    city.mapping = {"devices": {NOBODY: "test_probe"}}
    city.redecode(dry_run=True)
    assert city.contents()["device_state"] == orphaned
    done = city.redecode()
    assert [row["outcome"] for row in city.contents()["device_state"]] == ["decoded", "decoded"]
    city.undo(done.run.id)
    assert city.contents()["device_state"] == orphaned


def test_what_failed_and_is_understood_now_is_resolved(city: City) -> None:
    city.decoders(WETTEST=10)
    city.ingest(soil(n) for n in range(5))
    assert city.values("soil_moisture") == []
    city.decoders(VERSION=2)
    done = city.redecode()
    assert (done.tally.resolved, len(city.values("soil_moisture"))) == (5, 5)
    assert [row["open"] for row in city.contents()["rejected"]] == [False] * 5


def test_a_defect_of_the_decoder_deletes_nothing(city: City) -> None:
    city.ingest(soil(n) for n in range(5))
    before = city.contents()
    city.decoders(VERSION=2, BROKEN=True)
    done = city.redecode()
    assert (done.tally.refused, done.tally.left) == ({"decoder_error": 5}, 5)
    assert city.contents() == before


def test_uplinks_that_are_never_decoded_stay_so(city: City) -> None:
    city.ingest([encrypted(soil(0)), soil(1)])
    before = city.contents()
    assert city.redecode().tally.uplinks == 1
    assert city.contents() == before


def test_readings_whose_payload_is_gone_stay(city: City) -> None:
    city.ingest(soil(n) for n in range(10))
    city.store.execute("DELETE FROM payload_public WHERE ns_time < %s", START + HOUR)
    city.decoders(VERSION=2, HEALTH=False)
    assert counts(city.redecode().tally) == {"device_health": (0, 7, 0, 0)}
    assert len(city.contents()["device_health"]) == 3


def test_a_reading_that_another_uplink_yields_does_not_vanish(city: City) -> None:
    """Odd frames stop giving their live sample; the next frame's datalog has it, in this chunk or the next."""
    city.ingest(log(n, (0, 20.0 + n), (20, 20.0 + n - 1)) for n in range(25))
    assert [row["flags"] for row in city.contents()["tree_moisture"]] == [128, *[0] * 25]
    city.decoders(VERSION=2, FORGETS=True)
    dry = city.redecode(dry_run=True)
    city.redecode()
    found = city.contents()["tree_moisture"]
    assert [row["soil_moisture"] for row in found] == [20.0 + n - 1 for n in range(26)]
    assert [row["flags"] for row in found] == [128, *[0, 128] * 12, 0]
    assert [row["uplink_f_cnt"] for row in found[2::2]] == list(range(2, 26, 2))
    assert counts(dry.tally) == {"tree_moisture": (0, 0, 12, 0)}


def test_the_last_reading_without_another_uplink_vanishes(city: City) -> None:
    city.ingest(log(n, (0, 20.0), (20, 20.0)) for n in range(1, 6))
    city.decoders(VERSION=2, FORGETS=True)
    assert counts(city.redecode().tally) == {"tree_moisture": (0, 1, 2, 0)}


def test_a_datalog_of_an_orphan_counts_once(city: City) -> None:
    """Its samples repeat from chunk to chunk; a dry run says what the run does."""
    logs = [replace(log(n, (0, 20.0), (20, 20.0), (400, 20.0)), device_profile="nobody's") for n in range(25)]
    city.ingest(logs)
    city.mapping = {"devices": {"a" * 16: "test_probe"}}
    dry = counts(city.redecode(dry_run=True).tally)
    assert dry == counts(city.redecode().tally) == {"tree_moisture": (45, 0, 0, 0)}


def test_history_long_before_its_uplink_is_found(city: City) -> None:
    city.ingest([log(0, (0, 20.0), (60 * 24 * 30, 25.0)), soil(1)])
    city.decoders(VERSION=2, LOGGED=2)
    assert counts(city.redecode().tally) == {"tree_moisture": (0, 0, 2, 0)}
    assert city.values("soil_moisture") == [27.0, 22.0, 20.0]


def test_only_the_selected_decoder_device_and_time(city: City) -> None:
    other = "d" * 16
    mine = [soil(n) for n in range(10)]
    city.ingest([*mine, *(soil(n, dev_eui=other) for n in range(10)), *(energy(n, n) for n in range(10))])
    city.mapping = {"devices": {other: "test_probe"}}
    city.decoders(VERSION=2, OFFSET=1, ENERGY=2)
    done = city.redecode(dry_run=True, decoder="test_meter")
    assert counts(done.tally) == {"heat_meter": (0, 0, 9, 0)}
    assert done.tally.uplinks == 10
    assert counts(city.redecode(dry_run=True, device=other).tally) == {
        "device_health": (10, 0, 0, 0), "tree_moisture": (10, 0, 0, 0),
    }  # fmt: skip
    hours = city.redecode(dry_run=True, decoder="test_probe", since=START + HOUR, until=START + 2 * HOUR)
    assert hours.tally.uplinks == 6
    with pytest.raises(RunRefused, match="test_nonsense"):
        city.redecode(dry_run=True, decoder="test_nonsense")
    with pytest.raises(RunRefused, match="unknown_device"):
        city.redecode(dry_run=True, device="e" * 16)


def test_households_values_are_archived_apart_and_examples_name_nobody(city: City) -> None:
    city.ingest([*(energy(n, 1000 + n) for n in range(10)), *(soil(n) for n in range(10))])
    city.decoders(VERSION=2, OFFSET=1, ENERGY=1000)
    done = city.redecode()
    assert {example.device for example in done.tally.kinds["heat_meter"].fields["energy"].examples} == {""}
    kinds = "SELECT DISTINCT kind FROM {}"
    assert city.store.execute(kinds.format("redecode_household")) == [{"kind": "heat_meter"}]
    assert city.store.execute(kinds.format("redecode_public")) == [{"kind": "tree_moisture"}]
    assert city.values("energy", "heat_meter") == [(1000 + n) / 1000 for n in range(10)]


def test_a_payload_goes_to_the_privacy_class_of_its_decoder(city: City) -> None:
    city.ingest([soil(0), replace(energy(1, 5), device_profile="probe")])
    assert city.store.execute("SELECT count(*) AS n FROM payload_public") == [{"n": 2}]
    city.mapping = {"devices": {METER: "test_meter"}}
    city.redecode()
    assert city.store.execute("SELECT f_cnt FROM payload_public") == [{"f_cnt": 0}]
    assert city.store.execute("SELECT f_cnt, length(payload) AS n FROM payload_household") == [{"f_cnt": 1, "n": 8}]
    assert city.values("energy", "heat_meter") == [5.0]


def test_another_selection_waits_for_an_unfinished_run(city: City) -> None:
    city.ingest([soil(0)])
    city.decoders(VERSION=2, OFFSET=1)
    done = city.redecode()
    city.store.execute("UPDATE redecode_run SET state = 'running'")
    with pytest.raises(RunRefused, match="unfinished"):
        city.redecode(decoder="test_probe")
    again = city.redecode()
    assert again.continued and again.run is not None and done.run is not None
    assert (again.run.id, again.run.state) == (done.run.id, RunState.DONE)
    city.store.execute("UPDATE redecode_run SET state = 'running'")
    city.decoders(VERSION=3)
    with pytest.raises(RunRefused, match="changed"):
        city.redecode()


def test_nothing_to_decode(city: City) -> None:
    assert city.redecode().run is None
    city.ingest([soil(0)])
    empty = city.redecode(since=END - timedelta(days=1), until=END)
    assert empty.tally.uplinks == 0


def test_chunks_of_any_size_give_the_same(city: City) -> None:
    city.ingest(log(n, (0, 20.0 + n), (20, 20.0 + n - 1)) for n in range(25))
    city.decoders(VERSION=2, FORGETS=True)
    found = []
    for chunk in (1, 7, 1000):
        city.effort = Effort(workers=0, chunk=chunk)
        found.append(counts(city.redecode(dry_run=True).tally))
    assert found == [{"tree_moisture": (0, 0, 12, 0)}] * 3


def test_two_samples_of_one_time_in_one_payload(city: City) -> None:
    """The first is stored, so the second is no change."""
    city.ingest([log(0, (0, 20.0), (0, 30.0))])
    assert not city.redecode().tally.changes_something
    assert city.values("soil_moisture") == [20.0]


def test_a_payload_that_is_too_short_now_and_before(city: City) -> None:
    city.ingest([uplink(0, b"\x01"), soil(1)])
    done = city.redecode()
    assert done.tally.refused == {"truncated": 1}
    assert not done.tally.changes_something
