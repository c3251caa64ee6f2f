"""Bäume: which trees need water, where they stand, how the soil dries, and which probes not to believe."""

from typing import Final

from dashboards.looks import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Look, View
from dashboards.panels import BOOLEAN, NUMBER, TEXT, TIME, Dashboard, Panel, dashboard, number, row, sql
from dashboards.queries import HOURLY_UNTIL, RAW_UNTIL, chosen
from dashboards.variables import DISTRICT, asset
from dashboards.words import States, counted, said, texts

TREE_STATES: Final[States] = {
    "good": ("Gut versorgt", GREEN),
    "moderate": ("Mäßig", YELLOW),
    "critical": ("Kritisch trocken", RED),
    "frozen": ("Boden gefroren", BLUE),
    "silent": ("Sensor stumm", GREY),
    "unknown": ("Keine Saugspannung", ORANGE),
    "no_sensor": ("Ohne Sensor", "#c8c8c8"),
}
DOUBTS: Final = {
    "silent": "stumm (Stunden)",
    "never_heard": "nie gehört",
    "fault": "meldet eine Störung",
    "frozen": "Boden gefroren (°C)",
    "air_gap": "Luftspalt: unter 2 Vol.-%",
    "stuck": "immer derselbe Wert (Tage)",
    "drifts": "weicht von ähnlichen Sensoren ab (Tage von 21)",
}

_HERE: Final = f"{chosen('district', 'district')} AND {chosen('asset', 'tree')}"
_ONE_TREE: Final = "'*' NOT IN (${asset:sqlstring})"
_DEPTH: Final = "coalesce(lpad(depth_cm::text, 2) || ' cm', 'Sonde ' || (channel + 1))"
_SPAN: Final = "$__unixEpochTo() - $__unixEpochFrom()"
_SOURCE: Final = (
    "Schwellen 32 und 80 kPa: Berliner Sanierungsmethode (Stadt+Grün 2023). Ohne Tensiometer aus Feuchte und Bodenart "
    "berechnet (van Genuchten), dann höchstens 100 kPa."
)
_TENSION: Final = ((None, GREEN), (32.0, YELLOW), (80.0, RED))


def build() -> Dashboard:
    """What the green-space office looks at in the morning."""
    return dashboard(
        "stadtfunk-baeume",
        "Bäume",
        description="Welche Bäume Wasser brauchen, wie der Boden trocknet und welchen Sensoren nicht zu trauen ist.",
        tags=("bäume",),
        variables=(DISTRICT, asset("tree", "Baum")),
        links=("stadtfunk-ueberblick", "stadtfunk-funknetz", "stadtfunk-kind-tree-moisture"),
        since="now-30d",
        refresh="5m",
        alerts_about=("tree",),
        rows=(
            row("Jetzt", *_numbers()),
            row("Wo es trocken ist", _map(), _by_district()),
            row("Rangfolge", _ranking()),
            row("Verlauf nach Tiefe", *_series()),
            row("Sensoren", _doubts()),
        ),
    )


def _number(title: str, value: str, source: str, *, description: str, look: Look, unit: str = "none") -> Panel:
    return number(
        title,
        f"SELECT {value} AS value\nFROM stadtfunk.{source} WHERE {_HERE}",
        description=description,
        look=look,
        empty="Noch nichts gemessen",
        unit=unit,
    )


def _numbers() -> list[Panel]:
    return [
        _number(
            "Bäume mit Gießbedarf",
            "count(*) FILTER (WHERE thirsty)",
            "v_tree_drought",
            description="Sensorbäume über ihrer Auslöseschwelle, ab dem 9. Standjahr in zwei Tiefen. Von November bis "
            "März nur zur Kenntnis. Schwellen je Standjahr, Boden und Art sind Vorschläge: Tabelle watering_trigger.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (10, RED))),
        ),
        _number(
            "Kritisch trocken",
            "count(*) FILTER (WHERE state = 'critical')",
            "v_tree_drought",
            description=f"Sensorbäume mit mehr als 80 kPa in der Tiefe, auf die es ankommt. {_SOURCE}",
            look=Look(thresholds=((None, GREEN), (1, RED))),
        ),
        _number(
            "Saugspannung im Mittel",
            "avg(tension) FILTER (WHERE state IN ('good', 'moderate', 'critical'))",
            "v_tree_drought",
            description=f"Mittel der Sensorbäume, ohne gefrorenen Boden und stumme Sensoren. {_SOURCE}",
            look=Look(thresholds=_TENSION, decimals=0),
            unit="pressurekpa",
        ),
        _number(
            "Nutzbares Wasser im Mittel",
            "avg(usable) FILTER (WHERE state IN ('good', 'moderate', 'critical'))",
            "v_tree_drought",
            description="Nutzbare Feldkapazität der Sensorbäume. Bänder nach der üblichen Skala der Agrarmeteorologie: "
            "unter 30 % trocken, ab 50 % gut.",
            look=Look(thresholds=((None, RED), (30, YELLOW), (50, GREEN)), decimals=0),
            unit="percent",
        ),
        _number(
            "Zweifelhafte Sensoren",
            "count(DISTINCT dev_eui)",
            "v_tree_doubt",
            description="Geräte, die schweigen, gestört sind oder nicht zu ihresgleichen passen: Liste ganz unten.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (20, RED))),
        ),
        _number(
            "Letzte Messung",
            "extract(epoch FROM max(observed_at)) * 1000",
            "v_tree_drought",
            description="Wann zuletzt ein Baum gemessen wurde. Stunden her: siehe Funknetz und Betrieb.",
            look=Look(),
            unit="dateTimeFromNow",
        ),
    ]


def _map() -> Panel:
    return sql(
        "Bäume nach Trockenheit",
        "SELECT tree, tree_name, district, species, state, tension, usable, observed_at, stands_for, latitude, "
        "longitude\n"
        f"FROM stadtfunk.v_tree_map\nWHERE latitude IS NOT NULL AND longitude IS NOT NULL AND {_HERE}",
        columns={
            "tree": TEXT,
            "tree_name": TEXT,
            "district": TEXT,
            "species": TEXT,
            "state": TEXT,
            "tension": NUMBER,
            "usable": NUMBER,
            "observed_at": TIME,
            "stands_for": TEXT,
            "latitude": NUMBER,
            "longitude": NUMBER,
        },
        view=View.GEOMAP,
        unit="none",
        look=Look(
            states=TREE_STATES,
            colour_by="state",
            decimals=0,
            column_units={"tension": "pressurekpa", "usable": "percent"},
            column_titles={
                "tree": "Baum",
                "tree_name": "Name",
                "district": "Stadtteil",
                "species": "Art",
                "state": "Zustand",
                "tension": "Saugspannung",
                "usable": "nFK",
                "observed_at": "Gemessen",
                "stands_for": "Sensorbaum der Gruppe",
            },
        ),
        description="Jeder Baum nach der Tiefe, auf die es ankommt; einer ohne Sensor nach dem Sensorbaum seiner "
        "Gruppe. "
        f"{_SOURCE}",
        empty="Keine Bäume mit Koordinaten: `stadtfunk assets import`",
        width=16,
    )


def _by_district() -> Panel:
    counts = counted("state", texts(TREE_STATES))
    return sql(
        "Zustände nach Stadtteil",
        f"SELECT CASE WHEN district = '' THEN 'ohne' ELSE district END AS district,\n    {counts}\n"
        f"FROM stadtfunk.v_tree_map WHERE {_HERE} GROUP BY 1 ORDER BY 1",
        columns={"district": TEXT} | dict.fromkeys(texts(TREE_STATES).values(), NUMBER),
        view=View.BARCHART,
        unit="none",
        look=Look(category="district", stacked=True, horizontal=True, column_colours=dict(TREE_STATES.values())),
        description="Wie viele Bäume jedes Stadtteils in welchem Zustand sind: wohin die Kolonnen fahren.",
        empty="Keine Bäume: `stadtfunk assets import`",
        width=8,
        height=14,
    )


def _ranking() -> Panel:
    return sql(
        "Die trockensten Bäume",
        "SELECT place, tree_name, tree, district, species, standing_year, soil, depth_cm, tension, trigger_tension,\n"
        "    percent_of_trigger, usable, days_above, trend, thirsty, state, observed_at\n"
        f"FROM stadtfunk.v_tree_drought WHERE {_HERE} ORDER BY place LIMIT 100",
        columns={
            "place": NUMBER,
            "tree_name": TEXT,
            "tree": TEXT,
            "district": TEXT,
            "species": TEXT,
            "standing_year": NUMBER,
            "soil": TEXT,
            "depth_cm": NUMBER,
            "tension": NUMBER,
            "trigger_tension": NUMBER,
            "percent_of_trigger": NUMBER,
            "usable": NUMBER,
            "days_above": NUMBER,
            "trend": NUMBER,
            "thirsty": BOOLEAN,
            "state": TEXT,
            "observed_at": TIME,
        },
        view=View.TABLE,
        unit="none",
        look=Look(
            states={**TREE_STATES, "true": ("gießen", RED), "false": ("", GREEN)},
            coloured=("state",),
            decimals=0,
            column_units={
                "depth_cm": "lengthcm",
                "tension": "pressurekpa",
                "trigger_tension": "pressurekpa",
                "percent_of_trigger": "percent",
                "usable": "percent",
                "days_above": "d",
                "trend": "suffix: kPa/Tag",
            },
            column_titles={
                "place": "Rang",
                "tree_name": "Name",
                "tree": "Baum",
                "district": "Stadtteil",
                "species": "Art",
                "standing_year": "Standjahr",
                "soil": "Boden",
                "depth_cm": "Tiefe",
                "tension": "Saugspannung",
                "trigger_tension": "Schwelle",
                "percent_of_trigger": "Anteil der Schwelle",
                "usable": "nFK",
                "days_above": "Tage darüber",
                "trend": "Trend (14 Tage)",
                "thirsty": "Gießen",
                "state": "Zustand",
                "observed_at": "Gemessen",
            },
            column_links={
                "tree": (
                    "Verlauf dieses Baums",
                    "/d/stadtfunk-baeume?var-asset=${__value.raw}&from=${__from}&to=${__to}",
                )
            },
        ),
        description="Geordnet danach, wie weit die Saugspannung über dem liegt, was nach Standjahr, Boden und Art "
        "Wasser verlangt (Vorschläge, änderbar in watering_trigger, soil_class und species_factor). Trend: Anstieg je "
        "Tag. "
        "Gefrorener Boden wirkt trocken und steht hinten.",
        empty="Noch kein Baum mit Messung",
        width=24,
        height=12,
    )


def _by_range(value: str) -> str:
    """Readings of one tree for two days, hours for two days or of one tree, else days."""
    arms = (
        ("v_tree_reading", f"{_ONE_TREE} AND {_SPAN} <= {RAW_UNTIL}"),
        (
            "v_tree_hour",
            f"('*' IN (${{asset:sqlstring}}) AND {_SPAN} <= {RAW_UNTIL}"
            f" OR {_ONE_TREE} AND {_SPAN} > {RAW_UNTIL} AND {_SPAN} <= {HOURLY_UNTIL})",
        ),
        (
            "v_tree_day",
            f"('*' IN (${{asset:sqlstring}}) AND {_SPAN} > {RAW_UNTIL} OR {_SPAN} > {HOURLY_UNTIL})",
        ),
    )
    parts = [
        f"SELECT time, {_DEPTH} AS metric, avg({value}) AS value\nFROM stadtfunk.{view}\n"
        f"WHERE {when}\n    AND $__timeFilter(time) AND {value} IS NOT NULL AND {_HERE}\nGROUP BY 1, 2"
        for view, when in arms
    ]
    return "\nUNION ALL\n".join(parts) + "\nORDER BY time, metric"


def _depths(title: str, value: str, *, unit: str, description: str, look: Look) -> Panel:
    return sql(
        title,
        _by_range(value),
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit=unit,
        description=f"{description} Mittel der gewählten Bäume; ein einzelner Baum zeigt sich bis 62 Tage in Stunden.",
        look=look,
        empty="Keine Messung in diesem Zeitraum",
    )


def _series() -> list[Panel]:
    return [
        _depths(
            "Saugspannung",
            "tension",
            unit="pressurekpa",
            description=f"Wie fest der Boden sein Wasser hält. {_SOURCE}",
            look=Look(thresholds=_TENSION, low=0),
        ),
        _depths(
            "Bodenfeuchte",
            "moisture",
            unit="suffix: Vol.-%",
            description="Wassergehalt. Zwischen Böden nicht vergleichbar: Dafür gibt es Saugspannung und nFK.",
            look=Look(low=0),
        ),
        _depths(
            "Nutzbares Wasser (nFK)",
            "usable",
            unit="percent",
            description="100 %: Feldkapazität, 0 %: Welkepunkt. Unter 30 % leiden Bäume.",
            look=Look(thresholds=((None, RED), (30, YELLOW), (50, GREEN))),
        ),
        _depths(
            "Bodentemperatur",
            "temperature",
            unit="celsius",
            description="Bis 1 °C sind Feuchte und Saugspannung nicht zu gebrauchen.",
            look=Look(thresholds=((None, BLUE), (1, GREEN))),
        ),
    ]


def _doubts() -> Panel:
    return sql(
        "Sensoren in Zweifel",
        f"SELECT {said('reason', DOUBTS)} AS reason, amount, tree_name, tree, district, depth_cm, dev_eui, "
        f"observed_at\n"
        f"FROM stadtfunk.v_tree_doubt WHERE {_HERE} ORDER BY 1, amount DESC NULLS LAST, tree LIMIT 200",
        columns={
            "reason": TEXT,
            "amount": NUMBER,
            "tree_name": TEXT,
            "tree": TEXT,
            "district": TEXT,
            "depth_cm": NUMBER,
            "dev_eui": TEXT,
            "observed_at": TIME,
        },
        view=View.TABLE,
        unit="none",
        look=Look(
            decimals=0,
            column_units={"depth_cm": "lengthcm"},
            column_titles={
                "reason": "Warum",
                "amount": "Wert",
                "tree_name": "Name",
                "tree": "Baum",
                "district": "Stadtteil",
                "depth_cm": "Tiefe",
                "dev_eui": "Gerät",
                "observed_at": "Zuletzt",
            },
        ),
        description="Stumm: drei übliche Abstände ohne Nachricht. Abweichung: an 14 von 21 Tagen über 30 % vom Median "
        "der Sensoren in gleichem Boden und gleicher Tiefe (Vorschlag). Nachsehen, ehe jemand gießt.",
        empty="Alle Sensoren sind glaubwürdig",
        empty_is_normal=True,
        width=24,
        height=10,
    )
