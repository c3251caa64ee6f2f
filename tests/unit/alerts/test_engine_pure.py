"""The pure parts of the engine: dwell and hysteresis, turns, storms, grouping, escalation, the clock, settings."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.calendar import Calendar, Hours
from alerts.clock import SteadyClock
from alerts.durations import parse
from alerts.escalation import Patience, Waiting, overdue
from alerts.grouping import behind_gateways
from alerts.model import Finding, Findings, Severity, SubjectKind
from alerts.notify import STORM_WINDOW, Message, OutboxState, Slot, arrange
from alerts.rules.episodes import Level, Mark, Timing, episodes
from alerts.rules.registry import KINDS
from alerts.settings import AlertSettings, AnyRule
from alerts.silences import Silence, silent_until
from alerts.turns import LONGEST, Turn, due, pause, scheduled

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIMING = Timing(dwell=10 * MINUTE, stale_after=30 * MINUTE)
LEVELS = {"-": Level.CLEAR, "o": Level.BETWEEN, "x": Level.BAD}


def marks(text, step=5):
    """One mark every five minutes; a blank is none."""
    return [Mark(NOW + n * step * MINUTE, LEVELS[c], float(n)) for n, c in enumerate(text) if c != " "]


def spans(text, until):
    found, _ = episodes(marks(text), TIMING, NOW + until * MINUTE)
    minute = lambda at: None if at is None else int((at - NOW) / MINUTE)  # noqa: E731
    return [(minute(one.since), minute(one.ended_at)) for one in found]


@pytest.mark.parametrize(
    ("text", "until", "expected"),
    [
        ("-xx-", 60, []),
        ("-xxx-", 60, [(5, 20)]),
        ("-xoo-", 60, [(5, 20)]),
        ("-oooo", 60, []),
        ("-xx", 14, []),
        ("-xx", 15, [(5, None)]),
        ("x", 9, []),
        ("x       x", 35, [(0, None)]),
        ("xx-xxx-", 60, [(15, 30)]),
        ("xxx" + " " * 20 + "x", 200, [(0, None)]),
    ],
)
def test_dwell_and_hysteresis(text, until, expected):
    assert spans(text, until) == expected


def test_a_value_is_not_believed_for_ever():
    slow = Timing(dwell=60 * MINUTE, stale_after=30 * MINUTE)
    found, next_due = episodes(marks("x"), slow, NOW + 40 * MINUTE)
    assert (found, next_due) == ([], None)
    assert episodes(marks("x"), TIMING, NOW + MINUTE)[1] == NOW + 10 * MINUTE


@given(st.text("-ox ", max_size=30), st.integers(0, 150))
def test_what_is_told_once_is_never_taken_back_by_later_values(text, until):
    before, _ = episodes(marks(text), TIMING, NOW + until * MINUTE)
    after, _ = episodes(marks(text), TIMING, NOW + 200 * MINUTE)
    assert {one.since for one in before} <= {one.since for one in after}


class Still:
    name, version, wakes, pace = "still", "1", frozenset({"tree_moisture"}), timedelta(seconds=10)


def turn():
    return Turn(Still(), Still)


def test_a_turn_comes_at_once_then_by_data_at_its_pace_by_timer_and_once_a_minute():
    one = turn()
    assert due([one], NOW) == [one]
    one.begin(NOW)
    one.done(NOW + timedelta(seconds=1), None)
    assert due([one], NOW + LONGEST - timedelta(seconds=1)) == []
    assert due([one], NOW + LONGEST) == [one]
    one.wake({"parking_bay"}, NOW + timedelta(seconds=1))
    assert one.due_at() == NOW + LONGEST
    one.wake({"tree_moisture"}, NOW + timedelta(seconds=2))
    assert one.due_at() == NOW + timedelta(seconds=10)
    one.done(NOW, NOW + timedelta(seconds=3))
    assert one.due_at() == NOW + timedelta(seconds=3)
    one.begin(NOW + timedelta(seconds=4))
    assert one.called_at == NOW + timedelta(seconds=2)


def test_a_slow_rule_that_is_woken_all_the_time_rests():
    one = turn()
    one.begin(NOW)
    one.done(NOW + timedelta(seconds=6), None)
    one.wake({"tree_moisture"}, NOW + timedelta(seconds=6))
    assert one.due_at() == NOW + timedelta(seconds=18)


@given(st.integers(-(10**6), 10**6))
def test_nothing_sleeps_longer_than_a_minute(seconds):
    one = turn()
    one.begin(NOW)
    one.done(NOW, NOW + timedelta(seconds=seconds))
    assert timedelta(0) < pause([one], NOW + timedelta(seconds=seconds / 2)) <= LONGEST


def test_the_clock_never_goes_back_and_never_stands_still():
    wall, ticks = [NOW], [0.0]
    clock = SteadyClock(lambda: wall[0], lambda: ticks[0])
    wall[0], ticks[0] = NOW - timedelta(hours=1), 10.0
    assert clock() == NOW + timedelta(seconds=5)
    ticks[0] = 20.0
    assert clock() == NOW + timedelta(seconds=10)
    wall[0] = NOW + timedelta(days=3650)
    assert clock() == wall[0]


def message(number, *, channel="mail", group="g", due_at=NOW, state=OutboxState.PENDING):
    body = {"number": str(number), "event": "opened"}
    return Message(f"{number}/1/{channel}", number, number, channel, "opened", group, body, due_at, state)


def test_one_message_is_sent_as_it_is_and_several_become_a_summary():
    assert arrange([message(1)], {}).rows == [message(1)]
    done = arrange([message(number) for number in range(1, 301)], {})
    [summary] = done.summaries
    assert (summary.body["count"], len(summary.body["entries"]), summary.due_at) == (300, 100, NOW)
    assert {row.state for row in done.rows} == {OutboxState.SENT}
    assert {row.body["summary"] for row in done.rows} == {summary.key}


def test_groups_and_channels_do_not_wait_for_each_other_and_held_messages_for_nobody():
    several = [message(1), message(2, group="h"), message(3, channel="hook"), message(4, state=OutboxState.HELD)]
    done = arrange(several, {})
    assert done.summaries == []
    assert len(done.rows) == 4


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40))
def test_a_group_gets_at_most_one_message_a_minute(seconds):
    """Whatever comes when: slots as the database would give them."""
    sent, slot = [], None
    for number, at in enumerate(sorted(seconds)):
        now = NOW + timedelta(seconds=at)
        if slot is not None and slot.due_at <= now:
            slot = Slot(slot.due_at) if now - slot.due_at < STORM_WINDOW else None
        done = arrange([message(number, due_at=now)], {} if slot is None else {("mail", "g", now): slot})
        fresh = [row for row in [*done.rows, *done.summaries] if row.state is OutboxState.PENDING]
        for row in fresh:
            sent.append(row.due_at)
            slot = Slot(row.due_at, row.key if row.kind == "summary" else "")
    assert all(later - earlier >= STORM_WINDOW for earlier, later in pairwise(sent))


def finding(**given):
    one = Finding("a1", SubjectKind.DEVICE, "1", "X", Severity.WARNING, since=NOW, due_at=NOW)
    return replace(one, **given)


def test_a_device_that_a_living_gateway_hears_is_told():
    [alone] = behind_gateways([finding()], {"a1": ["g1"]}, {"g1"})
    assert (alone.group, alone.notifiable) == ("gateway/g1", False)
    assert list(behind_gateways([finding()], {"a1": ["g1", "g2"]}, {"g1"})) == [finding()]
    assert list(behind_gateways([finding()], {}, {"g1"})) == [finding()]


DAY = (Hours(**{"from": "07:00", "to": "22:00", "weekdays": ["mon", "tue", "wed", "thu", "fri"]}),)


def test_outside_its_hours_a_rule_tells_nobody_until_they_begin():
    night = NOW.replace(hour=23)
    findings = Findings("r", "1", (finding(since=night, due_at=night),), frozenset({"a1"}), NOW)
    silent = scheduled(findings, DAY, Calendar(), night)
    assert not silent.findings[0].notifiable
    assert silent.next_due == datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
    assert scheduled(findings, DAY, Calendar(), silent.next_due).findings[0].notifiable
    assert scheduled(findings, DAY, Calendar(), silent.next_due + timedelta(hours=20)).findings[0].notifiable


def test_patience_counts_working_hours_alone():
    friday = datetime(2026, 11, 27, 20, 50, tzinfo=UTC)
    patience = {"r": Patience(DAY, escalate_after=20 * MINUTE, repeat_after=30 * MINUTE)}
    one = Waiting(1, "r", friday, None, friday)
    monday = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
    assert list(overdue([one], patience, Calendar(), monday + 9 * MINUTE)) == []
    assert [e.kind for e in overdue([one], patience, Calendar(), monday + 10 * MINUTE)] == ["escalated"]
    once = replace(one, escalated_at=monday)
    assert [e.kind for e in overdue([once], patience, Calendar(), monday + 20 * MINUTE)] == ["renotified"]
    assert list(overdue([replace(one, rule="gone")], patience, Calendar(), monday + timedelta(days=9))) == []


def test_silences_that_follow_each_other_are_one():
    several = [
        Silence(NOW, NOW + MINUTE, rule="r"),
        Silence(NOW + MINUTE, NOW + 3 * MINUTE, subject="a1"),
        Silence(NOW, NOW + 60 * MINUTE, subject="b2"),
    ]
    assert silent_until(several, "r", ["a1", "B-1"], NOW) == NOW + 3 * MINUTE
    assert silent_until(several, "other", ["a1"], NOW) == NOW


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("1.5h", 5400), ("7d", 604800)])
def test_durations(text, seconds):
    assert parse(text) == timedelta(seconds=seconds)


def test_every_kind_of_rule_can_be_configured():
    union = get_args(get_args(AnyRule)[0])
    assert set(union) == {kind.settings for kind in KINDS.values()}
    assert {get_args(one.model_fields["kind"].annotation)[0] for one in union} == set(KINDS)


def test_a_version_is_a_digest_of_what_the_judgement_depends_on():
    def version(**given):
        rules = {"r": {"kind": "gateway_silent", **given}}
        return AlertSettings.model_validate({"rules": rules}).make_rules()[0].version

    assert version() == version(escalate_after="20m", hours=[{"from": "07:00"}])
    assert version() != version(after="20m")


def test_versions_are_the_same_in_every_process():
    told = (
        "from alerts.settings import AlertSettings\n"
        "rules = {'p': {'kind': 'wrong_parking'}, 's': {'kind': 'bay_sensor'}}\n"
        "print([rule.version for rule in AlertSettings.model_validate({'rules': rules}).make_rules()])"
    )
    versions = {
        subprocess.run(
            [sys.executable, "-c", told], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(versions) == 1


def test_an_unquoted_time_of_yaml_is_a_time():
    assert Hours(**{"from": 1320}).start.hour == 22


def test_what_is_no_rule_is_refused():
    with pytest.raises(ValidationError, match="kind"):
        AlertSettings.model_validate({"rules": {"r": {"kind": "nobody"}}})
