"""`stadtfunk db` as an operator uses it, and the restore of an embedded database that was lost."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from stadtfunk.cli import app
from storage.embedded import EmbeddedPostgres
from storage.embedded_account import account_for
from storage.settings import DatabaseSettings
from tests.integration.archive.city import TREE, contents, poison, record, write
from tests.support.postgres import open_folder
from tests.support.store import Store
from tests.support.timescale import private_timescale

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `stadtfunk db` on a database."""
    monkeypatch.setenv("STADTFUNK_LANG", "en")

    def run(settings: DatabaseSettings, *words: object) -> Result:
        values = {"dsn": settings.dsn, "data_dir": str(settings.data_dir)}
        file = tmp_path / "stadtfunk.yaml"
        file.write_text(json.dumps({"database": values}))
        return CliRunner().invoke(app, ["db", *map(str, words), "--config", str(file)])

    return run


@pytest.fixture
def embedded() -> Iterator[Path]:
    """A data directory for embedded servers."""
    with open_folder() as folder:
        yield folder / "database"


def test_what_is_exported_is_told_and_imported(command: Command, city: Store, target: Store, tmp_path: Path) -> None:
    path = tmp_path / "city.zip"
    exported = command(city.settings, "export", path)
    assert exported.exit_code == 0, exported.output
    assert f"Archived in {path}." in exported.output
    assert "tree_moisture" in exported.output
    assert "payload_household" in exported.output  # its count; no value of a row is told
    assert "64313374" not in exported.output
    assert command(city.settings, "export", path).exit_code == 1

    looked = command(target.settings, "import", path, "--dry-run", "--json")
    assert looked.exit_code == 0, looked.output
    assert target.execute("SELECT to_regnamespace('stadtfunk') AS there") == [{"there": None}]
    imported = command(target.settings, "import", path, "--json")
    assert imported.exit_code == 0, imported.output
    told = json.loads(imported.stdout)
    assert told["tables"] == json.loads(looked.stdout)["tables"]
    assert told["chains"] == {"cases": 2, "broken": []}
    again = command(target.settings, "import", path)
    assert again.exit_code == 1
    assert "is not empty" in again.output


def test_refusals_say_what_to_do(command: Command, target: Store, tmp_path: Path) -> None:
    empty = command(target.settings, "export", tmp_path / "never.zip")
    assert (empty.exit_code, list(tmp_path.glob("*never*"))) == (1, [])
    assert "nothing to archive" in empty.output
    missing = command(target.settings, "import", tmp_path / "missing.zip")
    assert missing.exit_code == 1
    assert "No such file" in missing.output


def test_a_tampered_case_is_told_after_the_import(
    command: Command, archive: Path, target: Store, tmp_path: Path
) -> None:
    assert command(target.settings, "import", archive).exit_code == 0
    target.execute("UPDATE alert_event SET reason = 'forged' WHERE position = 1")
    path = tmp_path / "forged.zip"
    assert command(target.settings, "export", path).exit_code == 0
    target.execute("DROP SCHEMA stadtfunk CASCADE")
    result = command(target.settings, "import", path)
    assert result.exit_code == 1
    assert "its hash chain does not hold" in result.output


def test_a_lost_embedded_database_comes_back_from_an_archive(
    command: Command, archive: Path, embedded: Path, city: Store, tmp_path: Path
) -> None:
    settings = DatabaseSettings(data_dir=embedded)
    assert command(settings, "import", archive).exit_code == 0
    backup = tmp_path / "backup.zip"
    assert command(settings, "export", backup).exit_code == 0
    shutil.rmtree(embedded)
    restored = command(settings, "import", backup)
    assert restored.exit_code == 0, restored.output
    with EmbeddedPostgres(embedded):
        store = Store(settings, timescale=False)
        assert contents(store) == contents(city)
        redelivered, fresh = write(store, [record(TREE, n) for n in range(5)], [record(TREE, 901), poison(2)])
        assert (redelivered.uplinks, redelivered.duplicates) == (0, 5)
        assert fresh.uplinks == 1


def test_a_lost_embedded_database_comes_back_from_a_physical_backup(
    command: Command, archive: Path, embedded: Path
) -> None:
    """As docs/howto/backup.md tells: pg_basebackup of the running server, whose programs the wheel has."""
    settings, store = DatabaseSettings(data_dir=embedded), Store(DatabaseSettings(data_dir=embedded), timescale=False)
    assert command(settings, "import", archive).exit_code == 0
    backup = embedded.with_name("backup")
    server = EmbeddedPostgres(embedded)
    with server:
        account = account_for(embedded)
        backup.mkdir()
        os.chown(backup, account.uid, account.gid)
        program = server.programs(account) / "pg_basebackup"
        where = ["-h", str(server.socket_directory), "-p", str(server.port), "-U", "postgres"]
        made = subprocess.run(
            [str(program), *where, "-D", str(backup / "cluster"), "--checkpoint=fast"],
            check=False, capture_output=True, timeout=120, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        expected = contents(store)
        write(store, [record(TREE, 950)])  # after the backup: lost with the data directory
    shutil.rmtree(embedded)
    backup.rename(embedded)
    for path in (embedded, *embedded.rglob("*")):
        os.chown(path, account.uid, account.gid)
    assert stat.S_IMODE((embedded / "cluster").stat().st_mode) == 0o700
    with EmbeddedPostgres(embedded):
        assert contents(store) == expected
        [redelivered, after] = write(store, [record(TREE, 5)], [record(TREE, 950)])
        assert (redelivered.duplicates, after.uplinks) == (1, 1)


def test_migrate_gives_timescaledb_the_configured_retention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    with private_timescale() as dsn:
        file = tmp_path / "stadtfunk.yaml"
        file.write_text(json.dumps({"database": {"dsn": dsn}, "retention": {"uplink": 77, "bay_events": 44}}))
        result = CliRunner().invoke(app, ["migrate", "--config", str(file)])
        assert result.exit_code == 0, result.output
        spans = Store(DatabaseSettings(dsn=dsn), timescale=True).execute(
            "SELECT hypertable_name, config ->> 'drop_after' AS after FROM timescaledb_information.jobs"
            " WHERE proc_name = 'policy_retention' AND hypertable_name IN ('uplink', 'parking_bay') ORDER BY 1"
        )
    assert [(row["hypertable_name"], row["after"]) for row in spans] == [
        ("parking_bay", "44 days"),
        ("uplink", "77 days"),
    ]
