"""The table read back as a German Excel reads it."""

import csv
import io
from dataclasses import replace

import pytest

from alerts.report.content import Report
from alerts.report.table import FEATURES, HEADER, code_table, report_table
from alerts.statistics.figures import CaseFigures, SiteFigures
from alerts.statistics.loading import Asking, MonthFigures
from alerts.statistics.measures import availability
from tests.unit.statistics.month import BERLIN, MADE, OCTOBER, STATIONS, Months, months


def read(table: str) -> list[dict[str, str]]:
    assert table.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"), newline=""), delimiter=";"))


def values(rows: list[dict[str, str]], **wanted: str) -> list[str]:
    return [row["Wert"] for row in rows if all(row[name] == value for name, value in wanted.items())]


@pytest.fixture(scope="module")
def internal() -> Report:
    return months().report(MADE)


@pytest.fixture(scope="module")
def public() -> Report:
    return months().report(MADE, public=True)


def test_it_is_what_excel_expects(internal: Report) -> None:
    table = report_table(internal)
    first, second, *_ = table.split("\r\n")
    assert first == "\ufeff" + ";".join(HEADER)
    assert second.startswith("2026-10;1;GESAMT;alle Stationen;;FAELLE;;149;Fälle;")
    assert table.endswith("\r\n")
    assert "\n" not in table.replace("\r\n", "")


def test_every_station_is_in_it(internal: Report) -> None:
    rows = read(report_table(internal))
    for key, name, district, bays, count in STATIONS:
        assert values(rows, Schluessel=key, Merkmal="FAELLE", Ebene="2") == [str(count)]
        assert values(rows, Name=name, Bezirk=district, Merkmal="PLAETZE") == [str(bays)]


def test_decimal_comma_and_point(internal: Report) -> None:
    [comma] = values(read(report_table(internal)), Ebene="1", Merkmal="VERFUEGBARKEIT")
    [point] = values(read(report_table(internal, decimal="point")), Ebene="1", Merkmal="VERFUEGBARKEIT")
    assert comma == f"{availability(internal.bays):.4f}".replace(".", ",")
    assert point == comma.replace(",", ".")


def test_the_heat_map_has_its_168_cells_with_their_days(internal: Report) -> None:
    rows = read(report_table(internal))
    hits = values(rows, Ebene="1", Merkmal="FAELLE_STUNDE")
    assert (len(hits), sum(map(int, hits))) == (168, round(sum(internal.cases.hits)))
    [sunday_2] = values(rows, Ebene="1", Merkmal="TAGE_STUNDE", Auspraegung="7-02")
    [thursday_0] = values(rows, Ebene="1", Merkmal="TAGE_STUNDE", Auspraegung="4-00")
    assert (sunday_2, thursday_0) == ("4", "5")


def test_small_numbers_are_secret_in_the_public_table(public: Report) -> None:
    rows = read(report_table(public))
    assert values(rows, Schluessel="S07", Merkmal="FAELLE") == ["."]
    assert values(rows, Schluessel="S07", Merkmal="VERLORENE_LADEZEIT") == ["."]
    assert [row["Hinweis"] for row in rows if row["Schluessel"] == "S07" and row["Merkmal"] == "FAELLE"] == ["geheim"]
    assert values(rows, Schluessel="S07", Merkmal="PLAETZE") == ["4"]
    assert values(rows, Schluessel="S06", Merkmal="FAELLE") == ["4"]


def test_the_public_table_has_no_sensors_and_no_hours_of_a_station(public: Report) -> None:
    rows = read(report_table(public))
    assert values(rows, Ebene="3") == []
    assert {row["Merkmal"] for row in rows if row["Ebene"] == "2"} == {
        "PLAETZE", "FAELLE", "FAELLE_GEMELDET", "VERLORENE_LADEZEIT", "BELEGT_OHNE_LADEN", "VERFUEGBARKEIT",
    }  # fmt: skip


def test_sensors_carry_their_bounds(internal: Report) -> None:
    rows = read(report_table(internal))
    sensors = {row["Schluessel"] for row in rows if row["Ebene"] == "3"}
    assert sensors == set(internal.cases.records)
    for sensor in sensors:
        low, share, high = (
            float(values(rows, Schluessel=sensor, Merkmal=name)[0].replace(",", "."))
            for name in ("TREFFGENAUIGKEIT_VON", "TREFFGENAUIGKEIT", "TREFFGENAUIGKEIT_BIS")
        )
        assert low <= share <= high


def test_no_spreadsheet_runs_a_name_as_a_formula() -> None:
    evil = SiteFigures("=1+1", "@SUM(A1)", "-2", CaseFigures(cases=3))
    figures = MonthFigures(OCTOBER, (evil,), OCTOBER.span(BERLIN).end)
    rows = read(report_table(Months([figures], Asking(BERLIN)).report(MADE)))
    assert {(row["Schluessel"], row["Name"], row["Bezirk"]) for row in rows if row["Ebene"] == "2"} == {
        ("'=1+1", "'@SUM(A1)", "'-2")
    }


def test_unknown_is_empty_and_not_zero() -> None:
    figures = MonthFigures(OCTOBER, (SiteFigures("S", "S", ""),), OCTOBER.span(BERLIN).end)
    rows = read(report_table(Months([figures], Asking(BERLIN)).report(MADE)))
    assert values(rows, Ebene="2", Merkmal="VERFUEGBARKEIT") == [""]
    assert values(rows, Ebene="2", Merkmal="FAELLE") == ["0"]


def test_every_code_of_the_table_is_explained(internal: Report) -> None:
    rows = read(report_table(internal))
    codes = list(csv.reader(io.StringIO(code_table().removeprefix("\ufeff"), newline=""), delimiter=";"))
    known = {(name, code) for name, code, *_ in codes}
    assert {("MERKMAL", row["Merkmal"]) for row in rows} <= known
    assert {("EBENE", row["Ebene"]) for row in rows} <= known
    assert {("GRUND", row["Auspraegung"]) for row in rows if row["Merkmal"] == "FAELLE_GRUND"} <= known
    assert {("ENDE", row["Auspraegung"]) for row in rows if row["Merkmal"] == "FAELLE_ENDE"} <= known
    assert {("STUNDE", row["Auspraegung"]) for row in rows if row["Merkmal"].endswith("_STUNDE")} <= known
    assert all(feature.meaning for feature in FEATURES.values())


def test_a_thin_public_month_has_no_sum(public: Report) -> None:
    thin = replace(public, cases=CaseFigures(cases=2), withheld=frozenset(site.key for site in public.sites))
    rows = read(report_table(thin))
    assert values(rows, Ebene="1") == []
    assert set(values(rows, Ebene="2", Merkmal="FAELLE")) == {"."}
