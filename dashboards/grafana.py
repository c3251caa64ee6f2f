"""A dashboard as Grafana's file: places in the grid, ids, links, annotations, through the foundation SDK's models."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as sdk

from dashboards import looks
from dashboards.panels import Dashboard, Panel, Row
from dashboards.queries import POSTGRES_TYPE, POSTGRES_UID, PROMETHEUS_TYPE, PROMETHEUS_UID, SqlQuery
from dashboards.words import ALERT_CODES, said
from storage.buckets import ZONE

_COLUMNS: Final = 24
_TAG: Final = "stadtfunk"


def text(dashboard: Dashboard, titles: Mapping[str, str]) -> str:
    """The file's text; `titles` are those of all dashboards by uid."""
    document = json.loads(json.dumps(model(dashboard, titles), cls=JSONEncoder))
    _add_alerts(document, dashboard)
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def model(dashboard: Dashboard, titles: Mapping[str, str]) -> sdk.Dashboard:
    """The dashboard in the SDK's models."""
    return sdk.Dashboard(
        uid=dashboard.uid,
        title=dashboard.title,
        description=dashboard.description,
        tags=list(dashboard.tags),
        timezone=ZONE,
        editable=False,
        graph_tooltip=sdk.DashboardCursorSync.CROSSHAIR,
        time=sdk.DashboardDashboardTime(from_val=dashboard.since, to="now"),
        week_start="monday",
        refresh=dashboard.refresh,
        panels=list(_placed(dashboard.rows)),
        templating=sdk.DashboardDashboardTemplating(list_val=[v.model() for v in dashboard.variables]),
        annotations=sdk.AnnotationContainer(list_val=[_alerts()]),
        links=list(_links(dashboard.links, titles)),
    )


def _placed(rows: Iterable[Row]) -> Iterator[sdk.Panel | sdk.RowPanel]:
    top, next_id = 0, 1
    for row in rows:
        heading = sdk.RowPanel(
            id_val=next_id, title=row.title, collapsed=row.collapsed, grid_pos=sdk.GridPos(h=1, w=_COLUMNS, x=0, y=top)
        )
        panels, top = _flow(row.panels, top + 1, next_id + 1)
        next_id += 1 + len(panels)
        yield heading
        if row.collapsed:
            heading.panels = panels
        else:
            yield from panels


def _flow(panels: Sequence[Panel], top: int, first_id: int) -> tuple[list[sdk.Panel], int]:
    """The panels of one row side by side, wrapped; and where the next row begins."""
    placed = []
    left = line = 0
    for number, panel in enumerate(panels):
        if left + panel.width > _COLUMNS:
            top, left, line = top + line, 0, 0
        placed.append(_panel(panel, first_id + number, sdk.GridPos(h=panel.height, w=panel.width, x=left, y=top)))
        left, line = left + panel.width, max(line, panel.height)
    return placed, top + line


def _panel(panel: Panel, number: int, place: sdk.GridPos) -> sdk.Panel:
    of_database = isinstance(panel.queries[0], SqlQuery)
    return sdk.Panel(
        type_val=panel.view.value,
        id_val=number,
        title=panel.title,
        description=panel.description,
        grid_pos=place,
        datasource=sdk.DataSourceRef(
            type_val=POSTGRES_TYPE if of_database else PROMETHEUS_TYPE,
            uid=POSTGRES_UID if of_database else PROMETHEUS_UID,
        ),
        interval=panel.interval or None,
        targets=[query.target(chr(ord("A") + index)) for index, query in enumerate(panel.queries)],
        options=looks.options(panel.view, panel.look),
        field_config=sdk.FieldConfigSource(defaults=_defaults(panel), overrides=list(_overrides(panel))),
    )


def _defaults(panel: Panel) -> sdk.FieldConfig:
    look = panel.look
    by_value = bool(look.thresholds) and panel.view is not looks.View.TIMESERIES
    colour = sdk.FieldColorModeId.THRESHOLDS if by_value else sdk.FieldColorModeId.PALETTE_CLASSIC
    return sdk.FieldConfig(
        unit=panel.unit,
        decimals=look.decimals,
        min_val=look.low,
        max_val=look.high,
        no_value=panel.empty,
        mappings=list(looks.mappings(look)),
        thresholds=sdk.ThresholdsConfig(mode=sdk.ThresholdsMode.ABSOLUTE, steps=looks.thresholds(look)),
        color=sdk.FieldColor(mode=colour),
        custom=looks.custom_fields(panel.view, look),
    )


def _overrides(panel: Panel) -> Iterator[sdk.DashboardFieldConfigSourceOverrides]:
    """What single columns have for themselves."""
    look = panel.look
    of_column: dict[str, list[sdk.DynamicConfigValue]] = {}
    for wanted, name_of, value_of in _COLUMN_PROPERTIES:
        for column, value in wanted(look).items():
            property_of = sdk.DynamicConfigValue(id_val=name_of, value=value_of(value))
            of_column.setdefault(column, []).append(property_of)
    for column, properties in of_column.items():
        matcher = sdk.MatcherConfig(id_val="byName", options=column)
        yield sdk.DashboardFieldConfigSourceOverrides(matcher=matcher, properties=properties)


_COLUMN_PROPERTIES: Final[Sequence[tuple[Callable[[looks.Look], Mapping[str, Any]], str, Callable[[Any], object]]]] = (
    (lambda look: look.column_titles, "displayName", lambda title: title),
    (lambda look: look.column_units, "unit", lambda unit: unit),
    (lambda look: look.column_links, "links", lambda link: [{"title": link[0], "url": link[1]}]),
    (lambda look: look.column_colours, "color", lambda colour: {"mode": "fixed", "fixedColor": colour}),
    (lambda look: dict.fromkeys(look.coloured), "custom.cellOptions", lambda _: {"type": "color-background"}),
    (lambda look: dict.fromkeys(look.hidden), "custom.hidden", lambda _: True),
)


def _links(uids: Iterable[str], titles: Mapping[str, str]) -> Iterator[sdk.DashboardLink]:
    for uid in uids:
        yield sdk.DashboardLink(
            type_val=sdk.DashboardLinkType.LINK,
            title=titles.get(uid, uid),
            icon="dashboard",
            url=f"/d/{uid}",
            keep_time=True,
            include_vars=False,
        )
    yield sdk.DashboardLink(
        type_val=sdk.DashboardLinkType.DASHBOARDS,
        title="Alle Dashboards",
        icon="external link",
        tags=[_TAG],
        as_dropdown=True,
        keep_time=True,
    )


def _alerts() -> sdk.AnnotationQuery:
    return sdk.AnnotationQuery(
        name="Meldungen",
        datasource=sdk.DataSourceRef(type_val=POSTGRES_TYPE, uid=POSTGRES_UID),
        enable=True,
        icon_color=looks.RED,
        target=sdk.AnnotationTarget(limit=100),
    )


def _add_alerts(document: dict[str, object], dashboard: Dashboard) -> None:
    """Put the alerts' query into its annotation: the SDK's models know the target of a built-in annotation only."""
    annotations = document["annotations"]
    assert isinstance(annotations, dict)
    for annotation in annotations["list"]:
        annotation["target"] |= {
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": alerts_query(dashboard.alerts_about),
            "refId": "Anno",
        }


def alerts_query(kinds: Sequence[str]) -> str:
    """The newest alerts of the range about assets of these kinds, or all, as Grafana reads annotations."""
    about = f"AND asset_kind IN ({', '.join(repr(kind) for kind in kinds)})\n" if kinds else ""
    return (
        f"SELECT time, timeend, {said('code', ALERT_CODES)} || ': ' || place AS text, severity || ',' || rule AS tags\n"
        "FROM stadtfunk.v_alert_annotation\n"
        f"WHERE time <= $__timeTo() AND timeend >= $__timeFrom()\n{about}"
        "ORDER BY time DESC LIMIT 500"
    )
