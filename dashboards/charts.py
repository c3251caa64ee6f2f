"""Chart sheets for the documentation: what each dashboard shows, drawn from the real answers to its queries.

`python -m dashboards.charts [uid …]` fills an embedded database with a demo city and draws the checked-in dashboards
(or those named) into docs/dashboards. Panels lie where Grafana puts them; the drawing is ours, Grafana's own is finer.
Panels over metrics ask the Prometheus that `PROMETHEUS_URL` names, and say so where there is none.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from dashboards.demo_data import fill
from dashboards.expansion import Choice, Range, expand
from dashboards.files import FOLDER
from dashboards.queries import POSTGRES_TYPE
from stadtfunk.demo.settings import DemoSettings, HeatSettings, TreeSettings
from storage.database import Role
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.settings import DatabaseSettings

TARGET: Final = Path(__file__).parent.parent / "docs" / "dashboards"
DAYS: Final = 4
_COLUMNS: Final = 24
_WIDTH_INCHES: Final = 15.0
_ROW_INCHES: Final = 0.34
_DPI: Final = 72
_MOST_SERIES: Final = 12
_MOST_ROWS: Final = 12
_WATCHED: Final = timedelta(minutes=4)
_STEP_SECONDS: Final = 5
_COLOURS: Final = {
    "red": "#e02f44", "orange": "#ff780a", "yellow": "#f2cc0c", "green": "#56a64b", "blue": "#3274d9",
}  # fmt: skip

Json = dict[str, Any]
Rows = list[tuple[Any, ...]]


class Answer:
    """The rows of one panel; `names` are its columns."""

    def __init__(self, names: Sequence[str], rows: Rows) -> None:
        self.names = list(names)
        self.rows = rows

    def column(self, name: str) -> list[Any]:
        index = self.names.index(name)
        return [row[index] for row in self.rows]

    def series(self) -> dict[str, tuple[list[datetime], list[float]]]:
        """As Grafana makes series of rows: by `metric`, or one for each column of numbers."""
        found: dict[str, tuple[list[datetime], list[float]]] = {}
        for row in self.rows:
            values = dict(zip(self.names, row, strict=True))
            at, metric = values.pop("time"), values.pop("metric", None)
            for name, value in values.items():
                if isinstance(value, str) or value is None:
                    continue
                times, numbers = found.setdefault(str(metric or name), ([], []))
                times.append(at)
                numbers.append(float(value))
        return found


def main(wanted: Sequence[str]) -> None:
    """Make the database, draw, and tear it down."""
    end = datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="stadtfunk-charts-") as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "database") as server:
            settings = DatabaseSettings(dsn=server.dsn)
            asyncio.run(migrate(settings))
            city = DemoSettings(
                started_at=(end,),
                installed_on=(end - timedelta(days=30)).date(),
                trees=TreeSettings(trees=80, uplinks_per_day_in_winter=24),
                heat=HeatSettings(meters=400),
            )
            fill(settings, city, begin=end - timedelta(days=DAYS), end=end)
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                connection.execute(f"SET ROLE {Role.GRAFANA.value}")
                for path in sorted(FOLDER.glob("*.json")):
                    if not wanted or path.stem in wanted:
                        sys.stdout.write(f"{draw(json.loads(path.read_text(encoding='utf-8')), connection, end)}\n")


def draw(document: Json, connection: psycopg.Connection[Any], end: datetime) -> Path:
    """The sheet of one dashboard; closed rows stay closed."""
    panels = [panel for panel in document["panels"] if panel["type"] != "row"]
    rows = [row for row in document["panels"] if row["type"] == "row" and not row["collapsed"]]
    lowest = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = Figure(figsize=(_WIDTH_INCHES, (lowest + 2) * _ROW_INCHES), dpi=_DPI, facecolor="white")
    figure.text(0.01, 1 - 0.8 / (lowest + 2), document["title"], fontsize=17, fontweight="bold", va="center")
    for row in rows:
        at = 1 - (row["gridPos"]["y"] + 2.5) / (lowest + 2)
        figure.text(0.01, at, row["title"], fontsize=12, color="#666666", va="center")
    span = Range(end - timedelta(days=DAYS), end)
    choices = {one["name"]: Choice(custom_all=one["allValue"]) for one in document["templating"]["list"]}
    for panel in panels:
        axes = figure.add_axes(_place(panel["gridPos"], lowest + 2))
        axes.set_title(panel["title"], fontsize=9.5, loc="left", fontweight="bold")
        _panel(axes, panel, _answer(panel, connection, span, choices))
    TARGET.mkdir(parents=True, exist_ok=True)
    path = TARGET / f"{document['uid']}.png"
    figure.savefig(path, pil_kwargs={"optimize": True})
    return path


def _place(at: Mapping[str, int], height: int) -> tuple[float, float, float, float]:
    """Left, bottom, width, height as shares of the sheet, with room for title and axes."""
    inner_left, inner_bottom, inner_width = 0.03, 1.4, at["w"] / _COLUMNS - 0.045
    bottom = height - 2 - at["y"] - at["h"] + inner_bottom
    return at["x"] / _COLUMNS + inner_left, bottom / height, inner_width, (at["h"] - inner_bottom - 0.9) / height


def _answer(panel: Json, connection: psycopg.Connection[Any], span: Range, choices: Mapping[str, Choice]) -> Answer:
    names: Sequence[str] = ()
    rows: Rows = []
    for target in panel["targets"]:
        if target["datasource"]["type"] == POSTGRES_TYPE:
            text = expand(target["rawSql"], span, choices, least_interval=panel.get("interval", ""))
            cursor = connection.execute(text)
            names = [column.name for column in cursor.description or ()]
            rows += cursor.fetchall()
        else:
            names, more = _measured(target)
            rows += more
    return Answer(names, rows)


def _measured(target: Json) -> tuple[Sequence[str], Rows]:
    """The last minutes of a metric: as long as a demo has been running."""
    url = os.environ.get("PROMETHEUS_URL")
    names = ("time", "metric", "value")
    if url is None:
        return names, []
    now = datetime.now(UTC)
    query = target["expr"].replace("$__rate_interval", "1m").replace("$__interval", "15s").replace("$__range", "1h")
    values = {"query": query, "start": (now - _WATCHED).timestamp(), "end": now.timestamp()}
    found = httpx2.get(f"{url}/api/v1/query_range", params={**values, "step": _STEP_SECONDS}, timeout=30.0).json()
    rows: Rows = []
    for series in found["data"]["result"]:
        legend = target["legendFormat"]
        for label, value in series["metric"].items():
            legend = legend.replace("{{" + label + "}}", value)
        rows += [(datetime.fromtimestamp(at, UTC), legend, float(value)) for at, value in series["values"]]
    return names, rows


def _panel(axes: Axes, panel: Json, answer: Answer) -> None:
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if not answer.rows:
        is_metric = panel["datasource"]["type"] != POSTGRES_TYPE and "PROMETHEUS_URL" not in os.environ
        _words(axes, "aus Prometheus" if is_metric else panel["fieldConfig"]["defaults"]["noValue"])
        return
    _DRAWN[panel["type"]](axes, panel, answer)


def _words(axes: Axes, text: str, *, size: float = 8, colour: str = "#999999") -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=size, color=colour, transform=axes.transAxes)


def _lines(axes: Axes, panel: Json, answer: Answer) -> None:
    custom = panel["fieldConfig"]["defaults"]["custom"]
    series = answer.series()
    shown = list(series.items())[:_MOST_SERIES]
    colours = _column_colours(panel)
    bars, stacked = custom["drawStyle"] == "bars", custom["stacking"]["mode"] == "normal"
    below: dict[datetime, float] = {}
    for name, (times, numbers) in shown:
        colour = colours.get(name)
        if bars or stacked:
            width = _gap(times) * 0.9
            base = [below.get(at, 0.0) for at in times]
            axes.bar(times, numbers, width=width, bottom=base if stacked else None, label=name, color=colour)  # type: ignore[arg-type]
            below |= {at: start + number for at, start, number in zip(times, base, numbers, strict=True)}
        else:
            axes.plot(times, numbers, linewidth=0.9, label=name, color=colour)  # type: ignore[arg-type]
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]:
        if custom["thresholdsStyle"]["mode"] != "off":
            axes.axhline(step["value"], color=_colour(step["color"]), linewidth=0.8, linestyle="--")
    _time_axis(axes)
    _unit(axes, panel)
    if len(shown) > 1 or len(series) > len(shown):
        axes.legend(fontsize=6, loc="upper left", ncols=3, frameon=False)


def _time_axis(axes: Axes) -> None:
    locator = AutoDateLocator(maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(visible=True, linewidth=0.3, alpha=0.6)


def _gap(times: Sequence[datetime]) -> float:
    """The usual distance of two times, in days."""
    gaps = sorted((later - earlier) / timedelta(days=1) for earlier, later in pairwise(times))
    return gaps[len(gaps) // 2] if gaps else 1 / 24


def _number(axes: Axes, panel: Json, answer: Answer) -> None:
    if panel["options"]["reduceOptions"]["values"] or (len(answer.rows) > 1 and "time" not in answer.names):
        _table(axes, panel, answer)
        return
    defaults = panel["fieldConfig"]["defaults"]
    value = next((one for one in reversed(answer.rows[-1]) if one is not None), None)
    if value is None:
        _words(axes, defaults["noValue"])
        return
    colour = "#333333"
    if isinstance(value, str):
        text = value
        mapped = _states(panel).get(value)
        if mapped:
            text, colour = mapped
    else:
        text = _said(float(value), defaults["unit"])
        for step in defaults["thresholds"]["steps"]:
            if step.get("value") is None or float(value) >= step["value"]:
                colour = _colour(step["color"])
    _words(axes, text, size=19, colour=colour)


def _said(value: float, unit: str) -> str:
    if unit == "dateTimeFromNow":
        return f"vor {(datetime.now(UTC).timestamp() - value / 1000) / 60:.0f} min"
    number = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.1f}"
    return f"{number.replace(',', ' ')} {_suffix(unit)}".strip()


def _suffix(unit: str) -> str:
    known = {
        "percent": "%", "celsius": "°C", "kwatth": "kWh", "kwatt": "kW", "pressurekpa": "kPa", "volt": "V", "m3": "m³",
        "s": "s", "m": "min", "h": "h", "d": "d", "ms": "ms", "dB": "dB", "dBm": "dBm", "kohm": "kΩ", "bytes": "B",
    }  # fmt: skip
    return unit.removeprefix("suffix: ") if unit.startswith("suffix:") else known.get(unit, "")


def _unit(axes: Axes, panel: Json) -> None:
    suffix = _suffix(panel["fieldConfig"]["defaults"]["unit"])
    if suffix:
        axes.set_ylabel(suffix, fontsize=7)


def _table(axes: Axes, panel: Json, answer: Answer) -> None:
    overrides = {one["matcher"]["options"]: one["properties"] for one in panel["fieldConfig"]["overrides"]}
    hidden = {name for name, rules in overrides.items() if any(rule["id"] == "custom.hidden" for rule in rules)}
    names = [name for name in answer.names if name not in hidden]
    states = _states(panel)
    cells = [[_cell(row[answer.names.index(name)], states) for name in names] for row in answer.rows[:_MOST_ROWS]]
    titles = {name: rule["value"] for name, rules in overrides.items() for rule in rules if rule["id"] == "displayName"}
    axes.set_axis_off()
    drawn = axes.table(
        cellText=cells, colLabels=[titles.get(name, name) for name in names], loc="upper center", cellLoc="left"
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(6.5)
    drawn.auto_set_column_width(list(range(len(names))))
    for cell in drawn.get_celld().values():
        cell.set_linewidth(0.2)


def _cell(value: object, states: Mapping[str, tuple[str, str]]) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%d.%m. %H:%M}"
    if isinstance(value, str):
        return states.get(value, (value, ""))[0][:28]
    return f"{float(value):.4g}" if not isinstance(value, bool) else ("ja" if value else "nein")  # type: ignore[arg-type]


def _map(axes: Axes, panel: Json, answer: Answer) -> None:
    style = panel["options"]["layers"][0]["config"]["style"]
    field = style["color"].get("field", "")
    states = _states(panel)
    colours = "#3274d9"
    if field:
        values = answer.column(field)
        if states:
            colours = [states.get(str(value), ("", "#808080"))[1] for value in values]  # type: ignore[assignment]
        else:
            colours = [float(value) if value is not None else float("nan") for value in values]  # type: ignore[assignment]
    scale = None if states or not field else "RdYlGn"
    axes.scatter(answer.column("longitude"), answer.column("latitude"), s=16, c=colours, cmap=scale, alpha=0.85)
    axes.set_aspect(1.55)
    axes.grid(visible=True, linewidth=0.3, alpha=0.6)
    present = {str(value) for value in answer.column(field)} if field else set()
    for value, (text, colour) in states.items():
        if value in present:
            axes.scatter([], [], s=16, color=colour, label=text)
    if present and states:
        axes.legend(fontsize=7, loc="upper left", frameon=False)


def _timeline(axes: Axes, panel: Json, answer: Answer) -> None:
    states = _states(panel)
    series = list(answer.series().items())[:30]
    for height, (_, (times, numbers)) in enumerate(series):
        ends = [*times[1:], times[-1] + timedelta(hours=1)]
        for begin, end, number in zip(times, ends, numbers, strict=True):
            _, colour = states.get(f"{number:g}", ("", "#cccccc"))
            axes.barh(height, (end - begin) / timedelta(days=1), left=date2num(begin), height=0.8, color=colour)
    axes.set_yticks(range(len(series)), [name[:24] for name, _ in series], fontsize=6)
    for text, colour in states.values():
        axes.barh(0, 0, left=date2num(series[0][1][0][0]), color=colour, label=text)
    axes.legend(fontsize=6, loc="lower right", bbox_to_anchor=(1, 1.0), ncols=6, frameon=False)
    axes.xaxis_date()
    _time_axis(axes)


def _bars(axes: Axes, panel: Json, answer: Answer) -> None:
    category = panel["options"].get("xField") or answer.names[0]
    names = [str(value)[:22] for value in answer.column(category)]
    colours = _column_colours(panel)
    titles = _titles(panel)
    below = [0.0] * len(names)
    numbers = [name for name in answer.names if name != category and _is_number(answer.column(name))]
    stacked = panel["options"]["stacking"] == "normal"
    for index, name in enumerate(numbers):
        values = [float(value or 0) for value in answer.column(name)]
        places = [place + (0 if stacked else 0.8 * index / len(numbers)) for place in range(len(names))]
        thickness = 0.8 if stacked else 0.8 / len(numbers)
        label, colour = titles.get(name, name), colours.get(name)
        if panel["options"]["orientation"] == "horizontal":
            axes.barh(places, values, thickness, left=below if stacked else None, label=label, color=colour)
        else:
            axes.bar(places, values, thickness, bottom=below if stacked else None, label=label, color=colour)
        below = [start + value for start, value in zip(below, values, strict=True)]
    if panel["options"]["orientation"] == "horizontal":
        axes.set_yticks(range(len(names)), names, fontsize=6.5)
        axes.invert_yaxis()
    else:
        axes.set_xticks(range(len(names)), names, fontsize=6.5, rotation=30, ha="right")
        _unit(axes, panel)
    if len(numbers) > 1:
        axes.legend(fontsize=6, frameon=False)


def _heat(axes: Axes, _: Json, answer: Answer) -> None:
    series = answer.series()
    times = sorted({at for found, _ in series.values() for at in found})
    place = {at: index for index, at in enumerate(times)}
    grid = [[0.0] * len(times) for _ in series]
    for height, (found, numbers) in enumerate(series.values()):
        for at, number in zip(found, numbers, strict=True):
            grid[height][place[at]] = number
    axes.pcolormesh(times, range(len(series)), grid, cmap="Blues", shading="nearest")  # type: ignore[arg-type]
    axes.set_yticks(range(len(series)), [name[:18] for name in series], fontsize=6)
    _time_axis(axes)
    axes.grid(visible=False)


def _pie(axes: Axes, _: Json, answer: Answer) -> None:
    values = [float(next(one for one in reversed(row) if _is_number([one]))) for row in answer.rows]
    names = [str(row[0]) for row in answer.rows]
    axes.pie(values, labels=names, textprops={"fontsize": 7}, wedgeprops={"width": 0.45})


def _is_number(values: Sequence[object]) -> bool:
    return all(value is None or not isinstance(value, (str, datetime, bool)) for value in values)


def _titles(panel: Json) -> dict[str, str]:
    return {
        one["matcher"]["options"]: rule["value"]
        for one in panel["fieldConfig"]["overrides"]
        for rule in one["properties"]
        if rule["id"] == "displayName"
    }


def _column_colours(panel: Json) -> dict[str, str]:
    return {
        one["matcher"]["options"]: _colour(rule["value"]["fixedColor"])
        for one in panel["fieldConfig"]["overrides"]
        for rule in one["properties"]
        if rule["id"] == "color"
    }


def _states(panel: Json) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
        if mapping["type"] == "value":
            for value, result in mapping["options"].items():
                found[value] = (result["text"], _colour(result["color"]))
    return found


def _colour(name: str) -> str:
    return _COLOURS.get(name.removeprefix("dark-").removeprefix("light-").removeprefix("semi-dark-"), name)


_DRAWN: Final[Mapping[str, Callable[[Axes, Json, Answer], None]]] = {
    "timeseries": _lines,
    "stat": _number,
    "gauge": _number,
    "bargauge": _bars,
    "table": _table,
    "geomap": _map,
    "state-timeline": _timeline,
    "barchart": _bars,
    "heatmap": _heat,
    "piechart": _pie,
}

if __name__ == "__main__":
    main(sys.argv[1:])
