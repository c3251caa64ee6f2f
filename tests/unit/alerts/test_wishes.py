"""What people may do with a case, when, and what they are told when somebody was faster."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.model import AlertState, EventKind
from alerts.wishes import Action, Case, Conflict, Happened, Meanwhile, Outcome, Refusal, Refused, Wish, judge

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def happened(position, kind, actor="", *, minutes=10, reason="", **detail):
    return Happened(position, NOW - minutes * MINUTE, EventKind(kind), actor, reason, detail)


def case(state="open", *events, **changes):
    values = {
        "id": 1,
        "number": "2026-000001",
        "rule": "falschparken",
        "subject": "MZ-LS01-1",
        "state": AlertState(state),
        "outcome": "",
        "reason": "",
        "assignee": "",
        "opened_at": NOW - 30 * MINUTE,
        "closed_at": None,
        "content_digest": "c" * 64,
        "events": [happened(1, "opened", minutes=30), *events],
    }
    return Case(**(values | changes))


def wish(action, actor="olga", **given):
    return Wish(action=Action(action), actor=actor, **given)


@pytest.mark.parametrize(
    ("state", "action", "after"),
    [
        ("open", "acknowledge", "acknowledged"),
        ("open", "dispatch", "dispatched"),
        ("open", "on_site", "on_site"),
        ("acknowledged", "dispatch", "dispatched"),
        ("acknowledged", "on_site", "on_site"),
        ("dispatched", "on_site", "on_site"),
    ],
)
def test_the_way_of_a_case_and_steps_may_be_left_out(state, action, after):
    step = judge(case(state, assignee="olga"), wish(action), NOW)
    assert (step.state, step.assignee, step.closed_at) == (AlertState(after), "olga", None)
    assert step.event is EventKind(after)


def test_the_same_step_again_changes_nothing():
    step = judge(case("dispatched", assignee="olga"), wish("dispatch"), NOW)
    assert (step.event, step.state) == (None, AlertState.DISPATCHED)
    assert judge(case("on_site", assignee="olga"), wish("acknowledge"), NOW).event is None


def test_who_did_not_see_the_other_is_told_who_did_what():
    taken = case("acknowledged", happened(2, "acknowledged", "oskar"), assignee="oskar")
    with pytest.raises(Conflict) as caught:
        judge(taken, wish("acknowledge", position=1), NOW)
    assert (caught.value.meanwhile, caught.value.actor, caught.value.kind) == (
        Meanwhile.ACTED,
        "oskar",
        "acknowledged",
    )
    assert caught.value.at == NOW - 10 * MINUTE


def test_who_saw_the_other_takes_over():
    taken = case("acknowledged", happened(2, "acknowledged", "oskar"), assignee="oskar")
    step = judge(taken, wish("acknowledge", position=2), NOW)
    assert (step.event, step.assignee) == (EventKind.ACKNOWLEDGED, "olga")


def test_updates_of_the_engine_and_notes_of_others_are_no_conflict():
    changed = case("open", happened(2, "updated"), happened(3, "note", "oskar", note="steht quer"))
    assert judge(changed, wish("acknowledge", position=1), NOW).event is EventKind.ACKNOWLEDGED


def test_own_steps_that_waited_on_the_phone_follow_each_other():
    mine = case("on_site", happened(2, "on_site", "olga"), assignee="olga")
    step = judge(mine, wish("close", position=1, outcome=Outcome.ERMAHNUNG), NOW)
    assert (step.state, step.outcome, step.closed_at) == (AlertState.RESOLVED, "ERMAHNUNG", NOW)
    assert step.detail == {"outcome": "ERMAHNUNG", "from": "on_site", "content": "c" * 64}


def test_a_vehicle_that_left_calls_the_patrol_off():
    gone = case("resolved", assignee="olga", reason="drove_away", closed_at=NOW - MINUTE)
    with pytest.raises(Conflict) as caught:
        judge(gone, wish("on_site", position=1), NOW)
    assert (caught.value.meanwhile, caught.value.reason) == (Meanwhile.ENDED, "drove_away")


def test_the_outcome_of_a_case_that_ended_by_itself_can_be_told_and_it_stays_ended():
    gone = case("resolved", assignee="olga", reason="drove_away", closed_at=NOW - MINUTE)
    step = judge(gone, wish("close", outcome=Outcome.FAHRZEUG_WEG), NOW)
    assert (step.state, step.closed_at) == (AlertState.RESOLVED, NOW - MINUTE)
    closed = replace(gone, outcome="FAHRZEUG_WEG", events=[happened(1, "closed", "olga", **step.detail)])
    undone = judge(closed, wish("undo"), NOW)
    assert (undone.state, undone.outcome, undone.closed_at) == (AlertState.RESOLVED, "", NOW - MINUTE)


def test_closing_needs_an_outcome():
    with pytest.raises(Refused) as caught:
        judge(case(), wish("close"), NOW)
    assert caught.value.reason is Refusal.OUTCOME_MISSING


def closed_case(minutes, **changes):
    close = happened(2, "closed", "oskar", minutes=minutes, **{"outcome": "ERMAHNUNG", "from": "on_site"})
    values = {"outcome": "ERMAHNUNG", "closed_at": close.at, "assignee": "oskar"}
    return case("resolved", close, **(values | changes))


def test_a_close_is_taken_back_within_ten_minutes():
    step = judge(closed_case(10), wish("undo"), NOW)
    assert (step.state, step.outcome, step.closed_at) == (AlertState.ON_SITE, "", None)
    assert (step.event, step.reason) == (EventKind.REOPENED, "undone")
    with pytest.raises(Refused) as caught:
        judge(closed_case(10.1), wish("undo"), NOW)
    assert caught.value.reason is Refusal.TOO_LATE


def test_the_ten_minutes_count_from_when_the_close_arrived():
    late = happened(
        2,
        "closed",
        "oskar",
        minutes=25,
        **{"outcome": "ERMAHNUNG", "from": "on_site", "received_at": (NOW - 5 * MINUTE).isoformat()},
    )
    assert judge(case("resolved", late, outcome="ERMAHNUNG", closed_at=late.at), wish("undo"), NOW).event


def test_there_is_nothing_to_take_back_of_an_open_case():
    with pytest.raises(Refused) as caught:
        judge(case("acknowledged", happened(2, "acknowledged", "olga")), wish("undo"), NOW)
    assert caught.value.reason is Refusal.NOT_CLOSED


def test_a_close_stays_when_the_bay_has_a_newer_case():
    with pytest.raises(Conflict) as caught:
        judge(closed_case(1, newer="2026-000009"), wish("undo"), NOW)
    assert (caught.value.meanwhile, caught.value.reason) == (Meanwhile.NEWER_CASE, "2026-000009")


def test_who_closes_what_another_closed_learns_of_it_also_without_having_looked():
    with pytest.raises(Conflict) as caught:
        judge(closed_case(3), wish("close", outcome=Outcome.KEIN_FAHRZEUG), NOW)
    assert (caught.value.actor, caught.value.reason) == ("oskar", "ERMAHNUNG")


@pytest.mark.parametrize("action", ["note", "acknowledge", "close"])
def test_no_action_carries_a_plate(action):
    with pytest.raises(Refused) as caught:
        judge(case(), wish(action, note="Fahrzeug MZ-AB 123", outcome=Outcome.ERMAHNUNG), NOW)
    assert caught.value.reason is Refusal.PLATE


def test_notes_are_short_and_not_empty():
    for note, reason in (("  ", Refusal.NOTE_MISSING), ("x" * 501, Refusal.NOTE_TOO_LONG)):
        with pytest.raises(Refused) as caught:
            judge(case(), wish("note", note=note), NOW)
        assert caught.value.reason is reason
    step = judge(case("acknowledged", assignee="oskar"), wish("note", note=" Kabel  liegt\nlose "), NOW)
    assert (step.detail, step.assignee, step.event) == ({"note": "Kabel liegt lose"}, "oskar", EventKind.NOTE)


def test_what_waited_on_a_phone_happened_when_it_was_made():
    made = NOW - 5 * MINUTE
    step = judge(case(), wish("on_site", made_at=made), NOW)
    assert (step.at, step.detail) == (made, {"received_at": "2026-11-24T09:00:00+00:00"})


@pytest.mark.parametrize(
    "made", [NOW + MINUTE, NOW - 31 * MINUTE, NOW - timedelta(hours=13), NOW - timedelta(seconds=5)]
)
def test_times_that_cannot_be_or_hardly_differ_are_now(made):
    step = judge(case(), wish("on_site", made_at=made), NOW)
    assert (step.at, step.detail) == (NOW, {})
