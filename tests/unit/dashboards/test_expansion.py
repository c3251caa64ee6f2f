"""Macros and variables become what Grafana makes of them."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.expansion import Choice, NotExpandable, Range, expand, format_interval
from dashboards.queries import chosen, grouped, ranged

DAY = Range(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC))
ALL = {"district": Choice(custom_all="'*'")}


def test_times_are_literals_in_utc() -> None:
    assert expand("$__timeFilter(at)", DAY, {}) == "at BETWEEN '2026-06-01T00:00:00Z' AND '2026-06-02T00:00:00Z'"
    assert expand("$__timeFrom() $__timeTo()", DAY, {}) == "'2026-06-01T00:00:00Z' '2026-06-02T00:00:00Z'"
    assert expand("$__unixEpochTo() - $__unixEpochFrom()", DAY, {}) == "1780358400 - 1780272000"


@pytest.mark.parametrize(
    ("span", "least", "said"),
    [
        (timedelta(hours=6), "", "20s"),
        (timedelta(hours=6), "10m", "10m"),
        (timedelta(days=1), "", "1m"),
        (timedelta(days=7), "", "10m"),
        (timedelta(days=30), "", "30m"),
        (timedelta(days=365), "", "6h"),
    ],
)
def test_the_interval_is_a_usual_step(span: timedelta, least: str, said: str) -> None:
    assert format_interval(Range(DAY.begin, DAY.begin + span).interval(least)) == said


def test_a_group_of_times_is_named_where_a_comma_follows() -> None:
    assert expand("SELECT $__timeGroup(at, '1h'), n", DAY, {}) == (
        'SELECT floor(extract(epoch from at)/3600)*3600 AS "time", n'
    )
    assert expand("GROUP BY $__timeGroup(at, $__interval)", DAY, {}) == "GROUP BY floor(extract(epoch from at)/60)*60"


def test_chosen_values_are_quoted_and_all_is_put_in_as_it_is() -> None:
    some = {"district": Choice(("Neustadt", "O'Hara"))}
    assert expand("${district:sqlstring}", DAY, some) == "'Neustadt','O''Hara'"
    assert expand("x IN (${district:sqlstring})", DAY, ALL) == "x IN ('*')"
    assert expand(chosen("district", "d"), DAY, ALL) == "('*' IN ('*') OR d IN ('*'))"
    assert expand("$district [[district]]", DAY, {"district": Choice(("a",))}) == "a a"


@pytest.mark.parametrize("query", ["$nobody", "${district:shout}", "$__timeShift(at)", "$__rate_interval"])
def test_what_grafana_does_not_know_is_an_error(query: str) -> None:
    with pytest.raises(NotExpandable):
        expand(query, DAY, {"district": Choice(("a",))})


def test_short_and_long_ranges_are_told_apart_by_whole_numbers() -> None:
    query = ranged(raw="SELECT 1 AS time", hourly="SELECT 2 AS time", daily="SELECT 3 AS time")
    for part in expand(query, DAY, {}).split("UNION ALL"):
        condition = part.rsplit("WHERE", 1)[1].split("ORDER")[0]
        assert set(condition) <= set("0123456789 -<>=AND\n")
    assert expand(grouped("at"), DAY, {}).startswith("date_bin(interval '1m', at,")
