"""German words for the closed sets in the database: value mappings of panels, and SQL where text is made there."""

from collections.abc import Mapping
from typing import Final

from alerts.phrases import CODES
from alerts.phrases import STATES as CASE_STATES
from dashboards.looks import BLUE, GREEN, GREY, ORANGE, RED, YELLOW

States = Mapping[str, tuple[str, str]]

ASSET_KINDS: Final = {
    "tree": "Baum",
    "bay": "Stellplatz",
    "meter": "Zähler",
    "gateway": "Gateway",
    "charging_station": "Ladesäule",
}
ASSET_STATES: Final[States] = {
    "critical": ("Dringend", RED),
    "warning": ("Auffällig", ORANGE),
    "silent": ("Stumm", YELLOW),
    "never": ("Nie gehört", BLUE),
    "unbound": ("Ohne Gerät", GREY),
    "ok": ("In Ordnung", GREEN),
}
SEVERITIES: Final[States] = {
    "critical": ("Dringend", RED),
    "warning": ("Warnung", ORANGE),
    "info": ("Hinweis", BLUE),
}
ALERT_STATES: Final[States] = {
    name: (phrase.de, GREEN if name in ("resolved", "withdrawn") else ORANGE) for name, phrase in CASE_STATES.items()
}
ALERT_CODES: Final = {code: phrase.de for code, phrase in CODES.items()}


def said(column: str, words: Mapping[str, str]) -> str:
    """SQL that gives the German word for what `column` holds, or that itself where there is none."""
    cases = " ".join(f"WHEN '{word}' THEN '{german}'" for word, german in words.items())
    return f"CASE {column} {cases} ELSE {column} END"


def texts(states: States) -> dict[str, str]:
    """The words of `states` without their colours, for `said`."""
    return {word: text for word, (text, _) in states.items()}


def counted(column: str, words: Mapping[str, str]) -> str:
    """SQL that counts rows by the value of a column: a result column for each of `words`, named by it."""
    return ",\n    ".join(
        f"count(*) FILTER (WHERE {column} = '{value}') AS \"{text}\"" for value, text in words.items()
    )
