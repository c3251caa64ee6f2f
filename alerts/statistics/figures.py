"""Counts of one site and month, made to be added up: of a district, of months, of what is left of deleted cases."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from alerts.statistics.calendar import CELLS, Floats

EMPTY_CELLS: Final = (0.0,) * CELLS


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Record(_Figures):
    """What officers found where a sensor had raised a case."""

    confirmed: int = 0
    false: int = 0


class CaseFigures(_Figures):
    """Counted cases. Minutes are whole, as the number of cases by minute: medians stay exact when added up.

    Attributes:
        cases: those that were raised and not withdrawn.
        withdrawn: those that later data took back; they are in no other figure.
        told: cases that somebody was told of.
        codes: by the first reason of a case.
        ends: by outcome, by the reason of the end, or `open`.
        hits: told cases without a session, by weekday and hour of their begin; what officers dismissed is left out.
        lost: hours for which such cases blocked a charge point, by weekday and hour.
        days: cases by day of the month.
        cleared: minutes until cases ended by themselves.
        taken, arrived: minutes from the alert until somebody took it on, and was on site.
        records: by DevEUI of the sensor, or the site's key where several share charge points.
    """

    cases: int = 0
    withdrawn: int = 0
    told: int = 0
    codes: dict[str, int] = Field(default_factory=dict)
    ends: dict[str, int] = Field(default_factory=dict)
    hits: tuple[float, ...] = EMPTY_CELLS
    lost: tuple[float, ...] = EMPTY_CELLS
    days: dict[int, int] = Field(default_factory=dict)
    cleared: dict[int, int] = Field(default_factory=dict)
    taken: dict[int, int] = Field(default_factory=dict)
    arrived: dict[int, int] = Field(default_factory=dict)
    records: dict[str, Record] = Field(default_factory=dict)


class Frames(_Figures):
    """Frames of a sensor in one state: heard, and missing by the frame counter."""

    received: int = 0
    missing: int = 0


class BayFigures(_Figures):
    """Hours of a site's bays, added over its bays.

    Attributes:
        bays: how many there are.
        watched: hours in which it was known whether a bay was occupied, by weekday and hour.
        watched_days: days on which that was known for at least half of the hour.
        occupied: hours.
        judged: hours in which the charge points were known, too.
        idle: of those, hours occupied without a session.
        unavailable: of those, hours in which nobody could charge: occupied without a session, or out of order.
        free, covered: frames by what stood over the sensor.
    """

    bays: int = 0
    watched: tuple[float, ...] = EMPTY_CELLS
    watched_days: tuple[float, ...] = EMPTY_CELLS
    occupied: float = 0.0
    judged: float = 0.0
    idle: float = 0.0
    unavailable: float = 0.0
    free: Frames = Field(default_factory=Frames)
    covered: Frames = Field(default_factory=Frames)


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """One site: a charging station, or a bay without one.

    Attributes:
        sensors: names of the bays by the DevEUIs of their sensors, as they are bound now or were in the month.
    """

    key: str
    name: str
    district: str
    cases: CaseFigures = field(default_factory=CaseFigures)
    bays: BayFigures = field(default_factory=BayFigures)
    sensors: tuple[tuple[str, str], ...] = ()


def added_cases(figures: Iterable[CaseFigures]) -> CaseFigures:
    """All of them together."""
    found = list(figures)
    records: dict[str, Record] = {}
    for one in found:
        for sensor, record in one.records.items():
            known = records.get(sensor, Record())
            records[sensor] = Record(confirmed=known.confirmed + record.confirmed, false=known.false + record.false)
    return CaseFigures(
        cases=sum(one.cases for one in found),
        withdrawn=sum(one.withdrawn for one in found),
        told=sum(one.told for one in found),
        codes=_counted(one.codes for one in found),
        ends=_counted(one.ends for one in found),
        hits=cells(one.hits for one in found),
        lost=cells(one.lost for one in found),
        days=_counted(one.days for one in found),
        cleared=_counted(one.cleared for one in found),
        taken=_counted(one.taken for one in found),
        arrived=_counted(one.arrived for one in found),
        records=records,
    )


def added_bays(figures: Iterable[BayFigures], *, months: bool = False) -> BayFigures:
    """All of them together.

    Args:
        months: of the same site in several months: the bays are counted once, the days are added.
    """
    found = list(figures)
    days = [one.watched_days for one in found if one.bays]
    return BayFigures(
        bays=max((one.bays for one in found), default=0) if months else sum(one.bays for one in found),
        watched=cells(one.watched for one in found),
        watched_days=cells(days) if months else _most(days),
        occupied=sum(one.occupied for one in found),
        judged=sum(one.judged for one in found),
        idle=sum(one.idle for one in found),
        unavailable=sum(one.unavailable for one in found),
        free=_frames(one.free for one in found),
        covered=_frames(one.covered for one in found),
    )


def cells(rows: Iterable[Sequence[float]]) -> tuple[float, ...]:
    """The sum of cells; zeros without any."""
    found = [np.asarray(row, float) for row in rows]
    return as_cells(np.sum(found, axis=0)) if found else EMPTY_CELLS


def as_cells(amounts: Floats) -> tuple[float, ...]:
    """An array as figures keep it."""
    return tuple(amounts.tolist())


def _most(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return as_cells(np.max(np.asarray(rows, float), axis=0)) if rows else EMPTY_CELLS


def _frames(several: Iterable[Frames]) -> Frames:
    found = list(several)
    return Frames(received=sum(one.received for one in found), missing=sum(one.missing for one in found))


_Key = TypeVar("_Key", str, int)


def _counted(several: Iterable[dict[_Key, int]]) -> dict[_Key, int]:
    total: Counter[_Key] = Counter()
    for one in several:
        total.update(one)
    return dict(total)
