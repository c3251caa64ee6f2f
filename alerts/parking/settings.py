"""Settings of wrong-parking detection: timers, weights of the confidence, policies. All defaults can be changed."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.durations import Duration

LEGAL_MINIMUM = timedelta(minutes=3)
"""Who stops for longer parks (StVO section 12(2)): the absolute lower bound of any grace."""

_Seconds = Annotated[Duration, Field(ge=timedelta(0))]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Timers(_Settings):
    """How long something must last before it counts."""

    occupied_stable: _Seconds = Field(default=timedelta(seconds=60), description="a bay must be occupied this long")
    free_stable: _Seconds = Field(default=timedelta(seconds=30), description="a bay must be free this long")
    merge: _Seconds = Field(
        default=timedelta(seconds=120),
        description="a shorter gap re-opens the same occupancy, if nothing charged in it",
    )
    grace: _Seconds = Field(
        default=timedelta(minutes=10), description="proven idle time before V1; never below three minutes"
    )
    preparing: _Seconds = Field(
        default=timedelta(minutes=5), description="once more grace when a vehicle is plugged in but has no session"
    )
    after_charge: _Seconds = Field(
        default=timedelta(minutes=15), description="time to leave after a session, before V2"
    )
    stay_tolerance: _Seconds = Field(default=timedelta(minutes=15), description="on top of the legal end, before V3")
    evse_stale: _Seconds = Field(
        default=timedelta(minutes=15), description="without contact for this long a charge point's status is unknown"
    )
    heartbeat: _Seconds = Field(default=timedelta(minutes=60), description="interval of the bay sensor's heartbeat")
    lateness: _Seconds = Field(default=timedelta(seconds=90), description="wait for late data before a case opens")
    renotify: _Seconds = Field(
        default=timedelta(minutes=30), description="least distance of repeated messages about one occupancy"
    )
    flapping: _Seconds = Field(default=timedelta(minutes=10), description="time in which changes count as flapping")
    exempt_hold: _Seconds = Field(
        default=timedelta(minutes=15), description="a charge point must work this long before time counts again"
    )
    session: _Seconds = Field(
        default=timedelta(seconds=60), description="a shorter session is a plug flick, no session"
    )
    stuck: _Seconds = Field(
        default=timedelta(hours=48), description="occupied without a break or a session: the sensor may be stuck"
    )
    idle_plugged: _Seconds = Field(default=timedelta(minutes=60), description="full but plugged in for this long is V4")

    @property
    def occupancy_stale(self) -> timedelta:
        """Without a message for this long a bay's occupancy is unknown."""
        return 2 * self.heartbeat + timedelta(minutes=10)

    @model_validator(mode="after")
    def _lawful(self) -> Self:
        if self.grace < LEGAL_MINIMUM:
            raise ValueError("grace must be three minutes or more: a shorter stop is no parking (StVO section 12(2))")
        return self


class Weights(_Settings):
    """What changes the confidence of a case, which starts at 100."""

    evse_aged: int = Field(default=-30, description="the charge point's data are five minutes old or more")
    single_sighting: int = Field(default=-20, description="one message says occupied, and none has confirmed it")
    missed_frame: int = Field(default=-15, description="for each frame missing since the arrival")
    missed_frames_most: int = Field(default=-30, description="for all missing frames together")
    flapping: int = Field(default=-25, description="the sensor flapped in the last hour")
    learning: int = Field(default=-15, description="the sensor is learning its place, or restarted in the last day")
    battery_low: int = Field(default=-10, description="the sensor's battery is low")
    ambiguous: int = Field(default=-20, description="several bays share the charge points and any could be meant")
    neighbour: int = Field(default=-10, description="a neighbouring bay changed within two minutes of the arrival")
    blocked: int = Field(default=10, description="the operator says that a vehicle blocks the charge point")
    second_sensor: int = Field(default=10, description="a sensor of another principle agrees")
    imprecise_most: int = Field(default=-30, description="for a sensor whose cases were mostly wrong")


class ParkingSettings(_Settings):
    """Wrong parking at charging stations."""

    timers: Timers = Field(default_factory=Timers, description="how long something must last before it counts")
    weights: Weights = Field(default_factory=Weights, description="parts of the confidence")
    least_confidence: int = Field(default=40, ge=0, le=100, description="below it no case is opened")
    flapping_changes: int = Field(default=4, ge=2, description="changes that count as flapping")
    evse_aged: timedelta = Field(default=timedelta(minutes=5), description="age at which a status lowers confidence")
    learning_changes: int = Field(
        default=10, ge=0, description="changes until a new sensor has learned its place; 0: it need not learn"
    )
    battery_level: float = Field(
        default=20, ge=0, le=100, description="percentage below which a sensor's battery lowers confidence"
    )
    overstay_alert: timedelta = Field(
        default=timedelta(hours=2), description="V3 is told when the stay is this much too long, or no point is free"
    )
    alert_idle_plugged: bool = Field(
        default=False, description="tell V4 (plugged in, full); by default it is only counted"
    )
