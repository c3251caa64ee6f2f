"""Rule `battery_low`: the battery's level or voltage is low, or the device asks for a new one."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Literal, Self

from psycopg import sql
from pydantic import Field, model_validator

from alerts.durations import Duration
from alerts.model import Findings
from alerts.rules.episodes import Timing
from alerts.rules.marks import Comparison, Judgement, judge, judge_history
from alerts.rules.settings import GradedSettings
from decoders.readings import DeviceHealth
from storage.database import Connection


class BatteryLowSettings(GradedSettings):
    """When a battery counts as low."""

    kind: Literal["battery_low"] = Field(description="`battery_low`: a battery is low")
    level: float = Field(default=20, ge=0, le=100, description="low below this percentage")
    clear: float = Field(default=30, ge=0, le=100, description="good again from this percentage on")
    voltage: float | None = Field(default=None, gt=0, le=60, description="low below this voltage, too; default: none")
    dwell: Duration = Field(default=timedelta(hours=12), description="low for this long before an alert opens")
    stale_after: Duration = Field(default=timedelta(days=3), description="a value is believed for so long")

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.clear < self.level:
            raise ValueError("clear: expected a value of at least `level`")
        return self


class BatteryLow:
    """The rule."""

    wakes: frozenset[str] = frozenset({DeviceHealth.kind})
    pace = timedelta(seconds=15)

    def __init__(self, name: str, settings: BatteryLowSettings) -> None:
        self.name = name
        self.version = settings.version
        self._comparison = _comparison(settings)
        self._how = Judgement(
            rule=name,
            version=settings.version,
            code="BATTERY_LOW",
            severity=settings.severity,
            timing=Timing(settings.dwell, settings.stale_after),
            look_back=settings.dwell + settings.stale_after,
            facts={"level": settings.level},
        )

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """See `Rule`."""
        return await judge(connection, self._comparison, self._how, now, since=since)

    def history(self, connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Findings]:
        """See `alerts.rules.Portioned`."""
        return judge_history(connection, self._comparison, self._how, since, until)


def _comparison(settings: BatteryLowSettings) -> Comparison:
    """The value is the level, else the voltage, else 1 or 0 for the device's own warning."""
    voltage = (
        sql.SQL("false")
        if settings.voltage is None
        else sql.SQL("coalesce(r.battery_voltage < {}, false)").format(sql.Literal(settings.voltage))
    )
    bad = sql.SQL("(coalesce(r.battery_level < {}, false) OR {} OR coalesce(r.battery_low, false))").format(
        sql.Literal(settings.level), voltage
    )
    clear = sql.SQL("(NOT {} AND coalesce(r.battery_level >= {}, true))").format(bad, sql.Literal(settings.clear))
    value = sql.SQL("coalesce(r.battery_level, r.battery_voltage, r.battery_low::integer)")
    return Comparison(kind=DeviceHealth.kind, value=value, bad=bad, clear=clear)
