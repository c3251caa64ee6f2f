"""`stadtfunk doctor` as its user sees it: lines, marks, exit codes, JSON, and no secret anywhere."""

import asyncio
import json
import shutil
from functools import partial

import pytest
from typer.testing import CliRunner

from config.redact import Redactor
from stadtfunk.cli import app
from stadtfunk.commands.doctor import exit_code, render, show, titles
from stadtfunk.doctor import clock, disk, examination, service
from stadtfunk.doctor.examination import Check, examine
from stadtfunk.doctor.findings import Finding, Findings, Level, Subject, said
from stadtfunk.exit_codes import ExitCode
from storage.spool import RESERVE


def line(subject, level, about=""):
    mend = None if level is Level.OK else said("Spool")
    return Finding(subject, "check", level, said("Configuration"), mend, about)


LINES = [line(Subject.BROKER, Level.OK, "city"), line(Subject.BROKER, Level.PROBLEM), line(Subject.DISK, Level.WARNING)]


def test_lines_are_grouped_and_marked(monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "de")
    assert list(render(LINES)) == [
        "Broker",
        "  ✓ city: Konfiguration",
        "  ✗ Konfiguration → Spool",
        "Platten",
        "  ! Konfiguration → Spool",
    ]


def test_every_subject_has_a_title():
    assert titles().keys() == set(Subject)


@pytest.mark.parametrize(
    ("level", "strict", "code"),
    [
        (Level.OK, True, ExitCode.OK),
        (Level.WARNING, False, ExitCode.OK),
        (Level.WARNING, True, ExitCode.FAILURE),
        (Level.PROBLEM, False, ExitCode.FAILURE),
    ],
)
def test_exit_codes(level, strict, code):
    assert exit_code([line(Subject.DISK, Level.OK), line(Subject.DISK, level)], strict=strict) is code


def test_secrets_are_taken_out_of_both_forms(capsys):
    notes = Findings(Subject.DATABASE)
    notes.wrong(
        "reachable", said("{where}: {error}.", where="db", error="password=x-secret and top-secret"), said("Spool")
    )
    for as_json in (True, False):
        show(notes.found, Redactor(["top-secret"]), quiet=False, as_json=as_json)
    out = capsys.readouterr().out
    assert "secret" not in out
    assert out.count("***") == 4


async def test_a_check_that_hangs_or_fails_hides_nothing():
    async def hangs():
        await asyncio.Event().wait()

    async def fails():
        raise RuntimeError("a secret of the operator")

    async def works():
        return [line(Subject.CONFIGURATION, Level.OK)]

    found = await examine(
        [Check(Subject.BROKER, hangs, "city", 0.01), Check(Subject.DISK, fails), Check(Subject.CONFIGURATION, works)]
    )
    assert [(one.subject, one.level) for one in found] == [
        (Subject.CONFIGURATION, Level.OK),
        (Subject.BROKER, Level.PROBLEM),
        (Subject.DISK, Level.PROBLEM),
    ]
    assert "a secret" not in str([one.as_object() for one in found])


def test_a_configuration_that_is_refused(tmp_path):
    file = tmp_path / "stadtfunk.yaml"
    file.write_text("sources: [{name: city, prot: 1}]\n")
    result = CliRunner().invoke(app, ["doctor", "-c", str(file), "--json"])
    assert result.exit_code == ExitCode.CONFIGURATION
    [found] = json.loads(result.stdout)["findings"]
    assert "did you mean `port`" in found["what"]


@pytest.fixture
def quiet_machine(monkeypatch):
    """What this machine is like and a test cannot choose: a clock, a running service, room."""
    usage = shutil.disk_usage("/")._replace(total=100 << 30, free=50 << 30)
    monkeypatch.setattr(clock, "synchronised", lambda: True)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(service, "ask", partial(_answer, service.Word(True, [], {})))
    return usage


async def _answer(word, _url):
    return word


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(json.dumps({"http": {"webhooks": {"tts": {"token": "0123456789abcdef"}}}}))
    file.chmod(0o600)
    monkeypatch.chdir(tmp_path)

    def run(*options):
        return CliRunner().invoke(app, ["doctor", "-c", str(file), *options])

    return run


def test_all_well_but_a_database_that_was_never_made(run, quiet_machine):
    result = run("--quiet")
    assert result.exit_code == ExitCode.OK, result.output
    assert "0 problems." in result.stdout
    assert [text for text in result.stdout.splitlines() if text.startswith("  ")] == [
        text for text in result.stdout.splitlines() if "There is no embedded database" in text
    ]
    assert run("--strict").exit_code == ExitCode.FAILURE


def test_a_full_disk(run, quiet_machine, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: quiet_machine._replace(free=RESERVE))
    result = run("--json")
    assert result.exit_code == ExitCode.FAILURE
    found = json.loads(result.stdout)
    assert found["worst"] == "problem"
    assert {one["about"] for one in found["findings"] if one["check"] == "full"} == {"spool", "database"}


def test_every_subject_is_examined():
    from config.settings import Settings

    settings = Settings.model_validate({"sources": [{"name": "city"}]})
    assert {check.subject for check in examination.checks(settings)} == set(Subject)
