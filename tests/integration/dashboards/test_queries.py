"""Every query of every checked-in dashboard, run as Grafana runs it, on both databases with the same city in them."""

import json
from collections.abc import Iterable, Mapping

import psycopg
import pytest

from dashboards.collection import collected
from dashboards.expansion import Choice, Range
from dashboards.grafana import text
from dashboards.kinds import of_kind
from dashboards.queries import SqlQuery
from tests.integration.dashboards.conftest import City
from tests.support.panels import Answer, Target, ask, documents, misfits, other_targets, sql_targets
from tests.unit.dashboards.made_up import RiverGauge

DOCUMENTS = documents()
AGAIN = " again"


def built_queries() -> dict[tuple[str, str, str], SqlQuery]:
    """What the generator says of each target: by dashboard, panel and reference."""
    return {
        (board.uid, panel.title, chr(ord("A") + index)): query
        for board in collected()
        for row in board.rows
        for panel in row.panels
        for index, query in enumerate(panel.queries)
        if isinstance(query, SqlQuery)
    }


BUILT = built_queries()


def promised(target: Target) -> SqlQuery:
    return BUILT[target.dashboard, target.panel, target.ref_id]


def answers(city: City, targets: Iterable[Target], spans: Mapping[str, Range]) -> dict[tuple[str, str], Answer | str]:
    """What came back by place and range; the database's words where it refused."""
    found: dict[tuple[str, str], Answer | str] = {}
    with city.session() as session:
        for target in targets:
            for name, span in spans.items():
                try:
                    found[target.place, name] = ask(session, target.expanded(span))
                except psycopg.Error as error:
                    found[target.place, name] = f"{type(error).__name__}: {error}"
    return found


def refused(found: Mapping[tuple[str, str], Answer | str]) -> dict[tuple[str, str], str]:
    return {place: answer for place, answer in found.items() if isinstance(answer, str)}


Told = dict[str, dict[tuple[str, str], Answer]]
"""Answers by dashboard, then by place and range."""


@pytest.fixture(scope="module")
def told(cities: Mapping[str, City], spans: Mapping[str, Range]) -> dict[str, Told]:
    """The answers of both databases, and of the first one once more, which tells what moves with the clock."""
    rounds = {name: cities[name.removesuffix(AGAIN)] for name in ("postgresql", "timescaledb", f"postgresql{AGAIN}")}
    return {
        name: {uid: answers(city, sql_targets(document), spans) for uid, document in DOCUMENTS.items()}
        for name, city in rounds.items()
    }


@pytest.mark.parametrize("database", ["postgresql", "timescaledb"])
@pytest.mark.parametrize("uid", DOCUMENTS)
def test_every_panel_gets_rows_of_the_columns_that_it_expects(uid, database, told) -> None:
    found = told[database][uid]
    assert not refused(found)
    problems = {}
    for target in sql_targets(DOCUMENTS[uid]):
        expected = promised(target)
        for (place, span), answer in found.items():
            if place != target.place:
                continue
            wrong = misfits(answer, expected.columns, as_series=target.as_series)
            if not answer.rows and not expected.empty_is_normal:
                wrong.append("no rows")
            if wrong:
                problems[place, span] = wrong
    assert not problems


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_every_panel_has_something_to_show_in_one_of_the_ranges(uid, told) -> None:
    found = told["postgresql"][uid]
    empty = {
        target.place
        for target in sql_targets(DOCUMENTS[uid])
        if not any(answer.rows for (place, _), answer in found.items() if place == target.place)
    }
    assert not empty


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_both_databases_answer_the_same(uid, told) -> None:
    """The second database is asked between the two answers of the first: what begins meanwhile, as an hour does, is
    in one of them."""
    plain, timescale, again = (told[name][uid] for name in ("postgresql", "timescaledb", f"postgresql{AGAIN}"))
    assert not refused(plain) | refused(timescale) | refused(again)
    moving = {place for place, answer in plain.items() if not answer.like(again[place], moving=False)}
    alike = {target.place for target in sql_targets(DOCUMENTS[uid]) if not promised(target).of_server}
    different = [
        place
        for place in plain
        if place[0] in alike
        and not any(first[place].like(timescale[place], moving=place in moving) for first in (plain, again))
    ]
    assert not different


@pytest.mark.parametrize("database", ["postgresql", "timescaledb"])
def test_variables_offer_values_and_alerts_are_drawn_into_graphs(database, cities, spans) -> None:
    targets = [target for document in DOCUMENTS.values() for target in other_targets(document)]
    found = answers(cities[database], targets, {"30d": spans["30d"]})
    assert not refused(found)
    assert not [place for (place, _), answer in found.items() if not answer.rows]
    for target in targets:
        answer = found[target.place, "30d"]
        if target.panel.startswith("$"):
            assert answer.columns in {("__text", "__value"), ("district",)}
        else:
            assert answer.columns == ("time", "timeend", "text", "tags")


def test_a_choice_narrows_what_is_shown(cities, spans) -> None:
    """One device and one district: each panel answers, with no more rows than for all."""
    city, span = cities["postgresql"], {"5d": spans["5d"]}
    document = DOCUMENTS["stadtfunk-kind-tree-moisture"]
    choices = {"district": Choice(("Altstadt", "Neustadt")), "device": Choice(("nobody", "O'Hara"))}
    targets = list(sql_targets(document))
    narrowed = [Target(**{**vars(target), "choices": choices}) for target in targets]
    found = answers(city, narrowed, span)
    assert not refused(found)
    every = answers(city, targets, span)
    assert sum(len(answer.rows) for answer in found.values()) < sum(len(answer.rows) for answer in every.values())


def test_a_city_on_its_first_day_sees_empty_panels_and_no_errors(empty_city, spans) -> None:
    targets = [
        target for document in DOCUMENTS.values() for target in (*sql_targets(document), *other_targets(document))
    ]
    assert not refused(answers(empty_city, targets, {"6h": spans["6h"], "30d": spans["30d"]}))


@pytest.mark.parametrize("database", ["postgresql", "timescaledb"])
def test_a_kind_that_an_engineer_adds_has_its_dashboard_without_an_edit(database, cities, spans) -> None:
    board = of_kind(RiverGauge)
    document = json.loads(text(board, {}))
    found = answers(cities[database], [*sql_targets(document), *other_targets(document)], spans)
    assert not refused(found)
    silent = {place for (place, _), answer in found.items() if not answer.rows and "Meldungen" not in place}
    assert not silent


def test_grafana_sees_nothing_else(cities) -> None:
    """The role reads views only; a household's table, and the tables below the views, are closed to it."""
    for city in cities.values():
        with city.session() as session:
            for relation in ("heat_meter", "v_heat_meter", "device", "alert", "uplink", "asset", "household_device"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    ask(session, f"SELECT * FROM stadtfunk.{relation} LIMIT 1")


def test_no_alert_names_a_customers_device(cities) -> None:
    """The demo's silent meter is counted for its district, and is nobody in particular."""
    for city in cities.values():
        with city.session() as session:
            rows = ask(session, "SELECT subject, asset_key, asset_name, latitude, district FROM stadtfunk.v_alert").rows
        hidden = [row for row in rows if row[0] == ""]
        assert hidden
        assert all(row[1] is row[2] is row[3] is None for row in hidden)
        meters = city.store.execute(
            "SELECT d.dev_eui FROM device AS d JOIN asset_device AS b ON b.device_id = d.id"
            " JOIN asset AS a ON a.id = b.asset_id WHERE a.kind = 'meter'"
        )
        assert {row["dev_eui"] for row in meters}.isdisjoint(row[0] for row in rows)
