"""Every broken file in `broken/` is refused with exactly the problems that its `#:` lines list, and exit code 2.

A line says `#<line>: <key>: <message>` as the program prints it after the file's name; HERE stands for the folder.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.load import load_settings
from config.problems import ConfigurationError
from stadtfunk.cli import app

FOLDER = Path(__file__).with_name("broken")
FILES = sorted(FOLDER.glob("*.yaml"))


def expected(file):
    lines = [line[1:] for line in file.read_text().splitlines() if line.startswith("#:")]
    return [f"{file}{line.replace('HERE', str(FOLDER))}" for line in lines]


def test_there_are_enough_of_them():
    assert len(FILES) >= 30
    assert all(expected(file) for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_problem_is_listed(file):
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file, {})
    assert [str(problem) for problem in refused.value.problems] == expected(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_check_config_lists_them_and_exits_with_2(file, monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    result = CliRunner().invoke(app, ["check-config", "--config", str(file)])
    assert result.exit_code == 2
    assert [line[2:] for line in result.stderr.splitlines()[1:]] == expected(file)
    assert "canary" not in result.output
