"""A run that is killed goes on where it was: the command in a process of its own, which dies between or in chunks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from storage.redecode import RunState
from tests.integration.redecode.city import START, City, log, soil

KILLED = 137
SINCE = START.isoformat()


def command(city: City, folder: Path, *arguments: str, fault: str = "", workers: int = 0):
    file = folder / "stadtfunk.yaml"
    settings = {
        "database": {"dsn": city.store.settings.dsn},
        "decoder_folders": [str(city.folder)],
        "mapping": city.mapping,
    }
    file.write_text(yaml.safe_dump(settings))
    return subprocess.run(
        [
            sys.executable, "-m", "stadtfunk", "redecode", "--config", str(file), "--workers", str(workers),
            "--chunk", "10", *arguments,
        ],
        env={**os.environ, "STADTFUNK_FAULT": fault, "STADTFUNK_LANG": "en"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("point", "how"),
    [("redecode_after_commit:2", ("--since", SINCE)), ("redecode_before_commit:2", ("--resume",))],
)
def test_killed_and_continued(city: City, tmp_path: Path, point: str, how: tuple[str, ...]) -> None:
    city.ingest([*(log(n, (0, 20.0 + n), (20, 20.0 + n - 1)) for n in range(25)), *(soil(n) for n in range(25, 45))])
    before = city.contents()
    city.decoders(VERSION=2, FORGETS=True, OFFSET=1)
    assert command(city, tmp_path, "--since", SINCE, fault=point).returncode == KILLED
    [run] = city.store.execute("SELECT state, position FROM redecode_run JOIN redecode_part ON run_id = id")
    assert run["state"] == "running"
    assert run["position"] > START
    done = sum(value != 12.5 for value in city.values("soil_temperature") if value is not None)
    assert done == 0  # the logs come first

    other = command(city, tmp_path, "--since", "2026-01-01")
    assert (other.returncode, "unfinished" in other.stderr) == (1, True)
    again = command(city, tmp_path, *how, "--json")
    assert again.returncode == 0, again.stderr
    result = json.loads(again.stdout)
    assert result["continued"] is True
    assert city.values("soil_temperature")[-20:] == [13.5] * 20
    assert city.values("soil_moisture")[:26] == [20.0 + n - 1 for n in range(26)]
    assert not city.redecode().tally.changes_something

    listed = [json.loads(line) for line in command(city, tmp_path, "--list", "--json").stdout.splitlines()]
    assert [one["state"] for one in listed] == ["done", "done"]
    assert (listed[1]["uplinks"], listed[1]["kinds"]["tree_moisture"]["change"]) == (45, 32)
    for run in (listed[0]["run"], listed[1]["run"]):
        assert command(city, tmp_path, "--undo", str(run)).returncode == 0
    assert city.contents() == before


def test_an_undo_that_is_killed_is_continued(city: City, tmp_path: Path) -> None:
    city.ingest(soil(n) for n in range(25))
    before = city.contents()
    city.decoders(VERSION=2, OFFSET=1, HEALTH=False)
    done = city.redecode()
    assert done.run is not None
    undo = ("--undo", str(done.run.id))
    assert command(city, tmp_path, *undo, fault="redecode_undo:1").returncode == KILLED
    assert city.store.execute("SELECT state FROM redecode_run") == [{"state": "undoing"}]
    for more in (("--since", SINCE), ("--resume",)):
        assert "--undo" in command(city, tmp_path, *more).stderr
    assert command(city, tmp_path, *undo).returncode == 0
    assert city.contents() == before
    assert city.store.execute("SELECT state FROM redecode_run") == [{"state": RunState.UNDONE.value}]
    nothing = command(city, tmp_path, "--resume")
    assert (nothing.returncode, "No re-decoding is unfinished." in nothing.stderr) == (1, True)


@pytest.mark.parametrize("migrated", ["postgresql"], indirect=True)
def test_two_processes_share_the_devices(city: City, tmp_path: Path) -> None:
    """Each with a connection of its own, which PGlite does not have."""
    devices = [f"{n:016x}" for n in range(1, 8)]
    city.mapping = {"devices": dict.fromkeys(devices, "test_probe")}
    city.ingest(soil(n, dev_eui=device) for n in range(12) for device in devices)
    city.decoders(VERSION=2, OFFSET=1)
    dry = command(city, tmp_path, "--since", SINCE, "--dry-run", "--json", workers=2)
    assert json.loads(dry.stdout)["kinds"]["tree_moisture"]["change"] == 84
    killed = command(city, tmp_path, "--since", SINCE, workers=2, fault="redecode_after_commit:2")
    assert killed.returncode != 0
    assert "--resume" in killed.stderr
    done = command(city, tmp_path, "--since", SINCE, workers=2)
    assert done.returncode == 0, done.stderr
    assert set(city.values("soil_temperature")) == {13.5}
    parts = city.store.execute("SELECT counts ->> 'uplinks' AS n FROM redecode_part ORDER BY part")
    assert [row["n"] for row in parts] == ["36", "48"]
    plain = command(city, tmp_path, "--since", SINCE, "--dry-run", workers=2)
    assert "Nothing changes." in plain.stdout
