"""The report as a table: one number a line, with codes, for a German Excel and for statistical systems such as DUVA.

UTF-8 with a byte order mark, semicolons, CRLF. A second file lists the codes. Texts that a spreadsheet would take for a
formula are written as texts.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from alerts.parking.verdict import Code
from alerts.report.content import Report
from alerts.report.words import CODES, ENDS, WEEKDAYS, WITHHELD
from alerts.statistics.calendar import CELLS
from alerts.statistics.figures import BayFigures, CaseFigures, SiteFigures
from alerts.statistics.measures import availability, by_itself, delivery, lost_hours, precisions, quantile

BOM: Final = "\ufeff"
HEADER: Final = (
    "Monat", "Ebene", "Schluessel", "Name", "Bezirk", "Merkmal", "Auspraegung", "Wert", "Einheit", "Hinweis",
)  # fmt: skip

CITY, SITE, SENSOR = "1", "2", "3"
LEVELS: Final[Mapping[str, str]] = {CITY: "Auswahl gesamt", SITE: "Station", SENSOR: "Sensor"}
HIDDEN: Final = "geheim"


class Feature(NamedTuple):
    """One kind of number."""

    unit: str
    meaning: str
    digits: int = 0


FEATURES: Final[Mapping[str, Feature]] = {
    "PLAETZE": Feature("Plätze", "Ladeplätze mit Sensor"),
    "FAELLE": Feature("Fälle", "Verdachtsfälle, ohne zurückgezogene"),
    "FAELLE_ZURUECKGEZOGEN": Feature("Fälle", "vom System zurückgezogen, weil spätere Daten sie nicht stützten"),
    "FAELLE_GEMELDET": Feature("Fälle", "davon gemeldet (innerhalb der Regelzeiten)"),
    "FAELLE_GRUND": Feature("Fälle", "nach dem ersten Grund; Ausprägung siehe Liste GRUND"),
    "FAELLE_ENDE": Feature("Fälle", "nach dem Ende; Ausprägung siehe Liste ENDE"),
    "FAELLE_TAG": Feature("Fälle", "nach dem Tag des Monats"),
    "FAELLE_STUNDE": Feature("Fälle", "gemeldet, ohne Ladevorgang, nach Wochentag und Stunde (1-00 = Montag 0 Uhr)"),
    "TAGE_STUNDE": Feature("Tage", "Tage, an denen diese Stunde beobachtet wurde"),
    "VERLORENE_LADEZEIT": Feature("Stunden", "Zeit, in der Plätze ohne Ladevorgang blockiert waren (V1, V2)", 2),
    "BEOBACHTET": Feature("Platzstunden", "Zeit, in der bekannt war, ob der Platz belegt ist", 1),
    "BEURTEILT": Feature("Platzstunden", "davon mit bekanntem Zustand der Ladepunkte", 1),
    "BELEGT": Feature("Platzstunden", "belegt", 1),
    "BELEGT_OHNE_LADEN": Feature("Platzstunden", "belegt ohne Ladevorgang (auch während der Wartezeit)", 1),
    "VERFUEGBARKEIT": Feature("Anteil", "1 − (belegt ohne Ladevorgang oder Säule gestört) / beurteilt", 4),
    "SELBST_ERLEDIGT": Feature("Anteil", "der beendeten Fälle: weggefahren, Ladevorgang begonnen, neues Fahrzeug", 4),
    "SELBST_MEDIAN": Feature("Minuten", "Median bis zum Ende von selbst", 1),
    "UEBERNAHME_MEDIAN": Feature("Minuten", "Median von der Meldung bis zur Übernahme", 1),
    "UEBERNAHME_P90": Feature("Minuten", "neun von zehn Fällen sind bis dahin übernommen", 1),
    "VOR_ORT_MEDIAN": Feature("Minuten", "Median von der Meldung bis zum Eintreffen", 1),
    "VOR_ORT_P90": Feature("Minuten", "neun von zehn Eintreffen liegen darunter", 1),
    "ZUSTELLUNG_FREI": Feature("Anteil", "Anteil zugestellter Funkmeldungen, Platz frei", 4),
    "ZUSTELLUNG_BELEGT": Feature("Anteil", "Anteil zugestellter Funkmeldungen, Platz belegt", 4),
    "BESTAETIGT": Feature("Fälle", "vor Ort bestätigt"),
    "FEHLALARM": Feature("Fälle", "vor Ort widerlegt"),
    "TREFFGENAUIGKEIT": Feature("Anteil", "bestätigt / (bestätigt + Fehlalarm)", 4),
    "TREFFGENAUIGKEIT_VON": Feature("Anteil", "untere Grenze, 95 % (Clopper-Pearson)", 4),
    "TREFFGENAUIGKEIT_BIS": Feature("Anteil", "obere Grenze, 95 % (Clopper-Pearson)", 4),
}

_SECRET_ROWS: Final = ("FAELLE", "FAELLE_GEMELDET", "VERLORENE_LADEZEIT", "BELEGT_OHNE_LADEN", "VERFUEGBARKEIT")


class Line(NamedTuple):
    """One number; None: it cannot be said."""

    feature: str
    value: float | None
    characteristic: str = ""


def report_table(report: Report, *, decimal: str = "comma") -> str:
    """The table, from the byte order mark on."""
    rows = [HEADER]
    for level, key, name, district, lines in _blocks(report):
        hidden = level == SITE and key in report.withheld
        for line in lines:
            feature = FEATURES[line.feature]
            secret = hidden and line.feature in _SECRET_ROWS
            value = WITHHELD if secret else _written(line.value, feature.digits, decimal)
            around = (str(report.month), level, _text(key), _text(name), _text(district))
            rows.append((*around, line.feature, line.characteristic, value, feature.unit, HIDDEN if secret else ""))
    return _csv(rows)


def code_table() -> str:
    """The lists of codes that the table uses."""
    rows: list[Sequence[str]] = [("Liste", "Code", "Bedeutung", "Einheit")]
    rows += [("EBENE", code, meaning, "") for code, meaning in LEVELS.items()]
    rows += [("MERKMAL", code, feature.meaning, feature.unit) for code, feature in FEATURES.items()]
    rows += [("GRUND", code, meaning, "") for code, meaning in CODES.items()]
    rows += [("ENDE", code, meaning, "") for code, meaning in ENDS.items()]
    rows += [("STUNDE", _cell(cell), f"{WEEKDAYS[cell // 24]}, {cell % 24} Uhr", "") for cell in range(CELLS)]
    rows += [("WERT", WITHHELD, "Zahl ist bekannt, wird aber geheim gehalten", ""), ("WERT", "", "keine Angabe", "")]
    return _csv(rows)


def _blocks(report: Report) -> Iterator[tuple[str, str, str, str, list[Line]]]:
    if not report.thin:
        whole = list(_case_lines(report.cases, report.public)) + list(_bay_lines(report.bays))
        yield CITY, report.area or "GESAMT", report.area or "alle Stationen", "", whole
    for site in report.sites:
        yield SITE, site.key, site.name, site.district, list(_site_lines(site, report))
    if not report.public:
        names = report.sensors
        for one in precisions(report.cases):
            lines = [
                Line("BESTAETIGT", one.confirmed),
                Line("FEHLALARM", one.false),
                Line("TREFFGENAUIGKEIT", one.share),
                Line("TREFFGENAUIGKEIT_VON", one.bounds.low),
                Line("TREFFGENAUIGKEIT_BIS", one.bounds.high),
            ]
            yield SENSOR, one.sensor, names.get(one.sensor, one.sensor), "", lines


def _site_lines(site: SiteFigures, report: Report) -> Iterator[Line]:
    """The public version has sums only: what a site's hours and ends tell apart is soon a single vehicle."""
    if not report.public:
        yield from _case_lines(site.cases, public=False)
        yield from _bay_lines(site.bays)
        return
    yield Line("PLAETZE", site.bays.bays)
    yield Line("FAELLE", site.cases.cases)
    yield Line("FAELLE_GEMELDET", site.cases.told)
    yield Line("VERLORENE_LADEZEIT", lost_hours(site.cases))
    yield Line("BELEGT_OHNE_LADEN", site.bays.idle)
    yield Line("VERFUEGBARKEIT", availability(site.bays))


def _case_lines(cases: CaseFigures, public: bool) -> Iterator[Line]:
    yield Line("FAELLE", cases.cases)
    yield Line("FAELLE_ZURUECKGEZOGEN", cases.withdrawn)
    yield Line("FAELLE_GEMELDET", cases.told)
    yield from (Line("FAELLE_GRUND", cases.codes.get(code, 0), code) for code in Code)
    yield from (Line("FAELLE_ENDE", cases.ends[end], end) for end in ENDS if end in cases.ends)
    yield Line("VERLORENE_LADEZEIT", lost_hours(cases))
    yield Line("SELBST_ERLEDIGT", by_itself(cases))
    yield Line("SELBST_MEDIAN", quantile(cases.cleared, 0.5))
    yield Line("UEBERNAHME_MEDIAN", quantile(cases.taken, 0.5))
    yield Line("UEBERNAHME_P90", quantile(cases.taken, 0.9))
    yield Line("VOR_ORT_MEDIAN", quantile(cases.arrived, 0.5))
    yield Line("VOR_ORT_P90", quantile(cases.arrived, 0.9))
    yield from (Line("FAELLE_TAG", cases.days[day], f"{day:02}") for day in sorted(cases.days))
    if not public:
        yield from (Line("FAELLE_STUNDE", hits, _cell(cell)) for cell, hits in enumerate(cases.hits))


def _bay_lines(bays: BayFigures) -> Iterator[Line]:
    yield Line("PLAETZE", bays.bays)
    yield Line("BEOBACHTET", sum(bays.watched))
    yield Line("BEURTEILT", bays.judged)
    yield Line("BELEGT", bays.occupied)
    yield Line("BELEGT_OHNE_LADEN", bays.idle)
    yield Line("VERFUEGBARKEIT", availability(bays))
    yield Line("ZUSTELLUNG_FREI", delivery(bays.free))
    yield Line("ZUSTELLUNG_BELEGT", delivery(bays.covered))
    yield from (Line("TAGE_STUNDE", days, _cell(cell)) for cell, days in enumerate(bays.watched_days))


def _cell(cell: int) -> str:
    return f"{cell // 24 + 1}-{cell % 24:02}"


def _written(value: float | None, digits: int, decimal: str) -> str:
    if value is None:
        return ""
    written = f"{value:.{digits}f}"
    return written.replace(".", ",") if decimal == "comma" else written


def _text(written: str) -> str:
    """A text that no spreadsheet runs as a formula."""
    return f"'{written}" if written[:1] in ("=", "+", "-", "@", "\t", "\r") else written


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(rows)
    return BOM + out.getvalue()
