"""`deploy/up` in a copy of the repository's shell, with a `docker` that only notes what it is asked for."""

import os
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

    def run(*arguments, fails=0, folder=tmp_path, **more):
        calls.write_text("")
        environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "CALLS": str(calls), "FAILS": str(fails), **more}
        command = [tmp_path / "deploy" / "up", *arguments]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, timeout=30, check=False)
        return done.returncode, (done.stdout + done.stderr).decode(), calls.read_text().splitlines()

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


USER = 10001
"""Who reads the city file: the user of Stadtfunk's containers."""


@pytest.fixture
def city(up):
    """A city file that everybody may read."""
    file = up.folder / "my-city.yaml"
    file.write_text("assets: []\n")
    file.chmod(0o644)
    return file


def test_the_city_file_is_looked_for_where_the_command_is_given(up, city):
    folder = up.folder / "elsewhere"
    folder.mkdir()
    city = city.rename(folder / city.name)
    assert up("--city", city.name, folder=folder)[0] == 0
    assert (up.folder / ".env").read_text() == f"STADTFUNK_CITY={city}\n"


def test_a_city_file_that_is_no_file_is_refused_before_anything_starts(up, city):
    for wrong, why in ((up.folder / "typo.yaml", "does not exist"), (up.folder, "is not a regular file")):
        code, said, calls = up("--city", str(wrong))
        assert (code, calls) == (1, [])
        assert said == f"deploy/up: the city file {wrong} {why}\n"
        assert not (up.folder / ".env").exists()


def test_a_city_file_that_was_chosen_before_is_looked_at_again(up, city):
    (up.folder / ".env").write_text(f'STADTFUNK_CITY="{city}"\n')
    assert up()[0] == 0
    city.unlink()
    code, said, calls = up()
    assert (code, calls) == (1, [])
    assert f"{city} does not exist" in said
    assert up(STADTFUNK_CITY="/dev/null")[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives files to others")
@pytest.mark.parametrize(
    ("owner", "group", "mode", "code"),
    [
        (0, 0, 0o604, 0),
        (0, 0, 0o640, 1),
        (0, USER, 0o640, 0),
        (0, USER, 0o604, 1),
        (USER, 0, 0o400, 0),
        (USER, USER, 0o044, 1),
    ],
)
def test_the_containers_user_must_be_able_to_read_the_city_file(up, city, owner, group, mode, code):
    os.chown(city, owner, group)
    city.chmod(mode)
    found, said, calls = up("--city", str(city))
    assert found == code
    assert bool(calls) is (code == 0)
    assert (f"the containers' user ({USER}) may not read the city file {city}: chmod a+r {city}" in said) is (code == 1)
    city.parent.chmod(0o755)  # into the container the file is mounted alone; here its folder stands in the way
    reading = subprocess.run(
        ["cat", city.name], cwd=city.parent, user=USER, group=USER, extra_groups=[], capture_output=True, check=False
    )
    assert (reading.returncode == 0) is (code == 0)
