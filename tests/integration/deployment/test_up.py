"""`deploy/up` in a copy of the repository's shell, with a `docker` that only notes what it is asked for."""

import shutil
import subprocess

import pytest

from tests.integration.deployment.shipped import ROOT

DOCKER = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
    "compose ps "*) echo mosquitto; echo portal ;;
    *"deployment secrets"*) echo "Made mosquitto-passwords."; echo "Made proxy.pem."; exit $FAILS ;;
esac
"""


@pytest.fixture
def up(tmp_path):
    """Runs the script; gives its exit code, what it says, and what it asked of docker."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "deploy" / "up", tmp_path / "deploy" / "up")
    calls = tmp_path / "calls"

    def run(*arguments, fails=0):
        calls.write_text("")
        environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "CALLS": str(calls), "FAILS": str(fails)}
        command = [tmp_path / "deploy" / "up", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False)
        return done.returncode, done.stdout.decode(), calls.read_text().splitlines()

    run.folder = tmp_path
    return run


def test_image_then_secrets_then_all_containers(up):
    code, said, calls = up()
    assert code == 0
    assert [call.split()[1] for call in calls] == ["version", "build", "ps", "run", "restart", "up"]
    assert calls[3].endswith("secrets stadtfunk deployment secrets /state --own --host localhost")
    assert calls[4] == "compose restart mosquitto"  # it ran, and its users changed; the proxy did not run
    assert "https://localhost " in said
    assert (up.folder / "deploy" / "state").stat().st_mode & 0o777 == 0o711
    assert not (up.folder / ".env").exists()


def test_what_is_chosen_is_kept(up):
    (up.folder / ".env").write_text("MINE=1\nSTADTFUNK_HOST=old.example.org\n")
    (up.folder / "city.yaml").write_text("assets: []\n")
    arguments = ["--host", "city.example.org", "--demo", "--chirpstack", "--gateway", "0016c001f153a14c"]
    code, said, calls = up(*arguments, "--city", str(up.folder / "city.yaml"))
    assert code == 0
    kept = set((up.folder / ".env").read_text().splitlines())
    assert kept == {
        "MINE=1",
        "STADTFUNK_HOST=city.example.org",
        "STADTFUNK_URL=https://city.example.org",
        f"STADTFUNK_CITY={up.folder}/city.yaml",
        "COMPOSE_PROFILES=demo,chirpstack",
    }
    assert calls[3].endswith("--host city.example.org --gateway 0016c001f153a14c")
    _, again, calls = up()
    assert calls[3].endswith("--host city.example.org")
    assert "Grafana  https://city.example.org:3000 " in said
    assert said == again


def test_nothing_starts_without_secrets_and_nonsense_is_refused(up):
    code, _, calls = up(fails=1)
    assert code != 0
    assert not any(call.startswith("compose up") for call in calls)
    code, _, calls = up("--nonsense")
    assert (code, calls) == (2, [])
