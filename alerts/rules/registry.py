"""The kinds of rules: what each may be told, and how a configured rule is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.calendar import Calendar
from alerts.charging.store import Recheck
from alerts.rules import Rule
from alerts.rules.battery_low import BatteryLow, BatteryLowSettings
from alerts.rules.bay_sensor import BaySensor, BaySensorSettings
from alerts.rules.device_silent import DeviceSilent, DeviceSilentSettings
from alerts.rules.gateway_silent import GatewaySilent, GatewaySilentSettings
from alerts.rules.parking_past import ParkingPast
from alerts.rules.reject_rate import RejectRate, RejectRateSettings
from alerts.rules.settings import RuleSettings
from alerts.rules.threshold import Threshold, ThresholdSettings
from alerts.rules.wrong_parking import WrongParking, WrongParkingSettings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule may need beside its settings.

    Attributes:
        recheck: asks an operator for one charge point again; None where no source can be asked.
    """

    calendar: Calendar = field(default_factory=Calendar)
    recheck: Recheck | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rule; `make` gets the rule's name, its settings, which are of type `settings`, and surroundings.

    Attributes:
        past: makes a second rule of the same name, which looks where data came late; None where one look sees all.
    """

    settings: type[RuleSettings]
    make: Callable[[str, Any, Surroundings], Rule]
    past: Callable[[str, Any, Surroundings], Rule] | None = None


def _parking_past(name: str, settings: WrongParkingSettings, around: Surroundings) -> ParkingPast:
    return ParkingPast(name, settings.version, settings, settings.signs, around.calendar)


KINDS: Mapping[str, Kind] = {
    "wrong_parking": Kind(
        WrongParkingSettings,
        lambda name, given, around: WrongParking(name, given, around.calendar, recheck=around.recheck),
        _parking_past,
    ),
    "gateway_silent": Kind(GatewaySilentSettings, lambda name, given, _: GatewaySilent(name, given)),
    "device_silent": Kind(DeviceSilentSettings, lambda name, given, _: DeviceSilent(name, given)),
    "battery_low": Kind(BatteryLowSettings, lambda name, given, _: BatteryLow(name, given)),
    "threshold": Kind(ThresholdSettings, lambda name, given, _: Threshold(name, given)),
    "reject_rate": Kind(RejectRateSettings, lambda name, given, _: RejectRate(name, given)),
    "bay_sensor": Kind(BaySensorSettings, lambda name, given, around: BaySensor(name, given, around.calendar)),
}
"""In the order of their turns: what is urgent first; gateways before devices, so that devices behind a dead gateway
join its group."""


def order(kind: str) -> int:
    """The place of a kind among the turns."""
    return list(KINDS).index(kind)


def make(name: str, settings: RuleSettings, surroundings: Surroundings | None = None) -> Rule:
    """The rule of these settings."""
    return KINDS[settings.kind].make(name, settings, surroundings or Surroundings())


def make_past(name: str, settings: RuleSettings, surroundings: Surroundings | None = None) -> Rule:
    """Its second rule, for data that came late; only for kinds that have one."""
    past = KINDS[settings.kind].past
    assert past is not None
    return past(name, settings, surroundings or Surroundings())
