"""Storms and silences: one message of a group in a minute, others due at another time are not held up, none is lost."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from alerts.notify import Message, enqueue
from storage.database import Role, connect
from tests.integration.notifications.outbox_store import Desk, until

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


async def write(desk: Desk, *keys: str, at: datetime, due_at: datetime | None = None, group: str = "g") -> int:
    alert = desk.alert(keys[0])
    found = [
        Message(key, alert, None, "c", "opened", group, {"number": key}, due_at or at)  # type: ignore[arg-type]
        for key in keys
    ]
    async with await connect(desk.settings, role=Role.ALERTS) as connection, connection.transaction():
        return await enqueue(connection, found, at)


def waiting(desk: Desk) -> dict[str, datetime]:
    return {row["idempotency_key"]: row["due_at"] for row in desk.rows() if row["state"] == "pending"}


async def test_what_waits_for_a_silence_holds_up_nothing_else(desk: Desk):
    tomorrow = NOW + timedelta(days=1)
    await write(desk, "silent", at=NOW, due_at=tomorrow)
    await write(desk, "loud", at=NOW + SECOND)
    assert waiting(desk) == {"silent": tomorrow, "loud": NOW + SECOND}


async def test_the_end_of_a_silence_is_no_storm(desk: Desk):
    tomorrow = NOW + timedelta(days=1)
    for number in range(20):
        await write(desk, f"s{number}", at=NOW + number * timedelta(minutes=5), due_at=tomorrow)
    assert list(waiting(desk).values()) == [tomorrow, tomorrow + timedelta(minutes=1)]
    [summary] = desk.execute("SELECT body FROM notification WHERE kind = 'summary'")
    assert summary["body"]["count"] == 19


async def test_groups_do_not_wait_for_each_other(desk: Desk):
    await write(desk, "a", at=NOW)
    await write(desk, "b", at=NOW + SECOND, group="h")
    assert waiting(desk) == {"a": NOW, "b": NOW + SECOND}


async def test_a_minute_later_one_is_told_for_itself(desk: Desk):
    await write(desk, "a", at=NOW)
    await write(desk, "b", at=NOW + timedelta(minutes=1))
    assert set(waiting(desk)) == {"a", "b"}


async def test_a_summary_names_about_a_hundred_and_counts_all(desk: Desk):
    await write(desk, "first", at=NOW)
    for step in range(5):
        await write(desk, *(f"{step}-{number}" for number in range(80)), at=NOW + (step + 1) * SECOND)
    [summary] = desk.execute("SELECT body FROM notification WHERE kind = 'summary'")
    assert summary["body"]["count"] == 400
    assert 100 <= len(summary["body"]["entries"]) < 200


async def test_what_meets_a_summary_on_its_way_is_told_by_the_next(desk: Desk):
    """The sender claims the summary while the engine wants to add to it: nothing may be lost between the two."""
    await write(desk, "first", at=NOW)
    await write(desk, "second", at=NOW + SECOND)
    async with await connect(desk.settings, role=Role.ALERTS) as sender, asyncio.TaskGroup() as tasks:
        async with sender.transaction():
            await sender.execute("UPDATE notification SET attempts = 1 WHERE kind = 'summary'")
            third = tasks.create_task(write(desk, "third", at=NOW + 2 * SECOND))
            await until(lambda: blocked(desk))
        await third
    summaries = desk.execute("SELECT idempotency_key, body FROM notification WHERE kind = 'summary' ORDER BY id")
    assert [row["body"]["count"] for row in summaries] == [1, 1]
    told = {row["idempotency_key"]: row["body"].get("summary") for row in desk.rows()}
    assert told["third"] == summaries[1]["idempotency_key"]


def blocked(desk: Desk) -> bool:
    [row] = desk.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(row["count"])
