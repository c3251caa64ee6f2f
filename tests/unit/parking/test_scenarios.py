"""The sixteen golden scenarios as timelines. A case opens 90 s after its rule is fulfilled."""

from datetime import UTC, datetime, time, timedelta

from alerts.calendar import Calendar, Hours
from alerts.charging.status import EvseState
from alerts.model import SubjectKind
from alerts.parking.confidence import Doubt, score
from alerts.parking.findings import cases, tickets
from alerts.parking.inputs import Regime, Sign
from alerts.parking.stay import stays
from alerts.parking.verdict import BayState, Code, EndReason, Raised

from .timeline import EVSE, NOON, Timeline, free_before, group_stories

LATENESS = 1.5


def arrived() -> Timeline:
    """Free for an hour, then a car at minute 0."""
    return free_before(Timeline()).sees(0, True)


def raised(timeline: Timeline, code: Code, minute: float) -> Raised:
    return Raised(code, timeline.at(minute), timeline.at(minute + LATENESS))


def legal_end(sign: Sign, arrival: datetime, calendar: Calendar) -> datetime:
    """Of the first span of hours that an arrival meets."""
    return stays(sign, arrival, arrival, calendar)[0].legal_end


def test_01_a_combustion_car_for_45_minutes():
    car = arrived().sees(45, False)
    assert car.story(11.4).state is BayState.SUSPECT
    before = car.verdict(44)
    assert before.state is BayState.VIOLATION
    assert before.case.raised == [raised(car, Code.V1_NO_CHARGE, 10)]
    assert score(before.case.parts) == 80
    assert [part.reason for part in before.case.parts] == [Doubt.SINGLE_SIGHTING]
    after = car.verdict(46)
    assert after.state is BayState.FREE
    assert after.case.ended_at == car.at(45.5)
    assert after.case.end_reason is EndReason.DROVE_AWAY


def test_02_a_session_after_six_minutes():
    car = arrived().point(6, EvseState.IN_USE).sees(58, True, heartbeat=True)
    assert car.story(60).state is BayState.CHARGING
    assert car.codes(60) == []


def test_03_a_session_after_fourteen_minutes():
    car = arrived().point(14, EvseState.IN_USE)
    assert car.verdict(13.9).case.open
    assert car.verdict(14.9).case.open, "less than a minute is a plug flick"
    after = car.verdict(30)
    assert after.case.codes == [Code.V1_NO_CHARGE]
    assert after.case.ended_at == car.at(15)
    assert after.case.end_reason is EndReason.CHARGING_STARTED
    assert after.state is BayState.CHARGING


def test_04_the_session_ends_and_the_car_stays_forty_minutes():
    car = arrived().point(5, EvseState.IN_USE).point(50, EvseState.IDLE).sees(60, True, heartbeat=True).sees(90, False)
    assert car.story(60).state is BayState.POST_CHARGE
    verdict = car.verdict(80)
    assert verdict.case.raised == [raised(car, Code.V2_AFTER_CHARGE, 65)]
    assert car.verdict(91).case.end_reason is EndReason.DROVE_AWAY


def test_05_three_hours_of_charging_where_two_are_allowed():
    start = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
    car = free_before(Timeline(start=start)).sees(0, True).point(4, EvseState.IN_USE)
    car.sees(60, True, heartbeat=True).sees(120, True, heartbeat=True).sees(180, False)
    verdict = car.verdict(179)
    assert verdict.legal_end == datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    assert [one.code for one in verdict.case.raised] == [Code.V3_MAX_STAY]
    assert verdict.case.raised[0].due_at == datetime(2026, 11, 24, 11, 45, tzinfo=UTC)


def test_05_is_told_only_where_no_point_is_free_or_long_after():
    start = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
    car = free_before(Timeline(start=start)).sees(0, True).point(4, EvseState.IN_USE)
    for hour in range(1, 6):
        car.sees(60 * hour, True, heartbeat=True)
    assert car.verdict(179).case.notifiable, "no other charge point is free"
    car.points_free = [car.contacts[0]]
    assert not car.verdict(179).case.notifiable
    assert car.verdict(290).case.notifiable, "two hours over the limit"


def test_06_the_charge_point_is_out_of_order():
    car = free_before(Timeline()).point(-10, EvseState.DOWN).sees(0, True).sees(60, True, heartbeat=True)
    assert car.story(90).state is BayState.EXEMPT
    assert car.codes(90) == []


def test_07_the_charge_point_recovers_after_thirty_minutes():
    car = free_before(Timeline()).point(-10, EvseState.DOWN).sees(0, True).point(30, EvseState.IDLE)
    car.sees(50, True, heartbeat=True)
    assert car.story(44).state is BayState.EXEMPT
    assert car.story(46).state is BayState.ARRIVED
    assert car.verdict(60).case.raised == [raised(car, Code.V1_NO_CHARGE, 30 + 15 + 10)]


def test_08_a_lost_departure_and_a_session_two_hours_later():
    car = arrived().point(120, EvseState.IN_USE).sees(130, True, heartbeat=True, lost=2)
    assert car.verdict(119).case.open
    first, second = car.story(140).verdicts
    assert first.case.codes == [Code.V1_NO_CHARGE]
    assert first.case.ended_at == car.at(120)
    assert first.case.end_reason is EndReason.NEW_VEHICLE
    assert first.occupancy.until == car.at(0), "the last proof of presence"
    assert second.occupancy.inferred
    assert second.state is BayState.CHARGING
    assert not second.case.raised


def test_08_without_a_sign_of_another_car_it_plugged_in_late():
    car = arrived().sees(60, True, heartbeat=True).sees(118, True, heartbeat=True).point(120, EvseState.IN_USE)
    [only] = car.story(140).verdicts
    assert only.case.end_reason is EndReason.CHARGING_STARTED
    assert not only.occupancy.inferred


def test_09_flapping_makes_a_ticket_and_no_case():
    car = free_before(Timeline())
    for change in range(6):
        car.sees(change * 1.5, change % 2 == 0)
    assert car.codes(30) == []
    [ticket] = tickets([car.story(9)])
    assert ticket.code == "SENSOR_FLAPPING"
    assert ticket.ended is None


def test_10_the_operators_link_is_down_for_forty_minutes():
    car = Timeline().sees(-60, False, heartbeat=True).point(-120, EvseState.IDLE).linked(-120, 2).sees(0, True)
    assert car.story(30).state is BayState.UNDETERMINED
    assert car.codes(41) == []
    car.linked(42, 600)
    assert car.codes(49) == []
    assert car.verdict(54).case.raised == [raised(car, Code.V1_NO_CHARGE, 50)], "two minutes before, eight after"


def test_11_two_bays_share_two_points_and_only_one_car_charges():
    first = Timeline(key="LS09-1", evses=("A", "B"), group="LS09").sees(-60, False, heartbeat=True)
    first.point(-120, EvseState.IDLE, evse="A").point(-120, EvseState.IDLE, evse="B").linked(-120, 600)
    first.sees(0, True).point(3, EvseState.IN_USE, evse="A")
    second = Timeline(key="LS09-2", evses=("A", "B"), group="LS09").sees(-60, False, heartbeat=True).sees(20, True)
    stories = group_stories([first, second], 40)
    [case] = cases(stories)
    assert case.subject == "LS09"
    assert case.subject_kind is SubjectKind.STATION
    assert case.facts["candidates"] == ["LS09-2"]
    assert (case.facts["accused"], case.facts["bays"]) == (1, 2)
    assert case.due_at == first.at(30)
    assert case.confidence <= 80


def test_12_a_late_departure_withdraws_the_case():
    car = arrived()
    assert car.verdict(20).case.open
    car.sees(9, False)
    assert car.codes(29) == [], "the same history, with the message that came twenty minutes late"


def test_13_outside_the_reservation_it_is_counted_only():
    by_day = Sign(Regime.EV_CHARGING, reservation=(Hours(start=time(8), end=time(18)),))
    night = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
    car = free_before(Timeline(start=night, sign=by_day)).sees(0, True).sees(45, False)
    verdict = car.verdict(60)
    assert not verdict.case.raised
    assert verdict.counted == {Code.V1_NO_CHARGE: car.at(10)}


def test_14_the_longest_stay_in_the_night_of_the_clock_change():
    sign, calendar = Sign(Regime.EV_CHARGING, max_stay=timedelta(hours=2)), Calendar()
    autumn = datetime(2026, 10, 24, 23, 40, tzinfo=UTC)
    assert legal_end(sign, autumn, calendar) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC), "01:40 CEST, disc 02:00 CEST"
    spring = datetime(2026, 3, 29, 0, 40, tzinfo=UTC)
    assert legal_end(sign, spring, calendar) == datetime(2026, 3, 29, 3, 0, tzinfo=UTC), "01:40 CET, disc 03:00 CEST"


def test_15_only_the_heartbeat_tells_of_the_arrival():
    car = free_before(Timeline()).sees(0, True, heartbeat=True, lost=1)
    verdict = car.verdict(20)
    assert verdict.occupancy.since_uncertain
    assert verdict.case.raised == [raised(car, Code.V1_NO_CHARGE, 10)]
    [case] = cases([car.story(20)])
    assert "since_uncertain" in case.badges


def test_16_the_same_message_from_four_gateways():
    car = arrived()
    car.sightings += [car.sightings[-1]] * 3
    assert car.story(20) == arrived().story(20)


def test_the_disc_is_set_to_the_next_half_hour():
    sign, calendar = Sign(Regime.EV_CHARGING, max_stay=timedelta(hours=2)), Calendar()
    for arrival, end in (((9, 5), (11, 30)), ((9, 30), (12, 0)), ((9, 29), (11, 30))):
        at = NOON.replace(hour=arrival[0], minute=arrival[1])
        assert legal_end(sign, at, calendar) == NOON.replace(hour=end[0], minute=end[1])


def test_before_the_signs_hours_the_disc_is_set_to_their_begin():
    sign = Sign(Regime.EV_CHARGING, max_stay=timedelta(hours=2), stay_hours=(Hours(start=time(8), end=time(18)),))
    assert legal_end(sign, NOON.replace(hour=5), Calendar()) == NOON.replace(hour=9), "08:00 CET and two hours"


def test_a_blocked_point_is_evidence():
    car = Timeline().sees(-60, False, heartbeat=True).linked(-120, 600)
    car.point(-120, EvseState.IDLE, evse=EVSE, raw="BLOCKED").sees(0, True)
    assert score(car.verdict(20).case.parts) == 90
