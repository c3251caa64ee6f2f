"""Parking: the process reproduces the calibrated figures, and charge points behave as their operators do."""

from itertools import pairwise

import numpy as np
import pytest

from stadtfunk.demo.clock import DAY, HOUR, MINUTE, SECOND, day_of
from stadtfunk.demo.parking import EvseState, EvseStatus, Occupancy, ParkingProcess, Stay
from stadtfunk.demo.places import bays
from stadtfunk.demo.settings import ParkingSettings

DAYS = 90
FIRST = 20_500
SIMPLE = ParkingSettings(saturday_factor=1, sunday_factor=1, fault_share=0, lost_push_probability=0)


def simulate(settings: ParkingSettings, *, days: int = DAYS) -> tuple[list[Occupancy], list[EvseStatus]]:
    process = ParkingProcess(settings, 1, bays())
    parts = [process.advance(day_of(FIRST + number)) for number in range(days)]
    return [stay for part in parts for stay in part.occupancies], [push for part in parts for push in part.statuses]


@pytest.fixture(scope="module")
def occupancies() -> list[Occupancy]:
    return simulate(SIMPLE)[0]


def per_day(count: int) -> float:
    return count / DAYS


def test_how_full_the_bays_are(occupancies):
    whole = DAYS * DAY * 21
    assert sum(stay.left_at - stay.arrived_at for stay in occupancies) / whole == pytest.approx(0.20, abs=0.025)
    in_use = sum(stay.unplugged_at - stay.plugged_at for stay in occupancies if stay.plugged_at) / whole
    assert in_use == pytest.approx(0.18, abs=0.025)
    assert per_day(len(occupancies)) / 21 == pytest.approx(1.9, abs=0.12)
    assert 1 - per_day(len(occupancies)) / 21 / 2.5 == pytest.approx(0.26, abs=0.05)


def test_how_often_rules_are_broken(occupancies):
    """V1 no charging within 10 minutes, V2 15 minutes after it, V3 longer than the disc allows and 15 minutes."""
    idle = [stay for stay in occupancies if (stay.plugged_at or stay.left_at) - stay.arrived_at > 10 * MINUTE]
    after = [stay for stay in occupancies if stay.unplugged_at and stay.left_at - stay.unplugged_at > 15 * MINUTE]
    assert per_day(len(idle)) == pytest.approx(6.6, abs=0.9)
    assert per_day(len(after)) == pytest.approx(0.4, abs=0.2)

    def too_long(hours: int) -> float:
        half_hour = 30 * MINUTE
        return per_day(
            sum(
                stay.left_at > (stay.arrived_at // half_hour + 1) * half_hour + hours * HOUR + 15 * MINUTE
                for stay in occupancies
            )
        )

    assert too_long(2) == pytest.approx(15, abs=4.5)
    assert too_long(4) == pytest.approx(5.8, abs=1.8)


def test_who_comes(occupancies):
    shares = {stay: sum(item.stay is stay for item in occupancies) / len(occupancies) for stay in Stay}
    assert shares[Stay.CHARGING] == pytest.approx(0.70, abs=0.03)
    assert shares[Stay.SHORT_STOP] == pytest.approx(0.12, abs=0.02)
    assert shares[Stay.COMBUSTION] == pytest.approx(0.08, abs=0.02)
    assert shares[Stay.UNPLUGGED] == pytest.approx(0.06, abs=0.02)
    assert shares[Stay.DELIVERY] == pytest.approx(0.04, abs=0.015)
    assert shares[Stay.DEAD_CHARGER] == 0


def test_cars_do_not_overlap(occupancies):
    for bay in range(21):
        stays = [stay for stay in occupancies if stay.bay == bay]
        assert all(before.left_at <= after.arrived_at for before, after in pairwise(stays))


def test_arrivals_follow_the_hours_of_the_day(occupancies):
    hours = np.bincount([day_of(s.arrived_at // DAY).local_hours[s.arrived_at % DAY // HOUR] for s in occupancies])
    assert hours[:6].sum() < 0.06 * hours.sum()
    assert hours[17:19].mean() > 2 * hours[22]


def test_weekends():
    stays, _ = simulate(ParkingSettings(fault_share=0, arrivals_per_day=1.0))
    counts = np.bincount([day_of(stay.arrived_at // DAY).weekdays[12] for stay in stays], minlength=7)
    assert counts[5] > counts[:5].mean() > counts[6]


def test_a_session_is_pushed_late_and_in_order():
    stays, pushes = simulate(SIMPLE.model_copy(update={"link_outages_per_day": 0.0}))
    sessions = [stay for stay in stays if stay.plugged_at]
    assert len(pushes) == 2 * len(sessions)
    assert not any(push.lost for push in pushes)
    assert all(5 * SECOND <= push.sent_at - push.at <= 60 * SECOND for push in pushes)
    states = [push.state for push in sorted(pushes, key=lambda push: push.at) if push.evse_id == pushes[0].evse_id]
    assert states[:4] == [EvseState.CHARGING, EvseState.AVAILABLE] * 2


def test_pushes_get_lost_one_by_one_and_with_the_link():
    _, pushes = simulate(ParkingSettings(link_outages_per_day=0.0))
    assert np.mean([push.lost for push in pushes]) == pytest.approx(0.01, abs=0.006)
    _, pushes = simulate(ParkingSettings(link_outages_per_day=2.0, lost_push_probability=0.0))
    assert np.mean([push.lost for push in pushes]) == pytest.approx(2 * 40 / 1440, abs=0.03)


def test_charge_points_break_down():
    stays, pushes = simulate(ParkingSettings(fault_share=0.1, lost_push_probability=0, link_outages_per_day=0))
    down = [push for push in pushes if push.state is EvseState.OUTOFORDER]
    repaired = {(push.evse_id, push.at): push for push in pushes if push.state is EvseState.AVAILABLE}
    assert len(down) > 100
    lasting = []
    for push in down:
        ends = [at for evse_id, at in repaired if evse_id == push.evse_id and at > push.at]
        lasting.append(min(ends) - push.at)
    assert sum(lasting) / (DAYS * DAY * 21) == pytest.approx(0.1, abs=0.025)
    assert any(stay.stay is Stay.DEAD_CHARGER for stay in stays)
    for stay in stays:
        assert stay.plugged_at is None or stay.plugged_at <= stay.unplugged_at <= stay.left_at
