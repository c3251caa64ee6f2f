"""Order of acks, epochs, the bounded inbox, and what is not for the pipeline."""

import asyncio
import random

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt.intake import AckLedger
from ingest.mqtt.mqtt5_packets import pubacks
from ingest.mqtt.watch import BROKER_DROPPED_TOPIC
from ingest.settings import SourceSettings
from tests.unit.mqtt.parts import Parts


@given(st.lists(st.integers(1, 65535), unique=True, max_size=60), st.randoms())
def test_acks_leave_in_order_of_receipt_whatever_order_they_come_in(ids: list[int], dice: random.Random) -> None:
    ledger = AckLedger()
    ledger.received(ids)
    order = dice.sample(ids, len(ids))
    sent: list[int] = []
    for position, packet_id in enumerate(order, start=1):
        sent += ledger.settle([packet_id])
        assert set(sent) <= set(order[:position])
    assert sent == ids
    assert len(ledger) == 0


def test_an_ack_for_nothing_outstanding_is_not_remembered() -> None:
    """Else the next message with that id would be acknowledged before it is stored."""
    ledger = AckLedger()
    ledger.received([1, 2])
    assert ledger.settle([1, 2]) == [1, 2]
    assert ledger.settle([1]) == []
    ledger.received([1, 2])
    assert ledger.settle([2]) == []
    assert ledger.settle([1]) == [1, 2]


def test_acks_of_another_epoch_are_counted_and_never_sent(parts: Parts) -> None:
    old = [parts.delivery(1), parts.delivery(2), parts.delivery()]
    intake = parts.intake(epoch=2)
    intake.deliver([parts.delivery(1, epoch=2)])
    intake.acknowledge(old)
    assert parts.sent == []
    assert parts.state.stale_acks == 2


def test_acks_before_the_connection_is_attached_wait_for_it(parts: Parts) -> None:
    intake = parts.intake(attached=False)
    intake.deliver([parts.delivery(1)])
    intake.acknowledge([parts.delivery(1)])
    intake.attach(parts.sent.extend)
    assert parts.sent == [1]


def test_a_canary_is_acked_in_its_turn_and_handed_to_nobody(parts: Parts) -> None:
    assert parts.canary is not None
    intake = parts.intake()
    canary = parts.delivery(2, topic=parts.canary.topic, payload=b'{"stadtfunkCanary":"x"}')
    intake.deliver([parts.delivery(1), canary, parts.delivery(3)])
    assert parts.sent == []
    batch = asyncio.run(parts.inbox.take(10))
    assert [delivery.packet_id for delivery in batch] == [1, 3]
    intake.acknowledge(batch[:1])
    assert parts.sent == [1, 2]


def test_the_brokers_own_messages_are_handed_to_nobody(parts: Parts) -> None:
    intake = parts.intake()
    intake.deliver([parts.delivery(topic=BROKER_DROPPED_TOPIC, payload=b"7"), parts.delivery(1)])
    assert parts.state.broker_dropped == 7
    assert (parts.state.received, parts.state.received_qos0) == (1, 0)


def test_the_inbox_pauses_at_its_high_mark_and_resumes_at_its_low_one(parts: Parts) -> None:
    parts.use(SourceSettings(name="city", max_buffered_messages=100))
    intake = parts.intake()
    assert intake.deliver([parts.delivery(number) for number in range(1, 100)])
    assert intake.room == 1
    assert not intake.deliver([parts.delivery(100)])
    assert (intake.room, parts.state.paused) == (0, True)
    paused = []
    while parts.state.messages_buffered:
        asyncio.run(parts.inbox.take(25))
        paused.append(parts.state.paused)
    assert paused == [True, True, False, False]
    assert parts.state.bytes_buffered == 0


def test_the_inbox_counts_bytes_too(parts: Parts) -> None:
    parts.use(SourceSettings(name="city", max_buffered_bytes=65536))
    intake = parts.intake()
    assert not intake.deliver([parts.delivery(1, payload=bytes(65536))])
    assert intake.room == 0
    asyncio.run(parts.inbox.take(10))
    assert intake.room > 0


def test_what_a_lost_connection_delivered_is_still_handed_out(parts: Parts) -> None:
    parts.intake(epoch=1).deliver([parts.delivery(1)])
    parts.intake(epoch=2).deliver([parts.delivery(1, epoch=2)])
    batch = asyncio.run(parts.inbox.take(10))
    assert [delivery.epoch for delivery in batch] == [1, 2]


def test_a_complete_inbox_hands_out_the_rest_and_ends(parts: Parts) -> None:
    parts.intake().deliver([parts.delivery(number) for number in (1, 2, 3)])
    parts.inbox.complete()
    sizes = [len(asyncio.run(parts.inbox.take(2))) for _ in range(4)]
    assert sizes == [2, 1, 0, 0]
    assert parts.inbox.paused


def test_take_waits_for_the_first_message(parts: Parts) -> None:
    async def scenario() -> int:
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(parts.inbox.take(10))
            await asyncio.sleep(0)
            assert not taking.done()
            parts.intake().deliver([parts.delivery(1)])
        return len(taking.result())

    assert asyncio.run(scenario()) == 1


@pytest.mark.parametrize("count", [1, 2, 300])
def test_joined_pubacks_are_what_the_codec_writes(count: int) -> None:
    ids = [(number * 7919) % 65535 + 1 for number in range(count)]
    assert pubacks(ids) == b"".join(mqtt5.PubAckPacket(packet_id).write() for packet_id in ids)
