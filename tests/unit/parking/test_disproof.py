"""What later data disprove, and what they leave standing: in doubt a case stays."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.changes import Change, Known, Step, content_digest, plan
from alerts.charging.status import EvseState
from alerts.model import AlertState, Disproof, Finding, Findings
from alerts.parking.disproof import Basis, Over, Told, by_bay, disproof, holds
from alerts.parking.findings import cases
from alerts.parking.inputs import Doubts, Regime, Sign
from alerts.parking.story import BayStory
from alerts.spans import Span
from decoders.readings import BayEvent

from .test_properties import STEPS, timelines
from .timeline import EVSE, RULES, Timeline, free_before, group_stories

LATENESS = RULES.settings.timers.lateness
END = STEPS / 4


def told(*stories: BayStory, since: float = -600) -> Told:
    start = Timeline().at(since)
    return Told(stories, {story.bay.key: start for story in stories}, Timeline().at(END))


def over(finding: Finding) -> Over:
    assert finding.ended is not None
    codes, digest = finding.codes, content_digest(finding, "1")
    times = finding.since, finding.due_at, finding.ended.at
    return Over(1, finding.subject, finding.occurrence, codes, *times, digest)


def basis(finding: Finding) -> Basis:
    return Basis(by_bay(finding.subject, finding.evidence), finding.facts["bay"], finding.facts["evses"])  # type: ignore[arg-type]


def verdict(case: Finding, now: Told) -> Disproof | None:
    """What the rule says of a stored case when history is told again."""
    one = over(case)
    if holds(one, now, cases(now.stories), LATENESS):
        return None
    return disproof(one, basis(case), now)


def one_hour() -> Timeline:
    """A car that stood there for an hour without charging, as it seemed."""
    made = free_before(Timeline())
    for number, one in enumerate(((0, True), (60, False))):
        made.sees(*one)
        made.sightings[-1] = made.sightings[-1]._replace(uplink=f"1/{number}", f_cnt=10 * number + 1)
    made.sightings[0] = made.sightings[0]._replace(uplink="1/before")
    return made


def late(made: Timeline, minute: float, occupied: bool, f_cnt: int) -> None:
    made.sees(minute, occupied)
    made.sightings[-1] = made.sightings[-1]._replace(uplink=f"1/late{f_cnt}", f_cnt=f_cnt)


@pytest.fixture
def case() -> Finding:
    [found] = cases([one_hour().story(END)])
    return found


def test_a_free_bay_of_which_nobody_heard_in_time(case: Finding) -> None:
    made = one_hour()
    late(made, 4, False, 2)
    late(made, 55, True, 3)
    found = verdict(case, told(made.story(END)))
    assert found is not None
    assert (found.subject, found.occurrence) == (case.subject, case.occurrence)
    assert found.by == {"uplinks": ["1/late2", "1/late3"]}


def test_a_session_of_which_the_operator_told_late(case: Finding) -> None:
    made = one_hour().point(3, EvseState.IN_USE).point(58, EvseState.IDLE)
    found = verdict(case, told(made.story(END)))
    assert found is not None
    assert found.by == {"statuses": [1, 2]}


def test_a_message_that_is_decoded_otherwise_now(case: Finding) -> None:
    made = one_hour()
    made.sightings[1] = made.sightings[1]._replace(occupied=None, event=BayEvent.STARTUP)
    found = verdict(case, told(made.story(END)))
    assert found is not None
    assert found.by == {"uplinks": ["1/0"]}


@pytest.mark.parametrize("leave", [0, 1, 2])
def test_an_episode_that_overlaps_keeps_it(case: Finding, leave: int) -> None:
    """Ended earlier, begun later, or in the middle."""
    made = one_hour()
    times = (
        [(25, False, 2), (58, True, 3)],
        [(2, False, 2), (30, True, 3)],
        [(2, False, 2), (20, True, 3), (40, False, 4)],
    )
    for one in times[leave]:
        late(made, *one)
    assert cases([made.story(END)]), "there is one"
    assert verdict(case, told(made.story(END))) is None


def test_a_case_of_bays_that_share_their_charge_points() -> None:
    """The other car charged, it seemed; late statuses say that both did."""

    def bays() -> list[Timeline]:
        made = [replace(one_hour(), key=key, group="LS01", evses=(EVSE, "DEMZXE2")) for key in ("LS01-1", "LS01-2")]
        made[0].point(-120, EvseState.IDLE, evse="DEMZXE2").point(1, EvseState.IN_USE, evse="DEMZXE2")
        return made

    [found] = cases(group_stories(bays(), END))
    assert (found.subject, found.ended is not None) == ("LS01", True)
    now = bays()
    now[0].point(2, EvseState.IN_USE)
    gone = verdict(found, told(*group_stories(now, END)))
    assert gone is not None
    assert (gone.subject, gone.by) == ("LS01", {"statuses": [3]})
    assert verdict(found, told(*group_stories([_signless(one) for one in bays()], END))) is None, "nothing is new"


class TestDoubts:
    """Nothing new, something missing, or something else changed."""

    def test_nothing_new(self, case: Finding) -> None:
        made = replace(one_hour(), sign=Sign(Regime.NONE))
        assert not cases([made.story(END)])
        assert verdict(case, told(made.story(END))) is None, "the sign changed, not what is known"

    @pytest.mark.parametrize("gone", [1, 2])
    def test_a_message_that_is_stored_no_more(self, case: Finding, gone: int) -> None:
        made = one_hour().point(3, EvseState.IN_USE).point(58, EvseState.IDLE)
        assert verdict(case, told(made.without(gone).story(END))) is None

    def test_all_of_them(self, case: Finding) -> None:
        assert verdict(case, told(Timeline().point(3, EvseState.IN_USE).story(END))) is None

    def test_a_status_that_is_stored_no_more(self, case: Finding) -> None:
        made = one_hour().point(3, EvseState.IN_USE).point(58, EvseState.IDLE)
        del made.statuses[0]
        assert verdict(case, told(made.story(END))) is None

    def test_another_sensor_answers_for_the_bay(self, case: Finding) -> None:
        made = one_hour()
        made.sightings[1:] = []
        late(made, 4, False, 2)
        assert verdict(case, told(made.story(END))) is None

    def test_other_charge_points(self, case: Finding) -> None:
        made = replace(one_hour().point(3, EvseState.IN_USE).point(58, EvseState.IDLE), evses=(EVSE, "DEMZXE2"))
        made.point(-120, EvseState.IDLE, evse="DEMZXE2")
        assert verdict(case, told(made.story(END))) is None

    def test_a_group_now(self, case: Finding) -> None:
        made = replace(one_hour().point(3, EvseState.IN_USE).point(58, EvseState.IDLE), group="LS01")
        assert verdict(case, told(made.story(END))) is None

    def test_only_confidence_speaks_against_it(self, case: Finding) -> None:
        """A sensor whose earlier messages are deleted seems to learn still."""
        learning = Doubts(learning=[Span(Timeline().at(-600), Timeline().at(END))])
        made = replace(one_hour(), doubts=learning)
        for f_cnt, minute in ((3, 20), (5, 40), (7, 50)):  # single sighting is gone, missing frames are not
            late(made, minute, True, f_cnt)
        made.statuses[0] = made.statuses[0]._replace(state=EvseState.IDLE)
        story = made.story(END)
        unsure = replace(story, verdicts=[_without_case(one) for one in story.verdicts])
        assert any(step.state == "SUSPECT" for one in unsure.verdicts for step in one.transitions)
        assert verdict(case, told(unsure)) is None

    def test_only_hours_speak_against_it(self, case: Finding) -> None:
        made = replace(one_hour(), sign=Sign(Regime.EV_CHARGING, reservation=()))
        late(made, 30, True, 5)
        assert made.verdict(END).counted
        assert verdict(case, told(made.story(END))) is None

    def test_a_stay_that_goes_on(self, case: Finding) -> None:
        made = one_hour().point(3, EvseState.IN_USE)
        made.sightings[2] = made.sightings[2]._replace(occupied=True, event=BayEvent.HEARTBEAT)
        assert made.verdict(END).occupancy.closed_at is None
        assert verdict(case, told(made.story(END))) is None

    def test_a_stay_that_is_as_long_as_it_was(self) -> None:
        made = free_before(Timeline()).point(1, EvseState.IN_USE).sees(0, True)
        made.sees(60, True, heartbeat=True).sees(120, True, heartbeat=True).sees(200, False)
        for number, one in enumerate(made.sightings):
            made.sightings[number] = one._replace(uplink=f"1/{number}")
        [stay] = cases([made.story(END)])
        assert stay.codes == ("V3_MAX_STAY",)
        longer = replace(made, sign=Sign(Regime.EV_CHARGING, max_stay=timedelta(hours=6)))
        longer.sees(100, True, heartbeat=True)
        assert verdict(stay, told(longer.story(END))) is None


def test_a_case_that_began_before_what_is_told_is_not_asked_for() -> None:
    story = one_hour().story(END)
    assert told(story, since=-30).begins() == {"LS01-1": Timeline().at(-30)}
    group = [replace(one_hour(), key=key, group="LS01") for key in ("LS01-1", "LS01-2")]
    several = Told(
        group_stories(group, END), {"LS01-1": Timeline().at(-90), "LS01-2": Timeline().at(-30)}, Timeline().at(END)
    )
    assert several.begins()["LS01"] == Timeline().at(-30), "from when on all of them are"


def _signless(made: Timeline) -> Timeline:
    return replace(made, sign=Sign(Regime.NONE))


def _without_case(one):  # type: ignore[no-untyped-def]
    """As a verdict that was never sure enough."""
    made = replace(one, case=type(one.case)())
    made.transitions = [step for step in one.transitions if step.state != "VIOLATION"]
    return made


# ---- whatever arrives in which order -----------------------------------------------------------------------


class Stored:
    """Alerts in memory, by the planner's own steps."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[Known, Finding]] = {}

    def tell_again(self, made: Timeline) -> None:
        """What `ParkingPast` does with all of a bay's history."""
        now = told(made.story(END))
        said = cases(now.stories)
        standing = [one for row, one in self.rows.values() if row.state is AlertState.RESOLVED]
        gone = [found for one in standing if (found := verdict(one, now)) is not None]
        ended = [one for one in said if one.ended is not None]
        names = {one.occurrence for one in ended}
        new = [
            one for one in ended if not any(other.occurrence not in names and overlap(one, other) for other in standing)
        ]
        known = [row for row, _ in self.rows.values()]
        findings = Findings("r", "1", tuple(new), frozenset(), made.at(-600), True, None, tuple(gone))
        for change in plan(findings, known, made.at(END)):
            self._apply(change)

    def _apply(self, change: Change) -> None:
        assert change.step in (Step.BACKFILL, Step.CORRECT, Step.DISPROVE)
        ended, before = change.ended, change.known
        assert ended is not None
        finding = change.finding or self.rows[change.known.subject, change.known.occurrence][1]  # type: ignore[union-attr]
        name = finding.subject, finding.occurrence
        row = Known(
            len(self.rows) if before is None else before.id, "", *name, ended.state, "", ended.reason, finding.code,
            finding.codes, finding.severity, finding.confidence, finding.badges, finding.notifiable, True,
            finding.since, finding.due_at, ended.at, content_digest(finding, "1"),
        )  # fmt: skip
        self.rows[name] = row, finding

    @property
    def standing(self) -> list[Finding]:
        return [one for row, one in self.rows.values() if row.state is AlertState.RESOLVED]


def knows_all(one: Finding, made: Timeline) -> bool:
    """True when what it did not know lies before its first message: nothing says that this came late."""
    assert one.ended is not None
    first = min(seen.at for seen in made.sightings if seen.uplink in _uplinks(one))
    return all(seen.uplink in _uplinks(one) for seen in made.sightings if first <= seen.at <= one.ended.at)


def _uplinks(one: Finding) -> set[str]:
    rows = basis(one).evidence[one.subject]["uplinks"]
    return {row["key"] for row in rows}


def overlap(one: Finding, other: Finding) -> bool:
    assert one.ended is not None
    return one.since < (other.ended.at if other.ended else one.ended.at) and other.since < one.ended.at


def arriving(made: Timeline, arrived: Sequence[int]) -> Timeline:
    """The part of a history that is known when so many things have arrived."""
    sightings = [one for place, one in enumerate(made.sightings) if place in arrived]
    statuses = [one for place, one in enumerate(made.statuses, len(made.sightings)) if place in arrived]
    return replace(made, sightings=sightings, statuses=statuses)


def busy_day(seed: int) -> Timeline:
    """Cars that come and go and mostly charge, with a link that holds: what is missing is what has not arrived."""
    chance = random.Random(seed)
    made = free_before(Timeline())
    for number, step in enumerate(sorted(chance.sample(range(4, STEPS - 4), chance.randint(2, 10)))):
        made.sees(step / 4, number % 2 == 0)
        if chance.random() < 0.3:
            made.sees(step / 4 + 20 * chance.random(), chance.random() < 0.6, heartbeat=True)
    made.sightings.sort(key=lambda one: one.at)
    made.sightings = [one._replace(f_cnt=number) for number, one in enumerate(made.sightings)]
    for step in sorted(chance.sample(range(4, STEPS), chance.randint(0, 6))):
        made.point(step / 4, chance.choice([EvseState.IDLE, EvseState.IN_USE, EvseState.IN_USE, EvseState.DOWN]))
    return made


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.builds(busy_day, st.integers(0, 10**6)), timelines()), st.integers(0, 10**6))
def test_what_stands_in_the_end_is_what_the_whole_history_says(made: Timeline, seed: int) -> None:
    """In any order of arrival: no episode is missing, and no case stands that the history certainly does not hold."""
    assume(len({one.at for one in made.sightings}) == len(made.sightings))
    made.sightings = [one._replace(uplink=f"1/{number}") for number, one in enumerate(made.sightings)]
    everything, chance = range(len(made.sightings) + len(made.statuses)), random.Random(seed)
    order = chance.sample(everything, len(everything))
    looks = sorted(chance.choices(everything, k=4))
    stored = Stored()
    for count in (*looks, len(order)):
        stored.tell_again(arriving(made, order[:count]))
    whole = told(made.story(END))
    said = cases(whole.stories)
    for episode in said:
        if episode.ended is not None:
            assert any(overlap(one, episode) for one in stored.standing)
    for one in stored.standing:
        assert holds(over(one), whole, said, LATENESS) or knows_all(one, made)
    before = dict(stored.rows)
    stored.tell_again(made)
    assert stored.rows == before, "once more changes nothing"
