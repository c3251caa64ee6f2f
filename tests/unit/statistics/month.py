"""October 2026 in a made-up city: eight stations, some busy, some not, all of it reproducible."""

from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

from alerts.report.content import Months
from alerts.report.settings import ReportSettings
from alerts.statistics.calendar import CELLS, Hours, Month
from alerts.statistics.figures import BayFigures, CaseFigures, Frames, Record, SiteFigures, as_cells
from alerts.statistics.loading import Asking, MonthFigures

BERLIN = ZoneInfo("Europe/Berlin")
OCTOBER = Month(2026, 10)
MADE = datetime(2026, 11, 2, 7, 30, tzinfo=UTC)
STATIONS = (
    ("S01", "Hindenburgplatz 4", "Neustadt", 4, 60),
    ("S02", "Rheinufer, Großer Ölberg", "Altstadt", 2, 41),
    ("S03", "Kaiserstraße 18", "Neustadt", 2, 23),
    ("S04", "Am Rathaus", "Altstadt", 3, 12),
    ("S05", "Göttelmannstraße 31", "Oberstadt", 2, 7),
    ("S06", "Mombacher Straße 79 – Einfahrt Nord", "Mombach", 2, 4),
    ("S07", "Saarstraße 21", "Bretzenheim", 4, 2),
    ("S08", "Weisenauer Weg 1", "Weisenau", 2, 0),
)
_ENDS = ("drove_away", "drove_away", "drove_away", "charging_started", "VERWARNUNG_ERTEILT", "FAHRZEUG_WEG",
         "NICHT_ANGEFAHREN", "KEIN_FAHRZEUG", "ERMAHNUNG", "station_down")  # fmt: skip


def months(settings: ReportSettings | None = None, *, kept: bool = False) -> Months:
    """August, September and October."""
    return Months(
        [month_figures(OCTOBER.shifted(-back), kept=kept) for back in (2, 1, 0)],
        Asking(BERLIN),
        settings or ReportSettings(),
    )


def month_figures(month: Month, *, kept: bool = False) -> MonthFigures:
    sites = tuple(site(*station, month=month) for station in STATIONS)
    return MonthFigures(month, sites, month.span(BERLIN).end, kept)


def site(key: str, name: str, district: str, bays: int, count: int, *, month: Month) -> SiteFigures:
    chance = Random(f"{key}{month}")
    sensors = tuple((f"70b3d5{key.lower()}{number:06}", f"{name}, Platz {number}") for number in range(1, bays + 1))
    return SiteFigures(key, name, district, _cases(chance, count, month, sensors), _bays(chance, bays, month), sensors)


def _cases(chance: Random, count: int, month: Month, sensors: tuple[tuple[str, str], ...]) -> CaseFigures:
    hits, lost = [0.0] * CELLS, [0.0] * CELLS
    figures = {name: {} for name in ("codes", "ends", "days", "cleared", "taken", "arrived")}

    def note(name: str, value: object) -> None:
        figures[name][value] = figures[name].get(value, 0) + 1

    records: dict[str, list[int]] = {}
    for _ in range(count):
        day = chance.randint(1, month.days)
        weekday = (month.first.weekday() + day - 1) % 7
        cell = weekday * 24 + min(23, max(0, round(chance.gauss(15, 4))))
        code = chance.choices(("V1_NO_CHARGE", "V2_AFTER_CHARGE", "V3_MAX_STAY"), (70, 8, 22))[0]
        end = chance.choice(_ENDS)
        note("codes", code)
        note("days", day)
        note("ends", end)
        if code != "V3_MAX_STAY":
            hits[cell] += end != "KEIN_FAHRZEUG"
            lost[cell] += chance.uniform(0.2, 1.6)
        if end.islower():
            note("cleared", chance.randint(5, 90))
        note("taken", chance.randint(1, 20))
        if end.isupper() and end != "NICHT_ANGEFAHREN":
            note("arrived", chance.randint(6, 45))
        if end in ("VERWARNUNG_ERTEILT", "ERMAHNUNG", "KEIN_FAHRZEUG"):
            record = records.setdefault(chance.choice(sensors)[0], [0, 0])
            record[end == "KEIN_FAHRZEUG"] += 1
    return CaseFigures(
        cases=count,
        withdrawn=count // 20,
        told=count,
        hits=tuple(hits),
        lost=tuple(lost),
        records={sensor: Record(confirmed=right, false=wrong) for sensor, (right, wrong) in records.items()},
        **figures,
    )


def _bays(chance: Random, bays: int, month: Month) -> BayFigures:
    hours = Hours.of(month.span(BERLIN), BERLIN)
    silent = 6 * 24 + 3 if bays == 3 else None
    watched = hours.per_cell(hours.edges[1:] * 0 + bays)
    days = hours.days_per_cell(hours.cells >= 0).astype(float)
    if silent is not None:
        watched[silent] = days[silent] = 0
    whole = float(watched.sum())
    return BayFigures(
        bays=bays,
        watched=as_cells(watched),
        watched_days=as_cells(days),
        occupied=whole * 0.4,
        judged=whole * 0.96,
        idle=whole * chance.uniform(0.01, 0.06),
        unavailable=whole * chance.uniform(0.06, 0.09),
        free=Frames(received=700 * bays, missing=9 * bays),
        covered=Frames(received=300 * bays, missing=190 * bays),
    )
