"""How a panel looks: one frozen record, and from it what each kind of panel wants to be told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from grafana_foundation_sdk.models import (
    barchart,
    bargauge,
    common,
    gauge,
    geomap,
    heatmap,
    piechart,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models.dashboard import Threshold, ValueMap, ValueMappingResult

BLUE: Final = "blue"
GREEN: Final = "green"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
GREY: Final = "#808080"


class View(StrEnum):
    """The kind of a panel, as Grafana names it."""

    TIMESERIES = "timeseries"
    STAT = "stat"
    TABLE = "table"
    GEOMAP = "geomap"
    STATE_TIMELINE = "state-timeline"
    BARCHART = "barchart"
    BARGAUGE = "bargauge"
    HEATMAP = "heatmap"
    GAUGE = "gauge"
    PIECHART = "piechart"


@dataclass(frozen=True, slots=True)
class Look:
    """What can be said of a panel's look; each kind takes what it knows.

    Attributes:
        thresholds: (from this value on, colour), ascending; the first applies from minus infinity and is None.
        states: value in the data → (text for people, colour).
        low, high: ends of the scale.
        stacked, bars: of time series.
        colour_by: the column that gives a map's points or a bar chart's bars their colour, through its states or
            thresholds.
        size_by: the column (numbers) that gives a map's points their size.
        category: the column of a bar chart's axis.
        each_row: a stat, gauge, bar gauge or pie shows each row of the table, not a summary of a column.
        reduce: how a series becomes a number: `lastNotNull`, `mean`, `max`, `sum`, ….
        column_units: units of columns that are not the panel's.
        column_titles: German titles of columns, where these are seen (tables).
        column_links: column → (title, address) of a link in its cells.
        column_colours: colours of columns that are bars or lines.
        coloured: columns of a table whose cells have the colour of their state or threshold as background.
        hidden: columns that the query needs and nobody wants to see.
        sort_by: a table's column (its title), descending with a leading `-`.
    """

    thresholds: Sequence[tuple[float | None, str]] = ()
    states: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    decimals: int | None = None
    stacked: bool = False
    bars: bool = False
    colour_by: str = ""
    size_by: str = ""
    category: str = ""
    horizontal: bool = False
    each_row: bool = False
    reduce: str = "lastNotNull"
    column_units: Mapping[str, str] = field(default_factory=dict)
    column_titles: Mapping[str, str] = field(default_factory=dict)
    column_links: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    column_colours: Mapping[str, str] = field(default_factory=dict)
    coloured: Sequence[str] = ()
    hidden: Sequence[str] = ()
    sort_by: str = ""


def options(view: View, look: Look) -> object:
    """The panel's own options."""
    return _OPTIONS[view](look)


def custom_fields(view: View, look: Look) -> object | None:
    """What the panel's kind says about every field; None where it has nothing."""
    if view is View.TIMESERIES:
        return _line(look)
    if view is View.STATE_TIMELINE:
        return statetimeline.FieldConfig(line_width=0, fill_opacity=80)
    if view is View.BARCHART:
        return barchart.FieldConfig(line_width=0, fill_opacity=80)
    if view is View.TABLE:
        return common.TableFieldOptions(
            align=common.FieldTextAlignment.AUTO, cell_options=common.TableAutoCellOptions(), filterable=True
        )
    if view is View.PIECHART:
        return common.HideableFieldConfig()
    return heatmap.FieldConfig() if view is View.HEATMAP else None


def mappings(look: Look) -> list[ValueMap]:
    """The states as texts and colours."""
    if not look.states:
        return []
    results = {
        value: ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(look.states.items())
    }
    return [ValueMap(options=results)]


def thresholds(look: Look) -> list[Threshold]:
    """The steps, the first of them without a beginning."""
    return [Threshold(value=value, color=colour) for value, colour in look.thresholds or [(None, GREEN)]]


def _line(look: Look) -> common.GraphFieldConfig:
    style = common.GraphThresholdsStyleMode.DASHED if look.thresholds else common.GraphThresholdsStyleMode.OFF
    return common.GraphFieldConfig(
        draw_style=common.GraphDrawStyle.BARS if look.bars else common.GraphDrawStyle.LINE,
        line_width=1,
        fill_opacity=60 if look.bars else 30 if look.stacked else 5,
        show_points=common.VisibilityMode.AUTO,
        span_nulls=False,
        stacking=common.StackingConfig(mode=common.StackingMode.NORMAL if look.stacked else common.StackingMode.NONE),
        thresholds_style=common.GraphThresholdsStyleConfig(mode=style),
    )


def _legend() -> common.VizLegendOptions:
    return common.VizLegendOptions(
        show_legend=True, display_mode=common.LegendDisplayMode.LIST, placement=common.LegendPlacement.BOTTOM
    )


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions(mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING)


def _reduced(look: Look) -> common.ReduceDataOptions:
    return common.ReduceDataOptions(values=look.each_row, calcs=[look.reduce], fields="", limit=200)


def _timeseries(_: Look) -> object:
    return timeseries.Options(legend=_legend(), tooltip=_tooltip())


def _stat(look: Look) -> object:
    return stat.Options(
        reduce_options=_reduced(look),
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.VALUE,
        justify_mode=common.BigValueJustifyMode.CENTER,
        text_mode=common.BigValueTextMode.AUTO,
        orientation=common.VizOrientation.AUTO,
    )


def _table(look: Look) -> object:
    name = look.sort_by.removeprefix("-")
    order = [common.TableSortByFieldState(display_name=name, desc=look.sort_by.startswith("-"))] if name else []
    return table.Options(cell_height=common.TableCellHeight.SM, sort_by=order)


def _geomap(look: Look) -> object:
    colour = common.ColorDimensionConfig(field=look.colour_by) if look.colour_by else None
    size = (
        common.ScaleDimensionConfig(field=look.size_by, min_val=3, max_val=15)
        if look.size_by
        else common.ScaleDimensionConfig(fixed=5, min_val=2, max_val=15)
    )
    style: dict[str, object] = {
        "color": colour or common.ColorDimensionConfig(fixed=BLUE),
        "opacity": 0.8,
        "size": size,
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
    }
    points = common.MapLayerOptions(
        type_val="markers",
        name="Punkte",
        config={"showLegend": bool(look.colour_by), "style": style},
        location=common.FrameGeometrySource(
            mode=common.FrameGeometrySourceMode.COORDS, latitude="latitude", longitude="longitude"
        ),
        tooltip=True,
    )
    return geomap.Options(
        view=geomap.MapViewConfig(id_val=geomap.MapCenterID.FIT.value, lat=50, lon=8, zoom=12, padding=5),
        basemap=common.MapLayerOptions(type_val="default", name="Karte"),  # the server's setting says whose map it is
        layers=[points],
        controls=geomap.ControlsOptions(show_zoom=True, mouse_wheel_zoom=True, show_attribution=True, show_scale=True),
        tooltip=geomap.TooltipOptions(mode=geomap.TooltipMode.DETAILS),
    )


def _state_timeline(_: Look) -> object:
    return statetimeline.Options(
        show_value=common.VisibilityMode.NEVER,
        row_height=0.85,
        merge_values=True,
        align_value=common.TimelineValueAlignment.LEFT,
        legend=_legend(),
        tooltip=_tooltip(),
        per_page=30,
    )


def _orientation(look: Look) -> common.VizOrientation:
    return common.VizOrientation.HORIZONTAL if look.horizontal else common.VizOrientation.VERTICAL


def _barchart(look: Look) -> object:
    return barchart.Options(
        x_field=look.category or None,
        color_by_field=look.colour_by or None,
        orientation=_orientation(look),
        stacking=common.StackingMode.NORMAL if look.stacked else common.StackingMode.NONE,
        show_value=common.VisibilityMode.AUTO,
        legend=_legend(),
        tooltip=_tooltip(),
    )


def _bargauge(look: Look) -> object:
    return bargauge.Options(
        reduce_options=_reduced(look),
        display_mode=common.BarGaugeDisplayMode.GRADIENT,
        value_mode=common.BarGaugeValueMode.COLOR,
        orientation=_orientation(look),
    )


def _heatmap(_: Look) -> object:
    """Rows are buckets already: the columns beside `time` are their names, the values their counts."""
    return heatmap.Options(
        calculate=False,
        color=heatmap.HeatmapColorOptions(
            mode=heatmap.HeatmapColorMode.SCHEME,
            scheme="Blues",
            fill="dark-blue",
            scale=heatmap.HeatmapColorScale.EXPONENTIAL,
            exponent=0.5,
            steps=64,
        ),
        cell_gap=1,
        y_axis=heatmap.YAxisConfig(axis_placement=common.AxisPlacement.LEFT),
        rows_frame=heatmap.RowsHeatmapOptions(layout=common.HeatmapCellLayout.AUTO),
        legend=heatmap.HeatmapLegend(show=True),
        tooltip=heatmap.HeatmapTooltip(mode=common.TooltipDisplayMode.SINGLE, y_histogram=False),
    )


def _gauge(look: Look) -> object:
    return gauge.Options(reduce_options=_reduced(look), show_threshold_labels=False, show_threshold_markers=True)


def _piechart(look: Look) -> object:
    return piechart.Options(
        pie_type=piechart.PieChartType.DONUT,
        reduce_options=_reduced(look),
        display_labels=[piechart.PieChartLabels.PERCENT],
        legend=piechart.PieChartLegendOptions(
            show_legend=True,
            display_mode=common.LegendDisplayMode.TABLE,
            placement=common.LegendPlacement.RIGHT,
            values=[piechart.PieChartLegendValues.VALUE, piechart.PieChartLegendValues.PERCENT],
        ),
        tooltip=_tooltip(),
    )


_OPTIONS: Final[Mapping[View, Callable[[Look], object]]] = {
    View.TIMESERIES: _timeseries,
    View.STAT: _stat,
    View.TABLE: _table,
    View.GEOMAP: _geomap,
    View.STATE_TIMELINE: _state_timeline,
    View.BARCHART: _barchart,
    View.BARGAUGE: _bargauge,
    View.HEATMAP: _heatmap,
    View.GAUGE: _gauge,
    View.PIECHART: _piechart,
}
