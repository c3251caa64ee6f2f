"""What a viewer chooses at the top of a dashboard. Each has "Alle", which is the SQL literal '*' (see `chosen`)."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableType,
)

from dashboards.queries import POSTGRES_TYPE, POSTGRES_UID

ALL: Final = "'*'"


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice whose values come from the database: columns `__text` and `__value`, or one column.

    Attributes:
        by_range: the query has macros of the time range, so it is asked again when that changes.
    """

    name: str
    label: str
    query: str
    multiple: bool = True
    by_range: bool = False

    def model(self) -> VariableModel:
        """The variable as Grafana stores it, at first set to "Alle"."""
        return VariableModel(
            type_val=VariableType.QUERY,
            name=self.name,
            label=self.label,
            query=self.query,
            datasource=DataSourceRef(type_val=POSTGRES_TYPE, uid=POSTGRES_UID),
            current=VariableOption(
                text=["Alle"] if self.multiple else "Alle", value=["$__all"] if self.multiple else "$__all"
            ),
            multi=self.multiple,
            include_all=True,
            all_value=ALL,
            refresh=VariableRefresh.ON_TIME_RANGE_CHANGED if self.by_range else VariableRefresh.ON_DASHBOARD_LOAD,
        )


DISTRICT: Final = Variable(
    "district",
    "Stadtteil",
    "SELECT DISTINCT district FROM stadtfunk.v_asset_state WHERE district <> '' ORDER BY 1",
)


def asset(kind: str, label: str) -> Variable:
    """The assets of one kind, by key, in the chosen districts: `DISTRICT` must stand before it."""
    return Variable(
        "asset",
        label,
        "SELECT DISTINCT CASE WHEN name IN ('', key) THEN key ELSE name || ' (' || key || ')' END AS __text,"
        " key AS __value\n"
        f"FROM stadtfunk.v_asset_state WHERE kind = '{kind}'"
        " AND ('*' IN (${district:sqlstring}) OR district IN (${district:sqlstring})) ORDER BY 1",
    )


def device(view: str) -> Variable:
    """The devices that `view` (dev_eui, device_name) knows."""
    return Variable(
        "device",
        "Gerät",
        "SELECT DISTINCT CASE WHEN device_name = '' THEN dev_eui ELSE device_name END AS __text, dev_eui AS __value\n"
        f"FROM stadtfunk.{view} ORDER BY 1",
    )
