"""What must not lead to an accusation: points that are taken or gone, signs that ended, counters that began anew."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from alerts.calendar import Calendar, Hours
from alerts.charging.status import EvseState
from alerts.parking.findings import cases
from alerts.parking.inputs import Bay, Regime, Sighting, Sign
from alerts.parking.story import BayStory, tell
from alerts.parking.verdict import BayState, Code, EndReason
from alerts.spans import Span
from decoders.readings import BayEvent

from .timeline import NOON, RULES, Timeline, free_before, group_stories, minutes


def group(bays: int, points: str = "AB") -> list[Timeline]:
    """Free bays that share idle points; statuses and contacts are the first one's."""
    made = [
        Timeline(key=f"LS09-{number + 1}", evses=tuple(points), group="LS09").sees(-60, False, heartbeat=True)
        for number in range(bays)
    ]
    for evse in points:
        made[0].point(-120, EvseState.IDLE, evse=evse)
    made[0].linked(-120, 600)
    return made


def codes(stories: list[BayStory]) -> list[tuple[str, Code]]:
    return [(story.bay.key, code) for story in stories for one in story.verdicts for code in one.case.codes]


def test_who_finds_every_point_taken_is_not_accused():
    first, second, third = bays = group(3)
    for minute, car, evse in ((0, first, "A"), (20, second, "B")):
        car.sees(minute, True)
        first.point(minute + 2, EvseState.IN_USE, evse=evse)
    third.sees(30, True)
    assert codes(group_stories(bays, 100)) == []
    first.point(70, EvseState.IDLE, evse="A").sees(71, False)
    found = [verdict.case.raised[0] for verdict in group_stories(bays, 100)[2].verdicts]
    assert [(one.code, one.due_at) for one in found] == [(Code.V1_NO_CHARGE, first.at(85))], (
        "free from minute 70 on, and five minutes were granted for waiting"
    )


def test_that_others_take_the_last_point_ends_no_case():
    first, second, third = bays = group(3)
    first.sees(0, True)
    for minute, car, evse in ((30, second, "A"), (50, third, "B")):
        car.sees(minute, True)
        first.point(minute + 1, EvseState.IN_USE, evse=evse)
    [case] = cases(group_stories(bays, 80))
    assert case.ended is None
    assert case.facts["candidates"] == ["LS09-1"]


def test_a_removed_point_is_no_free_one():
    first, second = bays = group(2)
    first.point(-100, EvseState.OUT_OF_SERVICE, evse="B")
    first.sees(0, True).point(2, EvseState.IN_USE, evse="A")
    second.sees(10, True)
    assert codes(group_stories(bays, 60)) == []


def test_a_case_of_a_group_names_who_is_still_accused():
    first, second = bays = group(2)
    first.sees(0, True)
    second.sees(20, True)
    first.point(33, EvseState.IN_USE, evse="A")
    [case] = cases(group_stories(bays, 60))
    assert (case.facts["accused"], case.facts["candidates"]) == (1, ["LS09-1"])


def test_a_bay_with_two_points_of_its_own_charges_at_either():
    car = Timeline(evses=("A", "B")).sees(-60, False, heartbeat=True).linked(-120, 600)
    car.point(-120, EvseState.IDLE, evse="A").point(-120, EvseState.IDLE, evse="B")
    car.sees(0, True).point(4, EvseState.IN_USE, evse="B")
    assert car.codes(60) == []
    assert car.story(60).state is BayState.CHARGING
    idle = car.without()
    idle.statuses = car.statuses[:2]
    assert idle.codes(60) == [Code.V1_NO_CHARGE]


def changing(signs: tuple[Sign, ...], since: datetime, minute: float) -> BayStory:
    car = free_before(Timeline(start=since)).sees(0, True)
    return tell([replace(car.bay, signs=signs)], {car.key: car.history}, RULES, car.at(minute))[0]


def valid(start: datetime, end: datetime, regime: Regime = Regime.EV_CHARGING, **options: object) -> Sign:
    return Sign(regime, valid=Span(start, end), **options)


def test_a_sign_that_ended_accuses_nobody():
    ends = NOON + minutes(5)
    story = changing((valid(NOON - timedelta(days=9), ends),), NOON, 60)
    assert story.verdicts[0].case.raised == []
    assert story.state is BayState.DISABLED


def test_a_case_ends_with_its_sign():
    story = changing((valid(NOON - timedelta(days=9), NOON + minutes(30)),), NOON, 60)
    [verdict] = story.verdicts
    assert (verdict.case.ended_at, verdict.case.end_reason) == (NOON + minutes(30), EndReason.OUT_OF_SERVICE)


def test_a_renewed_sign_of_the_same_kind_goes_on():
    ends = NOON + minutes(5)
    signs = (valid(NOON - timedelta(days=9), ends), valid(ends, NOON + timedelta(days=9), version="2"))
    [verdict] = changing(signs, NOON, 60).verdicts
    assert verdict.case.raised[0].due_at == NOON + minutes(10)


def test_a_new_kind_of_sign_does_not_count_for_who_stands_there():
    ends = NOON + minutes(5)
    signs = (valid(NOON - timedelta(days=9), ends, Regime.EV_ONLY), valid(ends, NOON + timedelta(days=9)))
    [verdict] = changing(signs, NOON, 60).verdicts
    assert verdict.case.raised == []


def test_a_reservation_across_midnight_counts_only_inside():
    night = Sign(Regime.EV_CHARGING, reservation=(Hours(start=time(22), end=time(6)),))
    evening = datetime(2026, 11, 24, 20, 55, tzinfo=UTC)
    [verdict] = changing((night,), evening, 60).verdicts
    assert verdict.case.raised[0].due_at == evening + minutes(15), "21:55 in Mainz, reserved from 22:00"
    early = datetime(2026, 11, 25, 4, 55, tzinfo=UTC)
    assert changing((night,), early, 60).verdicts[0].case.raised == [], "05:55, five minutes before the end"
    middle = datetime(2026, 11, 24, 22, 58, tzinfo=UTC)
    assert changing((night,), middle, 60).verdicts[0].case.raised[0].due_at == middle + minutes(10)


def test_holidays_of_the_state_end_a_weekdays_reservation():
    shops = Sign(Regime.EV_CHARGING, reservation=(Hours(start=time(8), end=time(18), holidays="never"),))
    corpus_christi = datetime(2026, 6, 4, 9, 0, tzinfo=UTC)
    assert Calendar().is_holiday(corpus_christi.date())
    assert changing((shops,), corpus_christi, 60).verdicts[0].case.raised == []
    assert changing((shops,), corpus_christi + timedelta(days=1), 60).verdicts[0].case.raised != []


def test_the_grace_runs_through_the_clock_change_at_its_true_length():
    day = Sign(Regime.EV_CHARGING, reservation=(Hours(start=time(3), end=time(6)),))
    autumn = datetime(2026, 10, 25, 1, 50, tzinfo=UTC)
    [verdict] = changing((day,), autumn, 60).verdicts
    assert verdict.case.raised[0].due_at == autumn + minutes(20), "reserved from 03:00 CET = 02:00 UTC"


def test_polls_every_five_minutes_prove_what_lies_between_them():
    car = Timeline().sees(-60, False, heartbeat=True).point(-120, EvseState.IDLE)
    for minute in range(-118, 60, 5):
        car.linked(minute, minute)
    car.sees(0, True)
    assert car.codes(11.9) == [], "proven up to minute 7 only"
    [raised] = car.verdict(30).case.raised
    assert raised.due_at == car.at(10)


def test_a_counter_that_began_anew_is_no_delay():
    """A restarted ABP device counts from 1 again under the same address: its arrival is not moved to its past."""
    car = free_before(Timeline())
    car.sightings = [
        Sighting(car.at(-60 + 10 * number), False, BayEvent.HEARTBEAT, number, "1") for number in range(1, 5)
    ]
    car.sightings += [
        Sighting(car.at(-5), None, BayEvent.STARTUP, 1, "1"),
        Sighting(car.at(0), True, BayEvent.CHANGE, 2, "1"),
    ]
    assert car.verdict(5).occupancy.since == car.at(0)
    without_startup = [one for one in car.sightings if one.event is not BayEvent.STARTUP]
    car.sightings = without_startup
    assert car.verdict(5).occupancy.since == car.at(0), "the same counter twice"


def test_a_swapped_sensor_that_is_silent_accuses_nobody():
    car = free_before(Timeline()).sees(0, True)
    car.sightings.append(Sighting(car.at(4), None, BayEvent.STARTUP, 1, "2"))
    assert car.codes(120) == []
    assert car.story(120).state is BayState.UNDETERMINED
    car.sightings.append(Sighting(car.at(130), True, BayEvent.HEARTBEAT, 2, "2"))
    [raised] = car.verdict(150).case.raised
    assert raised.due_at == car.at(136), "four minutes by the old sensor, six by the new one"


def test_a_bay_without_a_charge_point_is_never_accused():
    car = free_before(Timeline(evses=())).sees(0, True)
    assert car.codes(600) == []
    other = free_before(Timeline(evses=("NOBODY",))).sees(0, True)
    assert other.codes(600) == []


def test_an_unknown_point_after_a_recheck_waits_for_the_next_word():
    car = free_before(Timeline()).sees(0, True).point(11.4, EvseState.UNKNOWN)
    assert car.codes(40) == []
    assert car.story(40).state is BayState.UNDETERMINED
    car.point(41, EvseState.IDLE)
    assert car.verdict(45).case.raised[0].opened_at == car.at(41)


def test_unsigned_bays_are_disabled():
    unsigned = Bay("LS01-1", "LS01", ("DEMZXE1",))
    car = free_before(Timeline()).sees(0, True)
    [story] = tell([unsigned], {car.key: car.history}, RULES, car.at(60))
    assert story.state is BayState.DISABLED
