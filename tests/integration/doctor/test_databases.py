"""What the doctor says of real databases: one that is right, and ones with a wrong setting, login or schema."""

import asyncio

import psycopg
import pytest

from config.settings import Settings
from stadtfunk.doctor.database import check
from stadtfunk.doctor.findings import Level
from storage.settings import DatabaseSettings
from tests.support.timescale import migrated_timescale


@pytest.fixture
def administrator(server):
    """A connection of the superuser, whose settings of the server go with the test."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        yield connection
        connection.execute("ALTER SYSTEM RESET ALL")
        connection.execute("SELECT pg_reload_conf()")


def settings(server, login="city_login", **options):
    dsn = f"host=127.0.0.1 port={server.port} dbname=stadtfunk user={login}"
    return Settings(database=DatabaseSettings.model_validate({"dsn": dsn} | options))


async def bad(settings):
    """What is not well, by check, in English."""
    return {
        one.check: f"{one.level}: {one.what} → {one.mend}" for one in await check(settings) if one.level is not Level.OK
    }


async def well(settings):
    return {one.check for one in await check(settings) if one.level is Level.OK}


async def test_all_is_well_with_a_database_that_is_set_up_right(server):
    assert await bad(settings(server)) == {}
    assert await well(settings(server)) == {
        "version", "login", "schema", "durability", "timescale", "database"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("login", "words"), [("owner_login", "owns the tables"), ("stranger_login", "none of our roles"),
                         ("postgres", "superuser")]
)  # fmt: skip
async def test_a_login_with_too_many_rights_or_none(server, login, words):
    assert words in (await bad(settings(server, login)))["login"]


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("fsync", "off", "durability"),
        ("full_page_writes", "off", "durability"),
        ("synchronous_commit", "off", "durability"),
        ("log_error_verbosity", "default", "log"),
    ],
)
async def test_a_setting_that_is_wrong(server, administrator, setting, value, name):
    administrator.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
    administrator.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(15):
        while not (found := await bad(settings(server))):
            await asyncio.sleep(0.05)
    assert list(found) == [name]
    assert f"ALTER SYSTEM SET {setting} = " in found[name]


async def test_an_index_whose_making_failed(server, administrator):
    administrator.execute("CREATE INDEX broken_idx ON stadtfunk.device (name)")
    administrator.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'stadtfunk.broken_idx'::regclass")
    try:
        found = await bad(settings(server))
    finally:
        administrator.execute("DROP INDEX stadtfunk.broken_idx")
    assert "broken_idx" in found["indexes"]


async def test_a_schema_that_is_behind_or_ahead_or_missing(server, administrator):
    last = administrator.execute(
        "DELETE FROM stadtfunk.schema_migration WHERE version = (SELECT max(version) FROM stadtfunk.schema_migration) "
        "RETURNING version, name, checksum"
    ).fetchone()
    assert "lacks 1 migrations" in (await bad(settings(server)))["schema"]
    administrator.execute("INSERT INTO stadtfunk.schema_migration VALUES (%s, %s, %s), (9999, 'future', '')", last)
    assert "9999_future" in (await bad(settings(server)))["schema"]
    administrator.execute("DELETE FROM stadtfunk.schema_migration WHERE version = 9999")
    empty = f"host=127.0.0.1 port={server.port} dbname=postgres user=city_login"
    assert "stadtfunk migrate" in (await bad(Settings(database=DatabaseSettings(dsn=empty))))["schema"]


async def test_maintenance_that_is_late_is_told_where_uplinks_come(server, administrator):
    """And the network server's clock, which is 90 s ahead here, is told from the same rows."""
    for table in ("maintenance_task", "rollup_watermark"):
        administrator.execute(f"DELETE FROM stadtfunk.{table}")
    administrator.execute(
        "INSERT INTO stadtfunk.uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc, "
        "frequency, outcome, data_rate, dev_addr, received_at) "
        "SELECT 1, now() + interval '90 seconds', 1, 1, 1, 0, 0, 0, 0, 'decoded', '', '', now()"
    )
    try:
        found = await bad(settings(server))
        administrator.execute("INSERT INTO stadtfunk.maintenance_task VALUES ('retention', now())")
        administrator.execute("INSERT INTO stadtfunk.rollup_watermark VALUES ('tree_moisture', now(), now())")
        assert "maintenance" not in await bad(settings(server))
    finally:
        for table in ("uplink", "maintenance_task", "rollup_watermark"):
            administrator.execute(f"DELETE FROM stadtfunk.{table}")
    assert "maintenance_failed" in found["maintenance"]
    assert "90 s ahead" in found["network_server"]


async def test_a_wrong_password_is_told_and_not_shown(server, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hunter2-hunter2")
    dsn = f"host=127.0.0.1 port={server.port} dbname=nowhere user=city_login"
    found = await bad(Settings(database=DatabaseSettings(dsn=dsn, password_file=secret)))
    assert list(found) == ["reachable"]
    assert "hunter2" not in found["reachable"]


async def test_without_roles_the_logins_own_rights_are_used(server):
    found = await bad(settings(server, "owner_login", use_roles=False))
    assert "owns the tables" in found["login"]


async def test_an_embedded_database_that_was_never_made_stays_so(tmp_path):
    folder = tmp_path / "database"
    found = await bad(Settings(database=DatabaseSettings(data_dir=folder)))
    assert list(found) == ["reachable"]
    assert not folder.exists()


def test_timescaledb():
    with migrated_timescale() as dsn:
        found = asyncio.run(check(Settings(database=DatabaseSettings(dsn=dsn))))
    by_check = {one.check: str(one.what) for one in found}
    assert by_check["timescale"].startswith("TimescaleDB 2.")
    assert by_check["schema"] == "The schema is this version's."
