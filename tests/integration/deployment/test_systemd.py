"""The systemd units: what systemd itself says of them, and the programs that they start, as far as without systemd."""

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from stadtfunk.cli import app
from stadtfunk.deployment.parts import LOGINS
from stadtfunk.exit_codes import ExitCode
from tests.support.service import END_SECONDS, ENVIRONMENT, PROGRAM, READY_SECONDS
from tests.unit.docs.tables import walk

SHIPPED = Path(__file__).parents[3] / "config" / "systemd"
UNITS = sorted(path.name for path in SHIPPED.glob("stadtfunk*.*") if path.suffix in (".service", ".target", ".timer"))
SERVICES = ("stadtfunk-ingest.service", "stadtfunk-engine.service", "stadtfunk-portal.service")
INSTALLED = "/opt/stadtfunk/bin/stadtfunk"
THRESHOLD = 15  # of 100; a unit without any hardening has 96


def systemd_analyze(units, *arguments):
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: install systemd (Debian: apt install systemd)"
    environment = {"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{units}:", "SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """The shipped folder, with a program in the place of the installed one."""
    folder = tmp_path_factory.mktemp("systemd")
    program = folder / "stadtfunk"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    for file in folder.glob("*.service"):
        file.write_text(file.read_text().replace(INSTALLED, str(program)))
    return folder


def values(name, key, *, of=SHIPPED):
    """What a unit says under a key, in order."""
    return re.findall(rf"^{key}=(.*)$", (of / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_accepts_the_unit(units, unit):
    done = systemd_analyze(units, "verify", str(units / unit))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_systemd_would_not_accept_is_seen(units, tmp_path):
    broken = tmp_path / "stadtfunk-broken.service"
    broken.write_text("[Service]\nExecStart=/nowhere/stadtfunk\nTypo=yes\n")
    done = systemd_analyze(tmp_path, "verify", str(broken))
    assert done.returncode != 0
    assert "Typo" in done.stderr


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.endswith(".service")])
def test_the_unit_is_closed_to_everything_that_it_does_not_need(units, unit):
    done = systemd_analyze(
        units, "security", "--offline=true", "--no-pager", f"--threshold={THRESHOLD}", str(units / unit)
    )
    assert done.returncode == 0, done.stdout


def test_a_unit_without_the_hardening_would_not_pass(units, tmp_path):
    alone = tmp_path / "stadtfunk-ingest.service"
    shutil.copyfile(units / alone.name, alone)
    done = systemd_analyze(tmp_path, "security", "--offline=true", "--no-pager", f"--threshold={THRESHOLD}", str(alone))
    assert done.returncode != 0


def test_the_codecs_worker_may_limit_itself():
    """What the filter leaves must hold the calls that are ours alone, which no service of others makes."""
    done = systemd_analyze(SHIPPED, "syscall-filter", "@privileged")
    refused = set(done.stdout.split())
    assert "chroot" in refused
    assert not refused & {"setrlimit", "prlimit64", "flock", "fsync"}
    filters = [line for line in values("stadtfunk-.service.d/50-hardening.conf", "SystemCallFilter") if line[0] == "~"]
    assert filters == ["~@privileged"]


@pytest.mark.parametrize("unit", SERVICES)
def test_restarts_follow_the_watchdog_and_stop_where_they_cannot_help(unit):
    assert values(unit, "Type") == ["notify"]
    assert values(unit, "WatchdogSec") == ["30s"]
    assert values(unit, "Restart") == ["on-failure"]
    assert values(unit, "RestartPreventExitStatus") == [f"{ExitCode.CONFIGURATION:d} {ExitCode.REFUSED:d}"]
    [stop] = values(unit, "TimeoutStopSec")
    assert int(stop.removesuffix("s")) > 5  # the service needs up to 5 s to store or spool what has arrived


def test_every_command_line_is_one_of_ours():
    commands = {path.removeprefix("stadtfunk ") for path, _ in walk(get_command(app), "stadtfunk")}
    for unit in UNITS:
        for line in values(unit, "ExecStart"):
            for called in re.findall(rf"{INSTALLED} (.*)", line):
                assert any(called.startswith(command) for command in commands), (unit, called)


def test_ports_differ_and_memory_is_limited():
    ports = [re.search(r"STADTFUNK_HTTP__PORT=(\d+)", (SHIPPED / unit).read_text())[1] for unit in SERVICES]
    assert len(set(ports)) == len(SERVICES)
    for unit in UNITS:
        assert not unit.endswith(".service") or values(unit, "MemoryMax")


def environment_of(unit, credentials):
    """What the unit's program finds in its environment, its secrets in `credentials`."""
    pairs = dict(line.split("=", 1) for line in values(unit, "Environment"))
    for line in values(unit, "LoadCredential"):
        name, _, path = line.partition(":")
        assert Path(path).parent == Path("/etc/stadtfunk/secrets")
        shutil.copyfile(credentials.parent / "secrets" / Path(path).name, credentials / name)
    return {name: value.replace("%d", str(credentials)) for name, value in pairs.items()}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """The secrets as the how-to makes them."""
    folder = tmp_path_factory.mktemp("installed")
    command = [*PROGRAM, "deployment", "secrets", folder / "secrets", "--host", "localhost"]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, timeout=60)
    return folder


@pytest.mark.parametrize("unit", [*SERVICES, "stadtfunk-doctor.service"])
def test_the_shipped_configuration_is_complete_with_what_the_unit_hands_over(secrets, unit):
    credentials = secrets / unit
    credentials.mkdir()
    settings = yaml.safe_load((SHIPPED / "stadtfunk.yaml").read_text())
    settings["sources"][0]["tls"]["ca_file"] = str(secrets / "secrets" / "ca.pem")
    file = secrets / f"{unit}.yaml"
    file.write_text(yaml.safe_dump(settings))
    environment = ENVIRONMENT | environment_of(unit, credentials)
    done = subprocess.run(
        [*PROGRAM, "check-config", "--show", "-c", file],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout.partition("\nWarning")[0].partition("\nThe configuration")[0])
    role = unit.removeprefix("stadtfunk-").removesuffix(".service").replace("doctor", "ingest")
    assert environment["STADTFUNK_DATABASE__DSN"] == f"postgresql://stadtfunk_{role}_login@127.0.0.1/stadtfunk"
    assert shown["database"]["password_file"] == str(credentials / "database")
    assert shown["portal"]["enabled"] is (role == "portal")


def test_setting_up_has_the_password_of_every_login():
    handed = [line.partition(":")[0] for line in values("stadtfunk-setup.service", "LoadCredential")]
    assert sorted(handed) == sorted(login.secret for login in LOGINS)


@pytest.mark.parametrize("part", ["ingest", "engine"])
def test_systemd_is_told_of_the_start_although_the_database_is_away_and_of_the_end(tmp_path, part):
    file = tmp_path / "stadtfunk.yaml"
    content = {
        "database": {"dsn": "host=127.0.0.1 port=1 user=nobody dbname=nowhere"},
        "spool": {"path": str(tmp_path / "spool.sqlite")},
        "http": {"port": 0, "webhooks": {"tts": {"token": "0123456789abcdef"}}},
        "charging": {"state_dir": str(tmp_path / "charging")},
    }
    file.write_text(yaml.safe_dump(content))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(READY_SECONDS)
        environment = ENVIRONMENT | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        with (tmp_path / "log").open("wb") as log:
            service = subprocess.Popen(
                [*PROGRAM, "run", "--only", part, "-c", file], env=environment, stdout=log, stderr=log
            )
        try:
            told = [systemd.recv(4096).decode() for _ in range(4)]
            service.send_signal(signal.SIGTERM)
            while not told[-1].startswith("STOPPING"):
                told.append(systemd.recv(4096).decode())
            assert service.wait(END_SECONDS) == 0
        finally:
            service.kill()
            service.wait(END_SECONDS)
    assert told[0].startswith("READY=1\nSTATUS=not ready: database")
    assert all(line.startswith("WATCHDOG=1") for line in told[1:-1])
