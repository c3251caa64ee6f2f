"""Every sentence for people has its German form, with the same details, and no German form is left over."""

import ast
from pathlib import Path
from string import Formatter

import pytest

import stadtfunk
from config.problems import MESSAGES
from stadtfunk.messages import catalogue, language, read_catalogue, text
from tests.support.for_each import for_each

PACKAGE = Path(stadtfunk.__file__).parent
UNTRANSLATED = {"{error}"}
"""Templates that are nothing but their detail."""


def sentences():
    """The first argument of every call of `text`, and of the doctor's `said`, wherever it stands in the program."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("text", "said"):
                template = node.args[0]
                assert isinstance(template, ast.Constant), f"{file}:{node.lineno}: text() and said() take a literal"
                yield template.value


SENTENCES = sorted((set(sentences()) | set(MESSAGES.values())) - UNTRANSLATED)


def details(template):
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


@for_each(SENTENCES)
def test_every_sentence_is_translated_with_the_same_details(sentence):
    assert sentence in catalogue()
    assert details(catalogue()[sentence]) == details(sentence)


def test_no_translation_is_left_over():
    assert set(catalogue()) - set(SENTENCES) == set()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "de"),
        ({"LANG": "C.UTF-8"}, "de"),
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "de_DE"}, "de"),
        ({"LANG": "de_DE", "LC_MESSAGES": "en_US"}, "en"),
        ({"STADTFUNK_LANG": "en", "LC_ALL": "de_DE"}, "en"),
        ({"STADTFUNK_LANG": "de", "LANG": "en_US"}, "de"),
        ({"STADTFUNK_LANG": "", "LANG": "en_US"}, "en"),
    ],
)
def test_the_language_follows_the_environment(environment, expected):
    assert language(environment) == expected


def test_sentences_are_shown_in_german_by_default_and_in_english_on_demand(monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "de")
    assert text("Messages read: {count}.", count=3) == "Gelesene Nachrichten: 3."
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    assert text("Messages read: {count}.", count=3) == "Messages read: 3."


def test_the_catalogue_format():
    header = 'msgid ""\nmsgstr "Language: de\\n"\n\n# note\n'
    po = header + 'msgid "a "\n"b"\nmsgstr "x \\"y\\" "\n"z\\n"\n\nmsgid "none"\nmsgstr ""\n'
    assert read_catalogue(po) == {"a b": 'x "y" z\n'}
    with pytest.raises(ValueError, match="line 1"):
        read_catalogue("msgctxt x\n")
