"""Rule `threshold`: a quantity of any reading kind was above or below a limit for the dwell time, with hysteresis."""

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
from decoders.readings import KINDS, quantities
from storage.database import Connection

_KINDS = {kind.kind: kind for kind in KINDS}


class ThresholdSettings(GradedSettings):
    """Which quantity, which limit, for how long."""

    kind: Literal["threshold"] = Field(description="`threshold`: a quantity crossed a limit")
    reading: str = Field(description="reading kind, such as tree_moisture")
    quantity: str = Field(description="quantity of that kind, such as soil_moisture")
    above: float | None = Field(default=None, allow_inf_nan=False, description="bad above this; or give `below`")
    below: float | None = Field(default=None, allow_inf_nan=False, description="bad below this; or give `above`")
    clear: float | None = Field(
        default=None, allow_inf_nan=False, description="good again from this value on (hysteresis); default: the limit"
    )
    dwell: Duration = Field(default=timedelta(0), description="bad for this long before an alert opens")
    stale_after: Duration = Field(default=timedelta(hours=6), description="a value is believed for so long")
    look_back: Duration = Field(default=timedelta(days=1), description="how much history one evaluation reads")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        kind = _KINDS.get(self.reading)
        if kind is None:
            raise ValueError(f"reading: expected one of {', '.join(_KINDS)}")
        numbers = [name for name in quantities(kind) if _is_number(kind.model_fields[name].annotation)]
        if self.quantity not in numbers:
            raise ValueError(f"quantity: expected one of {', '.join(numbers)}")
        if (self.above is None) is (self.below is None):
            raise ValueError("above and below: give one of them")
        if self.clear is not None and self.above is not None and self.clear > self.above:
            raise ValueError("clear: expected a value of at most `above`")
        if self.clear is not None and self.below is not None and self.clear < self.below:
            raise ValueError("clear: expected a value of at least `below`")
        if self.look_back < self.dwell + self.stale_after:
            raise ValueError("look_back: expected at least `dwell` and `stale_after` together")
        return self


class Threshold:
    """The rule. Each device is a subject, and each channel and meter of it where there are several."""

    pace = timedelta(milliseconds=250)

    def __init__(self, name: str, settings: ThresholdSettings) -> None:
        self.name = name
        self.version = settings.version
        self.wakes = frozenset({settings.reading})
        self._comparison = _comparison(settings)
        limit = {"above": settings.above} if settings.below is None else {"below": settings.below}
        self._how = Judgement(
            rule=name,
            version=settings.version,
            code="TOO_HIGH" if settings.below is None else "TOO_LOW",
            severity=settings.severity,
            timing=Timing(settings.dwell, settings.stale_after),
            look_back=settings.look_back,
            facts={"reading": settings.reading, "quantity": settings.quantity, **limit},
        )

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """See `Rule`."""
        return await judge(connection, self._comparison, self._how, now, since=since)

    def history(self, connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Findings]:
        """See `alerts.rules.Portioned`."""
        return judge_history(connection, self._comparison, self._how, since, until)


def _comparison(settings: ThresholdSettings) -> Comparison:
    value = sql.SQL("r.{}").format(sql.Identifier(settings.quantity))
    if settings.below is None:
        bad, clear = sql.SQL(">"), sql.SQL("<=")
        limit = settings.above
    else:
        bad, clear = sql.SQL("<"), sql.SQL(">=")
        limit = settings.below
    until = limit if settings.clear is None else settings.clear
    condition = sql.SQL("({} {} {})")
    return Comparison(
        kind=settings.reading,
        value=value,
        bad=condition.format(value, bad, sql.Literal(limit)),
        clear=condition.format(value, clear, sql.Literal(until)),
    )


def _is_number(annotation: object) -> bool:
    return any(part in (int, float) for part in getattr(annotation, "__args__", (annotation,)))
