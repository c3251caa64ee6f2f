"""The command line as a whole: every command helps itself with examples, and help costs no heavy import."""

import subprocess
import sys

import pytest
import typer.main
from typer.testing import CliRunner

from stadtfunk.cli import app
from tests.unit.docs.tables import walk

COMMANDS = [path.split()[1:] for path, _ in walk(typer.main.get_command(app), "stadtfunk")]
HEAVY = {"pydantic", "psycopg", "numpy", "msgspec", "starlette", "uvicorn", "httpx2", "yaml", "aiomqtt", "rich.live"}


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")


def invoke(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_examples(command):
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    _, _, examples = result.output.partition("Examples:")
    assert f"$ stadtfunk {' '.join(command)}" in examples or "stadtfunk" in examples.split("$ ")[1]


def test_the_commands_of_the_design_are_there():
    names = {" ".join(command) for command in COMMANDS}
    assert names >= {"run", "check-config", "migrate", "decode", "replay", "status", "devices", "demo"}
    assert names >= {"rejected list", "rejected show", "rejected retry"}
    assert names >= {"assets import", "assets list", "assets bind", "assets swap"}


def test_help_imports_nothing_heavy():
    """Measured by what is loaded, not by time: the time is that of these modules."""
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from stadtfunk.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(*sorted(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()


def test_version():
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.output.startswith("stadtfunk ")


@pytest.mark.parametrize("arguments", [["nonsense"], ["decode"], ["run", "--only", "nonsense"], ["replay", "/nowhere"]])
def test_a_wrong_command_line_exits_with_2(arguments):
    assert invoke(*arguments).exit_code == 2


def test_run_without_anything_to_receive_is_a_configuration_error(tmp_path):
    file = tmp_path / "empty.yaml"
    file.write_text("logging: {level: error}\n")
    result = invoke("run", "--config", str(file))
    assert result.exit_code == 2
    assert "expected at least one source" in result.stderr


def test_a_database_that_is_not_there_exits_with_4(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("database: {dsn: 'postgresql://u:canary@127.0.0.1:1/db', timeouts: {connect: 1}}\n")
    for command in (["migrate"], ["status"], ["rejected", "list"]):
        result = invoke(*command, "--config", str(file))
        assert result.exit_code == 4, result.output
        assert "database" in result.output.lower()
        assert "canary" not in result.output
