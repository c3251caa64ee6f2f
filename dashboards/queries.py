"""What panels ask: SQL over the database's views, PromQL over the metrics, and how a query follows range and choice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import prometheus
from grafana_foundation_sdk.models.dashboard import DataSourceRef

POSTGRES_TYPE: Final = "grafana-postgresql-datasource"
PROMETHEUS_TYPE: Final = "prometheus"
POSTGRES_UID: Final = "stadtfunk-db"
PROMETHEUS_UID: Final = "stadtfunk-prometheus"

DAY: Final = 86_400
RAW_UNTIL: Final = 2 * DAY
"""Up to this range (seconds) panels read the readings themselves."""
HOURLY_UNTIL: Final = 8 * DAY
"""Up to this range panels read hourly rollups, beyond it daily ones."""


class ColumnType(StrEnum):
    """What a panel expects of a column of its query's result."""

    TIME = "time"
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """A query of the database, as role stadtfunk_grafana.

    Attributes:
        text: SQL with Grafana's macros and variables.
        columns: what comes back, in this order.
        series: Grafana shall make series of it: `time` first, ascending, then maybe `metric`, then numbers.
        empty_is_normal: no rows are good news here (open alerts, faults); the harness does not ask for rows.
        of_server: the server tells of itself, so that two with the same data in them do not say the same.
    """

    text: str
    columns: Mapping[str, ColumnType] = field(hash=False)
    series: bool = False
    empty_is_normal: bool = False
    of_server: bool = False

    def target(self, ref_id: str) -> Dataquery:
        """The query as Grafana stores it in a panel."""
        return UnknownDataquery(
            {
                "datasource": {"type": POSTGRES_TYPE, "uid": POSTGRES_UID},
                "editorMode": "code",
                "format": "time_series" if self.series else "table",
                "rawQuery": True,
                "rawSql": self.text,
                "refId": ref_id,
            }
        )


@dataclass(frozen=True, slots=True)
class PromQuery:
    """A query of the metrics; `legend` names the series, `{{label}}` stands for a label's value."""

    expression: str
    legend: str
    instant: bool = False

    def target(self, ref_id: str) -> Dataquery:
        """The query as Grafana stores it in a panel."""
        return prometheus.Dataquery(
            expr=self.expression,
            legend_format=self.legend,
            instant=self.instant,
            range_val=not self.instant,
            editor_mode=prometheus.QueryEditorMode.CODE,
            ref_id=ref_id,
            datasource=DataSourceRef(type_val=PROMETHEUS_TYPE, uid=PROMETHEUS_UID),
        )


Query = SqlQuery | PromQuery


def ranged(
    *,
    raw: str | None = None,
    hourly: str,
    daily: str | None = None,
    order: str = "time",
    hourly_until: int = HOURLY_UNTIL,
) -> str:
    """One query of the three that fit short, middle and long ranges; all give the same columns and types.

    The conditions are arithmetic of whole numbers, which the planner does itself: what does not fit is never planned.
    Without `raw` short ranges read `hourly`; without `daily` long ones do.
    """
    span = "$__unixEpochTo() - $__unixEpochFrom()"
    middle = [f"{span} > {RAW_UNTIL}"] if raw is not None else []
    middle += [f"{span} <= {hourly_until}"] if daily is not None else []
    arms = [
        (raw, [f"{span} <= {RAW_UNTIL}"]),
        (hourly, middle),
        (daily, [f"{span} > {hourly_until}"]),
    ]
    parts = [
        f"SELECT * FROM (\n{text}\n) AS q WHERE {' AND '.join(when) or 'true'}"
        for text, when in arms
        if text is not None
    ]
    return "\nUNION ALL\n".join(parts) + f"\nORDER BY {order}"


def grouped(column: str) -> str:
    """The times of `column` in steps of the panel's interval; the same on both databases, of type timestamptz."""
    return f"date_bin(interval '$__interval', {column}, timestamptz '2001-01-01')"


def chosen(variable: str, column: str) -> str:
    """The condition that `column` is among what the viewer chose in `variable`; "Alle" costs nothing."""
    values = f"${{{variable}:sqlstring}}"
    return f"('*' IN ({values}) OR {column} IN ({values}))"
