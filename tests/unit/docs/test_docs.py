"""A setting, metric, command or exit code that docs/ does not tell about is a failing test."""

import re

import pytest

from alerts.changes import Step
from alerts.outbox_metrics import Result
from config.schema import settings_rows
from config.settings import Settings
from decoders.errors import RejectReason
from portal.metrics import LoginOutcome
from stadtfunk.exit_codes import ExitCode
from storage.batch import Outcome
from tests.unit.docs.tables import DOCS, FILES, block

PARTS = [(file, name, generate) for file, parts in FILES.items() for name, generate in parts.items()]


@pytest.mark.parametrize(("file", "name", "generate"), PARTS, ids=[name for _, name, _ in PARTS])
def test_the_docs_say_what_the_code_says(file, name, generate):
    written = block((DOCS / file).read_text(encoding="utf-8"), name)
    assert written == generate(), "run: python -m tests.unit.docs.tables"


def test_every_setting_has_a_description():
    assert [row.key for row in settings_rows(Settings) if not row.field.description] == []


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_explained(code):
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| {code.value} \| \w", text, re.MULTILINE)


@pytest.mark.parametrize("word", [*RejectReason, *Outcome, *Step, *Result, *LoginOutcome])
def test_every_label_value_is_explained(word):
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{word.value}` \| \w", text, re.MULTILINE)
