"""Weekly hours in local time as spans of UTC, through daylight saving time and public holidays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from alerts.spans import Span, common, joined

MIDNIGHT = time(0)
_DAY = timedelta(days=1)

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None
    return name


def _clock(value: object) -> object:
    """YAML 1.1 reads an unquoted 22:00 as the number 1320; this gives the time back."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MINUTES_PER_DAY:
        return time(value // 60 % 24, value % 60)
    return MIDNIGHT if value == "24:00" else value


_MINUTES_PER_DAY = 24 * 60
Clock = Annotated[time, BeforeValidator(_clock)]


class Hours(BaseModel):
    """Hours of some weekdays. `end` at or before `start` is on the next day; both midnight is the whole day."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    weekdays: frozenset[Weekday] = Field(default=frozenset(WEEK), description="mon, tue, wed, thu, fri, sat, sun")
    start: Clock = Field(default=MIDNIGHT, alias="from", description="local time of the begin")
    end: Clock = Field(default=MIDNIGHT, alias="to", description="local time of the end; at or before `from`: next day")
    holidays: Literal["as_weekday", "never", "always", "only"] = Field(
        default="as_weekday", description="on public holidays: like the weekday, never, always, or only on them"
    )

    @property
    def always(self) -> bool:
        """True for hours without any limit."""
        return (
            self.start == self.end == MIDNIGHT
            and len(self.weekdays) == len(WEEK)
            and self.holidays in ("as_weekday", "always")
        )

    def on(self, day: date, *, holiday: bool) -> bool:
        """True when these hours begin on `day`."""
        if holiday and self.holidays in ("always", "only"):
            return True
        if self.holidays == "only" or (holiday and self.holidays == "never"):
            return False
        return WEEK[day.weekday()] in self.weekdays


ALWAYS: tuple[Hours, ...] = (Hours(),)


class CalendarSettings(BaseModel):
    """Where local time and public holidays come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="Europe/Berlin", description="time zone of hours, days and reports"
    )
    country: str = Field(default="DE", pattern="^[A-Z]{2}$", description="country whose public holidays count")
    subdivision: str = Field(default="RP", description="state whose public holidays count, such as RP")
    extra_holidays: tuple[date, ...] = Field(default=(), description="further days that count as public holidays")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Local time of one place."""

    settings: CalendarSettings = field(default_factory=CalendarSettings)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.settings.time_zone)

    def is_holiday(self, day: date) -> bool:
        """True on a public holiday of the state, and on the configured extra days."""
        known = _holidays(self.settings.country, self.settings.subdivision, day.year)
        return day in known or day in self.settings.extra_holidays

    def spans(self, hours: Sequence[Hours], within: Span) -> list[Span]:
        """When the hours hold, inside `within`."""
        if any(one.always for one in hours):
            return [within] if within.start < within.end else []
        return common(joined(span for one in hours for span in self._days(one, within)), [within])

    def covers(self, hours: Sequence[Hours], at: datetime) -> bool:
        """True when the hours hold at `at`."""
        return bool(self.spans(hours, Span(at, at + timedelta(microseconds=1))))

    def _days(self, hours: Hours, within: Span) -> Iterator[Span]:
        day = within.start.astimezone(self.zone).date() - _DAY
        last = within.end.astimezone(self.zone).date()
        while day <= last:
            if hours.on(day, holiday=self.is_holiday(day)):
                next_day = hours.end <= hours.start
                yield Span(self._utc(day, hours.start), self._utc(day + _DAY if next_day else day, hours.end))
            day += _DAY

    def _utc(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)


@lru_cache(maxsize=64)
def _holidays(country: str, subdivision: str, year: int) -> Mapping[date, str]:
    import holidays  # not in an installation for ingest alone, which reads these settings, too

    return holidays.country_holidays(country, subdiv=subdivision or None, years=year)
