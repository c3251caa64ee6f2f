"""The report as a PDF: what matters first, then when, where, how it ended, how sure it is, and how it was counted."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from alerts.parking.verdict import Code
from alerts.report import charts
from alerts.report.charts import Bar, Range, Share
from alerts.report.content import Report
from alerts.report.notes import method, sources
from alerts.report.paper import MUTED, PRIMARY, SLATE, WIDTH, Column, Paper, Tile
from alerts.report.summary import exposure, summary
from alerts.report.tagging import Tag
from alerts.report.words import (
    CODES,
    UNKNOWN,
    WITHHELD,
    end_word,
    hours,
    minutes,
    moment,
    month_title,
    number,
    percent,
    percent_range,
    plural,
    window,
)
from alerts.statistics.figures import CaseFigures, Frames, SiteFigures
from alerts.statistics.intervals import share_bounds
from alerts.statistics.measures import (
    availability,
    by_itself,
    delivery,
    heat_map,
    lost_hours,
    precisions,
    reaction,
    share,
)

TITLE: Final = "Ladeplätze: belegt ohne Ladevorgang"
_SITES_IN_CHART: Final = 12


def report_pdf(report: Report) -> bytes:
    """The report, ready to be sent or printed."""
    version = "öffentliche Fassung" if report.public else "interne Fassung"
    month = month_title(report.month)
    paper = Paper(f"{TITLE} – {month}", f"{report.settings.authority} · {month} · {version}")
    paper.set_author(report.settings.authority)
    paper.set_creation_date(report.made_at)
    paper.add_page()
    _front(paper, report, version)
    if not report.thin:
        _when(paper, report)
        _where(paper, report)
        _how_it_ended(paper, report)
        _how_sure(paper, report)
    _notes(paper, report)
    return bytes(paper.output())


def _front(paper: Paper, report: Report, version: str) -> None:
    paper.set_fill_color(PRIMARY)
    with paper.decoration():
        paper.rect(18, 18, 26, 1.6, style="F")
    paper.set_y(24)
    paper.write_in(10, color=MUTED)
    with paper.tagged(Tag.TEXT):
        paper.cell(WIDTH, 5, f"{report.settings.authority} · Monatsbericht · {version}")
    paper.ln(8)
    paper.write_in(25, bold=True)
    with paper.tagged(Tag.TITLE):
        paper.cell(WIDTH, 11, month_title(report.month))
    paper.ln(11)
    paper.write_in(14, color=PRIMARY)
    with paper.tagged(Tag.TEXT):
        paper.cell(WIDTH, 7, TITLE)
    paper.ln(10)
    if report.running:
        paper.caption(f"Vorläufig: der Monat läuft noch; Zahlen bis {moment(report.until, report.zone)}.")
    paper.paragraph(summary(report), size=10.5)
    if report.thin:
        return
    paper.ln(2)
    paper.tiles(_tiles(report))


def _tiles(report: Report) -> list[Tile]:
    cases, before = report.cases, report.before
    taken, arrived, cleared = reaction(cases.taken), reaction(cases.arrived), reaction(cases.cleared)
    confirmed, false = _looked(cases)
    sure = share(confirmed, confirmed + false)
    return [
        Tile(
            number(cases.cases),
            "Verdachtsfälle",
            f"Vormonat: {number(before.cases)}" if before else "Vormonat: keine Zahlen",
        ),
        Tile(
            hours(lost_hours(cases)),
            "verlorene Ladezeit",
            f"Vormonat: {hours(lost_hours(before))}" if before else "Vormonat: keine Zahlen",
        ),
        Tile(
            percent(availability(report.bays), 1),
            "Verfügbarkeit der Plätze",
            f"aus {number(report.bays.judged)} beurteilten Platzstunden",
        ),
        Tile(
            percent(by_itself(cases)),
            "von selbst erledigt",
            f"im Median nach {minutes(cleared.median)}",
        ),
        Tile(
            minutes(taken.median),
            "bis zur Übernahme (Median)",
            f"vor Ort nach {minutes(arrived.median)}, {plural(arrived.cases, 'Fall', 'Fälle')}",
        ),
        Tile(
            percent(sure),
            "Treffgenauigkeit vor Ort",
            f"{number(confirmed + false)} geprüft, 95 %: {percent_range(share_bounds(confirmed, false))}"
            if confirmed + false
            else "niemand hat nachgesehen",
        ),
    ]


def _when(paper: Paper, report: Report) -> None:
    paper.heading("Fälle je Tag", needs=50)
    counts = [report.cases.days.get(day, 0) for day in range(1, report.month.days + 1)]
    weekend = [date(report.month.year, report.month.month, day + 1).weekday() >= 5 for day in range(len(counts))]
    charts.days(paper, counts, weekend)
    paper.caption("Verdachtsfälle nach dem Tag, an dem die Regel erfüllt war. Wochenenden sind hinterlegt.")
    paper.heading("Gründe", needs=34)
    charts.shares(paper, [Share(CODES[code], report.cases.codes.get(code, 0)) for code in _codes(report.cases)])
    paper.heading("Wann Plätze blockiert sind", needs=78)
    found = heat_map(report.cases, report.bays)
    charts.heat(paper, found)
    paper.caption(
        "Gemeldete Fälle ohne Ladevorgang nach Wochentag und Stunde ihres Beginns; in den Feldern ihre Anzahl, die "
        "Farbe ist die Zahl je Tag, an dem diese Stunde beobachtet wurde. Fehlalarme und Ausnahmen zählen nicht. "
        f"{exposure(found.days)}"
    )
    if report.windows:
        _patrol(paper, report)


def _patrol(paper: Paper, report: Report) -> None:
    paper.heading("Wann sich eine Streife lohnt", needs=30)
    columns = (
        Column("Zeit", 34),
        Column("Station", 58),
        Column("Fälle", 14, right=True),
        Column("beobachtet", 20, right=True),
        Column("je Stunde", 18, right=True),
        Column("mindestens", 20, right=True),
    )
    rows = [
        (
            window(one.cell, one.length),
            one.site.name,
            number(one.hits),
            hours(one.watched),
            number(one.expected, 2),
            number(one.at_least, 2),
        )
        for one in report.windows
    ]
    paper.grid(columns, rows)
    paper.caption(
        f"Aus bis zu {plural(report.settings.patrol_months, 'Monat', 'Monaten')}. Geordnet nach der unteren Grenze der "
        "zu erwartenden Fälle je Stunde (90 %, Gamma-Verteilung), damit nicht der Zufall an selten belegten "
        "Plätzen gewinnt."
    )


def _where(paper: Paper, report: Report) -> None:
    paper.heading("Stationen", needs=40)
    titles = [("Station", 56), ("Bezirk", 30), ("Plätze", 13), ("Fälle", 13), ("verloren", 18), ("Verfügbarkeit", 24)]
    columns = [Column(title, room, right=place > 1) for place, (title, room) in enumerate(titles)]
    ordered = sorted(report.sites, key=lambda site: (site.key in report.withheld, -lost_hours(site.cases), site.name))
    paper.grid(columns, [_site_row(site, report) for site in ordered])
    if report.withheld:
        paper.caption(
            f"„{WITHHELD}“: weniger als {report.settings.suppress_below} Fälle, oder aus der Summe zu errechnen; "
            "geheim gehalten."
        )
    rows = [
        Bar(site.name, lost_hours(site.cases), hours(lost_hours(site.cases)))
        for site in ordered[:_SITES_IN_CHART]
        if site.key not in report.withheld and lost_hours(site.cases) > 0
    ]
    if len(rows) > 1:
        paper.heading("Verlorene Ladezeit nach Station", needs=12 + 6 * len(rows))
        charts.bars(paper, rows)


def _site_row(site: SiteFigures, report: Report) -> Sequence[str]:
    if site.key in report.withheld:
        return site.name, site.district or UNKNOWN, number(site.bays.bays), WITHHELD, WITHHELD, WITHHELD
    return (
        site.name,
        site.district or UNKNOWN,
        number(site.bays.bays),
        number(site.cases.cases),
        hours(lost_hours(site.cases)),
        percent(availability(site.bays), 1),
    )


def _how_it_ended(paper: Paper, report: Report) -> None:
    cases = report.cases
    ends = sorted(cases.ends.items(), key=lambda pair: (-pair[1], pair[0]))
    paper.heading("Wie Fälle endeten", needs=12 + 6 * min(8, len(ends)))
    if not ends:
        paper.paragraph("Es gab keine Fälle.")
    charts.bars(
        paper,
        [Bar(end_word(end), count, f"{number(count)} ({percent(count / cases.cases)})") for end, count in ends],
        color=SLATE,
    )
    paper.heading("Reaktion", needs=30)
    columns = (
        Column("", 70),
        Column("Fälle", 20, right=True),
        Column("Median", 30, right=True),
        Column("neun von zehn bis", 34, right=True),
    )
    rows = [
        (label, number(one.cases), minutes(one.median), minutes(one.most))
        for label, one in (
            ("von der Meldung bis zur Übernahme", reaction(cases.taken)),
            ("von der Meldung bis zum Eintreffen", reaction(cases.arrived)),
            ("von der Meldung bis zum Ende von selbst", reaction(cases.cleared)),
        )
    ]
    paper.grid(columns, rows)
    paper.caption("Nur Fälle, die gemeldet wurden, als sie geschahen. Auswertungen nach Personen gibt es nicht.")


def _how_sure(paper: Paper, report: Report) -> None:
    found = precisions(report.cases)
    if found and not report.public:
        names = report.sensors
        paper.heading("Treffgenauigkeit der Sensoren", needs=20 + 6 * min(len(found), 8))
        rows = [
            Range(
                names.get(one.sensor, one.sensor),
                one.bounds.low,
                one.share,
                one.bounds.high,
                f"{percent(one.share)} von {number(one.confirmed + one.false)}",
            )
            for one in found
        ]
        paper.caption(
            "Bestätigt / (bestätigt + Fehlalarm), wo jemand nachgesehen hat; der Balken ist der Bereich, in dem der "
            "wahre Wert mit 95 % liegt (Clopper-Pearson). Zuerst die Sensoren, die am sichersten Pflege brauchen."
        )
        charts.ranges(paper, rows)
    paper.heading("Datenlage", needs=40)
    bays = report.bays
    watched, wanted = sum(bays.watched), bays.bays * _hours_so_far(report)
    paper.grid(
        (Column("", 90), Column("Anteil", 30, right=True), Column("Umfang", 44, right=True)),
        [
            ("Zeit, in der der Zustand der Plätze bekannt war", percent(share(watched, wanted), 1), hours(watched)),
            ("davon mit bekanntem Zustand der Ladepunkte", percent(share(bays.judged, watched), 1), hours(bays.judged)),
            ("zugestellte Funkmeldungen, Platz frei", percent(delivery(bays.free), 1), _sent(bays.free)),
            ("zugestellte Funkmeldungen, Platz belegt", percent(delivery(bays.covered), 1), _sent(bays.covered)),
            ("vom System zurückgezogene Fälle", "", number(report.cases.withdrawn)),
        ],
    )
    paper.caption("Ein Fahrzeug über dem Sensor dämpft den Funk; deshalb steht die Zustellung je Zustand da.")


def _notes(paper: Paper, report: Report) -> None:
    paper.heading("So wird gezählt", needs=50)
    for text in method(report):
        paper.paragraph(text, size=9)
    paper.heading("Quellen", needs=20)
    for text in sources(report):
        paper.paragraph(text, size=9)
    paper.caption(f"Erstellt am {moment(report.made_at, report.zone)} mit Stadtfunk.")


def _codes(cases: CaseFigures) -> list[Code]:
    """The three of the inbox, and the fourth where somebody counts it."""
    return [code for code in Code if code is not Code.V4_IDLE_PLUGGED or cases.codes.get(code)]


def _looked(cases: CaseFigures) -> tuple[int, int]:
    records = cases.records.values()
    return sum(one.confirmed for one in records), sum(one.false for one in records)


def _sent(frames: Frames) -> str:
    whole = frames.received + frames.missing
    return f"{number(frames.received)} von {number(whole)}" if whole else UNKNOWN


def _hours_so_far(report: Report) -> float:
    start = report.month.span(report.zone).start
    return max(0.0, (report.until - start).total_seconds() / 3600)
