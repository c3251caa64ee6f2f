"""The kinds of rules: what each may be told, and how a configured rule is made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.rules import Rule
from alerts.rules.battery_low import BatteryLow, BatteryLowSettings
from alerts.rules.device_silent import DeviceSilent, DeviceSilentSettings
from alerts.rules.gateway_silent import GatewaySilent, GatewaySilentSettings
from alerts.rules.reject_rate import RejectRate, RejectRateSettings
from alerts.rules.settings import RuleSettings
from alerts.rules.threshold import Threshold, ThresholdSettings


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rule; `make` gets the rule's name and its settings, which are of type `settings`."""

    settings: type[RuleSettings]
    make: Callable[[str, Any], Rule]


KINDS: Mapping[str, Kind] = {
    "gateway_silent": Kind(GatewaySilentSettings, GatewaySilent),
    "device_silent": Kind(DeviceSilentSettings, DeviceSilent),
    "battery_low": Kind(BatteryLowSettings, BatteryLow),
    "threshold": Kind(ThresholdSettings, Threshold),
    "reject_rate": Kind(RejectRateSettings, RejectRate),
}
"""In the order of their turns: gateways before devices, so that devices behind a dead gateway join its group."""


def order(kind: str) -> int:
    """The place of a kind among the turns."""
    return list(KINDS).index(kind)


def make(name: str, settings: RuleSettings) -> Rule:
    """The rule of these settings."""
    return KINDS[settings.kind].make(name, settings)
