"""Rules over the collection of alerts: each has a severity, German texts, a page, a test in both directions, and
speaks of metrics, labels and values that docs/metrics.md knows.
"""

import re
from pathlib import Path

import pytest
import typer.main

from stadtfunk.cli import app
from tests.unit.docs.tables import walk
from tests.unit.prometheus.rules import (
    FILES,
    RUNBOOKS,
    alerts,
    expectations,
    kebab,
    known_labels,
    known_values,
    rules,
)

ALERTS = alerts()
SECTIONS = ["Was ist los?", "Woran liegt es meist?", "Was tun?", "Wie prüfen, dass es wieder gut ist?"]
SEVERITIES = {"page", "ticket"}
OWN_LABELS = {"job", "instance", "le", "rule_group", "integration"}  # given by the scrape, or by others' metrics
OTHERS = re.compile(r"(?:up|(?:process|prometheus|alertmanager)_\w+)$")
KEYWORDS = {"and", "or", "unless", "on", "ignoring", "group_left", "by", "without", "offset", "bool"}
COMMANDS = {path for path, _ in walk(typer.main.get_command(app), "stadtfunk")}
PROGRAMS = {"docker", "openssl", "df", "timedatectl"}
"""What a page may call besides the program itself."""


def expressions() -> list[str]:
    return [rule["expr"] for file in FILES for rule in rules(file)]


def recorded() -> set[str]:
    return {rule["record"] for file in FILES for rule in rules(file) if "record" in rule}


def names(expression: str) -> set[str]:
    """Metrics and recorded series of an expression: words that are no function, keyword, label or number."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|ignoring|without|group_left) \([^)]*\)', "", expression)
    bare = re.sub(r"\boffset \w+", "", bare)
    words = re.findall(r"(?<![\w.])[a-z][\w:]*(?!\s*\(|[\w:])", bare)
    return {word for word in words if word not in KEYWORDS and not re.search(rf"\b{word}\s*(?:by\s*)?\(", bare)}


def base(metric: str) -> str:
    """The metric that a sample belongs to: a histogram has three kinds of them."""
    return re.sub(r"_(?:bucket|count|sum)$", "", metric) if metric not in known_labels() else metric


def commands(page: str) -> list[str]:
    """Every command line of a page, without what leads into a container, and every `stadtfunk …` in its sentences."""
    lines = re.findall(r"^\$ (.*)$", page, re.MULTILINE)
    prose = re.findall(r"`(stadtfunk [^`]+)`", page)
    inside = re.compile(r"^docker compose (?:exec|run --rm) \S+ (?=stadtfunk)")
    return [inside.sub("", line) for line in (*lines, *prose)]


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_complete(name):
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in SEVERITIES or name == "Watchdog"
    assert re.fullmatch(r"\d+[smh]", alert["for"])
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{kebab(name)}.md"


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_tested_in_both_directions(name):
    looks = expectations().get(name, [])
    assert True in looks, f"no promtool test sees {name} fire"
    assert False in looks or name == "Watchdog", f"no promtool test sees {name} silent"


def test_no_test_is_about_an_alert_that_is_gone():
    assert set(expectations()) == set(ALERTS)


def test_every_metric_of_a_rule_is_documented():
    known = set(known_labels()) | recorded()
    used = set().union(*map(names, expressions()))
    assert used >= {"up", "stadtfunk_spool_bytes", "stadtfunk_commit_lag_seconds_bucket"}  # the reading works
    assert {metric for metric in used if base(metric) not in known and not OTHERS.match(metric)} == set()


def test_labels_and_their_values_are_documented():
    known, values = known_labels(), known_values()
    for expression in expressions():
        for metric, matchers in re.findall(r"(stadtfunk_\w+)\{([^}]*)\}", expression):
            for label, operator, value in re.findall(r'(\w+)(=~?)"([^"]*)"', matchers):
                assert label in known[base(metric)] | OWN_LABELS, (metric, label)
                for one in value.split("|") if operator == "=~" else [value]:
                    assert label in OWN_LABELS or one in values, (metric, label, one)


@pytest.mark.parametrize("name", ALERTS)
def test_texts_name_labels_that_the_alert_has(name):
    """A label that was aggregated away would be an empty place in the sentence."""
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(ALERTS[name]["annotations"].values())))
    aggregated = re.findall(r"\b(?:sum|max|min) by \(([^)]*)\)", ALERTS[name]["expr"])
    kept = {label for labels in aggregated for label in re.findall(r"\w+", labels)}
    plain = set().union(*(known_labels().get(base(metric), ()) for metric in names(ALERTS[name]["expr"])))
    if aggregated and not any(metric in recorded() for metric in names(ALERTS[name]["expr"])):
        assert used <= kept
    else:
        assert used <= plain | kept | OWN_LABELS | {"source"}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_a_page_that_says_what_to_do(name):
    page = (RUNBOOKS / f"{kebab(name)}.md").read_text(encoding="utf-8")
    alert = ALERTS[name]
    assert page.startswith(f"# {name}\n")
    assert f"(`{alert['labels']['severity']}`), nach {alert['for']}. Regel: [{alert['file']}]" in page
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == SECTIONS
    assert all(len(part.strip()) > 20 for part in re.split(r"^## .*$", page, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("name", ALERTS)
def test_commands_of_pages_exist(name):
    page = (RUNBOOKS / f"{kebab(name)}.md").read_text(encoding="utf-8")
    for line in commands(page):
        words = line.split()
        if words[0] == "stadtfunk":
            assert any(" ".join(words[:length]) in COMMANDS for length in (2, 3, 4)), line
        else:
            assert words[0] in PROGRAMS, line


@pytest.mark.parametrize("name", ALERTS)
def test_links_of_pages_lead_somewhere(name):
    page = (RUNBOOKS / f"{kebab(name)}.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (RUNBOOKS / target).exists(), target
    for path in re.findall(r"`((?:docs|config)/[\w./-]+)`", page):
        assert (RUNBOOKS.parents[1] / path).exists(), path
    documented = known_labels()
    for metric in re.findall(r"\b(stadtfunk_[a-z0-9_]+)\b(?!:)", page):
        assert base(metric) in documented or metric in {"stadtfunk_maintenance", "stadtfunk_alerts"}, metric


def test_the_index_has_every_page_and_nothing_else():
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\(([\w-]+)\.md\) \| `(\w+)` \|", index, re.MULTILINE)
    assert rows == [(name, kebab(name), alert["labels"]["severity"]) for name, alert in _in_order(rows).items()]
    assert {file.stem for file in Path(RUNBOOKS).glob("*.md")} == {"README", *map(kebab, ALERTS)}


def _in_order(rows):
    """The alerts in the order of the index, and those that it lacks at the end."""
    listed = [name for name, _, _ in rows]
    return {name: ALERTS[name] for name in [*listed, *(set(ALERTS) - set(listed))]}
