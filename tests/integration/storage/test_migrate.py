"""Migrations: only forward, each once, none changed behind the database's back; kinds that grow keep their history."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import psycopg
import pytest

from decoders.quantities import Nature, Quantity
from decoders.readings import KINDS, Reading, TreeMoisture
from storage.database import Connection, connect
from storage.maintenance import run_maintenance
from storage.migrate import Migration, migrate, migrations, pending
from storage.refusal import MigrationRefused
from storage.settings import DatabaseSettings
from tests.integration.storage.conftest import timescale_store
from tests.support.postgres import PostgresServer, fresh_database
from tests.support.store import FOR_EVER, Store

DAY = datetime(2026, 6, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Noise(Reading):
    """A kind as a first version knows it."""

    kind = "noise"
    title = "Lärm"

    level: Annotated[float | None, Quantity("dB", "sound level", "Pegel")] = None


class NoiseGrown(Reading):
    """The same kind, one version later: quantities of each nature joined, one of them in front."""

    kind = "noise"
    title = "Lärm"

    events: Annotated[int | None, Quantity("1", "loud events since start", "Ereignisse", Nature.COUNTER)] = None
    level: Annotated[float | None, Quantity("dB", "sound level", "Pegel")] = None
    peak: Annotated[float | None, Quantity("dB", "highest level", "Spitze")] = None
    loud: Annotated[bool | None, Quantity("", "above the limit", "Laut", Nature.STATE)] = None


class NoiseChanged(Reading):
    """The same kind with another type."""

    kind = "noise"
    title = "Lärm"

    level: Annotated[int | None, Quantity("dB", "sound level", "Pegel")] = None


@pytest.fixture
def plain(empty_database: str) -> DatabaseSettings:
    return DatabaseSettings(dsn=empty_database)


@pytest.fixture(params=["postgresql", "timescaledb"])
def empty_store(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Store]:
    """Either database, of this test alone."""
    if request.param == "timescaledb":
        with timescale_store() as store:
            yield store
    else:
        with fresh_database(postgres) as dsn:
            settings = DatabaseSettings(dsn=dsn)
            asyncio.run(migrate(settings, FOR_EVER))
            yield Store(settings, timescale=False)


def test_a_second_run_changes_nothing(plain: DatabaseSettings) -> None:
    first, second = asyncio.run(migrate(plain)), asyncio.run(migrate(plain))
    assert first.migrations == tuple(f"{m.version:04}_{m.name}" for m in migrations())
    assert first.kinds == tuple(kind.kind for kind in KINDS)
    assert (second.migrations, second.kinds) == ((), ())


def test_pending_names_what_is_missing(plain: DatabaseSettings) -> None:
    async def ask() -> tuple[str, ...]:
        async with await connect(plain) as connection:
            return await pending(connection)

    assert len(asyncio.run(ask())) == len(migrations())
    asyncio.run(migrate(plain))
    assert asyncio.run(ask()) == ()


def test_an_applied_file_that_changed_is_refused(plain: DatabaseSettings) -> None:
    asyncio.run(migrate(plain))
    changed = [Migration(m.version, m.name, m.sql + "-- changed\n" if m.version == 2 else m.sql) for m in migrations()]
    with pytest.raises(MigrationRefused, match="0002_kinds_and_rollups changed after it was applied"):
        asyncio.run(migrate(plain, numbered=changed))


def test_line_ends_of_a_checkout_do_not_matter() -> None:
    [first, *_] = migrations()
    assert Migration(1, first.name, first.sql.replace("\n", "\r\n")).checksum == first.checksum


def test_a_database_of_a_newer_version_is_refused(plain: DatabaseSettings) -> None:
    newer = [*migrations(), Migration(len(migrations()) + 1, "future", "CREATE TABLE future (n integer)")]
    asyncio.run(migrate(plain, numbered=newer))
    with pytest.raises(MigrationRefused, match="use a newer Stadtfunk"):
        asyncio.run(migrate(plain))


def test_a_migration_that_fails_leaves_nothing_of_itself(plain: DatabaseSettings) -> None:
    broken = Migration(len(migrations()) + 1, "broken", "CREATE TABLE half (n integer); SELECT nonsense")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        asyncio.run(migrate(plain, numbered=[*migrations(), broken]))
    with psycopg.connect(plain.dsn) as connection:
        assert connection.execute("SELECT to_regclass('stadtfunk.half')").fetchone() == (None,)
    assert asyncio.run(migrate(plain)).migrations == ()


def test_two_processes_migrate_at_once_and_one_waits(plain: DatabaseSettings) -> None:
    async def both() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(migrate(plain)) for _ in range(2)]
        return sorted(len(task.result().migrations) for task in tasks)

    assert asyncio.run(both()) == [0, len(migrations())]


def test_databases_of_one_server_migrate_at_once(postgres: PostgresServer) -> None:
    async def all_of(dsns: list[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for dsn in dsns:
                group.create_task(migrate(DatabaseSettings(dsn=dsn)))

    with fresh_database(postgres) as one, fresh_database(postgres) as two, fresh_database(postgres) as three:
        asyncio.run(all_of([one, two, three]))


def test_without_roles_everything_belongs_to_the_login(postgres: PostgresServer) -> None:
    with fresh_database(postgres) as dsn:
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE ROLE plain_login LOGIN")
            connection.execute(f"ALTER DATABASE {name} OWNER TO plain_login")
        try:
            limited = DatabaseSettings(dsn=psycopg.conninfo.make_conninfo(dsn, user="plain_login"), use_roles=False)
            with pytest.raises(MigrationRefused, match="let an administrator run `CREATE ROLE stadtfunk_owner LOGIN;"):
                asyncio.run(migrate(limited.model_copy(update={"use_roles": True})))
            assert len(asyncio.run(migrate(limited)).migrations) == len(migrations())
            assert asyncio.run(migrate(limited)).migrations == ()
        finally:
            postgres.drop_database(str(name))
            with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as connection:
                connection.execute("DROP ROLE plain_login")


def test_a_kind_grows_and_keeps_its_history(empty_store: Store) -> None:
    settings, old, new = empty_store.settings, (*KINDS, Noise), (*KINDS, NoiseGrown)
    assert asyncio.run(migrate(settings, FOR_EVER, kinds=old)).kinds == ("noise",)
    empty_store.add([Noise(device="a" * 16, observed_at=DAY + n * HOUR, level=50.0 + n) for n in range(3)])
    maintain(empty_store, DAY + 48 * HOUR, old)

    assert asyncio.run(migrate(settings, FOR_EVER, kinds=new)).kinds == ("noise",)
    assert asyncio.run(migrate(settings, FOR_EVER, kinds=new)).kinds == ()
    [versions] = empty_store.execute("SELECT count(*) AS n FROM kind_version WHERE kind = 'noise'")
    assert versions["n"] == 2
    before = empty_store.execute("SELECT bucket, level_avg, events_delta, peak_max FROM noise_hourly ORDER BY bucket")
    assert [row["level_avg"] for row in before] == [50.0, 51.0, 52.0]
    assert {row["events_delta"] for row in before} == {None}

    later = DAY + 72 * HOUR
    empty_store.add(
        NoiseGrown(device="a" * 16, observed_at=later + n * HOUR, level=60.0, peak=70.0 + n, events=5 * n, loud=n > 0)
        for n in range(3)
    )
    maintain(empty_store, later + 48 * HOUR, new)
    after = empty_store.execute(
        "SELECT readings, level_avg, peak_max, events_delta, loud_last, loud_seconds FROM noise_daily"
        " WHERE readings > 0 ORDER BY bucket"
    )
    assert after[0] == {
        "readings": 3,
        "level_avg": 51.0,
        "peak_max": None,
        "events_delta": None,
        "loud_last": None,
        "loud_seconds": None,
    }
    assert (after[1]["readings"], after[1]["level_avg"], after[1]["peak_max"]) == (3, 60.0, 72.0)
    assert (after[1]["events_delta"], after[1]["loud_last"]) == (10.0, True)
    assert after[1]["loud_seconds"]["false"] == 3600


def maintain(store: Store, now: datetime, kinds: tuple[type[Reading], ...]) -> None:
    async def scenario(connection: Connection) -> None:
        await run_maintenance(connection, FOR_EVER, now=now, kinds=kinds)

    if store.timescale:
        store.run_jobs("policy_refresh_continuous_aggregate")
    store.run(scenario)


def test_a_changed_type_is_refused_with_instructions(plain: DatabaseSettings) -> None:
    asyncio.run(migrate(plain, kinds=(Noise,)))
    with pytest.raises(MigrationRefused, match=r"noise\.level is double precision, the model wants bigint.*new name"):
        asyncio.run(migrate(plain, kinds=(NoiseChanged,)))


def test_a_database_that_lost_timescaledb_is_refused(plain: DatabaseSettings) -> None:
    asyncio.run(migrate(plain))
    with psycopg.connect(plain.dsn) as connection:
        connection.execute("UPDATE stadtfunk.installation SET timescale = '2.29.0'")
    with pytest.raises(MigrationRefused, match="TimescaleDB, which is missing"):
        asyncio.run(migrate(plain))


def test_the_key_and_the_columns_of_a_kind_table_follow_the_model(plain: DatabaseSettings) -> None:
    asyncio.run(migrate(plain, kinds=(TreeMoisture,)))
    with psycopg.connect(plain.dsn) as connection:
        columns = dict(
            connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'tree_moisture'"
            ).fetchall()
        )
        assert columns["soil_moisture"] == "double precision"
        [key] = connection.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'stadtfunk.tree_moisture'::regclass AND contype = 'u'"
        ).fetchall()
    assert key == ("UNIQUE (device_id, subject, channel, observed_at)",)
