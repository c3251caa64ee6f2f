"""A kind that is new has its dashboard without an edit: every quantity of it, with unit, words and fitting panel."""

import re

from dashboards.kinds import of_kind
from dashboards.looks import View
from dashboards.panels import Dashboard, Panel
from dashboards.queries import SqlQuery
from decoders.quantities import Nature
from decoders.readings import KINDS, HeatMeter, quantities
from decoders.uplink import Privacy
from tests.unit.dashboards.made_up import RiverGauge


def panels(dashboard: Dashboard) -> dict[str, Panel]:
    return {panel.title: panel for row in dashboard.rows for panel in row.panels}


def texts(dashboard: Dashboard) -> list[str]:
    return [
        query.text for panel in panels(dashboard).values() for query in panel.queries if isinstance(query, SqlQuery)
    ]


def test_each_nature_has_its_panel() -> None:
    found = panels(of_kind(RiverGauge))
    assert (found["Wasserstand"].view, found["Wasserstand"].unit) == (View.TIMESERIES, "suffix: m")
    assert (found["Regen"].view, found["Regen"].look.bars, found["Regen"].unit) == (View.TIMESERIES, True, "suffix: mm")
    assert found["Wehr offen"].look.stacked
    assert found["Wehr offen je Gerät"].view is View.STATE_TIMELINE
    assert "water level above the gauge's zero" in found["Wasserstand"].description
    assert list(found["Letzte Messwerte"].look.column_titles.values())[3:] == [
        "Wasserstand", "Regen", "Wehr offen", "Tendenz",
    ]  # fmt: skip


def test_short_ranges_read_readings_and_long_ones_rollups() -> None:
    [query] = panels(of_kind(RiverGauge))["Wasserstand"].queries
    assert isinstance(query, SqlQuery)
    for relation in ("public_river_gauge\n", "public_river_gauge_hourly\n", "public_river_gauge_daily\n"):
        assert relation in query.text


def test_a_household_kind_shows_districts_only() -> None:
    for text in texts(of_kind(HeatMeter)):
        assert re.search(r"stadtfunk\.v_heat_meter_district_(growth_)?daily\b", text)
        assert text.count("stadtfunk.") == 1
    assert all(panels(of_kind(HeatMeter)))


def test_every_measured_quantity_of_every_kind_is_shown() -> None:
    for kind in KINDS:
        found = panels(of_kind(kind)).keys()
        shown = {
            quantity.title
            for quantity in quantities(kind).values()
            if kind.privacy is not Privacy.HOUSEHOLD or quantity.nature is not Nature.STATE
        }
        told = {
            panel.look.column_titles.get(name)
            for panel in panels(of_kind(kind)).values()
            for name in panel.look.column_titles
        }
        assert shown <= found | told
