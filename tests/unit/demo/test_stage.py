"""Scenes around the starts of the demo: they take free bays, agree with the charge points, and disturb nothing else."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.clock import DAY, MINUTE, day_number, nanoseconds
from stadtfunk.demo.parking import EvseState, Interval, ParkingProcess, Stay
from stadtfunk.demo.places import bays
from stadtfunk.demo.settings import ParkingSettings
from stadtfunk.demo.stage import LINK_OUTAGES, SCENES, Stage
from tests.unit.demo.support import SUMMER, at, settings

STARTS = [at(2026, 7, 3, 0, 20), at(2026, 7, 3, 11), at(2026, 7, 3, 11, 30), at(2026, 7, 3, 17)]
FIRST = day_number(SUMMER)


def played(*starts: datetime, days: int = 5, **parking: object):
    stage = Stage(ParkingSettings(**parking), 7, bays(), starts)
    return [stage.advance(_day(number)) for number in range(days)]


def _day(number: int):
    from stadtfunk.demo.clock import day_of

    return day_of(FIRST + number)


def staged(parts) -> list:
    return [stay for part in parts for stay in part.occupancies if stay.staged]


@pytest.mark.parametrize("start", STARTS)
def test_every_scene_finds_a_bay_day_and_night(start):
    cars = staged(played(start))
    assert Counter(stay.stay for stay in cars) == Counter(scene.stay for scene in SCENES)
    assert len({stay.bay for stay in cars}) == len(SCENES)
    arrivals = sorted((stay.arrived_at - nanoseconds(start)) // MINUTE for stay in cars)
    assert arrivals == sorted(scene.arrives for scene in SCENES)


def test_no_two_cars_stand_on_one_bay_even_when_starts_follow_each_other():
    stays = [stay for part in played(*STARTS) for stay in part.occupancies]
    for bay in range(21):
        times = [(stay.arrived_at, stay.left_at) for stay in stays if stay.bay == bay]
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(times)))


def test_without_a_start_the_bays_are_as_they_were():
    process = ParkingProcess(ParkingSettings(), 7, bays())
    assert played() == [process.advance(_day(number)) for number in range(5)]


def test_cars_of_other_bays_come_as_they_would_have():
    plain, scenes = played(), played(STARTS[1])
    taken = {stay.bay for stay in staged(scenes)}
    for before, after in zip(plain, scenes, strict=True):
        assert [stay for stay in before.occupancies if stay.bay not in taken] == [
            stay for stay in after.occupancies if stay.bay not in taken
        ]


def test_charge_points_say_what_the_scenes_cars_do():
    parts = played(STARTS[1], lost_push_probability=0, link_outages_per_day=0)
    statuses = sorted((status for part in parts for status in part.statuses), key=lambda status: status.at)
    for stay in staged(parts):
        place = bays()[stay.bay].attributes
        mine = [one for one in statuses if one.evse_id in place["evses"]]
        inside = [(one.state, one.at) for one in mine if stay.arrived_at <= one.at <= stay.left_at]
        if stay.plugged_at:
            assert inside == [(EvseState.CHARGING, stay.plugged_at), (EvseState.AVAILABLE, stay.unplugged_at)]
        else:
            assert inside == []
        before = [one.state for one in mine if one.at < stay.arrived_at]
        expected = EvseState.OUTOFORDER if stay.stay is Stay.DEAD_CHARGER else EvseState.AVAILABLE
        assert (before or [EvseState.AVAILABLE])[-1] is expected


def test_sessions_of_cars_that_did_not_come_are_not_heard_of():
    parts = played(*STARTS)
    sessions = {at for part in parts for stay in part.occupancies for at in (stay.plugged_at, stay.unplugged_at)}
    charging = [one for part in parts for one in part.statuses if one.state is EvseState.CHARGING]
    assert charging
    assert all(one.at in sessions for one in charging)


def test_the_link_fails_around_a_start():
    start = nanoseconds(STARTS[1])
    stage = Stage(ParkingSettings(link_outages_per_day=0, lost_push_probability=0), 7, bays(), STARTS[1:2])
    gaps = [gap for number in (-2, -1, 0, 1) for gap in stage.link_outages(start // DAY + number)]
    assert gaps == [Interval(start + began * MINUTE, start + ended * MINUTE) for began, ended in LINK_OUTAGES]
    statuses = [one for number in range(4) for one in stage.advance(_day(number)).statuses]
    lost = [any(gap.began <= one.sent_at < gap.ended for gap in gaps) for one in statuses]
    assert any(lost)
    assert [one.lost for one in statuses] == lost


def test_trees_and_meters_do_not_notice():
    """So a second start on the same day adds no uplink of theirs again."""
    of, number = settings(), FIRST + 2
    plain = next(DemoCity(of).days(number))
    scenes = next(DemoCity(settings(started_at=STARTS)).days(number))
    assert len(scenes.frames) > len(plain.frames)
    bay = len(DemoCity(of).devices) - 1
    for one, other in zip(_of_others(plain, bay), _of_others(scenes, bay), strict=True):
        assert np.array_equal(one, other)


def _of_others(day, bay: int) -> list:
    events = np.flatnonzero(day.frames.device[day.deliveries.frame] < bay)
    frames = day.deliveries.frame[events]
    return [
        frames,
        day.deliveries.published_at[events],
        day.deliveries.identity[events],
        day.headers.f_cnt[frames],
        day.headers.channel[frames],
        day.deliveries.ns_time[day.deliveries.first[events]],
    ]


def test_a_city_with_one_bay_shows_what_fits():
    stage = Stage(ParkingSettings(arrivals_per_day=0), 7, bays()[:1], [at(2026, 7, 1, 12)])
    parts = [stage.advance(_day(number)) for number in range(2)]
    assert len(staged(parts)) == 1


def test_scenes_go_on_over_midnight():
    [start] = [at(2026, 7, 2, 23, 50) + timedelta(minutes=5)]
    cars = staged(played(start))
    assert len(cars) == len(SCENES)
