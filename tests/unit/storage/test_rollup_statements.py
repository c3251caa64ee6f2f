"""What follows from the reading kinds without a database: columns, names, policies, spans of a refresh."""

from datetime import UTC, datetime, timedelta

import pytest

from decoders.quantities import Nature
from decoders.readings import KINDS, HeatMeter, ParkingBay, Reading, TreeMoisture
from decoders.uplink import Privacy
from storage.buckets import Width
from storage.database import Role
from storage.grants import kind_grants
from storage.kinds import columns
from storage.policies import Job, policies
from storage.refresh import Span, spans_of
from storage.retention import core_expiries, kind_expiries, readings_span
from storage.rollup_columns import measured, part_suffixes, step_suffixes
from storage.rollup_parts import Parts
from storage.rollup_steps import has_spans, has_steps, steps_name
from storage.settings import RetentionSettings

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def all_parts(kind: type[Reading]) -> list[Parts]:
    return [Parts(kind, width, 1, measured(kind)) for width in Width]


def test_a_nature_decides_the_columns() -> None:
    suffixes = {
        quantity.nature: (part_suffixes(quantity), step_suffixes(quantity))
        for kind in KINDS
        for quantity in measured(kind)
        if quantity.sql_type != "timestamptz"
    }
    assert suffixes == {
        Nature.GAUGE: (("avg", "min", "max", "n"), ()),
        Nature.COUNTER: (("first", "last"), ("delta", "resets")),
        Nature.STATE: (("last",), ("seconds",)),
    }


def test_a_clock_is_a_state_without_duration() -> None:
    [clock] = [quantity for quantity in measured(HeatMeter) if quantity.name == "meter_time"]
    assert step_suffixes(clock) == ()


def test_kinds_with_counters_or_states_have_steps() -> None:
    assert (has_steps(TreeMoisture), has_spans(TreeMoisture)) == (False, False)
    assert (has_steps(ParkingBay), has_spans(ParkingBay)) == (True, True)


@pytest.mark.parametrize("kind", KINDS)
def test_names_fit_into_what_postgresql_allows(kind: type[Reading]) -> None:
    names = [column.name for column in columns(kind)]
    rollup = [f"{q.name}_{s}" for q in measured(kind) for s in (*part_suffixes(q), *step_suffixes(q))]
    assert len(rollup) == len(set(rollup))
    relations = [f"{Parts(kind, Width.HOURLY, 99, ()).stored}_bucket_idx", steps_name(kind, Width.HOURLY)]
    assert max(map(len, [*names, *rollup, *relations])) <= 63


def test_consecutive_hours_become_spans_of_at_most_a_day() -> None:
    hours = [START + n * HOUR for n in (0, 1, 2, 5, *range(10, 40))]
    assert spans_of(hours) == [
        Span(START, START + 3 * HOUR),
        Span(START + 5 * HOUR, START + 6 * HOUR),
        Span(START + 10 * HOUR, START + 34 * HOUR),
        Span(START + 34 * HOUR, START + 40 * HOUR),
    ]


def test_household_kinds_expire_by_settings_of_their_own() -> None:
    retention = RetentionSettings(
        readings=None, readings_household=100, rollups=None, rollups_household=200, bay_events=None
    )
    for kind in KINDS:
        spans = {expiry.table: expiry.span for expiry in kind_expiries(kind, all_parts(kind), retention)}
        expected = timedelta(days=100) if kind.privacy is Privacy.HOUSEHOLD else None
        assert spans[kind.kind] == expected
        others = {span for table, span in spans.items() if table != kind.kind}
        assert others == {timedelta(days=200) if kind.privacy is Privacy.HOUSEHOLD else None}


def test_every_span_of_retention_is_used() -> None:
    fields = set(RetentionSettings.model_fields) - {"compress_after", "redecode"}
    used = {expiry.table for expiry in core_expiries(RetentionSettings())} - {"late_reading"}  # as bays' messages
    used |= {"readings", "readings_household", "rollups", "rollups_household"}
    used |= {"bay_events", "cases", "names"}  # alerts.retention
    assert used == fields


@pytest.mark.parametrize(("readings", "bay_events", "days"), [(None, 90, 90), (30, 90, 30), (30, None, 30)])
def test_messages_of_bays_have_a_shorter_time_of_their_own(
    readings: int | None, bay_events: int | None, days: int
) -> None:
    retention = RetentionSettings(readings=readings, bay_events=bay_events)
    assert readings_span(ParkingBay, retention) == timedelta(days=days)
    assert readings_span(TreeMoisture, retention) == retention.span("readings")


def test_a_refresh_ends_before_readings_are_dropped() -> None:
    retention = RetentionSettings(readings=30, readings_household=20)
    found = policies(KINDS, [part for kind in KINDS for part in all_parts(kind)], retention)
    looks_back = {p.relation: p.span for p in found if p.job in (Job.REFRESH_HOURLY, Job.REFRESH_DAILY)}
    assert looks_back["tree_moisture_hourly_parts"] == timedelta(days=29)
    assert looks_back["heat_meter_daily_parts"] == timedelta(days=19)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_kind_is_covered_by_the_grants(kind: type[Reading]) -> None:
    grants = kind_grants(kind, [steps_name(kind, Width.DAILY), f"{kind.kind}_hourly_parts_2_stored"])
    by_role = {role: {name for g in grants if g.role is role for name in g.relations} for role in Role}
    assert kind.kind in by_role[Role.INGEST] & by_role[Role.ALERTS] & by_role[Role.MAINTENANCE]
    assert {steps_name(kind, Width.DAILY), f"{kind.kind}_hourly_parts_2_stored"} <= by_role[Role.MAINTENANCE]
    reader = Role.UTILITY if kind.privacy is Privacy.HOUSEHOLD else Role.PORTAL
    assert kind.kind in by_role[reader]
    assert kind.kind not in by_role[Role.GRAFANA]
