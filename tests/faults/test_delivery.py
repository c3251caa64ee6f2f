"""Rows 28, 29 and 31: messages come again, by other gateways, out of order, days late, and ten times too many."""

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from tests.faults.stage import Stage
from tests.support.service import quantile, run_command
from tests.support.traffic import Message

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]
DAYS_AGO = {"first_at": datetime.now(UTC) - timedelta(days=7), "poison_share": 0}


async def test_row_28_everything_comes_three_times(stage: MakeStage) -> None:
    async with stage(traffic={"poison_share": 0}) as on:
        messages = on.traffic.take(int(on.size.pick(300, 5000)))
        again = messages * 3
        on.order.shuffle(again)
        await on.publish(again)
        await on.drained()
        assert await duplicates(on, 2 * len(messages)) == 2 * len(messages)
        await on.settle()


async def test_row_28_other_gateways_copies_come_late(stage: MakeStage) -> None:
    """The frame is stored already; who else heard it is new."""
    async with stage(traffic={"poison_share": 0}) as on:
        messages = on.traffic.take(int(on.size.pick(300, 5000)))
        await on.publish(messages)
        await on.settle()
        stored, heard = on.count("uplink"), on.count("reception")
        await on.publish([late_copy(message) for message in messages])
        assert await duplicates(on, len(messages)) == len(messages)
        assert on.count("uplink") == stored
        assert on.count("reception") - heard == sum(len(json.loads(one.payload)["rxInfo"]) for one in messages)
        await on.fresh()


def late_copy(message: Message) -> Message:
    """The same frame as other gateways heard it, which the network server passes on two seconds later."""
    event = json.loads(message.payload)
    event["deduplicationId"] = "ffffffff" + event["deduplicationId"][8:]
    for reception in event["rxInfo"]:
        reception["gatewayId"] = reception["gatewayId"].replace("002e0605", "002e0606")
        later = datetime.fromisoformat(reception["nsTime"]) + timedelta(seconds=2)
        reception["nsTime"] = later.isoformat()
    return replace(message, payload=json.dumps(event, separators=(",", ":")).encode())


async def duplicates(on: Stage, expected: int) -> float:
    """The number of duplicates counted, once it has come to what is expected or stays below it for long."""
    deadline = monotonic() + 20
    while (found := (await on.service.metrics())["duplicate_uplinks_total"]) < expected and monotonic() < deadline:
        await asyncio.sleep(0.1)
    return found


async def test_row_28_a_file_replayed_twice_adds_nothing(stage: MakeStage, tmp_path: Path) -> None:
    async with stage() as on:
        messages = on.traffic.take(int(on.size.pick(500, 20_000)))
        await on.publish(messages[:100])
        await on.drained()
        dump = write_dump(tmp_path / "dump.ndjson", messages)
        good = sum(message.id not in on.traffic.poisons for message in messages)
        before = sum(message.id not in on.traffic.poisons for message in messages[:100])
        first, second = [await replayed(on, dump) for _ in range(2)]
        assert (first["uplinks"], first["duplicates"]) == (good - before, before)
        assert (second["uplinks"], second["duplicates"]) == (0, good)
        assert (second["readings"], second["rejected"]) == ({}, {})
        on.acknowledged.update(message.id for message in messages)
        await on.settle()


async def test_row_29_out_of_order_and_a_week_late(stage: MakeStage, tmp_path: Path) -> None:
    """Rows are exact, no counter sees a gap in the end, and what is known of a device does not move backward."""
    async with stage(traffic=DAYS_AGO | {"devices": 20}) as on:
        messages = on.traffic.take(int(on.size.pick(600, 20_000)))
        live, late = messages[1::2], messages[::2]
        on.order.shuffle(live)
        await on.publish(live)
        await on.drained()
        newest = on.query("SELECT device_id, last_ns_time, last_f_cnt FROM device_state ORDER BY 1")
        on.order.shuffle(late)
        await replayed(on, write_dump(tmp_path / "late.ndjson", late))
        on.acknowledged.update(message.id for message in late)
        account = await on.settle()
        assert account.stored == len(messages) + 1
        states = on.query("SELECT device_id, last_ns_time, last_f_cnt FROM device_state ORDER BY 1")
        moved_back = [now for before, now in zip(newest, states, strict=False) if str(now[1]) < str(before[1])]
        assert not moved_back
        [(missing,)] = on.query(
            "SELECT sum(earlier_gaps + last_f_cnt - first_f_cnt + 1 - session_uplinks)::int FROM device_state"
        )
        assert missing == 0


def write_dump(path: Path, messages: Sequence[Message]) -> Path:
    """Messages in Stadtfunk's own replay format."""
    now = datetime.now(UTC).isoformat()
    path.write_text("".join(json.dumps(_line(message, now)) + "\n" for message in messages))
    return path


def _line(message: Message, received_at: str) -> dict[str, str]:
    payload = base64.b64encode(message.payload).decode()
    return {"topic": message.topic, "payload_base64": payload, "received_at": received_at}


async def replayed(on: Stage, dump: Path) -> dict[str, object]:
    """Replay a file beside the running service; what the command says it did."""
    arguments = ["replay", str(dump), "--source", "city", "--json", "-c", str(on.service.file)]
    done = await asyncio.to_thread(run_command, arguments, cwd=on.folder, seconds=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


async def test_row_31_flood(stage: MakeStage) -> None:
    """Ten times the usual rate: memory stays bounded, nothing is lost, and delays are short again soon after."""
    async with stage(traffic={"devices": 10_000}) as on:
        async with on.sending(on.size.pick(100, 500)):
            await asyncio.sleep(on.size.pick(1, 10))
        on.service.forget_peak()
        async with on.sending(on.size.pick(1500, 5000)):
            await asyncio.sleep(on.size.pick(3, 60))
        started = monotonic()
        async with on.sending(on.size.pick(100, 500)):
            while True:
                before = await on.service.metrics()
                await asyncio.sleep(on.size.pick(1, 3))
                p99 = quantile(0.99, before, await on.service.metrics(), "commit_lag_seconds")
                if 0 < p99 <= 0.25:
                    break
                assert monotonic() - started < on.size.limit(30), f"p99 {p99} s"
        on.measure("31", "p99 of the lag is short again after a flood, seconds", monotonic() - started, "<= 30")
        flood = len(on.acknowledged)
        on.measure("31", f"peak memory in a flood of {flood} messages, MB", on.service.peak_mb(), "<= 200")
        assert on.service.peak_mb() <= 200
        assert (await on.service.metrics())["source_reconnects_total"] == 0
        await on.settle(within=120)
