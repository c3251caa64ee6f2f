"""Rows 28 to 30 up to the officer: duplicates, a week-old file and a wrong clock raise no second and no false case."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.charging.status import EvseState
from tests.faults.stage import Stage
from tests.faults.street import RULES, Street, ago
from tests.faults.test_delivery import duplicates, replayed, write_dump
from tests.faults.test_notifications import channels
from tests.support.receivers import WebReceiver

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]
WITHIN = 60.0
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
needs_faketime = pytest.mark.skipif(FAKETIME is None, reason="there is no libfaketime on this machine")


@asynccontextmanager
async def town(stage: MakeStage, folder: Path, **options: object) -> AsyncIterator[tuple[Stage, Street, WebReceiver]]:
    """The whole program with the rule and a channel that sends at any hour, one message for each case."""
    async with WebReceiver() as receiver:
        given = channels(folder, hook=receiver)
        told = {name: {**one, "shift": "always", "grouped": False} for name, one in given["channels"].items()}  # type: ignore[attr-defined]
        settings = {"alerts": {"rules": RULES, "channels": told}}
        async with stage(settings=settings, **options) as on:
            yield on, Street(on), receiver


async def found(on: Stage, street: Street, expected: list[tuple[str, str, bool]]) -> None:
    """Wait for exactly these alerts, while the operator stays in contact."""

    async def contact() -> None:
        while True:
            await street.in_contact(ago(seconds=1))
            await asyncio.sleep(1)

    keeping = asyncio.create_task(contact())
    try:
        await on.until(lambda: street.alerts() == expected, WITHIN)
    finally:
        keeping.cancel()


async def test_row_28_three_deliveries_and_two_replays_are_one_case(stage: MakeStage, tmp_path: Path) -> None:
    async with town(stage, tmp_path) as (on, street, receiver):
        count = int(on.size.pick(2, 20))
        bays = [street.bay(number) for number in range(1, count + 1)]
        await street.points({f"DEMZXELS{n:02}": [(ago(hours=3), EvseState.IDLE)] for n in range(1, count + 1)})
        await street.in_contact(ago(hours=3))
        messages = [one for bay in bays for one in street.stay(bay, ago(minutes=13))]
        await street.publish(messages, times=3)
        await found(on, street, [(f"LS{n:02}-1", "open", False) for n in range(1, count + 1)])
        assert await duplicates(on, 2 * len(messages)) == 2 * len(messages)
        dump = write_dump(tmp_path / "dump.ndjson", messages)
        for _ in range(2):
            again = await replayed(on, dump)
            assert (again["uplinks"], again["duplicates"]) == (0, len(messages))
        await street.publish(messages, times=3)
        await on.fresh()
        assert street.transitions() == [(f"LS{n:02}-1", "opened") for n in range(1, count + 1)]
        await on.until(lambda: len(receiver.calls) >= count)
        assert len(receiver.calls) == len(set(receiver.keys)) == count
        on.measure("28", "cases of as many cars", len(street.alerts()) / count, "= 1")


async def test_row_29_a_week_old_file_moves_no_case(stage: MakeStage, tmp_path: Path) -> None:
    """What stood there last week becomes a case that is over and tells nobody; what is open stays, new cases come."""
    async with town(stage, tmp_path) as (on, street, receiver):
        bays = [street.bay(number) for number in (1, 2, 3)]
        week = timedelta(days=7)
        idle = [(ago(hours=3) - week, EvseState.IDLE), (ago(hours=3), EvseState.IDLE)]
        await street.points({f"DEMZXELS{number:02}": idle for number in (1, 2, 3)})
        await street.in_contact(ago(hours=3) - week, ago(hours=-1) - week)
        await street.in_contact(ago(hours=3))
        late = [one for bay in bays for one in street.stay(bay, ago(minutes=80) - week, ago() - week)]
        await street.publish(street.stay(bays[0], ago(minutes=13)))
        await found(on, street, [("LS01-1", "open", False)])
        on.order.shuffle(late)
        assert (await replayed(on, write_dump(tmp_path / "late.ndjson", late)))["uplinks"] == len(late)
        await street.publish(street.stay(bays[2], ago(minutes=13)))
        over = [(f"LS{number:02}-1", "resolved", True) for number in (1, 2, 3)]
        await found(on, street, [over[0], ("LS01-1", "open", False), over[1], over[2], ("LS03-1", "open", False)])
        await on.until(lambda: len(receiver.calls) == 2)
        await on.fresh()
        assert street.transitions() == [("LS01-1", "opened"), ("LS03-1", "opened")]
        assert len(receiver.calls) == 2
        on.measure("29", "false transitions", len(street.transitions()) - 2, "= 0")


@needs_faketime
async def test_row_30_the_hosts_clock_is_set_back_an_hour(stage: MakeStage, tmp_path: Path) -> None:
    """Messages are stored meanwhile; a case that has become due is opened and told, not an hour later."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    environment = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    async with town(stage, tmp_path, environment=environment) as (on, street, receiver):
        bay = street.bay(1)
        await street.points({"DEMZXELS01": [(ago(hours=3), EvseState.IDLE)]})
        await street.in_contact(ago(hours=3))
        async with on.sending(on.size.pick(50, 200)):
            await asyncio.sleep(on.size.pick(1, 10))
            clock.write_text("-1h")
            await street.publish(street.stay(bay, ago(minutes=13)), times=2)
            await asyncio.sleep(on.size.pick(3, 90))
        await found(on, street, [("LS01-1", "open", False)])
        await on.until(lambda: len(receiver.calls) == 1)
        await on.settle(strangers=True)
        first = min(line for line in on.service.log().splitlines() if line.startswith("20"))
        assert first[:19] < ago(minutes=50).isoformat(), "the service never saw the wrong clock"
        clock.write_text("+0")
        await on.settle(strangers=True)
        assert street.transitions() == [("LS01-1", "opened")]
        assert len(receiver.calls) == 1
        assert on.query("SELECT count(*) FROM retention_run") == [(0,)]
