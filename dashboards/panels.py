"""The words in which dashboards are written: panels, rows and dashboards as data.

    from dashboards.panels import ..., dashboard, row, sql

    def build() -> Dashboard:
        return dashboard(
            "stadtfunk-baeume", "Bäume", description="…", variables=(DISTRICT, asset("tree", "Baum")),
            rows=[row("Jetzt", sql("Feuchte", SELECT, columns={"time": TIME, "metric": TEXT, "value": NUMBER}, …))],
        )

Relations in SQL are named with their schema: `stadtfunk.public_tree_moisture`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.looks import Look, View
from dashboards.queries import ColumnType, PromQuery, Query, SqlQuery
from dashboards.variables import Variable

TIME: Final = ColumnType.TIME
NUMBER: Final = ColumnType.NUMBER
TEXT: Final = ColumnType.TEXT
BOOLEAN: Final = ColumnType.BOOLEAN

NOTHING: Final = "Keine Daten in diesem Zeitraum"
_PLAIN: Final = Look()
_SERIES: Final = frozenset({View.TIMESERIES, View.STATE_TIMELINE, View.HEATMAP})
_NUMBERS_HEIGHT: Final = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks, and how it shows the answers."""

    title: str
    view: View
    queries: tuple[Query, ...]
    unit: str
    description: str
    empty: str
    look: Look
    width: int
    height: int
    interval: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading; they flow from the left and wrap at 24 columns."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of rows.

    Attributes:
        uid: its address, `stadtfunk-…`.
        links: uids of dashboards that stand in its head, beside the list of all.
        since: where the time range begins, `now-24h`.
        alerts_about: kinds of assets (`tree`) whose alerts are drawn into its graphs; empty means all alerts.
    """

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    links: tuple[str, ...]
    since: str
    refresh: str
    alerts_about: tuple[str, ...]


def sql(
    title: str,
    query: str | Sequence[str],
    *,
    columns: Mapping[str, ColumnType],
    unit: str,
    description: str,
    view: View = View.TIMESERIES,
    look: Look = _PLAIN,
    empty: str = NOTHING,
    empty_is_normal: bool = False,
    of_server: bool = False,
    series: bool | None = None,
    interval: str = "",
    width: int = 12,
    height: int | None = None,
) -> Panel:
    """A panel over the database.

    Args:
        query: one query or several of the same columns; macros and variables as Grafana knows them.
        columns: name → type, in the query's order. Of series: `time`, then `metric` (text; the series' name, only one
            number may follow) or numbers, ascending by time.
        unit: Grafana's (`grafana_unit` makes it of a quantity's).
        description: what the panel tells and what to do about it, in German.
        empty: what stands there instead of data.
        empty_is_normal: no rows are no fault.
        of_server: what the server says of itself, which is another on each.
        series: Grafana makes series of the rows; by default for time series, state timelines and heatmaps. Values are
            numbers there: a state is a number that `Look.states` gives its word and colour.
        interval: the smallest `$__interval`, such as `10m`.
    """
    texts = (query,) if isinstance(query, str) else tuple(query)
    as_series = view in _SERIES if series is None else series
    queries = tuple(
        SqlQuery(text.strip(), dict(columns), series=as_series, empty_is_normal=empty_is_normal, of_server=of_server)
        for text in texts
    )
    return Panel(title, view, queries, unit, description, empty, look, width, height or _height(view), interval)


def number(title: str, query: str, *, description: str, look: Look, empty: str, unit: str = "none") -> Panel:
    """One number among those in the first row; `query` gives it as `value`."""
    return sql(
        title,
        query,
        columns={"value": NUMBER},
        view=View.STAT,
        unit=unit,
        description=description,
        look=look,
        empty=empty,
        width=4,
    )


def prom(
    title: str,
    queries: Mapping[str, str],
    *,
    unit: str,
    description: str,
    view: View = View.TIMESERIES,
    look: Look = _PLAIN,
    empty: str = NOTHING,
    width: int = 12,
    height: int | None = None,
) -> Panel:
    """A panel over the metrics; `queries` are PromQL by legend. Stat, gauge and table ask for the last value only."""
    instant = view not in _SERIES
    asked = tuple(PromQuery(expression.strip(), legend, instant) for legend, expression in queries.items())
    return Panel(title, view, asked, unit, description, empty, look, width, height or _height(view))


def row(title: str, *panels: Panel, collapsed: bool = False) -> Row:
    """Panels under a heading."""
    return Row(title, panels, collapsed)


def dashboard(
    uid: str,
    title: str,
    *,
    description: str,
    rows: Sequence[Row],
    tags: Sequence[str] = (),
    variables: Sequence[Variable] = (),
    links: Sequence[str] = (),
    since: str = "now-24h",
    refresh: str = "1m",
    alerts_about: Sequence[str] = (),
) -> Dashboard:
    """A dashboard; the tag `stadtfunk`, by which all of them link each other, comes by itself."""
    return Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=("stadtfunk", *tags),
        variables=tuple(variables),
        rows=tuple(rows),
        links=tuple(links),
        since=since,
        refresh=refresh,
        alerts_about=tuple(alerts_about),
    )


def _height(view: View) -> int:
    if view is View.STAT:
        return _NUMBERS_HEIGHT
    return 14 if view is View.GEOMAP else 8
