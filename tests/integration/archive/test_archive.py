"""An archive holds everything as of one moment and is taken as a whole or not at all."""

import asyncio
import json
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest

from alerts.chains import check_chains
from storage.archive.export import export_archive
from storage.archive.load import check_archive, import_archive
from storage.archive.manifest import ArchiveRefused, Manifest, Refusal
from storage.settings import DatabaseSettings
from tests.integration.archive.city import (
    BAY,
    KEY_OF_METER,
    METER,
    NOW,
    TREE,
    contents,
    poison,
    record,
    rollups,
    write,
)
from tests.support.service import ENVIRONMENT
from tests.support.store import FOR_EVER, Store
from tests.support.timescale import private_timescale


def load(store: Store, path: Path, *, copy: bool = True) -> Manifest:
    return asyncio.run(import_archive(store.settings, path, FOR_EVER, copy=copy))


def export(store: Store, path: Path, **given: bool) -> Manifest:
    return asyncio.run(export_archive(store.settings, path, **given))


def refused(work: Callable[[], object]) -> Refusal:
    with pytest.raises(ArchiveRefused) as found:
        work()
    return found.value.reason


def test_everything_comes_back_and_the_service_goes_on(
    city: Store, archive: Path, target: Store, tmp_path: Path
) -> None:
    load(target, archive)
    ours, theirs = contents(city), contents(target)
    assert theirs == ours
    assert min(rows for rows, _ in (ours[t] for t in ("uplink", "heat_meter", "alert_event", "push_subscription"))) > 0
    assert rollups(target) == rollups(city)

    again = export(target, tmp_path / "again.zip")
    first = json.loads(zipfile.ZipFile(archive).read("manifest.json"))
    assert again.model_dump(mode="json")["tables"] == first["tables"]
    assert again.sequences == first["sequences"]

    redelivered, fresh = write(target, [record(TREE, n) for n in range(3)], [record(TREE, 900), poison(1)])
    assert (redelivered.uplinks, redelivered.duplicates) == (0, 3)
    assert (fresh.uplinks, fresh.rejected) == (1, {"malformed": 1})
    target.maintain(NOW)
    assert target.execute("SELECT count(*) AS n FROM portal_session") == [{"n": 0}]


def test_the_file_is_its_owners_alone_and_is_not_overwritten(city: Store, archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert refused(lambda: export(city, archive)) is Refusal.EXISTS
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_chains_hold_after_the_import_and_a_changed_event_is_found(archive: Path, target: Store) -> None:
    load(target, archive)
    whole = target.run(check_chains)
    assert whole.cases == 2
    assert whole.broken == ()
    [case] = target.execute(
        "UPDATE alert_event SET reason = 'forged' WHERE id = (SELECT min(id) FROM alert_event) RETURNING alert_id"
    )
    [number] = target.execute("SELECT number FROM alert WHERE id = %s", case["alert_id"])
    assert target.run(check_chains).broken == (number["number"],)


def test_what_is_written_meanwhile_is_not_in_the_archive(archive: Path, target: Store, tmp_path: Path) -> None:
    load(target, archive)
    before = contents(target)
    seen: list[str] = []

    def interfere(table: str, _rows: int) -> None:
        if not seen:
            with psycopg.connect(target.settings.dsn) as other:
                other.execute("INSERT INTO stadtfunk.device (dev_eui) VALUES ('late')")
                other.execute("DELETE FROM stadtfunk.reception")
        seen.append(table)

    path = tmp_path / "moving.zip"
    manifest = asyncio.run(export_archive(target.settings, path, told=interfere))
    assert {table.name: table.rows for table in manifest.tables} == {name: rows for name, (rows, _) in before.items()}
    assert target.execute("SELECT count(*) AS n FROM reception") == [{"n": 0}]


def test_a_database_with_data_is_refused_and_left_alone(city: Store, archive: Path) -> None:
    before = contents(city)
    assert refused(lambda: load(city, archive)) is Refusal.NOT_EMPTY
    assert contents(city) == before


def test_a_migrated_empty_database_takes_it_unless_somebody_writes(database: str, archive: Path, city: Store) -> None:
    store = Store(DatabaseSettings(dsn=database), timescale=False)
    with psycopg.connect(database) as other:
        other.execute("INSERT INTO stadtfunk.device (dev_eui) VALUES ('x')")
        assert refused(lambda: load(store, archive)) is Refusal.IN_USE
        other.rollback()
    load(store, archive)
    assert contents(store) == contents(city)


def damaged(archive: Path, folder: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy whose members `change` replaced."""
    path = folder / "damaged.zip"
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(path, "w") as copy:
        for name in whole.namelist():
            copy.writestr(name, change(name, whole.read(name)))
    return path


def test_a_damaged_archive_changes_nothing(archive: Path, target: Store, tmp_path: Path) -> None:
    def lose_a_row(name: str, content: bytes) -> bytes:
        return content[: content.rindex(b"\n", 0, -1) + 1] if name == "tables/tree_moisture.tsv" else content

    path = damaged(archive, tmp_path, lose_a_row)
    assert refused(lambda: asyncio.run(check_archive(path, target.settings))) is Refusal.DAMAGED
    assert refused(lambda: load(target, path)) is Refusal.DAMAGED
    assert target.execute("SELECT count(*) AS n FROM device") == [{"n": 0}]
    load(target, archive)


def test_a_cut_archive_and_another_file_are_none(archive: Path, target: Store, tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:-200])
    other = damaged(archive, tmp_path, lambda name, content: b"{}" if name == "manifest.json" else content)
    for path in (cut, other):
        assert refused(partial(load, target, path)) is Refusal.NOT_WHOLE


def test_an_archive_of_a_newer_version_or_of_other_migrations_is_refused(
    archive: Path, target: Store, tmp_path: Path
) -> None:
    def with_migration(**values: object) -> Path:
        def change(name: str, content: bytes) -> bytes:
            if name != "manifest.json":
                return content
            manifest = json.loads(content)
            manifest["migrations"][-1] |= values
            return json.dumps(manifest).encode()

        return damaged(archive, tmp_path, change)

    newer = with_migration(version=9999)
    assert refused(lambda: load(target, newer)) is Refusal.NEWER
    other = with_migration(checksum="0")
    assert refused(lambda: load(target, other)) is Refusal.OTHER_MIGRATION
    assert target.execute("SELECT to_regclass('stadtfunk.device') AS there") == [{"there": None}]


def test_a_killed_import_leaves_nothing_and_is_repeated(archive: Path, target: Store, city: Store) -> None:
    command = [sys.executable, "-c", "from stadtfunk.cli import main; main()", "db", "import", str(archive)]
    environment = {**ENVIRONMENT, "STADTFUNK_DATABASE__DSN": target.settings.dsn, "STADTFUNK_FAULT": "archive_loaded"}
    killed = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    assert killed.returncode == 137, killed.stderr
    assert target.execute("SELECT count(*) AS n FROM device") == [{"n": 0}]
    load(target, archive)
    assert contents(target) == contents(city)


def test_without_households_nothing_tells_of_a_customer(city: Store, target: Store, tmp_path: Path) -> None:
    path = tmp_path / "public.zip"
    manifest = export(city, path, households=False)
    assert not manifest.households
    with zipfile.ZipFile(path) as found:
        everything = b"".join(found.read(name) for name in found.namelist())
    for trace in (METER, KEY_OF_METER, "64313374", "Muster", "heat_meter_hourly"):
        assert trace.encode() not in everything, trace
    assert TREE.encode() in everything
    assert BAY.encode() in everything
    load(target, path)
    [counts] = target.execute(
        "SELECT (SELECT count(*) FROM heat_meter) AS meters, (SELECT count(*) FROM uplink) AS uplinks,"
        " (SELECT count(*) FROM alert) AS cases"
    )
    assert counts == {"meters": 0, "uplinks": 2 * 360 + 1, "cases": 2}


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "insert"])
def test_insert_writes_what_copy_writes(archive: Path, target: Store, city: Store, *, copy: bool) -> None:
    load(target, archive, copy=copy)
    assert contents(target) == contents(city)


def test_timescaledb_gets_the_same_and_gives_it_back(city: Store, archive: Path, target: Store, tmp_path: Path) -> None:
    with private_timescale() as dsn:
        moved = Store(DatabaseSettings(dsn=dsn), timescale=True)
        load(moved, archive, copy=False)
        hypertables = moved.execute("SELECT count(*) AS n FROM timescaledb_information.hypertables")
        assert hypertables[0]["n"] > 6
        chunks = moved.execute("SELECT c::text AS name FROM show_chunks('stadtfunk.uplink') AS c")
        moved.execute(f"SELECT compress_chunk('{chunks[0]['name']}')")
        back = tmp_path / "back.zip"
        export(moved, back)
        load(target, back)
        assert contents(target) == contents(city)
        assert rollups(moved) == rollups(target) == rollups(city)
        [redelivered] = write(moved, [record(TREE, n) for n in range(3)])
        assert (redelivered.uplinks, redelivered.duplicates) == (0, 3)
