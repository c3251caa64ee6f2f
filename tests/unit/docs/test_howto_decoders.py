"""The how-tos of tables and private decoders are followed from start to end: what they write is written, what they call
is called, and it says what they say."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from config.load import load_settings
from decoders.settings import MappingSettings
from stadtfunk.cli import app
from stadtfunk.decoding import registry

HOWTO = Path(__file__).parents[3] / "docs" / "howto"
_BLOCK = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Language, title and content of every block of a page."""
    return [match.groups(default="") for match in _BLOCK.finditer((HOWTO / page).read_text(encoding="utf-8"))]


def calls(content: str) -> Iterator[tuple[list[str], str]]:
    """The commands of a console block and what each prints."""
    for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield shlex.split(command), output


def told(output: str) -> list[str]:
    """Lines without the width of the terminal."""
    return [" ".join(line.split()) for line in output.splitlines() if line.strip()]


@pytest.mark.parametrize("page", ["yaml-decoder.md", "private-decoders.md"])
def test_following_the_page_gives_what_it_shows(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    monkeypatch.delenv("STADTFUNK_CONFIG", raising=False)
    (tmp_path / "stadtfunk.yaml").write_text("http: {webhooks: {ttn: {format: thethings, token: a-token-of-a-test}}}\n")
    called = 0
    for language, title, content in blocks(page):
        if title.endswith((".yaml", ".py")):
            path = tmp_path / title
            path.parent.mkdir(exist_ok=True)
            before = path.read_text() if path.exists() else ""
            path.write_text(before + content)
        elif language == "console":
            for command, output in calls(content):
                result = CliRunner().invoke(app, command[1:])
                assert result.exit_code == 0, result.output
                assert told(result.output) == told(output)
                called += 1
    assert called >= 2


def test_the_shorter_examples_are_good_tables_and_mappings(tmp_path: Path) -> None:
    tables: dict[str, object] = {}
    for page in ("yaml-decoder.md", "private-decoders.md"):
        for _, title, content in blocks(page):
            if title == "tables":
                tables |= yaml.safe_load(content)
    [reading] = [
        yaml.safe_load(content)
        for language, title, content in blocks("yaml-decoder.md")
        if language == "yaml" and not title
    ]
    tables["bay"] = {"source": "s", "readings": reading}
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(yaml.safe_dump({"tables": tables}))
    found = registry(load_settings(file, {}))
    assert {"crown_sensor", "our_lpp_probe", "bay"} <= set(found.entries)
    [mapping] = [content for _, title, content in blocks("private-decoders.md") if title == "mapping"]
    assert MappingSettings.model_validate(yaml.safe_load(mapping)).profiles == {"LSE01": "acme_s100"}


def test_the_error_that_the_page_shows_is_what_is_said(tmp_path: Path) -> None:
    [written] = [content for _, title, content in blocks("yaml-decoder.md") if title == "stadtfunk.yaml"]
    [shown] = [content for language, _, content in blocks("yaml-decoder.md") if not language]
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(written.replace("soil_moisture:", "soil_moistur:"))
    result = CliRunner().invoke(app, ["check-config", "-c", str(file)], env={"STADTFUNK_LANG": "en"})
    assert result.exit_code == 2
    assert shown.strip() in " ".join(result.stderr.split())
