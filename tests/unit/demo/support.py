"""Small cities that begin shortly before the day a test looks at, so that a test takes moments."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np

from stadtfunk.demo.city import CityDay, DemoCity
from stadtfunk.demo.clock import day_number
from stadtfunk.demo.device import Frames
from stadtfunk.demo.message import Message
from stadtfunk.demo.settings import (
    DemoSettings,
    FaultSettings,
    HeatSettings,
    NetworkSettings,
    ParkingSettings,
    TreeSettings,
)

SUMMER = date(2026, 7, 1)
WINTER = date(2026, 1, 10)

NO_FAULTS = FaultSettings(
    gateway_outages_per_month=0,
    backhaul_outages_per_month=0,
    redelivery_probability=0,
    second_event_probability=0,
    abp_share=0,
    abp_resets_per_month=0,
    rejoins_per_month=0,
    gps_fault_probability=0,
    clock_fault_probability=0,
    garbage_probability=0,
    mac_only_probability=0,
)
SOUND_METERS = {
    "high_return_share": 0.0,
    "bypass_share": 0.0,
    "reverse_share": 0.0,
    "stuck_share": 0.0,
    "exchanges_per_meter_month": 0.0,
    "no_contact_probability": 0.0,
}


def settings(installed_on: date = SUMMER, **changes: object) -> DemoSettings:
    """A twentieth of the city, whose gateways talk little of themselves."""
    quiet = {"network": NetworkSettings(stats_seconds=1800, history_stats_seconds=1800)}
    return DemoSettings.model_validate({"scale": 0.05, "installed_on": installed_on, **quiet, **changes})


def perfect(installed_on: date = SUMMER, **changes: object) -> DemoSettings:
    """The same without faults of network, devices, meters and probes."""
    calm = {
        "faults": NO_FAULTS,
        "heat": HeatSettings(**SOUND_METERS),
        "trees": TreeSettings(stuck_share=0, read_failure_probability=0),
        "parking": ParkingSettings(flapping_per_bay_day=0),
    }
    return settings(installed_on, **{**calm, **changes})


def one_day(of: DemoSettings, *, after: int = 0, payloads: bool = True) -> CityDay:
    """The day `after` days after the installation."""
    return next(DemoCity(of).days(day_number(of.installed_on) + after, payloads=payloads))


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment in UTC."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def up_events(messages: Iterator[Message]) -> Iterator[Message]:
    """The uplinks among messages."""
    return (message for message in messages if message.topic.endswith(b"/event/up"))


def frames_of(devices: int, per_device: int, *, car_loss: float = 0.0) -> Frames:
    """Frames to try the radio with; times and payloads mean nothing."""
    count = devices * per_device
    return Frames(
        device=np.repeat(np.arange(devices), per_device),
        sent_at=np.zeros(count, dtype=np.int64),
        f_port=np.ones(count, dtype=np.int64),
        car_loss=np.full(count, car_loss),
        payload=[],
        decoded=[],
    )
