"""The month in a few sentences; two asterisks stand around what is to be seen first."""

from collections.abc import Sequence

from alerts.report.content import Report
from alerts.report.words import hours, month_title, number, percent, plural
from alerts.statistics.measures import availability, by_itself, lost_hours


def summary(report: Report) -> str:
    """What the month was like."""
    if report.thin:
        return "In diesem Monat gab es zu wenige Fälle, um sie ohne Rückschluss auf einzelne zu zeigen."
    cases, free, alone = report.cases, availability(report.bays), by_itself(report.cases)
    sentences = [_found(report)]
    if cases.cases:
        sentences.append(f"Dadurch gingen **{hours(lost_hours(cases))} Ladezeit** verloren.")
    if free is not None:
        sentences.append(f"Im Mittel standen die Plätze **{percent(free, 1)} der Zeit** zum Laden zur Verfügung.")
    if alone is not None:
        sentences.append(f"{percent(alone)} der beendeten Fälle erledigten sich von selbst.")
    return " ".join(sentences)


def exposure(days: Sequence[int]) -> str:
    """On how many days the hours of a week were watched."""
    least, most = min(days), max(days)
    if not most:
        return "Es wurde nichts beobachtet."
    said = f"{number(least)}" if least == most else f"{number(least)} bis {number(most)}"
    return f"Jede Stunde der Woche wurde an {said} Tagen beobachtet."


def _found(report: Report) -> str:
    count = report.cases.cases
    found = plural(count, "Verdachtsfall", "Verdachtsfälle") if count else "kein Verdachtsfall"
    bays = plural(report.bays.bays, "Ladeplatz", "Ladeplätzen")
    sites = plural(len(report.sites), "Standort", "Standorten")
    where = f" ({report.area})" if report.area else ""
    verb = "wurden" if count > 1 else "wurde"
    month = month_title(report.month)
    return f"Im {month} {verb} an {bays} an {sites}{where} **{found}** erkannt, {_compared(report)}."


def _compared(report: Report) -> str:
    if report.before is None:
        return "für den Vormonat liegen keine Zahlen vor"
    change = report.cases.cases - report.before.cases
    if not change:
        return "so viele wie im Vormonat"
    return f"{number(abs(change))} {'mehr' if change > 0 else 'weniger'} als im Vormonat"
