"""What findings do to alerts, their events and the outbox."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.calendar import Hours
from alerts.changes import Step
from alerts.events import chain_hash, commitment
from alerts.model import Disproof, Severity
from alerts.notify import Channel
from alerts.policy import Policy
from storage.database import Role
from tests.integration.alerts.engine_store import (
    MINUTE,
    NOW,
    alerts,
    ended,
    finding,
    findings,
    kinds,
    outbox,
    settle,
)

MAIL = Policy(channels=(Channel("mail"),))


def test_an_alert_opens_once_and_resolves_with_its_finding(store):
    first = settle(store, findings(finding()), policy=MAIL)
    again = settle(store, findings(finding()), NOW + MINUTE, policy=MAIL)
    assert first.steps == {Step.OPEN: 1}
    assert not again.changed
    settle(store, findings(ended(finding(), NOW + 5 * MINUTE)), NOW + 6 * MINUTE, policy=MAIL)
    [alert] = alerts(store)
    assert (alert["number"], alert["state"], alert["reason"]) == ("2026-000001", "resolved", "heard_again")
    assert alert["closed_at"] == NOW + 5 * MINUTE
    assert kinds(store) == ["opened", "resolved"]
    assert [(row["idempotency_key"], row["state"]) for row in outbox(store)] == [
        ("2026-000001/1/mail", "pending"),
        ("2026-000001/2/mail", "pending"),
    ]


def test_an_ended_episode_that_nobody_saw_is_recorded_and_told_to_nobody(store):
    done = settle(store, findings(ended(finding(since=NOW - 20 * MINUTE), NOW)), policy=MAIL)
    assert done.steps == {Step.BACKFILL: 1}
    [alert] = alerts(store)
    assert alert["backfilled"]
    assert alert["opened_at"] == NOW - 20 * MINUTE
    assert kinds(store) == ["opened", "resolved"]
    assert outbox(store) == []


def test_what_was_due_long_ago_opens_at_its_time_and_tells_nobody(store):
    settle(store, findings(finding(since=NOW - 16 * MINUTE)), policy=MAIL)
    [alert] = alerts(store)
    assert (alert["state"], alert["backfilled"], alert["opened_at"]) == ("open", True, NOW - 16 * MINUTE)
    assert outbox(store) == []


def test_a_moved_begin_is_adopted(store):
    settle(store, findings(finding()), policy=MAIL)
    moved = finding(since=NOW - 3 * MINUTE)
    settle(store, findings(moved, explains_ends=True), NOW + MINUTE, policy=MAIL)
    [alert] = alerts(store)
    assert (alert["occurrence"], alert["since"], alert["state"]) == (moved.occurrence, moved.since, "open")
    assert kinds(store) == ["opened", "updated"]
    assert len(outbox(store)) == 1


def test_a_moved_begin_of_an_episode_that_is_over_is_adopted_and_resolved(store):
    settle(store, findings(finding()))
    moved = ended(finding(since=NOW - 3 * MINUTE), NOW + MINUTE)
    settle(store, findings(moved), NOW + 2 * MINUTE)
    [alert] = alerts(store)
    assert (alert["occurrence"], alert["state"]) == (moved.occurrence, "resolved")
    assert kinds(store) == ["opened", "updated", "resolved"]


@pytest.mark.parametrize(
    ("explains", "state", "reason"), [(True, "withdrawn", "history_changed"), (False, "resolved", "cause_gone")]
)
def test_an_alert_without_a_finding_ends(store, explains, state, reason):
    settle(store, findings(finding(), finding("b2")))
    settle(store, findings(subjects=("a1",), explains_ends=explains), NOW + MINUTE)
    first, second = alerts(store)
    assert (first["state"], first["reason"], first["closed_at"]) == (state, reason, NOW + MINUTE)
    assert second["state"] == "open", "it was not looked at"


def test_before_the_window_nothing_is_known(store):
    settle(store, findings(finding()))
    settle(store, findings(subjects=("a1",), window_start=NOW + MINUTE), NOW + 2 * MINUTE)
    assert alerts(store)[0]["state"] == "open"
    settle(store, findings(finding(since=NOW + 90 * MINUTE), window_start=NOW + MINUTE), NOW + 90 * MINUTE)
    assert [(row["state"], row["reason"]) for row in alerts(store)] == [("resolved", "superseded"), ("open", "")]


def test_what_comes_back_reopens_and_is_told_again_only_after_a_while(store):
    back = finding()
    settle(store, findings(back), policy=MAIL)
    settle(store, findings(ended(back, NOW + MINUTE)), NOW + MINUTE, policy=MAIL)
    settle(store, findings(back), NOW + 2 * MINUTE, policy=MAIL)
    assert kinds(store) == ["opened", "resolved", "reopened"]
    assert len(outbox(store)) == 2
    settle(store, findings(ended(back, NOW + 3 * MINUTE)), NOW + 3 * MINUTE)
    settle(store, findings(back), NOW + 60 * MINUTE, policy=MAIL)
    assert alerts(store)[0]["closed_at"] is None
    assert outbox(store)[-1]["kind"] == "reopened"


def test_what_a_person_closed_stays_closed(store):
    settle(store, findings(finding()))
    store.execute("UPDATE alert SET state = 'resolved', outcome = 'FAHRZEUG_WEG', closed_at = now()")
    assert not settle(store, findings(finding()), NOW + MINUTE).changed
    assert not settle(store, findings(ended(finding(), NOW)), NOW + MINUTE).changed


def disproof(store, **given):
    [row] = alerts(store)
    values = {"content": row["content_digest"], "by": {"statuses": [7]}} | given
    return findings(disproved=(Disproof(row["subject"], row["occurrence"], **values),))


def over_by_itself(store):
    settle(store, findings(finding()), policy=MAIL)
    settle(store, findings(ended(finding(), NOW + MINUTE)), NOW + 2 * MINUTE, policy=MAIL)


def test_what_is_disproved_after_it_was_over_is_withdrawn_once_and_told_to_nobody(store):
    over_by_itself(store)
    [before], told, later = alerts(store), outbox(store), disproof(store)
    assert settle(store, later, NOW + 60 * MINUTE, policy=MAIL).steps == {Step.DISPROVE: 1}
    [row] = alerts(store)
    assert row == before | {"state": "withdrawn", "reason": "disproved"}
    assert kinds(store) == ["opened", "resolved", "withdrawn"]
    [event] = store.execute("SELECT * FROM alert_event ORDER BY position DESC LIMIT 1")
    assert (event["at"], event["reason"], event["detail"]["by"]) == (NOW + 60 * MINUTE, "disproved", {"statuses": [7]})
    assert event["detail"]["ended"] == "heard_again"
    assert outbox(store) == told
    assert not settle(store, later, NOW + 61 * MINUTE, policy=MAIL).changed


def test_what_is_disproved_too_early_or_otherwise_stays(store):
    settle(store, findings(finding()))
    assert not settle(store, disproof(store)).changed, "it goes on"
    settle(store, findings(ended(finding(), NOW + MINUTE)))
    assert not settle(store, disproof(store, content="other")).changed, "it was looked at as it is no more"
    store.execute("UPDATE alert SET outcome = 'ERMAHNUNG'")
    assert not settle(store, disproof(store)).changed, "a person has seen it"


def test_what_is_disproved_and_found_after_all_stands_again(store):
    over_by_itself(store)
    settle(store, disproof(store), NOW + 60 * MINUTE)
    settle(store, findings(ended(finding(), NOW + MINUTE)), NOW + 90 * MINUTE, policy=MAIL)
    [row] = alerts(store)
    assert (row["state"], row["reason"], row["closed_at"]) == ("resolved", "heard_again", NOW + MINUTE)
    assert kinds(store) == ["opened", "resolved", "withdrawn", "updated"]


@pytest.mark.parametrize("moved", [-3, 0.5])
def test_what_a_person_closed_stays_closed_when_late_data_move_its_begin(store, moved):
    settle(store, findings(finding()), NOW + MINUTE)
    store.execute("UPDATE alert SET state = 'resolved', outcome = 'BERECHTIGT', closed_at = %s", NOW + 5 * MINUTE)
    same = finding(since=NOW + moved * MINUTE)
    assert not settle(store, findings(same), NOW + 6 * MINUTE).changed
    assert not settle(store, findings(ended(same, NOW + 7 * MINUTE)), NOW + 8 * MINUTE).changed
    other = finding(since=NOW + 6 * MINUTE)
    assert settle(store, findings(other), NOW + 9 * MINUTE).steps == {Step.OPEN: 1}


def test_people_are_told_of_what_they_should_know_alone(store):
    settle(store, findings(finding(confidence=90)), policy=MAIL)
    settle(store, findings(finding(confidence=85, facts={"n": 1})), NOW + MINUTE, policy=MAIL)
    assert kinds(store) == ["opened"]
    settle(store, findings(finding(confidence=60, facts={"n": 1})), NOW + MINUTE, policy=MAIL)
    assert kinds(store) == ["opened", "updated"]
    assert len(outbox(store)) == 1
    grave = finding(confidence=60, severity=Severity.CRITICAL)
    settle(store, findings(grave), NOW + 5 * MINUTE, policy=MAIL)
    assert [row["kind"] for row in outbox(store)] == ["opened", "updated"]


def test_what_nobody_shall_be_told_is_told_when_that_changes(store):
    settle(store, findings(finding(notifiable=False)), policy=MAIL)
    assert outbox(store) == []
    settle(store, findings(finding()), NOW + 60 * MINUTE, policy=MAIL)
    assert [row["kind"] for row in outbox(store)] == ["updated"]


def test_channels_get_what_they_asked_for(store):
    policy = Policy(
        channels=(
            Channel("all"),
            Channel("critical", min_severity=Severity.CRITICAL),
            Channel("other", rules=frozenset({"other"})),
            Channel("late", escalation=True),
            Channel("night", shift=(Hours(**{"from": "22:00", "to": "06:00"}),)),
        )
    )
    settle(store, findings(finding()), policy=policy)
    assert {row["channel"]: row["state"] for row in outbox(store)} == {"all": "pending", "night": "held"}
    held = next(row for row in outbox(store) if row["state"] == "held")
    assert held["due_at"] == NOW.replace(hour=21)
    settle(store, findings(ended(finding(), NOW + MINUTE)), NOW + 2 * MINUTE, policy=policy)
    assert sorted((row["channel"], row["state"]) for row in outbox(store)[2:]) == [
        ("all", "pending"),
        ("night", "held"),
    ]


def test_a_silence_holds_messages_back_until_it_ends(store):
    store.execute(
        "INSERT INTO silence (subject, starts_at, ends_at) VALUES ('a1', %s, %s)", NOW, NOW + timedelta(hours=2)
    )
    settle(store, findings(finding(), finding("b2")), policy=MAIL)
    rows = outbox(store)
    assert {row["body"]["subject"]: row["due_at"] for row in rows} == {"a1": NOW + timedelta(hours=2), "b2": NOW}
    settle(store, findings(ended(finding(), NOW + MINUTE), finding("b2")), NOW + 2 * MINUTE, policy=MAIL)
    assert [row["body"]["subject"] for row in outbox(store)] == ["b2"], "nobody is told of what came and went"


def test_maintenance_of_an_asset_covers_its_devices(store):
    store.execute("INSERT INTO device (dev_eui) VALUES ('a1')")
    store.execute("INSERT INTO asset (kind, key, district) VALUES ('tree', 'B-1', 'Neustadt')")
    store.execute("INSERT INTO asset_device (asset_id, device_id) SELECT a.id, d.id FROM asset AS a, device AS d")
    store.execute("INSERT INTO silence (subject, starts_at, ends_at) VALUES ('B-1', %s, %s)", NOW, NOW + 60 * MINUTE)
    settle(store, findings(finding()), policy=MAIL)
    assert outbox(store)[0]["due_at"] == NOW + 60 * MINUTE
    assert alerts(store)[0]["district"] == "Neustadt"


def test_a_storm_is_one_message_and_the_next_minute_one_more(store):
    many = [finding(f"{number:04x}") for number in range(500)]
    done = settle(store, findings(*many), policy=MAIL)
    assert (done.steps[Step.OPEN], done.messages) == (500, 1)
    more = [finding(f"f{number:04x}", since=NOW + MINUTE / 6) for number in range(20)]
    settle(store, findings(*many, *more[:10]), NOW + MINUTE / 6, policy=MAIL)
    settle(store, findings(*many, *more), NOW + MINUTE / 3, policy=MAIL)
    summaries = [row for row in outbox(store) if row["state"] == "pending"]
    assert [row["body"]["count"] for row in summaries] == [500, 20]
    assert [row["due_at"] for row in summaries] == [NOW, NOW + MINUTE]
    assert len([row for row in outbox(store) if row["state"] == "sent"]) == 520


def test_events_are_a_chain_that_survives_the_erasure_of_a_name(store):
    settle(store, findings(finding(facts={"volts": 3.0, "note": "ä"})))
    settle(store, findings(ended(finding(), NOW + MINUTE)), NOW + MINUTE)

    def verify() -> bool:
        previous = ""
        for row in store.execute("SELECT * FROM alert_event ORDER BY position"):
            expected = chain_hash(
                position=row["position"],
                at=row["at"],
                kind=row["kind"],
                actor_commitment=row["actor_commitment"],
                reason=row["reason"],
                detail=row["detail"],
                previous_hash=previous,
            )
            if (expected, previous) != (row["hash"], row["previous_hash"]):
                return False
            previous = row["hash"]
        return True

    async def note(connection):
        from alerts.events import append
        from alerts.model import EventKind

        return await append(connection, 1, EventKind.NOTE, at=NOW, actor="meier", detail={"text": "x", "n": 2.5})

    row = store.run(note, role=Role.ALERTS)
    assert row.position == 3
    assert verify()
    stored = store.execute("SELECT actor_salt, actor_commitment FROM alert_event WHERE position = 3")[0]
    assert stored["actor_commitment"] == commitment(stored["actor_salt"], "meier")
    store.execute("UPDATE alert_event SET actor = '', actor_salt = ''")
    assert verify()
    store.execute("UPDATE alert_event SET reason = 'other' WHERE position = 2")
    assert not verify()


def test_the_engine_cannot_change_what_is_logged(store):
    if store.timescale:
        pytest.skip("one login for all in PGlite; grants are tested on PostgreSQL")
    settle(store, findings(finding()))
    with pytest.raises(Exception, match="permission denied"):
        store.execute("UPDATE alert_event SET reason = 'x'", role=Role.ALERTS)


def test_content_and_chain_agree(store):
    settle(store, findings(finding(facts={"a": 1})))
    settle(store, findings(finding(facts={"a": 2}, badges=("data_uncertain",))), NOW + MINUTE)
    [alert] = alerts(store)
    last = store.execute("SELECT detail FROM alert_event ORDER BY position DESC LIMIT 1")[0]
    assert last["detail"]["content"] == alert["content_digest"]


def test_two_episodes_that_go_on_are_one_alert(store):
    older = finding(since=NOW - 5 * MINUTE)
    settle(store, findings(older, replace(finding(), due_at=NOW)))
    assert [row["since"] for row in alerts(store)] == [NOW]
