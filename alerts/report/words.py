"""What the report calls things, in German, and how it writes numbers. A case is a suspicion, never a verdict."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.parking.verdict import Code, EndReason
from alerts.statistics.calendar import Month
from alerts.statistics.cases import OPEN
from alerts.statistics.intervals import Bounds

UNKNOWN: Final = "–"
"""There is nothing to say, because nothing was observed."""
WITHHELD: Final = "."
"""The sign of official statistics for a number that is known and kept secret."""

MONTHS: Final = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
    "Dezember",
)  # fmt: skip
WEEKDAYS: Final = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
WEEKDAYS_SHORT: Final = ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So")

CODES: Final[Mapping[str, str]] = {
    Code.V1_NO_CHARGE: "belegt, nie geladen",
    Code.V2_AFTER_CHARGE: "nach dem Laden stehen geblieben",
    Code.V3_MAX_STAY: "Höchstparkdauer überschritten",
    Code.V4_IDLE_PLUGGED: "angeschlossen, es fließt kein Strom",
}

ENDS: Final[Mapping[str, str]] = {
    "VERWARNUNG_ERTEILT": "Verwarnung erteilt",
    "BUSSGELD_ANZEIGE": "Bußgeldanzeige",
    "ABGESCHLEPPT": "abgeschleppt",
    "ERMAHNUNG": "Ermahnung",
    "FAHRZEUG_LAEDT_DOCH": "Fehlalarm: Fahrzeug lädt doch",
    "KEIN_FAHRZEUG": "Fehlalarm: kein Fahrzeug da",
    "SAEULE_DEFEKT": "Säule defekt",
    "BERECHTIGT": "berechtigt (Ausnahme)",
    "FAHRZEUG_WEG": "Fahrzeug war schon weg",
    "NICHT_ANGEFAHREN": "nicht angefahren",
    EndReason.DROVE_AWAY: "weggefahren",
    EndReason.CHARGING_STARTED: "Ladevorgang begonnen",
    EndReason.STATION_DOWN: "Säule gestört",
    EndReason.NEW_VEHICLE: "neues Fahrzeug",
    EndReason.OUT_OF_SERVICE: "Platz außer Betrieb",
    OPEN: "noch offen",
}


def month_title(month: Month) -> str:
    """`Oktober 2026`."""
    return f"{MONTHS[month.month - 1]} {month.year}"


def number(value: float | None, digits: int = 0) -> str:
    """`1.234,5`, or a dash."""
    if value is None:
        return UNKNOWN
    return f"{value:,.{digits}f}".translate(_GERMAN)


def percent(value: float | None, digits: int = 0) -> str:
    """`12 %`, or a dash; a value that is not quite all never reads as all."""
    if value is None:
        return UNKNOWN
    shown = value * 100
    if digits == 0 and 99.5 <= shown < 100:
        digits = 1
    return f"{number(min(shown, 99.9) if shown < 100 else shown, digits)} %"


def percent_range(bounds: Bounds) -> str:
    """`44–97 %`."""
    return f"{number(bounds.low * 100)}–{number(bounds.high * 100)} %"


def minutes(value: float | None) -> str:
    """`7 min`, `2 h 05 min`."""
    if value is None:
        return UNKNOWN
    hours, rest = divmod(round(value), 60)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"


def hours(value: float | None) -> str:
    """`12,5 h`; whole hours from a hundred on."""
    return UNKNOWN if value is None else f"{number(value, 0 if value >= 100 else 1)} h"


def window(cell: int, length: int) -> str:
    """`Dienstag 10–12 Uhr`."""
    weekday, hour = divmod(cell, 24)
    return f"{WEEKDAYS[weekday]} {hour}–{(hour + length - 1) % 24 + 1} Uhr"


def end_word(word: str) -> str:
    """What an end is called; a word of a later version is shown as it is."""
    return ENDS.get(word, word)


def moment(at: datetime, zone: ZoneInfo) -> str:
    """`24.11.2026, 14:05 Uhr`."""
    return f"{at.astimezone(zone):%d.%m.%Y, %H:%M} Uhr"


def plural(count: int, one: str, many: str) -> str:
    """`1 Fall`, `12 Fälle`."""
    return f"{number(count)} {one if count == 1 else many}"


_GERMAN: Final = str.maketrans(",.", ".,")
