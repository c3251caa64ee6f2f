"""The PDF read back: its words, numbers, pages, and what must not be in it."""

import io

import pytest
from pypdf import PdfReader

from alerts.report.charts import nice_step
from alerts.report.content import Report
from alerts.report.pdf import report_pdf
from alerts.report.settings import ReportSettings
from alerts.report.words import hours, number, percent
from alerts.statistics.calendar import CELLS
from alerts.statistics.figures import BayFigures, CaseFigures, SiteFigures
from alerts.statistics.loading import Asking, MonthFigures
from alerts.statistics.measures import availability, lost_hours, precisions
from tests.unit.statistics.month import BERLIN, MADE, OCTOBER, STATIONS, Months, months


def reader(report: Report) -> PdfReader:
    return PdfReader(io.BytesIO(report_pdf(report)))


def words(report: Report) -> str:
    return "\n".join(page.extract_text() for page in reader(report).pages)


@pytest.fixture(scope="module")
def internal() -> Report:
    return months(ReportSettings(authority="Stadt Mainz, Straßenverkehrsbehörde")).report(MADE)


def test_the_first_page_says_what_matters(internal: Report) -> None:
    first = reader(internal).pages[0].extract_text()
    for expected in (
        "Oktober 2026",
        "Ladeplätze: belegt ohne Ladevorgang",
        "Stadt Mainz, Straßenverkehrsbehörde",
        "149 Verdachtsfälle",
        hours(lost_hours(internal.cases)),
        percent(availability(internal.bays), 1),
        "Fälle je Tag",
    ):
        assert expected in first


def test_every_station_stands_in_it_with_its_numbers(internal: Report) -> None:
    text = words(internal)
    for site in internal.sites:
        assert site.name in text
        assert hours(lost_hours(site.cases)) in text


def test_pages_are_numbered_and_carry_the_title(internal: Report) -> None:
    pages = reader(internal).pages
    assert len(pages) >= 3
    for place, page in enumerate(pages, start=1):
        assert f"Seite {place} von {len(pages)}" in page.extract_text()
    assert all("Ladeplätze: belegt ohne Ladevorgang – Oktober 2026" in page.extract_text() for page in pages[1:])


def test_method_and_sources_are_told(internal: Report) -> None:
    text = words(internal)
    for expected in ("So wird gezählt", "Clopper-Pearson", "Gamma-Verteilung", "Quellen", "OCPI", "LoRaWAN"):
        assert expected in text


def test_precision_stands_beside_the_names_of_the_bays(internal: Report) -> None:
    text = words(internal)
    for one in precisions(internal.cases):
        assert f"{percent(one.share)} von {number(one.confirmed + one.false)}" in text
    assert "Hindenburgplatz 4, Platz 1" in text


def test_the_public_version_tells_less() -> None:
    report = months().report(MADE, public=True)
    text = words(report)
    assert "öffentliche Fassung" in text
    assert "Geheimhaltung" in text
    assert "Streife" not in text
    assert "Treffgenauigkeit der Sensoren" not in text
    secret = [name for key, name, *_ in STATIONS if key in report.withheld]
    assert len(secret) == 2
    for name in secret:
        [line] = [line for line in text.splitlines() if line.startswith(name)]
        assert "h" not in line.removeprefix(name).replace("Bretzenheim", "").replace("Weisenau", "")


def test_a_public_version_of_very_few_cases_says_only_that() -> None:
    few = MonthFigures(OCTOBER, months().months[-1].sites[6:], OCTOBER.span(BERLIN).end)
    text = words(Months([few], Asking(BERLIN)).report(MADE, public=True))
    assert "zu wenige Fälle" in text
    assert "Stationen" not in text.replace("Stationen unter", "")


def test_an_empty_month_is_a_report_too() -> None:
    empty = Months([MonthFigures(OCTOBER, (), OCTOBER.span(BERLIN).end)], Asking(BERLIN)).report(MADE)
    text = words(empty)
    assert "kein Verdachtsfall" in text
    assert "Es wurde nichts beobachtet." in text


def test_a_running_month_says_that_it_is_not_over() -> None:
    half = MonthFigures(OCTOBER, months().months[-1].sites, MADE.replace(month=10, day=15))
    assert "Vorläufig" in words(Months([half], Asking(BERLIN)).report(MADE))


def test_a_month_of_kept_sums_says_so() -> None:
    assert "Aufbewahrung" in words(months(kept=True).report(MADE))


def test_a_verdict_is_never_spoken(internal: Report) -> None:
    text = words(internal)
    assert "Falschpark" not in text
    assert "Verbrenner" not in text


def test_strange_names_break_nothing() -> None:
    names = ("Łódzka “A” – ①", "Straße mit einem Namen, der auf keine Zeile einer Tabelle passt, " * 3, "**fett**", "")
    hits = tuple([3.0] * CELLS)
    sites = tuple(
        SiteFigures(
            f"S{n}", name, "Ä", CaseFigures(cases=5, codes={"V9": 5}, ends={"NEU": 5}, hits=hits), BayFigures(bays=1)
        )
        for n, name in enumerate(names)
    )
    text = words(Months([MonthFigures(OCTOBER, sites, OCTOBER.span(BERLIN).end)], Asking(BERLIN)).report(MADE))
    assert "Łódzka" in text
    assert "…" in text
    assert "NEU" in text


def test_many_stations_go_over_pages_with_their_titles() -> None:
    sites = tuple(SiteFigures(f"S{n:03}", f"Station {n:03}", "", CaseFigures(cases=n)) for n in range(150))
    pages = reader(Months([MonthFigures(OCTOBER, sites, OCTOBER.span(BERLIN).end)], Asking(BERLIN)).report(MADE)).pages
    listed = [text for text in (page.extract_text() for page in pages) if text.count("\nStation ") > 5]
    assert len(listed) > 3
    assert all("Verfügbarkeit" in text for text in listed)
    assert {f"Station {n:03}" for n in range(150)} <= set("\n".join(listed).replace(" –", "\n").split("\n"))


def test_the_document_names_itself(internal: Report) -> None:
    found = reader(internal)
    assert found.metadata is not None
    assert found.metadata.title == "Ladeplätze: belegt ohne Ladevorgang – Oktober 2026"
    assert found.metadata.author == "Stadt Mainz, Straßenverkehrsbehörde"
    assert found.trailer["/Root"]["/Lang"] == "de-DE"


@pytest.mark.parametrize(("most", "step"), [(0, 1), (3, 1), (4, 1), (5, 2), (10, 5), (21, 10), (70, 20), (900, 500)])
def test_axes_have_round_steps(most: int, step: int) -> None:
    assert nice_step(most) == step


def tags(report: Report) -> list[tuple[str, str]]:
    """Kind and spoken text of every piece, in reading order."""
    root = reader(report).trailer["/Root"]
    [document] = root["/StructTreeRoot"]["/K"]
    kids = [kid.get_object() for kid in document.get_object()["/K"]]
    return [(kid["/S"], kid.get("/Alt", "")) for kid in kids]


def test_it_says_its_language_and_title_and_has_bookmarks(internal: Report) -> None:
    found = reader(internal)
    root = found.trailer["/Root"]
    assert root["/Lang"] == "de-DE"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert "Oktober 2026" in found.metadata["/Title"]
    assert [one["/Title"] for one in found.outline][:2] == ["Fälle je Tag", "Gründe"]


def test_charts_and_rows_can_be_read_aloud(internal: Report) -> None:
    found = tags(internal)
    assert [kind for kind, _ in found].count("/H1") == 1
    assert all(spoken for kind, spoken in found if kind == "/Figure")
    spoken = [text for _, text in found]
    assert any(text.startswith("Säulendiagramm, Fälle je Tag: 1.:") for text in spoken)
    assert any(text.startswith("Wärmekarte") and "Mo: " in text for text in spoken)
    site = internal.sites[0]
    assert any(f"Station: {site.name}; Bezirk: {site.district}; Plätze: " in text for text in spoken)


def test_no_text_is_left_out_of_the_order_of_reading(internal: Report) -> None:
    """Whoever listens gets what is tagged, and nothing else."""
    for page in reader(internal).pages:
        depth, texts = 0, 0
        for line in page.get_contents().get_data().decode("latin-1").splitlines():
            depth += line.endswith((" BDC", " BMC")) - (line == "EMC")
            assert depth in (0, 1)
            if " Tj" in line or "] TJ" in line:
                texts += 1
                assert depth == 1, line[:80]
        assert texts > 5
