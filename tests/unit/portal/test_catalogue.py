"""Every sentence of pages and scripts has its English form, with the same details, and no English form is left over."""

import ast
import re
from pathlib import Path
from string import Formatter

from jinja2 import nodes

import portal
from portal.pages import environment
from portal.translation import Translator, catalogue
from tests.support.for_each import for_each

PACKAGE = Path(portal.__file__).parent
CALLS = {"_", "_n"}
_IN_SCRIPT = re.compile(r"""\b_n?\(\s*("(?:[^"\\]|\\.)*")(?:\s*,\s*("(?:[^"\\]|\\.)*"))?""")


def in_templates():
    made = environment()
    for file in sorted((PACKAGE / "templates").rglob("*.html")):
        for call in made.parse(file.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in CALLS:
                yield from (one.value for one in call.args if isinstance(one, nodes.Const))


def in_python():
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                for one in node.args:
                    assert isinstance(one, ast.Constant), f"{file}:{node.lineno}: _() takes a literal"
                    yield one.value
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Page":
                yield from (one.value for one in node.args[1:2] if isinstance(one, ast.Constant))


def in_scripts():
    for file in sorted((PACKAGE / "static").rglob("*.js")):
        for one, many in _IN_SCRIPT.findall(file.read_text(encoding="utf-8")):
            yield ast.literal_eval(one)
            if many:
                yield ast.literal_eval(many)


SENTENCES = sorted({*in_templates(), *in_python(), *in_scripts()})


def details(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@for_each(SENTENCES)
def test_every_sentence_has_its_english_form_with_the_same_details(sentence):
    assert sentence in catalogue()
    assert details(catalogue()[sentence]) == details(sentence)


def test_no_english_form_is_left_over():
    assert sorted(catalogue().keys() - set(SENTENCES)) == []


def test_sentences_of_all_three_kinds_are_found():
    assert "Benutzername" in set(in_templates())
    assert "Störung" in set(in_python())
    assert _IN_SCRIPT.findall('x = _n("{count} Fall", "{count} Fälle", n) + _("Ja")') == [
        ('"{count} Fall"', '"{count} Fälle"'),
        ('"Ja"', ""),
    ]


def test_german_is_the_sentence_itself_and_english_comes_from_the_catalogue():
    assert Translator("de")("Mit {label} anmelden", label="X") == "Mit X anmelden"
    assert Translator("en")("Mit {label} anmelden", label="X") == "Log in with X"
    one, many = (
        "Zu viele Versuche. Bitte in {count} Sekunde noch einmal.",
        "Zu viele Versuche. Bitte in {count} Sekunden noch einmal.",
    )
    assert Translator("en").plural(one, many, count=1) == "Too many attempts. Please try again in 1 second."
    assert Translator("en").plural(one, many, count=2) == "Too many attempts. Please try again in 2 seconds."
