"""What Grafana makes of a query before the database sees it, so that tests, benchmarks and charts run the same text.

First the variables (in the browser), then `$__interval` and the whole seconds of the range, then the macros of the
PostgreSQL data source. Its setting `timescaledb` is off: it would make `time_bucket` of `$__timeGroup`.

The rules, as of Grafana 11.6:
- `$name`, `${name}`, `${name:format}`, `[[name]]`. A custom value of "all" is put in as it is, whatever the format.
  `sqlstring` quotes each value, pairs single quotes, and puts a backslash before double ones.
- `$__interval` is the range through the panel's width in points, rounded to a usual step, and the panel's least
  interval at least.
- A macro is `$name(arguments)`; arguments hold no closing parenthesis. `$__timeGroup(…)` with a comma right behind it
  names its column `time`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

POINTS: Final = 1000
"""Points across a panel on a usual screen."""

_STEPS: Final = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000), (3_500, 2_000),
    (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, 60_000),
    (210_000, 120_000), (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000),
    (2_700_000, 1_800_000), (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000),
    (32_400_000, 21_600_000), (86_400_000, 43_200_000), (604_800_000, 86_400_000), (1_814_400_000, 604_800_000),
    (3_628_800_000, 2_592_000_000),
)  # fmt: skip
"""(below so many milliseconds, the usual step)"""
_YEAR: Final = 31_536_000_000
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_VARIABLE: Final = re.compile(r"\$(\w+)|\[\[(\w+)\]\]|\$\{(\w+)(?::(\w+))?\}")
_MACRO: Final = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")


class NotExpandable(Exception):
    """A macro, variable or format that Grafana does not know, or that these rules do not."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a viewer chose in a variable; `custom_all` is the text that stands for "all" and is never formatted."""

    values: Sequence[str] = ()
    custom_all: str | None = None

    def said(self, form: str) -> str:
        """The values as the format says."""
        if self.custom_all is not None:
            return self.custom_all
        match form:
            case "sqlstring":
                return ",".join(_quoted(value) for value in self.values)
            case "raw" | "csv":
                return ",".join(self.values)
            case "pipe":
                return "|".join(self.values)
            case "regex":
                return "|".join(re.escape(value) for value in self.values)
        raise NotExpandable(f"no such format: {form}")


@dataclass(frozen=True, slots=True)
class Range:
    """The dashboard's time range."""

    begin: datetime
    end: datetime

    def interval(self, least: str = "") -> timedelta:
        """`$__interval` of a panel with this least interval."""
        width = self.end - self.begin
        ideal = width / timedelta(milliseconds=1) / POINTS
        return max(timedelta(milliseconds=_usual(ideal)), parse_interval(least) if least else timedelta(milliseconds=1))


def expand(query: str, span: Range, choices: Mapping[str, Choice], *, least_interval: str = "") -> str:
    """The SQL that reaches the database.

    Raises:
        NotExpandable: Grafana would report an error, or send something else.
    """
    interval = span.interval(least_interval)
    text = _VARIABLE.sub(lambda found: _variable(found, choices), query)
    text = text.replace("$__interval_ms", str(interval // timedelta(milliseconds=1)))
    text = text.replace("$__interval", format_interval(interval))
    text = text.replace("$__unixEpochFrom()", str(int(span.begin.timestamp())))
    text = text.replace("$__unixEpochTo()", str(int(span.end.timestamp())))
    text = _MACRO.sub(lambda found: _macro(found, text, span), text)
    if "$__" in text:
        raise NotExpandable(text[text.index("$__") :][:40])
    return text


def parse_interval(text: str) -> timedelta:
    """`10m` as a span of time."""
    match = re.fullmatch(r"(\d+)(ms|[smhdw])", text)
    if match is None:
        raise NotExpandable(f"no interval: {text}")
    return timedelta(milliseconds=int(match[1]) * _UNITS[match[2]])


def format_interval(interval: timedelta) -> str:
    """The interval in its largest whole unit of time."""
    milliseconds = interval // timedelta(milliseconds=1)
    for unit in ("d", "h", "m", "s"):
        if milliseconds >= _UNITS[unit] and milliseconds % _UNITS[unit] == 0:
            return f"{milliseconds // _UNITS[unit]}{unit}"
    return f"{milliseconds}ms"


def _usual(milliseconds: float) -> int:
    return next((step for below, step in _STEPS if milliseconds < below), _YEAR)


def _quoted(value: str) -> str:
    escaped = value.replace("'", "''").replace('"', '\\"')
    return f"'{escaped}'"


def _variable(found: re.Match[str], choices: Mapping[str, Choice]) -> str:
    name = found[1] or found[2] or found[3]
    if name.startswith("__"):
        return found[0]  # a macro, or what the data source's server fills in
    if name not in choices:
        raise NotExpandable(f"no such variable: {name}")
    return choices[name].said(found[4] or "raw")


def _macro(found: re.Match[str], text: str, span: Range) -> str:
    name, arguments = found[1], [part.strip() for part in found[2].split(",")]
    if name == "__timeGroup" and text[found.end() : found.end() + 1] == ",":
        name = "__timeGroupAlias"
    if name not in _MACROS:
        raise NotExpandable(f"no such macro: {name}")
    return _MACROS[name](arguments, span)


def _instant(at: datetime) -> str:
    return f"'{at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}'"


def _filter(arguments: Sequence[str], span: Range) -> str:
    return f"{arguments[0]} BETWEEN {_instant(span.begin)} AND {_instant(span.end)}"


def _epoch_filter(arguments: Sequence[str], span: Range) -> str:
    low, high = int(span.begin.timestamp()), int(span.end.timestamp())
    return f"{arguments[0]} >= {low} AND {arguments[0]} <= {high}"


def _group(arguments: Sequence[str], _: Range) -> str:
    if len(arguments) != 2:  # the third would fill gaps, which the server does, not the database
        raise NotExpandable("$__timeGroup takes a column and an interval here")
    seconds = parse_interval(arguments[1].strip("'")) / timedelta(seconds=1)
    return f"floor(extract(epoch from {arguments[0]})/{seconds:g})*{seconds:g}"


_MACROS: Final[Mapping[str, Callable[[Sequence[str], Range], str]]] = {
    "__time": lambda arguments, _: f'{arguments[0]} AS "time"',
    "__timeEpoch": lambda arguments, _: f'extract(epoch from {arguments[0]}) as "time"',
    "__timeFilter": _filter,
    "__timeFrom": lambda _, span: _instant(span.begin),
    "__timeTo": lambda _, span: _instant(span.end),
    "__timeGroup": _group,
    "__timeGroupAlias": lambda arguments, span: f'{_group(arguments, span)} AS "time"',
    "__unixEpochFilter": _epoch_filter,
}
