"""Signs as they are configured: for all bays, or for one bay in its attribute `signs`. Law is data with validity."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from alerts.calendar import ALWAYS, Hours
from alerts.parking.inputs import Regime, Sign
from alerts.spans import Span, joined

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class SignSettings(BaseModel):
    """What stands at a bay, from a day on and until another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    regime: Regime = Field(
        default=Regime.EV_CHARGING, description="EV_CHARGING, EV_ONLY, CHARGING_TEXT, or NONE: not properly signed"
    )
    version: str = Field(default="", description="order and date of the sign, for the evidence")
    photo: str = Field(default="", description="where its photo is kept")
    valid_from: date | None = Field(default=None, description="first day; none: always")
    valid_to: date | None = Field(default=None, description="last day; none: until further notice")
    reservation: tuple[Hours, ...] = Field(default=ALWAYS, description="when the bay is reserved; default: always")
    max_stay_minutes: int | None = Field(
        default=120, ge=15, le=24 * 60, description="longest stay by parking disc; null: no disc"
    )
    stay_hours: tuple[Hours, ...] = Field(default=ALWAYS, description="when the longest stay holds; default: always")
    legal_basis_until: date | None = Field(
        default=None, description="last day of the law that it rests on, such as 2026-12-31 for the EmoG"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError("valid_to lies before valid_from")
        return self

    def sign(self, zone: ZoneInfo) -> Sign:
        """The sign with its days as moments."""
        start = _EARLIEST if self.valid_from is None else _midnight(self.valid_from, zone)
        end = _LATEST if self.valid_to is None else _midnight(self.valid_to + timedelta(days=1), zone)
        basis = self.legal_basis_until
        return Sign(
            self.regime,
            self.version,
            Span(start, end),
            self.reservation,
            self.stay_hours,
            None if self.max_stay_minutes is None else timedelta(minutes=self.max_stay_minutes),
            None if basis is None else _midnight(basis + timedelta(days=1), zone),
        )


class OutOfService(BaseModel):
    """A time in which a bay is not judged: roadworks, maintenance."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    start: AwareDatetime = Field(alias="from", description="when it begins, with an offset")
    end: AwareDatetime | None = Field(default=None, alias="to", description="when it ends; none: until further notice")
    reason: str = Field(default="", description="why, for people")


_SIGNS = TypeAdapter(tuple[SignSettings, ...])
_OUT_OF_SERVICE = TypeAdapter(tuple[OutOfService, ...])


def out_of_service(attributes: Mapping[str, object]) -> list[Span]:
    """When a bay is out of service, by its attribute `out_of_service`.

    Raises:
        pydantic.ValidationError: the attribute is no list of times.
    """
    found = _OUT_OF_SERVICE.validate_python(attributes.get("out_of_service") or ())
    return joined(Span(one.start.astimezone(UTC), (one.end or _LATEST).astimezone(UTC)) for one in found)


def signs_of(attributes: Mapping[str, object], default: Sequence[SignSettings], zone: ZoneInfo) -> list[Sign]:
    """The signs of a bay: its own, or those of all bays.

    Raises:
        pydantic.ValidationError: the bay's attribute `signs` is no list of signs.
    """
    own = attributes.get("signs")
    chosen = default if own is None else _SIGNS.validate_python(own)
    return [one.sign(zone) for one in chosen]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)
