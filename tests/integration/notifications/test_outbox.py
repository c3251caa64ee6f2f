"""The outbox on a real database: claims, leases, retries, order, the end of a channel and of the program."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels import Later, Refused
from tests.integration.notifications.outbox_store import QUICK, Desk, Recorder, until, webhook

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(tmp_path):
    return webhook(tmp_path, "https://receiver.example/")


async def test_what_is_written_is_sent_once_without_waiting_for_a_timer(desk: Desk, settings):
    recorder = Recorder()
    async with desk.sending({"c": (settings, recorder)}):
        await until(desk.listeners)
        desk.add("a", "b")
        await until(lambda: set(desk.states().values()) == {"sent"}, within=10)
    assert sorted(message.key for message in recorder.sent) == ["a", "b"]
    assert all(row["sent_at"] and row["attempts"] == 1 for row in desk.rows())
    assert desk.count("sent") == 2


async def test_what_is_not_due_waits(desk: Desk, settings):
    recorder = Recorder()
    desk.add("soon", due_at=datetime.now(UTC) + timedelta(seconds=1))
    desk.add("later", due_at=datetime.now(UTC) + timedelta(hours=1))
    desk.add("held", state="held", due_at=datetime.now(UTC) + timedelta(hours=1))
    desk.add("other", channel="nobody")
    async with desk.sending({"c": (settings, recorder)}):
        await until(lambda: desk.states()["soon"] == "sent")
    assert [message.key for message in recorder.tried] == ["soon"]
    assert desk.states() == {"soon": "sent", "later": "pending", "held": "held", "other": "pending"}


async def test_failures_are_tried_again_with_the_same_key_and_refusals_are_not(desk: Desk, settings):
    recorder = Recorder([Later("status 500"), Later("status 503")])
    refusing = Recorder([Refused("status 400")])
    desk.add("a")
    desk.add("b", channel="d")
    async with desk.sending({"c": (settings, recorder), "d": (settings, refusing)}):
        await until(lambda: desk.states() == {"a": "sent", "b": "dead"})
    assert [message.key for message in recorder.tried] == ["a"] * 3
    assert len(refusing.tried) == 1
    assert [row["last_error"] for row in desk.rows()] == ["", "status 400"]
    assert (desk.count("retried"), desk.count("sent"), desk.count("dead", "d")) == (2, 1, 1)


async def test_after_the_last_time_it_is_dead(desk: Desk, settings):
    stubborn = Recorder([Later("status 500")] * 100)
    short = settings.model_copy(update={"retry": QUICK.model_copy(update={"give_up_after": timedelta(seconds=1)})})
    desk.add("a")
    async with desk.sending({"c": (short, stubborn)}):
        await until(lambda: desk.states()["a"] == "dead")
    assert len(stubborn.tried) > 3
    assert desk.count("dead") == 1


async def test_a_receiver_that_names_a_time_is_left_alone(desk: Desk, settings):
    recorder = Recorder([Later("status 429", after=2.0)])
    desk.add("a")
    async with desk.sending({"c": (settings, recorder)}):
        await until(lambda: recorder.tried)
        desk.add("b")
        await until(lambda: set(desk.states().values()) == {"sent"})
    first, *others = desk.execute("SELECT sent_at - created_at AS took FROM notification ORDER BY id")
    assert first["took"] >= timedelta(seconds=1.9)
    assert others[0]["took"] >= timedelta(seconds=1), "the whole channel rests"


async def test_messages_of_one_alert_stay_in_order_and_other_alerts_do_not_wait(desk: Desk, settings):
    first, second = desk.alert("bay-1"), desk.alert("bay-2")
    desk.add("opened", alert=first)
    desk.add("resolved", alert=first, kind="resolved")
    desk.add("other", alert=second)
    recorder = Recorder([Later("status 500")] * 3)
    one = settings.model_copy(update={"concurrency": 3})
    async with desk.sending({"c": (one, recorder)}):
        await until(lambda: set(desk.states().values()) == {"sent"})
    sent = [message.key for message in recorder.sent]
    assert sent.index("opened") < sent.index("resolved")


async def test_a_channel_that_hangs_holds_up_no_other(desk: Desk, settings):
    hanging, quick = Recorder(seconds=3600), Recorder()
    short = settings.model_copy(update={"timeout": timedelta(seconds=60)})
    desk.add(*(f"h{number}" for number in range(5)), channel="hanging")
    async with desk.sending({"hanging": (short, hanging), "c": (settings, quick)}):
        await until(lambda: hanging.most == 2)
        desk.add(*(f"q{number}" for number in range(20)))
        await until(lambda: len(quick.sent) == 20)
    assert hanging.most == settings.concurrency == 2
    assert hanging.sent == []


async def test_an_attempt_has_a_deadline(desk: Desk, settings):
    slow = Recorder(seconds=3600)
    desk.add("a")
    async with desk.sending({"c": (settings.model_copy(update={"timeout": timedelta(seconds=0.2)}), slow)}):
        await until(lambda: len(slow.tried) >= 2)
    [row] = desk.rows()
    assert (row["state"], row["last_error"]) == ("pending", "no answer in time")


async def test_a_lease_that_has_ended_is_taken_over_with_the_same_key(desk: Desk, settings):
    """What a process that died left behind."""
    desk.add("a")
    desk.execute("UPDATE notification SET attempts = 1, try_at = now() + interval '1 second'")
    recorder = Recorder()
    async with desk.sending({"c": (settings, recorder)}):
        await until(lambda: desk.states()["a"] == "sent")
    assert [message.key for message in recorder.sent] == ["a"]
    assert desk.rows()[0]["attempts"] == 2


async def test_two_outboxes_share_the_work(desk: Desk, settings):
    first, second = Recorder(seconds=0.01), Recorder(seconds=0.01)
    desk.add(*(f"m{number}" for number in range(60)))
    async with desk.sending({"c": (settings, first)}), desk.sending({"c": (settings, second)}):
        await until(lambda: set(desk.states().values()) == {"sent"})
    keys = sorted(message.key for message in (*first.sent, *second.sent))
    assert keys == sorted(f"m{number}" for number in range(60)), "each once"
    assert first.sent
    assert second.sent


async def test_an_orderly_end_waits_for_what_is_under_way(desk: Desk, settings):
    slow = Recorder(seconds=0.5)
    desk.add("a", "b", "c")
    async with desk.sending({"c": (settings.model_copy(update={"concurrency": 1}), slow)}):
        await until(lambda: slow.tried)
    assert desk.states() == {"a": "sent", "b": "pending", "c": "pending"}


async def test_a_defect_of_ours_costs_one_message(desk: Desk, settings, caplog):
    broken = Recorder([KeyError("number")])
    desk.add("a", "b")
    async with desk.sending({"c": (settings, broken)}):
        await until(lambda: sorted(desk.states().values()) == ["dead", "sent"])
    assert "defect: KeyError" in [row["last_error"] for row in desk.rows()]


async def test_messages_of_a_channel_that_is_gone_die_in_the_end(desk: Desk, settings):
    desk.add("old", channel="gone", due_at=datetime.now(UTC) - timedelta(hours=25))
    desk.add("new", channel="gone")
    async with desk.sending({"c": (settings, Recorder())}):
        await until(lambda: desk.states()["old"] == "dead")
    assert desk.states()["new"] == "pending"


async def test_the_database_may_be_away_between_send_and_mark(desk: Desk, settings):
    """What was sent is marked when the database is back, not sent again."""
    recorder = Recorder(seconds=0.5)
    desk.add("a")
    async with desk.sending({"c": (settings, recorder)}):
        await until(lambda: recorder.tried)
        desk.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await until(lambda: desk.states()["a"] == "sent")
        desk.add("b")
        await until(lambda: desk.states()["b"] == "sent")
    assert [message.key for message in recorder.tried] == ["a", "b"]


async def test_what_waits_is_counted(desk: Desk, settings, monkeypatch):
    monkeypatch.setattr("alerts.outbox.COUNT_EVERY", 0.1)
    desk.add("a", due_at=datetime.now(UTC) + timedelta(hours=1))
    desk.add("b", state="held", due_at=datetime.now(UTC) + timedelta(hours=1))

    def waiting(state):
        return desk.registry.get_sample_value("stadtfunk_notifications_waiting", {"channel": "c", "state": state})

    async with desk.sending({"c": (settings, Recorder())}):
        await until(lambda: (waiting("pending"), waiting("held")) == (1, 1))


async def test_the_shift_begins_with_a_digest(desk: Desk, settings):
    """Held over night: one is open still, one came and went, one was known from yesterday's shift and has settled."""
    start = datetime.now(UTC) + timedelta(seconds=1)
    body = {"number": "2026-000001", "code": "V1_NO_CHARGE", "name": "Binger Str. 19", "since": "2026-11-23T22:10:00Z"}
    open_one = desk.alert("bay-1")
    gone = desk.alert("bay-2", state="resolved", closed_at=start, reason="drove_away")
    known = desk.alert("bay-3", state="resolved", closed_at=start, reason="charging_started")
    desk.add("1/1", alert=open_one, state="held", due_at=start, body=body)
    desk.add("2/1", "2/2", alert=gone, state="held", due_at=start, body=body)
    desk.add("3/1", alert=known, state="sent", due_at=start - timedelta(hours=12), body=body)
    desk.add("3/2", alert=known, state="held", due_at=start, body=body | {"number": "2026-000003"})
    recorder = Recorder()
    async with desk.sending({"c": (settings, recorder)}):
        await until(lambda: recorder.sent)
        await until(lambda: set(desk.states().values()) == {"sent"})
    [digest] = recorder.sent
    assert digest.kind == "digest"
    assert datetime.now(UTC) >= start
    assert [one["number"] for one in digest.body["open"]] == ["2026-000001"]
    assert [(one["number"], one["reason"]) for one in digest.body["settled"]] == [("2026-000003", "charging_started")]
    assert digest.body["came_and_went"] == 1
    told = {row["idempotency_key"]: row["body"].get("summary") for row in desk.rows() if row["kind"] != "digest"}
    assert set(told.values()) == {None, digest.key}


async def test_with_a_dead_summary_die_the_messages_that_it_would_have_told_of(desk: Desk, settings):
    now = datetime.now(UTC)
    desk.add("s/summary", kind="summary", due_at=now, body={"count": 2, "group": "g"})
    desk.add("m1", "m2", state="sent", due_at=now, body={"summary": "s/summary"})
    desk.add("m3", state="sent", due_at=now, body={"summary": "another"})
    async with desk.sending({"c": (settings, Recorder([Refused("status 410")]))}):
        await until(lambda: desk.states()["s/summary"] == "dead")
    assert desk.states() == {"s/summary": "dead", "m1": "dead", "m2": "dead", "m3": "sent"}


async def test_old_summaries_go_and_messages_of_alerts_stay(desk: Desk, settings):
    old = datetime.now(UTC) - timedelta(days=400)
    desk.add("digest/c/1", kind="digest", state="sent", due_at=old)
    desk.add("kept", state="sent", due_at=old, alert=desk.alert())
    async with desk.sending({"c": (settings, Recorder())}):
        await until(lambda: desk.states() == {"kept": "sent"})
