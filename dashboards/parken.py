"""Parken & Laden: what bays are, whether cars at charge points charge, and how cases go; nothing about persons."""

from collections.abc import Mapping
from typing import Final

from alerts.phrases import CODES, REASONS
from dashboards.looks import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Look, View
from dashboards.panels import NUMBER, TEXT, TIME, Dashboard, Panel, dashboard, number, row, sql
from dashboards.queries import chosen
from dashboards.variables import DISTRICT, Variable
from dashboards.words import ALERT_STATES, States, counted, said
from portal.inbox.words import OUTCOMES
from storage.views import CASE_CODES

BAY_STATES: Final[States] = {
    "free": ("frei", GREEN),
    "charging": ("lädt", BLUE),
    "idle": ("belegt ohne Laden", RED),
    "occupied": ("belegt, Laden unklar", YELLOW),
    "down": ("Säule gestört", ORANGE),
    "unknown": ("unbekannt", GREY),
}
_NUMBERED: Final = {str(number): look for number, look in enumerate(BAY_STATES.values())}
_CODES: Final = {code: CODES[code].de for code in CASE_CODES}
_CODE_COLOURS: Final = dict(zip(_CODES.values(), (RED, ORANGE, YELLOW, BLUE), strict=True))
ENDS: Final[Mapping[str, str]] = {
    "open": "noch offen",
    "resolved": "erledigt",
    **{reason: phrase.de for reason, phrase in REASONS.items()},
    **OUTCOMES,
}
_WEEKDAYS: Final = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")

_STATION: Final = Variable(
    "station",
    "Ladesäule",
    "SELECT DISTINCT station_name AS __text, station AS __value FROM stadtfunk.v_bay_now"
    " WHERE '*' IN (${district:sqlstring}) OR district IN (${district:sqlstring}) ORDER BY 1",
)
_HERE: Final = f"{chosen('district', 'district')} AND {chosen('station', 'station')}"
_CASES: Final = f"FROM stadtfunk.v_parking_case\nWHERE $__timeFilter(due_at) AND state <> 'withdrawn' AND {_HERE}"
_FROM: Final = "$__timeFrom()::timestamptz"
_TO: Final = "$__timeTo()::timestamptz"
_BAY_DAYS: Final = f"day > {_FROM} - interval '25 hours' AND day <= {_TO} AND ends_at > {_FROM} AND begins_at < {_TO}"
_IN_RANGE: Final = f"extract(epoch FROM least(ends_at, {_TO}) - greatest(begins_at, {_FROM}))"
_NO_BAYS: Final = "Keine Stellplätze mit Sensor in diesem Zeitraum"


def build() -> Dashboard:
    """What the traffic authority looks at between two rounds."""
    return dashboard(
        "stadtfunk-parken",
        "Parken & Laden",
        description="Was die Stellplätze an Ladesäulen gerade sind, wie viel Ladezeit verloren geht und wie Fälle "
        "enden.",
        tags=("parken",),
        variables=(DISTRICT, _STATION),
        links=("stadtfunk-ueberblick", "stadtfunk-funknetz", "stadtfunk-kind-parking-bay"),
        since="now-24h",
        refresh="1m",
        alerts_about=("bay", "charging_station"),
        rows=(
            row("Jetzt", *_numbers()),
            row("Stellplätze", _timeline(), _map(), _shares()),
            row("Fälle", _open_cases(), _by_code(), _ends()),
            row("Verlorene Ladezeit", _by_weekday(), _blocked()),
            row("Reaktion", _reaction(), _lasted()),
        ),
    )


def _number(title: str, value: str, source: str, *, description: str, look: Look, unit: str = "none") -> Panel:
    return number(
        title,
        f"SELECT {value} AS value\n{source}",
        description=description,
        look=look,
        empty="Noch nichts erfasst",
        unit=unit,
    )


def _numbers() -> list[Panel]:
    now = f"FROM stadtfunk.v_bay_now WHERE {_HERE}"
    opened = f"FROM stadtfunk.v_parking_case WHERE closed_at IS NULL AND {_HERE}"
    return [
        _number(
            "Frei",
            "count(*) FILTER (WHERE state = 'free')",
            now,
            description="Stellplätze, die frei sind und deren Säule nicht gestört ist.",
            look=Look(thresholds=((None, RED), (1, GREEN))),
        ),
        _number(
            "Lädt",
            "count(*) FILTER (WHERE state = 'charging')",
            now,
            description="Belegte Stellplätze, deren Ladepunkt einen Ladevorgang meldet.",
            look=Look(thresholds=((None, BLUE),)),
        ),
        _number(
            "Belegt ohne Laden",
            "count(*) FILTER (WHERE state = 'idle')",
            now,
            description="Verdacht, kein Vorwurf: belegt, und kein Ladevorgang. Karenz und Ausnahmen kennt erst der "
            "Fall.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (4, RED))),
        ),
        _number(
            "Gestört oder unbekannt",
            "count(*) FILTER (WHERE state IN ('down', 'unknown'))",
            now,
            description="Säule außer Betrieb, oder der Sensor schweigt seit über 130 Minuten. Betreiber oder Gerät "
            "prüfen.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (4, RED))),
        ),
        _number(
            "Fälle offen",
            "count(*)",
            opened,
            description="Fälle, die niemand abgeschlossen hat: im Portal unter Posteingang.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (10, RED))),
        ),
        _number(
            "Ladezeit verloren",
            "coalesce(sum(seconds), 0) / 3600",
            f"FROM stadtfunk.v_parking_blocked WHERE $__timeFilter(time) AND {_HERE}",
            description="Stunden im Zeitraum, in denen Fahrzeuge ohne Ladevorgang einen Ladepunkt blockierten; ohne "
            "Fälle, die sich als unbegründet erwiesen.",
            look=Look(decimals=1),
            unit="h",
        ),
    ]


def _timeline() -> Panel:
    numbers = " ".join(f"WHEN '{state}' THEN {number}" for number, state in enumerate(BAY_STATES))
    return sql(
        "Stellplätze im Verlauf",
        f"SELECT greatest(begins_at, {_FROM}) AS time, bay_name AS metric, CASE state {numbers} END AS value\n"
        f"FROM stadtfunk.v_bay_state\nWHERE {_BAY_DAYS} AND {_HERE}\nORDER BY time, metric",
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        view=View.STATE_TIMELINE,
        unit="none",
        look=Look(states=_NUMBERED),
        description="Sensor und Ladepunkt zusammen. Unbekannt: 130 Minuten ohne Nachricht des Sensors. Laden unklar: "
        "15 Minuten ohne Kontakt zum Betreiber, oder mehrere Autos an einer Gruppe von Ladepunkten.",
        empty=_NO_BAYS,
        width=24,
        height=14,
    )


def _map() -> Panel:
    return sql(
        "Stellplätze jetzt",
        "SELECT bay, bay_name, station_name, district, state, since, latitude, longitude\n"
        f"FROM stadtfunk.v_bay_now WHERE latitude IS NOT NULL AND longitude IS NOT NULL AND {_HERE}",
        columns={
            "bay": TEXT,
            "bay_name": TEXT,
            "station_name": TEXT,
            "district": TEXT,
            "state": TEXT,
            "since": TIME,
            "latitude": NUMBER,
            "longitude": NUMBER,
        },
        view=View.GEOMAP,
        unit="none",
        look=Look(
            states=BAY_STATES,
            colour_by="state",
            column_titles={
                "bay": "Kennung",
                "bay_name": "Stellplatz",
                "station_name": "Ladesäule",
                "district": "Stadtteil",
                "state": "Zustand",
                "since": "Seit (heute)",
            },
        ),
        description="Wo gerade frei ist, geladen wird oder jemand ohne Ladevorgang steht.",
        empty="Keine Stellplätze mit Koordinaten: `stadtfunk assets import`",
    )


def _shares() -> Panel:
    shares = ",\n    ".join(
        f"100 * coalesce(sum({_IN_RANGE}) FILTER (WHERE state = '{state}'), 0) / sum({_IN_RANGE}) AS \"{text}\""
        for state, (text, _) in BAY_STATES.items()
    )
    return sql(
        "Anteil der Zeit je Ladesäule",
        f"SELECT station_name,\n    {shares}\nFROM stadtfunk.v_bay_state\nWHERE {_BAY_DAYS} AND {_HERE}\n"
        "GROUP BY station_name ORDER BY station_name",
        columns={"station_name": TEXT} | {text: NUMBER for text, _ in BAY_STATES.values()},
        view=View.BARCHART,
        unit="percent",
        look=Look(
            category="station_name",
            stacked=True,
            horizontal=True,
            decimals=0,
            high=100,
            column_colours=dict(BAY_STATES.values()),
        ),
        description="Belegung mal Laden: wie lange die Plätze einer Säule im Zeitraum frei waren, luden oder belegt "
        "waren, ohne dass jemand lud. In Deutschland sind Ladepunkte zu 15 bis 20 % in Gebrauch (RWTH, Hecht 2020).",
        empty=_NO_BAYS,
        height=14,
    )


def _open_cases() -> Panel:
    return sql(
        "Offene Fälle",
        f"SELECT number, {said('code', _CODES)} AS code, bay_name, district, since, state, confidence\n"
        f"FROM stadtfunk.v_parking_case WHERE closed_at IS NULL AND {_HERE} ORDER BY code, since LIMIT 200",
        columns={
            "number": TEXT,
            "code": TEXT,
            "bay_name": TEXT,
            "district": TEXT,
            "since": TIME,
            "state": TEXT,
            "confidence": NUMBER,
        },
        view=View.TABLE,
        unit="none",
        look=Look(
            states=ALERT_STATES,
            column_titles={
                "number": "Vorgang",
                "code": "Verdacht",
                "bay_name": "Stellplatz",
                "district": "Stadtteil",
                "since": "Seit",
                "state": "Stand",
                "confidence": "Sicherheit",
            },
            column_units={"confidence": "percent"},
        ),
        description="Bearbeitet werden Fälle im Portal, unter ihrer Nummer. Sicherheit ab 70 %: hinfahren, darunter "
        "prüfen.",
        empty="Keine offenen Fälle",
        empty_is_normal=True,
        width=24,
    )


def _by_code() -> Panel:
    counts = counted("code", _CODES)
    return sql(
        "Fälle je Tag",
        f"SELECT date_trunc('day', due_at, 'Europe/Berlin') AS time,\n    {counts}\n{_CASES}\nGROUP BY 1 ORDER BY 1",
        columns={"time": TIME} | dict.fromkeys(_CODES.values(), NUMBER),
        unit="none",
        look=Look(bars=True, stacked=True, low=0, column_colours=_CODE_COLOURS),
        description="Nach ihrem ersten Grund, ohne zurückgezogene. Höchstparkdauer zählt nur, wo sie Fälle macht.",
        empty="Keine Fälle in diesem Zeitraum",
    )


def _ends() -> Panel:
    return sql(
        "Wie Fälle enden",
        f"SELECT {said('ended', ENDS)} AS ended, count(*) AS cases\n{_CASES}\nGROUP BY 1 ORDER BY 2 DESC, 1",
        columns={"ended": TEXT, "cases": NUMBER},
        view=View.BARCHART,
        unit="none",
        look=Look(category="ended", horizontal=True),
        description="Was jemand vor Ort festgestellt hat, sonst wie der Fall von selbst endete. Viele Fehlalarme: "
        "Sensor prüfen, die Statistik im Portal nennt seine Trefferquote.",
        empty="Keine Fälle in diesem Zeitraum",
    )


def _by_weekday() -> Panel:
    days = ",\n    ".join(
        f'coalesce(sum(seconds) FILTER (WHERE weekday = {number}), 0) / 3600 AS "{name}"'
        for number, name in enumerate(_WEEKDAYS, start=1)
    )
    return sql(
        "Verlorene Ladezeit nach Wochentag und Stunde",
        f"SELECT lpad(hour::text, 2, '0') || ' Uhr' AS hour,\n    {days}\n"
        f"FROM stadtfunk.v_parking_blocked WHERE $__timeFilter(time) AND {_HERE} GROUP BY 1 ORDER BY 1",
        columns={"hour": TEXT} | dict.fromkeys(_WEEKDAYS, NUMBER),
        view=View.TABLE,
        unit="h",
        look=Look(
            thresholds=((None, "#f0f4f8"), (0.25, "#ffe08a"), (1, "#ffb04d"), (4, "#e8684a")),
            coloured=_WEEKDAYS,
            decimals=1,
            column_titles={"hour": "Stunde"},
        ),
        description="Stunden, in denen Ladepunkte im Zeitraum durch Fahrzeuge ohne Ladevorgang verloren waren: wann "
        "sich eine Runde lohnt. Erst über mehrere Wochen aussagekräftig.",
        empty="Keine verlorene Ladezeit in diesem Zeitraum",
        width=14,
        height=14,
    )


def _blocked() -> Panel:
    return sql(
        "Verlorene Ladezeit je Ladesäule",
        "SELECT station_name, sum(seconds) / 3600 AS hours\n"
        f"FROM stadtfunk.v_parking_blocked WHERE $__timeFilter(time) AND {_HERE} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT "
        f"30",
        columns={"station_name": TEXT, "hours": NUMBER},
        view=View.BARCHART,
        unit="h",
        look=Look(category="station_name", horizontal=True, decimals=1, column_titles={"hours": "Stunden"}),
        description="Wo im Zeitraum am meisten Ladezeit verloren ging.",
        empty="Keine verlorene Ladezeit in diesem Zeitraum",
        width=10,
        height=14,
    )


def _reaction() -> Panel:
    median = 'percentile_cont(0.5) WITHIN GROUP (ORDER BY {0}) FILTER (WHERE told) AS "{1}"'
    return sql(
        "Reaktionszeit",
        "SELECT date_trunc('day', due_at, 'Europe/Berlin') AS time,\n"
        f"    {median.format('taken', 'bis übernommen')},\n    {median.format('arrived', 'bis vor Ort')}\n"
        f"{_CASES}\nGROUP BY 1 ORDER BY 1",
        columns={"time": TIME, "bis übernommen": NUMBER, "bis vor Ort": NUMBER},
        unit="s",
        look=Look(thresholds=((None, GREEN), (1200, ORANGE)), low=0),
        description="Median je Tag, von der Meldung an, für alle zusammen und nie für einzelne Personen. 20 Minuten: "
        "dann wird eskaliert (Vorgabe).",
        empty="Keine Fälle in diesem Zeitraum",
    )


def _lasted() -> Panel:
    return sql(
        "Dauer bis zum Ende",
        "SELECT date_trunc('day', due_at, 'Europe/Berlin') AS time,\n"
        "    percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted) FILTER (WHERE outcome <> '') AS \"durch Streife\",\n"
        "    percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted) FILTER (WHERE outcome = '') AS \"von selbst\"\n"
        f"{_CASES}\nGROUP BY 1 ORDER BY 1",
        columns={"time": TIME, "durch Streife": NUMBER, "von selbst": NUMBER},
        unit="s",
        look=Look(low=0),
        description="Median der Zeit von der Meldung bis zum Ende. Enden die meisten von selbst, ehe jemand da sein "
        "kann, lohnt die Fahrt nicht.",
        empty="Keine Fälle in diesem Zeitraum",
    )
