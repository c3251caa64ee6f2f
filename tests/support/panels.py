"""The checked-in dashboards as Grafana reads them: every SQL target with its dashboard's variables, ready to be run."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from dashboards.expansion import Choice, Range, expand
from dashboards.files import FOLDER
from dashboards.queries import POSTGRES_TYPE, ColumnType

GRAFANA_ROLE = "stadtfunk_grafana"
ROUNDING = 1e-9
MOVED = 0.02
MEANWHILE = timedelta(minutes=10)
_TYPES: Mapping[ColumnType, tuple[type, ...]] = {
    ColumnType.TIME: (datetime,),
    ColumnType.NUMBER: (int, float, Decimal),
    ColumnType.TEXT: (str,),
    ColumnType.BOOLEAN: (bool,),
}


@dataclass(frozen=True)
class Target:
    """One SQL query of a dashboard."""

    dashboard: str
    panel: str
    ref_id: str
    sql: str
    as_series: bool
    least_interval: str
    choices: Mapping[str, Choice]

    @property
    def place(self) -> str:
        return f"{self.dashboard} / {self.panel} / {self.ref_id}"

    def expanded(self, span: Range) -> str:
        return expand(self.sql, span, self.choices, least_interval=self.least_interval)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def like(self, other: "Answer", *, moving: bool) -> bool:
        """The same rows, in any order; what moves with the clock may have moved between the two answers."""
        if self.columns != other.columns or len(self.rows) != len(other.rows):
            return False
        pairs = zip(sorted(self.rows, key=_order), sorted(other.rows, key=_order), strict=True)
        return all(
            _alike(mine, theirs, moving) for row, their in pairs for mine, theirs in zip(row, their, strict=True)
        )


def documents() -> dict[str, dict[str, Any]]:
    """The checked-in dashboards by uid."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    return {document["uid"]: document for document in found}


def panels(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels, those of closed rows included."""
    for panel in document["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def sql_targets(document: Mapping[str, Any]) -> Iterator[Target]:
    """Every SQL query of a dashboard's panels, with all variables at "Alle"."""
    choices = everything(document)
    for panel in panels(document):
        for target in panel["targets"]:
            if target["datasource"]["type"] == POSTGRES_TYPE:
                yield Target(
                    document["uid"],
                    panel["title"],
                    target["refId"],
                    target["rawSql"],
                    target["format"] == "time_series",
                    panel.get("interval", ""),
                    choices,
                )


def other_targets(document: Mapping[str, Any]) -> Iterator[Target]:
    """The queries of variables and annotations."""
    choices = everything(document)
    for variable in document["templating"]["list"]:
        yield Target(document["uid"], f"${variable['name']}", "", variable["query"], False, "", choices)
    for annotation in document["annotations"]["list"]:
        yield Target(document["uid"], annotation["name"], "", annotation["target"]["rawSql"], False, "", choices)


def everything(document: Mapping[str, Any]) -> dict[str, Choice]:
    """All variables at "Alle"."""
    return {variable["name"]: Choice(custom_all=variable["allValue"]) for variable in document["templating"]["list"]}


def ask(connection: psycopg.Connection[Any], query: str) -> Answer:
    """Run one query as it is; a failed one leaves the connection usable."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(query)  # type: ignore[call-overload]  # the text is what is tested
        assert cursor.description is not None
        return Answer(tuple(column.name for column in cursor.description), cursor.fetchall())


def misfits(answer: Answer, columns: Mapping[str, ColumnType], *, as_series: bool) -> list[str]:
    """What is not as the panel expects it."""
    if answer.columns != tuple(columns):
        return [f"columns are {answer.columns}, expected {tuple(columns)}"]
    found = [
        f"{name} is {value!r}, expected {kind}"
        for index, (name, kind) in enumerate(columns.items())
        for value in _values(answer.rows, index)
        if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind is not ColumnType.BOOLEAN)
    ]
    if as_series:
        found += _unlike_series(answer, columns)
    return found[:3]


def _unlike_series(answer: Answer, columns: Mapping[str, ColumnType]) -> list[str]:
    """Grafana makes series only of rows in ascending order of a column `time`, which is never empty."""
    if next(iter(columns)) != "time":
        return ["the first column of a series is `time`"]
    times = [row[0] for row in answer.rows]
    if None in times:
        return ["a row without a time"]
    return [] if times == sorted(times) else ["times are not ascending"]


def _values(rows: Sequence[tuple[Any, ...]], index: int) -> Iterator[Any]:
    return (row[index] for row in rows if row[index] is not None)


def _order(row: Sequence[object]) -> tuple[list[str], list[str]]:
    """Words first: numbers of two databases may differ in their last digits."""
    numbers = [value for value in row if isinstance(value, (float, Decimal))]
    return [repr(value) for value in row if not isinstance(value, (float, Decimal))], [f"{n:.6e}" for n in numbers]


def _alike(mine: object, theirs: object, moving: bool) -> bool:
    if isinstance(mine, (int, float, Decimal)) and isinstance(theirs, (int, float, Decimal)):
        tolerance = MOVED if moving else ROUNDING
        return math.isclose(mine, theirs, rel_tol=tolerance, abs_tol=tolerance)
    if moving and isinstance(mine, datetime) and isinstance(theirs, datetime):
        return abs(mine - theirs) < MEANWHILE
    return mine == theirs
