"""A dashboard for each reading kind, made of what the kind says about itself: a new kind has one without an edit here.

Public kinds show the chosen devices together and, in a row that opens on demand, one by one. Kinds of households show
districts only, of five meters or more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.looks import BLUE, GREEN, Look, View
from dashboards.panels import BOOLEAN, NUMBER, TEXT, TIME, Dashboard, Panel, Row, dashboard, row, sql
from dashboards.queries import ColumnType, chosen, grouped, ranged
from dashboards.units import grafana_unit
from dashboards.variables import DISTRICT, Variable
from decoders.quantities import Nature, Quantity
from decoders.readings import Reading, quantities
from decoders.uplink import Privacy
from storage.rollup_columns import Measured
from storage.rollup_columns import measured as rolled_up

OVERVIEW: Final = "stadtfunk-ueberblick"
SINGLE_DEVICES: Final = 20
"""So many devices are drawn one by one; more lines tell nobody anything."""
LATEST: Final = 200
_NAME: Final = "coalesce(nullif(asset_name, ''), asset_key, nullif(device_name, ''), dev_eui)"
_LABEL: Final = (
    f"{_NAME} || CASE WHEN subject <> '' THEN ' ' || subject ELSE '' END"
    " || CASE WHEN channel > 0 THEN ' #' || channel ELSE '' END"
)
_IN_DISTRICT: Final = chosen("district", "coalesce(district, '')")
_CHOSEN: Final = f"{_IN_DISTRICT} AND {chosen('device', 'dev_eui')}"
_DAYS: Final = "bucket > $__timeFrom()::timestamptz - interval '1 day' AND bucket <= $__timeTo()"
_LATELY: Final = (
    "observed_at > greatest($__timeFrom()::timestamptz, $__timeTo()::timestamptz - interval '2 days')"
    " AND observed_at <= $__timeTo()"
)
_SERIES: Final = {"time": TIME, "metric": TEXT, "value": NUMBER}
_TYPES: Final = {"boolean": BOOLEAN, "text": TEXT, "timestamptz": TIME}


@dataclass(frozen=True, slots=True)
class _Field:
    """One quantity of a kind: its column in rollups, and what it means."""

    column: Measured
    quantity: Quantity

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def title(self) -> str:
        return self.quantity.title

    @property
    def unit(self) -> str:
        return grafana_unit(self.quantity.unit)

    @property
    def is_counter(self) -> bool:
        return self.column.nature is Nature.COUNTER

    @property
    def is_switch(self) -> bool:
        return self.column.sql_type == "boolean"

    @property
    def type(self) -> ColumnType:
        return _TYPES.get(self.column.sql_type, NUMBER)

    def told(self, what: str) -> str:
        """The panel's description: what it shows, and what is measured."""
        return f"{what} Messgröße `{self.name}`: {self.quantity.description}."


def of_kind(kind: type[Reading]) -> Dashboard:
    """The kind's dashboard."""
    fields = [_Field(column, quantities(kind)[column.name]) for column in rolled_up(kind)]
    household = kind.privacy is Privacy.HOUSEHOLD
    about = (
        "Mittel und Summen je Stadtteil, nie ein einzelner Kunde." if household else "Alles, was diese Geräte messen."
    )
    return dashboard(
        f"stadtfunk-kind-{kind.kind.replace('_', '-')}",
        f"Messwerte: {kind.title}",
        description=f"{about} Erzeugt aus den Angaben der Messwert-Art `{kind.kind}`.",
        tags=("messwerte",),
        variables=(DISTRICT,) if household else (DISTRICT, _devices(kind)),
        rows=tuple(_districts(kind, fields) if household else _devices_rows(kind, fields)),
        links=(OVERVIEW,),
        since="now-30d" if household else "now-7d",
        refresh="5m",
    )


def _devices(kind: type[Reading]) -> Variable:
    return Variable(
        "device",
        "Gerät",
        f"SELECT DISTINCT {_NAME} AS __text, dev_eui AS __value\nFROM stadtfunk.public_{kind.kind}_daily\n"
        f"WHERE {_DAYS} AND {_IN_DISTRICT}\nORDER BY 1",
        by_range=True,
    )


def _devices_rows(kind: type[Reading], fields: Sequence[_Field]) -> Iterator[Row]:
    gauges = [field for field in fields if field.column.nature is Nature.GAUGE]
    counters = [field for field in fields if field.is_counter]
    states = [field for field in fields if field.column.has_seconds]
    yield row("Überblick", *_summary(kind))
    if gauges:
        yield row("Messgrößen der gewählten Geräte", *(_spread(kind, field) for field in gauges))
    if counters:
        yield row("Zuwachs der Zählerstände", *(_growth(kind, field) for field in counters))
    if states:
        yield row("Zustände", *(_shares(kind, field) for field in states))
    yield row(
        f"Einzelne Geräte (die ersten {SINGLE_DEVICES} der Auswahl, die zuletzt gemessen haben)",
        *(_lines(kind, field) for field in gauges),
        *(_timeline(kind, field) for field in states if field.is_switch),
        _latest(kind, fields),
        collapsed=True,
    )


def _summary(kind: type[Reading]) -> Iterator[Panel]:
    days = f"FROM stadtfunk.public_{kind.kind}_daily WHERE {_DAYS} AND {_CHOSEN}"
    yield sql(
        "Geräte",
        f"SELECT count(DISTINCT dev_eui) AS value {days}",
        columns={"value": NUMBER},
        view=View.STAT,
        unit="none",
        description="So viele der gewählten Geräte haben im Zeitraum gemessen. Fehlen welche: Funknetz ansehen.",
        width=4,
    )
    yield sql(
        "Messungen",
        f"SELECT sum(readings) AS value {days}",
        columns={"value": NUMBER},
        view=View.STAT,
        unit="short",
        description="Gespeicherte Messungen an den Tagen des Zeitraums.",
        width=4,
    )
    yield sql(
        "Letzte Messung",
        "SELECT extract(epoch FROM max(observed_at)) * 1000 AS value\n"
        f"FROM stadtfunk.public_{kind.kind} WHERE {_LATELY} AND {_CHOSEN}",
        columns={"value": NUMBER},
        view=View.STAT,
        unit="dateTimeFromNow",
        description="Wann zuletzt eines der gewählten Geräte gemessen hat, in den letzten zwei Tagen des Zeitraums.",
        width=4,
    )
    of_bucket = 'SELECT bucket AS time, sum(readings) AS "Messungen"\nFROM stadtfunk.public_{name}_{width}\n{where}'
    where = f"WHERE $__timeFilter(bucket) AND {_CHOSEN} GROUP BY bucket"
    yield sql(
        "Messungen je Stunde oder Tag",
        ranged(
            hourly=of_bucket.format(name=kind.kind, width="hourly", where=where),
            daily=of_bucket.format(name=kind.kind, width="daily", where=where),
        ),
        columns={"time": TIME, "Messungen": NUMBER},
        look=Look(bars=True, low=0),
        unit="short",
        description="Eine Lücke bei allen zugleich ist ein Ausfall des Netzes, eine langsame Abnahme sind Geräte.",
        height=4,
    )


def _spread(kind: type[Reading], field: _Field) -> Panel:
    """A gauge over all chosen devices: the mean, and how far they lie apart."""
    name, column = kind.kind, field.name

    def rolled(width: str) -> str:
        return (
            f'SELECT bucket AS time, sum({column}_avg * {column}_n) / sum({column}_n) AS "Mittel",'
            f' min({column}_min)::double precision AS "Kleinster", max({column}_max)::double precision AS "Größter"\n'
            f"FROM stadtfunk.public_{name}_{width}\n"
            f"WHERE $__timeFilter(bucket) AND {column}_n > 0 AND {_CHOSEN} GROUP BY bucket"
        )

    return sql(
        field.title,
        ranged(
            raw=f'SELECT {grouped("observed_at")} AS time, avg({column})::double precision AS "Mittel",'
            f' min({column})::double precision AS "Kleinster", max({column})::double precision AS "Größter"\n'
            f"FROM stadtfunk.public_{name}\n"
            f"WHERE $__timeFilter(observed_at) AND {column} IS NOT NULL AND {_CHOSEN} GROUP BY 1",
            hourly=rolled("hourly"),
            daily=rolled("daily"),
        ),
        columns={"time": TIME, "Mittel": NUMBER, "Kleinster": NUMBER, "Größter": NUMBER},
        unit=field.unit,
        description=field.told("Mittel aller gewählten Geräte, dazu der kleinste und der größte Wert."),
        empty=f"Keine Messung von {field.title} in diesem Zeitraum",
        empty_is_normal=True,
        interval="10m",
        width=8,
    )


def _growth(kind: type[Reading], field: _Field) -> Panel:
    """How far a counter went, all chosen devices together."""

    def rolled(width: str) -> str:
        return (
            f'SELECT bucket AS time, sum({field.name}_delta) AS "Zuwachs"\nFROM stadtfunk.public_{kind.kind}_{width}\n'
            f"WHERE $__timeFilter(bucket) AND {field.name}_delta IS NOT NULL AND {_CHOSEN} GROUP BY bucket"
        )

    return sql(
        field.title,
        ranged(hourly=rolled("hourly"), daily=rolled("daily")),
        columns={"time": TIME, "Zuwachs": NUMBER},
        look=Look(bars=True),
        unit=field.unit,
        description=field.told("Summe aller gewählten Geräte je Stunde, bei langen Zeiträumen je Tag."),
        empty=f"Kein Zählerstand von {field.title} in diesem Zeitraum",
        empty_is_normal=True,
        width=8,
    )


def _shares(kind: type[Reading], field: _Field) -> Panel:
    """For what share of the time the chosen devices were in which state."""
    state = "CASE e.key WHEN 'true' THEN 'ja' ELSE 'nein' END" if field.is_switch else "e.key"

    def rolled(width: str) -> str:
        return (
            f"SELECT bucket AS time, {state} AS metric, (100 * sum(e.value::numeric)"
            " / sum(sum(e.value::numeric)) OVER (PARTITION BY bucket))::double precision AS value\n"
            f"FROM stadtfunk.public_{kind.kind}_{width} CROSS JOIN LATERAL jsonb_each_text({field.name}_seconds) AS e\n"
            f"WHERE $__timeFilter(bucket) AND {field.name}_seconds IS NOT NULL AND {_CHOSEN} GROUP BY bucket, e.key"
        )

    return sql(
        field.title,
        ranged(hourly=rolled("hourly"), daily=rolled("daily")),
        columns=_SERIES,
        look=Look(bars=True, stacked=True, low=0, high=100),
        unit="percent",
        description=field.told("Anteil an der Zeit der gewählten Geräte; eine Angabe gilt bis zur nächsten."),
        empty=f"Keine Angabe zu {field.title} in diesem Zeitraum",
        empty_is_normal=True,
        width=8,
    )


def _first_devices(kind: type[Reading], column: str) -> str:
    """The first devices that measured `column` lately; an array, so that indexes serve it."""
    return (
        f"dev_eui = ANY (ARRAY(SELECT DISTINCT dev_eui FROM stadtfunk.public_{kind.kind}"
        f" WHERE {_LATELY} AND {_CHOSEN} AND {column} IS NOT NULL ORDER BY dev_eui LIMIT {SINGLE_DEVICES}))"
    )


def _lines(kind: type[Reading], field: _Field) -> Panel:
    name, column, devices = kind.kind, field.name, _first_devices(kind, field.name)

    def rolled(width: str) -> str:
        return (
            f"SELECT bucket AS time, {_LABEL} AS metric, {column}_avg AS value FROM stadtfunk.public_{name}_{width}\n"
            f"WHERE $__timeFilter(bucket) AND {column}_avg IS NOT NULL AND {devices}"
        )

    return sql(
        f"{field.title} je Gerät",
        ranged(
            raw=f"SELECT observed_at AS time, {_LABEL} AS metric, {column}::double precision AS value\n"
            f"FROM stadtfunk.public_{name}\nWHERE $__timeFilter(observed_at) AND {column} IS NOT NULL AND {devices}",
            hourly=rolled("hourly"),
            daily=rolled("daily"),
        ),
        columns=_SERIES,
        unit=field.unit,
        description=field.told("Eine Linie je Gerät und Messkanal."),
        empty=f"Keine Messung von {field.title} in diesem Zeitraum",
        empty_is_normal=True,
    )


def _timeline(kind: type[Reading], field: _Field) -> Panel:
    name, column, devices = kind.kind, field.name, _first_devices(kind, field.name)

    def rolled(width: str) -> str:
        return (
            f"SELECT bucket AS time, {_LABEL} AS metric, {column}_last::integer AS value\n"
            f"FROM stadtfunk.public_{name}_{width}\n"
            f"WHERE $__timeFilter(bucket) AND {column}_last IS NOT NULL AND {devices}"
        )

    return sql(
        f"{field.title} je Gerät",
        ranged(
            raw=f"SELECT observed_at AS time, {_LABEL} AS metric, {column}::integer AS value\n"
            f"FROM stadtfunk.public_{name}\nWHERE $__timeFilter(observed_at) AND {column} IS NOT NULL AND {devices}",
            hourly=rolled("hourly"),
            daily=rolled("daily"),
        ),
        columns=_SERIES,
        view=View.STATE_TIMELINE,
        look=Look(states={"1": ("ja", BLUE), "0": ("nein", GREEN)}),
        unit="none",
        description=field.told("Ein Band je Gerät; bei langen Zeiträumen die letzte Angabe jeder Stunde."),
        empty=f"Keine Angabe zu {field.title} in diesem Zeitraum",
        empty_is_normal=True,
    )


def _latest(kind: type[Reading], fields: Sequence[_Field]) -> Panel:
    columns = ", ".join(field.name for field in fields)
    return sql(
        "Letzte Messwerte",
        f"SELECT label, district, observed_at, {columns} FROM (\n"
        f"SELECT DISTINCT ON (dev_eui, subject, channel) {_LABEL} AS label, coalesce(district, '') AS district,"
        f" observed_at, {columns}\nFROM stadtfunk.public_{kind.kind} WHERE {_LATELY} AND {_CHOSEN}\n"
        "ORDER BY dev_eui, subject, channel, observed_at DESC\n"
        f") AS latest ORDER BY label LIMIT {LATEST}",
        columns={"label": TEXT, "district": TEXT, "observed_at": TIME} | {field.name: field.type for field in fields},
        view=View.TABLE,
        look=Look(
            column_titles={"label": "Gerät", "district": "Stadtteil", "observed_at": "Zeit"}
            | {field.name: field.title for field in fields},
            column_units={field.name: field.unit for field in fields if field.type is NUMBER},
        ),
        unit="none",
        description=f"Die letzte Messung jedes gewählten Geräts in den letzten zwei Tagen, höchstens {LATEST} Zeilen.",
        width=24,
        height=10,
    )


def _districts(kind: type[Reading], fields: Sequence[_Field]) -> Iterator[Row]:
    """A household kind: days and districts."""
    values, growth = (f"stadtfunk.v_{kind.kind}_district_{of}" for of in ("daily", "growth_daily"))
    where = f"WHERE {_DAYS} AND {chosen('district', 'district')}"
    yield row(
        "Überblick",
        sql(
            "Zähler je Stadtteil",
            f"SELECT bucket AS time, district AS metric, meters AS value FROM {values}\n{where}\nORDER BY time, metric",
            columns=_SERIES,
            look=Look(stacked=True, low=0),
            unit="none",
            description="Zähler mit Messwerten an dem Tag. Stadtteile mit weniger als fünf fehlen: Datenschutz.",
            width=24,
        ),
    )
    shown = [field for field in fields if field.column.nature is not Nature.STATE]
    yield row(
        "Messgrößen",
        *(_of_districts(field, growth if field.is_counter else values, where) for field in shown),
    )


def _of_districts(field: _Field, view: str, where: str) -> Panel:
    counter = field.is_counter
    column = f"{field.name}_{'delta' if counter else 'avg'}"
    what = "Summe des Zuwachses je Stadtteil und Tag." if counter else "Mittel je Stadtteil und Tag."
    return sql(
        field.title,
        f"SELECT bucket AS time, district AS metric, {column} AS value FROM {view}\n"
        f"{where} AND {column} IS NOT NULL\nORDER BY time, metric",
        columns=_SERIES,
        look=Look(bars=counter, stacked=counter),
        unit=field.unit,
        description=field.told(what),
        empty=f"Keine Werte von {field.title} in diesem Zeitraum",
        empty_is_normal=True,
        width=8,
    )
