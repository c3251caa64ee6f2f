"""What the facts about a database, and differences between clocks, mean."""

from datetime import UTC, datetime, timedelta

import pytest

from stadtfunk.doctor import (
    clock,
    database_judgement,
)
from stadtfunk.doctor.findings import Level
from stadtfunk.doctor.times import clock_of_database, clock_of_network_server
from storage.examination import DatabaseFacts, Schema
from storage.settings import DatabaseSettings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GIB = 1 << 30


def levels(found):
    """The level of each finding by its check."""
    return {one.check: one.level for one in found}


def mend(found, check):
    [one] = [one for one in found if one.check == check]
    return str(one.mend)


SETTINGS = DatabaseSettings(dsn="host=db.example dbname=stadtfunk user=city")


def facts(**seen):
    given = {
        "version": 180006,
        "login": "city",
        "superuser": False,
        "tls": "TLSv1.3",
        "over_network": True,
        "size": GIB,
        "connections": 10,
        "idle_in_transaction": 0,
        "ahead": timedelta(0),
        "took": timedelta(milliseconds=1),
        "roles": frozenset({"stadtfunk_ingest", "stadtfunk_owner"}),
        "takes": frozenset({"stadtfunk_ingest"}),
        "schema": Schema((), (), timescale=False),
        "settings": {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_connections": "100"},
    }
    return DatabaseFacts(**(given | seen))


def judged(chosen, /, **seen):
    return {
        check: level
        for check, level in levels(database_judgement.judge(chosen, facts(**seen), now=NOW)).items()
        if level is not Level.OK
    }


def verified(mode):
    return SETTINGS.model_copy(update={"sslmode": mode})


@pytest.mark.parametrize(
    ("settings", "seen", "expected"),
    [
        (verified("verify-full"), {}, {}),
        (verified("require"), {}, {"tls": Level.WARNING}),
        (SETTINGS, {"tls": None}, {"tls": Level.WARNING}),
        (DatabaseSettings(dsn="host=127.0.0.1 user=city"), {"tls": None}, {}),
        (DatabaseSettings(dsn="host=/run/postgresql"), {"tls": None, "over_network": False}, {}),
        (verified("verify-full"), {"version": 140010}, {"version": Level.PROBLEM}),
        (verified("verify-full"), {"schema": None}, {"schema": Level.WARNING}),
        (verified("verify-full"), {"connections": 95}, {"connections": Level.WARNING}),
        (verified("verify-full"), {"settings": {"max_connections": "20"}}, {"connections": Level.WARNING}),
        (verified("verify-full"), {"idle_in_transaction": 2}, {"idle_in_transaction": Level.WARNING}),
        (
            verified("verify-full"),
            {"size": 50 * GIB, "settings": {"shared_buffers": 128 << 20, "max_wal_size": GIB}},
            {"shared_buffers": Level.WARNING, "max_wal_size": Level.WARNING},
        ),
        (verified("verify-full"), {"settings": {"shared_buffers": 128 << 20}}, {}),
        (verified("verify-full"), {"schema": Schema((), (), timescale=True)}, {"timescale": Level.PROBLEM}),
        (
            verified("verify-full"),
            {"schema": Schema((), (), timescale=True), "timescale": "2.23.0", "failing_jobs": ("policy on uplink",)},
            {"jobs": Level.PROBLEM},
        ),
        (verified("verify-full"), {"ahead": timedelta(seconds=20)}, {"database": Level.WARNING}),
        (verified("verify-full"), {"ahead": timedelta(seconds=-200)}, {"database": Level.PROBLEM}),
        (
            verified("verify-full"),
            {"maintenance_seen": True, "uplinks": 5, "retention_at": NOW, "rollups_at": NOW - timedelta(hours=4)},
            {"maintenance": Level.WARNING},
        ),
        (
            verified("verify-full"),
            {"maintenance_seen": True, "uplinks": 5, "retention_at": NOW, "rollups_at": NOW},
            {},
        ),
    ],
)
def test_a_database(settings, seen, expected):
    assert judged(settings, **seen) == expected


def test_an_embedded_databases_superuser_is_as_it_should_be():
    assert judged(DatabaseSettings(), superuser=True, over_network=False, tls=None) == {}


@pytest.mark.parametrize(
    ("lag", "level"),
    [(0.5, Level.OK), (-3, Level.OK), (-30, Level.WARNING), (-90, Level.PROBLEM), (300, Level.WARNING)],
)
def test_the_network_servers_clock(lag, level):
    [found] = clock_of_network_server(lag, about="city")
    assert found.level is level


def test_a_slow_answer_makes_the_databases_clock_no_worse():
    assert levels(clock_of_database(8.0, 7.5)) == {"database": Level.OK}


@pytest.mark.parametrize(("state", "level"), [(True, Level.OK), (False, Level.WARNING)])
def test_our_clock(state, level):
    assert levels(clock.judge(state)) == {"synchronised": level}
    assert clock.judge(None) == []


def test_the_kernel_is_asked():
    assert clock.synchronised() in (True, False, None)
