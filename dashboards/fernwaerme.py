"""Fernwärme: districts only. Are meters read, how warm is it, how much heat, what goes wrong; nothing of a customer."""

from typing import Final

from dashboards.looks import BLUE, GREEN, ORANGE, RED, YELLOW, Look, View
from dashboards.panels import NUMBER, TEXT, TIME, Dashboard, Panel, dashboard, number, row, sql
from dashboards.queries import RAW_UNTIL, chosen
from dashboards.variables import Variable

_DISTRICT: Final = Variable(
    "district", "Stadtteil", "SELECT DISTINCT district FROM stadtfunk.v_heat_reading ORDER BY 1"
)
_HERE: Final = chosen("district", "district")
_SPAN: Final = "$__unixEpochTo() - $__unixEpochFrom()"
_DAYS: Final = "time > $__timeFrom()::timestamptz - interval '1 day' AND time <= $__timeTo()::timestamptz"
_PRIVACY: Final = "Nur Stadtteile mit mindestens fünf Zählern; einzelne Kunden sind nirgends zu sehen."
_TOO_FEW: Final = "Kein Stadtteil mit fünf oder mehr Zählern in diesem Zeitraum"
_RATE: Final = ((None, RED), (80.0, ORANGE), (95.0, GREEN))


def build() -> Dashboard:
    """What the heating utility and the city may both look at."""
    return dashboard(
        "stadtfunk-fernwaerme",
        "Fernwärme",
        description="Auslesung, Temperaturen und Wärme nach Stadtteilen. Nichts über einzelne Kunden.",
        tags=("fernwärme",),
        variables=(_DISTRICT,),
        links=("stadtfunk-ueberblick", "stadtfunk-funknetz"),
        since="now-30d",
        refresh="5m",
        alerts_about=("gateway",),
        rows=(
            row("Jetzt", *_numbers()),
            row("Auslesung", _reading(), _rate()),
            row("Temperaturen", _temperatures(), _spread(), _returns(), _deviation()),
            row("Wärme", _energy(), _power()),
            row("Störungen", _with_error(), _codes()),
        ),
    )


def _number(title: str, query: str, *, description: str, look: Look, unit: str) -> Panel:
    return number(
        title,
        query,
        description=f"{description} {_PRIVACY}",
        look=look,
        empty="Kein Stadtteil mit fünf Zählern",
        unit=unit,
    )


def _last_day(value: str) -> str:
    """`value` over the districts of the last day that has any."""
    return (
        f"SELECT {value} AS value\nFROM stadtfunk.v_heat_day\n"
        f"WHERE time > now() - interval '3 days' AND {_HERE}\nGROUP BY time ORDER BY time DESC LIMIT 1"
    )


def _numbers() -> list[Panel]:
    reading = f"FROM stadtfunk.v_heat_reading WHERE {_HERE}"
    return [
        _number(
            "Gelesen in 24 Stunden",
            f"SELECT 100.0 * sum(read_day) / nullif(sum(meters), 0) AS value {reading}",
            unit="percent",
            description="Anteil der bekannten Zähler mit einem Zählerstand im letzten Tag. Keller mit schlechtem Funk "
            "senden seltener.",
            look=Look(thresholds=_RATE, decimals=1),
        ),
        _number(
            "Gelesen in 31 Tagen",
            f"SELECT 100.0 * sum(read_month) / nullif(sum(meters), 0) AS value {reading}",
            unit="percent",
            description="Ohne Stand keine monatliche Verbrauchsinformation (FFVAV § 4 Abs. 4). Ziel: 99 %.",
            look=Look(thresholds=((None, RED), (95, ORANGE), (99, GREEN)), decimals=1),
        ),
        _number(
            "Zähler",
            f"SELECT sum(meters) AS value {reading}",
            unit="none",
            description="Bekannte Zähler, an die heute ein Gerät gebunden ist.",
            look=Look(),
        ),
        _number(
            "Rücklauf im Mittel",
            _last_day(
                "sum(return_temperature * meters) / nullif(sum(meters) FILTER (WHERE return_temperature IS NOT NULL), "
                "0)"
            ),
            unit="celsius",
            description="Mittel des letzten Tages. Ab 50 °C kühlen die Stationen schlecht aus; die Grenze der TAB "
            "(üblich 50 bis 55 °C) nennt das Versorgungsunternehmen.",
            look=Look(thresholds=((None, GREEN), (50, YELLOW), (55, RED)), decimals=1),
        ),
        _number(
            "Wärme am Vortag",
            "SELECT sum(energy) AS value\nFROM stadtfunk.v_heat_energy\n"
            "WHERE time >= date_trunc('day', now() - interval '1 day', 'Europe/Berlin')\n"
            f"    AND time < date_trunc('day', now(), 'Europe/Berlin') AND {_HERE}",
            unit="kwatth",
            description="Abgenommene Wärme am letzten ganzen Tag, aus den Zählerständen.",
            look=Look(decimals=0),
        ),
        _number(
            "Zähler mit Fehler",
            _last_day("sum(with_error)"),
            unit="none",
            description="Zähler, deren letzter Fehlercode des Tages nicht null war.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (50, RED))),
        ),
    ]


def _reading() -> Panel:
    return sql(
        "Auslesung nach Stadtteil",
        "SELECT district, meters, read_day, day_rate, read_month, month_rate\n"
        f"FROM stadtfunk.v_heat_reading WHERE {_HERE} ORDER BY day_rate, district",
        columns={
            "district": TEXT,
            "meters": NUMBER,
            "read_day": NUMBER,
            "day_rate": NUMBER,
            "read_month": NUMBER,
            "month_rate": NUMBER,
        },
        view=View.TABLE,
        unit="none",
        look=Look(
            thresholds=_RATE,
            coloured=("day_rate", "month_rate"),
            decimals=0,
            column_units={"day_rate": "percent", "month_rate": "percent"},
            column_titles={
                "district": "Stadtteil",
                "meters": "Zähler",
                "read_day": "in 24 h gelesen",
                "day_rate": "Anteil",
                "read_month": "in 31 Tagen gelesen",
                "month_rate": "Anteil (31 Tage)",
            },
        ),
        description=f"Die schlechteste Auslesung oben. Ein ganzer Stadtteil fällt zurück: Funknetz prüfen. {_PRIVACY}",
        empty=_TOO_FEW,
    )


def _rate() -> Panel:
    return _by_district(
        "Gelesene Zähler je Tag",
        "v_heat_read_day",
        "rate",
        unit="percent",
        look=Look(thresholds=_RATE, high=100),
        description="Anteil der heute bekannten Zähler, von denen an dem Tag ein Stand kam. Der laufende Tag füllt "
        "sich noch.",
    )


def _by_district(
    title: str, view: str, value: str, *, unit: str, description: str, look: Look, width: int = 12
) -> Panel:
    return sql(
        title,
        f"SELECT time, district AS metric, {value} AS value\nFROM stadtfunk.{view}\n"
        f"WHERE {_DAYS} AND {value} IS NOT NULL AND {_HERE}\nORDER BY time, metric",
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit=unit,
        description=f"{description} {_PRIVACY}",
        look=look,
        empty=_TOO_FEW,
        width=width,
    )


def _hours_or_days(value: str, days: str, day_view: str) -> str:
    """Hours for two days, else days of the city."""
    return (
        f"SELECT time, {value}\nFROM stadtfunk.v_heat_hour\n"
        f"WHERE {_SPAN} <= {RAW_UNTIL} AND $__timeFilter(time) AND {_HERE}\nGROUP BY time\n"
        f"UNION ALL\nSELECT time, {days}\nFROM stadtfunk.{day_view}\n"
        f"WHERE {_SPAN} > {RAW_UNTIL} AND {_DAYS} AND {_HERE}\nGROUP BY time\nORDER BY time"
    )


def _weighted(column: str) -> str:
    """Mean over meters, of districts of which it is shown."""
    return f"sum({column} * meters) / nullif(sum(meters) FILTER (WHERE {column} IS NOT NULL), 0)"


def _temperatures() -> Panel:
    columns = {"Vorlauf": "flow_temperature", "Rücklauf": "return_temperature"}
    means = ", ".join(f'{_weighted(column)} AS "{title}"' for title, column in columns.items())
    return sql(
        "Vorlauf und Rücklauf",
        _hours_or_days(means, means, "v_heat_day"),
        columns={"time": TIME, "Vorlauf": NUMBER, "Rücklauf": NUMBER},
        unit="celsius",
        description=f"Mittel über die Zähler der gewählten Stadtteile; bis zwei Tage in Stunden. {_PRIVACY}",
        look=Look(column_colours={"Vorlauf": RED, "Rücklauf": BLUE}),
        empty=_TOO_FEW,
    )


def _spread() -> Panel:
    return _by_district(
        "Spreizung, nach Volumen gewichtet",
        "v_heat_energy",
        "spread",
        unit="suffix: K",
        look=Look(thresholds=((None, RED), (15, YELLOW), (30, GREEN))),
        description="Aus Wärme und Volumen der Zähler. Unter 15 K fließt viel Wasser für wenig Wärme (Vorschlag).",
    )


def _returns() -> Panel:
    return _by_district(
        "Zähler mit hohem Rücklauf",
        "v_heat_day",
        "100.0 * high_return / meters",
        unit="percent",
        look=Look(thresholds=((None, GREEN), (10, YELLOW), (25, RED)), low=0),
        description="Anteil der Zähler mit über 50 °C Rücklauf im Tagesmittel. Die Grenze der TAB ist einzusetzen.",
    )


def _deviation() -> Panel:
    return _by_district(
        "Streuung des Rücklaufs",
        "v_heat_day",
        "return_deviation",
        unit="suffix: K",
        look=Look(low=0),
        description="Standardabweichung zwischen den Zählern. Viel Streuung bei gutem Mittel: einzelne Stationen "
        "laufen schlecht, das Versorgungsunternehmen weiß welche.",
    )


def _energy() -> Panel:
    return _by_district(
        "Wärme je Tag",
        "v_heat_energy",
        "energy",
        unit="kwatth",
        look=Look(bars=True, stacked=True, low=0),
        description="Aus den Zählerständen, nie über einen Zählerwechsel hinweg; der laufende Tag bis zur letzten "
        "vollen Stunde.",
    )


def _power() -> Panel:
    return sql(
        "Leistung",
        _hours_or_days('sum(power) AS "Leistung"', 'sum(energy) / 24 AS "Leistung"', "v_heat_energy"),
        columns={"time": TIME, "Leistung": NUMBER},
        unit="kwatt",
        description="Summe der gemeldeten Leistungen je Stunde; über mehr als zwei Tage Wärme je Tag durch 24 Stunden. "
        f"{_PRIVACY}",
        look=Look(low=0, column_colours={"Leistung": ORANGE}),
        empty=_TOO_FEW,
    )


def _with_error() -> Panel:
    return _by_district(
        "Zähler mit Fehlercode",
        "v_heat_day",
        "with_error",
        unit="none",
        look=Look(bars=True, stacked=True, low=0),
        description="Zähler, deren letzter Fehlercode des Tages nicht null war.",
        width=16,
    )


def _codes() -> Panel:
    return sql(
        "Fehlercodes",
        "SELECT '0x' || to_hex(code) AS code, meters\nFROM stadtfunk.v_heat_error ORDER BY meters DESC, code LIMIT 20",
        columns={"code": TEXT, "meters": NUMBER},
        view=View.BARCHART,
        unit="none",
        look=Look(category="code", horizontal=True),
        description="Codes der letzten zwei Tage über alle Stadtteile, wie gesendet. Was ein Bit heißt, sagt das "
        "Handbuch des Herstellers.",
        empty="Kein Zähler meldet einen Fehler",
        empty_is_normal=True,
        width=8,
    )
