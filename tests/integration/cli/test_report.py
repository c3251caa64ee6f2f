"""`stadtfunk report parking` on a real database: files, a summary, and what is refused."""

import asyncio
import csv
import io
from pathlib import Path

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from stadtfunk.cli import app
from stadtfunk.exit_codes import ExitCode
from tests.integration.statistics.kept import keep_months

OCTOBER = ("report", "parking", "--month", "2026-10")
runner = CliRunner()


@pytest.fixture
def config(database_settings, tmp_path: Path) -> str:
    asyncio.run(keep_months(database_settings))
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(
        f"database: {database_settings.dsn!r}\nreport: {{authority: Stadt Mainz, suppress_below: 5}}\n",
        encoding="utf-8",
    )
    return str(file)


def invoke(*arguments: str):
    return runner.invoke(app, list(arguments))


def test_a_summary_is_printed(config: str) -> None:
    result = invoke(*OCTOBER, "-c", config)
    assert result.exit_code == 0
    assert "149 Verdachtsfälle" in result.stdout
    assert "*" not in result.stdout


def test_files_are_written(config: str, tmp_path: Path) -> None:
    pdf, table = tmp_path / "oktober.pdf", tmp_path / "oktober.csv"
    result = invoke(*OCTOBER, "-c", config, "--pdf", str(pdf), "--csv", str(table))
    assert result.exit_code == 0
    first = PdfReader(pdf).pages[0].extract_text()
    assert "Stadt Mainz" in first
    assert "149 Verdachtsfälle" in first
    written = table.read_bytes()
    assert written.startswith(b"\xef\xbb\xbfMonat;")
    assert b"\r\n" in written
    assert b"\r\r\n" not in written
    assert (tmp_path / "oktober-schluessel.csv").read_bytes().startswith(b"\xef\xbb\xbfListe;")


def test_the_public_version_follows_the_setting(config: str, tmp_path: Path) -> None:
    table = tmp_path / "oeffentlich.csv"
    assert invoke(*OCTOBER, "-c", config, "--public", "--csv", str(table)).exit_code == 0
    rows = csv.DictReader(io.StringIO(table.read_text(encoding="utf-8-sig")), delimiter=";")
    secret = {row["Schluessel"] for row in rows if row["Hinweis"] == "geheim"}
    assert secret == {"S06", "S07", "S08"}


@pytest.mark.parametrize("month", ["2026-13", "Oktober", "2026"])
def test_what_is_no_month_is_refused(config: str, month: str) -> None:
    result = invoke("report", "parking", "--month", month, "-c", config)
    assert result.exit_code == ExitCode.CONFIGURATION
    assert month in result.output


def test_a_file_that_cannot_be_written_is_said_in_one_sentence(config: str, tmp_path: Path) -> None:
    result = invoke(*OCTOBER, "-c", config, "--pdf", str(tmp_path / "nowhere" / "x.pdf"))
    assert result.exit_code == ExitCode.FAILURE
    assert "Traceback" not in result.output


def test_a_database_that_is_away_is_code_4(tmp_path: Path) -> None:
    file = tmp_path / "stadtfunk.yaml"
    file.write_text("database: postgresql://nobody@127.0.0.1:1/x\n", encoding="utf-8")
    assert invoke(*OCTOBER, "-c", str(file)).exit_code == ExitCode.UNAVAILABLE
