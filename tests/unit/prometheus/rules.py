"""The shipped rules, their tests and their runbooks, as the tests read them."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "config" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
METRICS = ROOT / "docs" / "metrics.md"
FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


@cache
def _read(file: Path) -> Any:
    """What a file says, read by libyaml, which is ten times as fast."""
    return yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def rules(file: Path) -> list[dict[str, Any]]:
    """Every rule of a file."""
    groups = _read(file)["groups"]
    return [rule for group in groups for rule in group["rules"]]


@cache
def alerts() -> dict[str, dict[str, Any]]:
    """Every alert by name, with the `file` that it stands in.

    Raises:
        AssertionError: two have the same name.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in FILES:
        for rule in rules(file):
            if "alert" in rule:
                assert rule["alert"] not in found, f"two alerts are named {rule['alert']}"
                found[rule["alert"]] = rule | {"file": file.name}
    return found


@cache
def expectations() -> dict[str, list[bool]]:
    """By alert, for every look of a test at it: whether it shall fire then."""
    found: dict[str, list[bool]] = {}
    for file in TESTS:
        for test in _read(file)["tests"]:
            for look in test["alert_rule_test"]:
                found.setdefault(look["alertname"], []).append(bool(look["exp_alerts"]))
    return found


def kebab(name: str) -> str:
    """`ServiceDown` → `service-down`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


@cache
def known_labels() -> dict[str, frozenset[str]]:
    """Labels by metric, of every metric in docs/metrics.md."""
    rows = re.findall(r"^\| `(stadtfunk_\w+)` \| \w+ \| ([^|]+) \|", METRICS.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: frozenset(re.findall(r"\w+", labels)) for name, labels in rows}


@cache
def known_values() -> frozenset[str]:
    """Values of labels that docs/metrics.md explains."""
    text = METRICS.read_text(encoding="utf-8").partition("<!-- metrics: end -->")[2]
    return frozenset(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
