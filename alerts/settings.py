"""Settings of alerts: rules, calendar, shifts, channels, and how the engine works."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.calendar import Calendar, CalendarSettings, Hours
from alerts.channels.settings import SHIFTS, ChannelName, ChannelSettings
from alerts.charging.store import Recheck
from alerts.durations import Duration
from alerts.escalation import Patience
from alerts.policy import AGE_LIMIT, RENOTIFY, Policy
from alerts.rules import Rule
from alerts.rules.battery_low import BatteryLowSettings
from alerts.rules.bay_sensor import BaySensorSettings
from alerts.rules.device_silent import DeviceSilentSettings
from alerts.rules.gateway_silent import GatewaySilentSettings
from alerts.rules.registry import KINDS, Surroundings, make, make_past, order
from alerts.rules.reject_rate import RejectRateSettings
from alerts.rules.threshold import ThresholdSettings
from alerts.rules.wrong_parking import WrongParkingSettings

NAME = r"^[a-z][a-z0-9_]{0,62}$"

AnyRule = Annotated[
    WrongParkingSettings
    | GatewaySilentSettings
    | DeviceSilentSettings
    | BatteryLowSettings
    | ThresholdSettings
    | RejectRateSettings
    | BaySensorSettings,
    Field(discriminator="kind"),
]
"""Every kind of `alerts.rules.registry.KINDS`; a test compares the two."""


class AlertSettings(BaseModel):
    """What is watched, and who is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="false: no rule is evaluated")
    rules: dict[Annotated[str, Field(pattern=NAME)], AnyRule] = Field(
        default_factory=dict, description="the rules, by a name of your choice that alerts carry for ever"
    )
    calendar: CalendarSettings = Field(default_factory=CalendarSettings, description="time zone and public holidays")
    shifts: dict[Annotated[str, Field(pattern=NAME)], tuple[Hours, ...]] = Field(
        default_factory=dict, description="working hours by name, which channels refer to"
    )
    channels: dict[ChannelName, ChannelSettings] = Field(default_factory=dict, description="who is told, by name")
    age_limit: Duration = Field(
        default=AGE_LIMIT, description="nobody is told of what was due longer ago than this (backfill, replay)"
    )
    renotify: Duration = Field(
        default=RENOTIFY, description="an alert that comes back is told again after this time at the earliest"
    )
    learn_every: Duration = Field(
        default=timedelta(hours=1), ge=timedelta(minutes=1), description="how often devices' intervals are learned"
    )
    learn_from: Duration = Field(
        default=timedelta(days=7), ge=timedelta(hours=1), description="how much history intervals are learned from"
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        problems = list(self._unknown_names())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def make_rules(self, recheck: Recheck | None = None) -> list[Rule]:
        """The rules that are enabled, made anew."""
        if not self.enabled:
            return []
        ordered = sorted(self.rules.items(), key=lambda item: order(item[1].kind))
        return [self.make_rule(name, recheck) for name, rule in ordered if rule.enabled]

    def make_rule(self, name: str, recheck: Recheck | None = None) -> Rule:
        """The rule of this name, made anew; `recheck` asks operators of charge points again."""
        return make(name, self.rules[name], Surroundings(Calendar(self.calendar), recheck))

    def make_past(self, name: str) -> Rule:
        """The second rule of this name, which looks where data came late; for one of `with_past`."""
        return make_past(name, self.rules[name], Surroundings(Calendar(self.calendar)))

    @property
    def with_past(self) -> tuple[str, ...]:
        """Enabled rules that need a second look where data came late."""
        rules = self.rules.items() if self.enabled else ()
        return tuple(name for name, rule in rules if rule.enabled and KINDS[rule.kind].past is not None)

    def policy(self) -> Policy:
        """Who is told what."""
        shifts = self._all_shifts()
        channels = tuple(one.channel(name, shifts) for name, one in self.channels.items() if one.enabled)
        return Policy(channels, Calendar(self.calendar), self.age_limit, self.renotify)

    @property
    def needs_intervals(self) -> bool:
        """True when a rule asks how often devices speak."""
        return any(rule.kind == "device_silent" and rule.enabled for rule in self.rules.values())

    def patience(self) -> Mapping[str, Patience]:
        """How long alerts of each rule may wait for somebody."""
        return {
            name: Patience(rule.hours, rule.escalate_after, rule.repeat_after)
            for name, rule in self.rules.items()
            if rule.enabled
        }

    def _all_shifts(self) -> Mapping[str, tuple[Hours, ...]]:
        return {**SHIFTS, **self.shifts}

    def _unknown_names(self) -> Iterator[str]:
        for name, channel in self.channels.items():
            if channel.shift not in self._all_shifts():
                yield f"channels.{name}.shift: expected {_one_of(self._all_shifts(), 'shifts')}"
            for rule in channel.rules:
                if rule not in self.rules:
                    yield f"channels.{name}.rules: {rule} is none of {_one_of(self.rules, 'rules')}"


def _one_of(names: Mapping[str, object], section: str) -> str:
    return ", ".join(names) or f"a name of alerts.{section}, which has none"
