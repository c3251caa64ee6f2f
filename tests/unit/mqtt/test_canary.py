"""The canary without a broker."""

import asyncio

import pytest

from ingest.mqtt.canary import canary_topic
from ingest.mqtt.errors import LinkLost, LinkRefused
from ingest.settings import SourceSettings
from tests.unit.mqtt.parts import Parts

pytestmark = pytest.mark.anyio

QUICK = {"timeout_seconds": 0.05, "interval_seconds": 0.1}


@pytest.mark.parametrize(
    ("options", "topic"),
    [
        ({}, "application/canary/device/canary/event/canary"),
        ({"topics": ["application/7f/device/+/event/+"]}, "application/7f/device/canary/event/canary"),
        ({"topics": ["application/#"]}, "application/canary"),
        ({"canary": {"topic": "application/a/device/b/event/c"}}, "application/a/device/b/event/c"),
        ({"canary": {"enabled": False}}, None),
        ({"format": "thethings"}, None),
        ({"shared_group": "g"}, None),
        ({"topics": ["application/a/device/b/event/up"]}, None),
        ({"topics": ["#"]}, None),
    ],
    ids=str,
)
def test_the_topic_is_matched_by_the_first_filter(options: dict[str, object], topic: str | None) -> None:
    assert canary_topic(SourceSettings.model_validate({"name": "city", **options})) == topic


def quick(parts: Parts) -> Parts:
    return parts.use(SourceSettings(name="city", username="ingest", canary=QUICK))


async def fly(parts: Parts, publish: object, until: bool) -> None:
    """Run canaries until the state says so."""
    assert parts.canary is not None
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(parts.canary.run(publish))
        while parts.state.canary is not until and not running.done():
            await asyncio.sleep(0.005)
        running.cancel()


async def test_one_that_comes_back_is_health(parts: Parts) -> None:
    canary = quick(parts).canary
    assert canary is not None

    async def publish(topic: str, payload: bytes) -> None:
        assert canary.observe(parts.delivery(1, topic=topic, payload=payload))

    assert canary.healthy is None
    await fly(parts, publish, until=True)
    assert canary.healthy is True


async def test_another_instances_canary_proves_nothing(parts: Parts) -> None:
    canary = quick(parts).canary
    assert canary is not None

    async def publish(topic: str, payload: bytes) -> None:
        assert canary.observe(parts.delivery(1, topic=topic, payload=b'{"stadtfunkCanary":"other"}'))

    await fly(parts, publish, until=False)


async def test_a_real_message_on_its_topic_is_no_canary(parts: Parts) -> None:
    canary = quick(parts).canary
    assert canary is not None
    assert not canary.observe(parts.delivery(1, topic=canary.topic, payload=b'{"deviceInfo":{}}'))


async def test_a_refused_one_names_user_and_lines(parts: Parts) -> None:
    async def publish(topic: str, payload: bytes) -> None:
        raise LinkRefused("not authorized")

    await fly(quick(parts), publish, until=False)
    [sentence] = parts.state.problems
    assert "user ingest" in sentence
    assert "topic write application/canary/device/canary/event/canary" in sentence
    assert "topic read application/+/device/+/event/+" in sentence


async def test_a_late_one_is_not_missed_while_other_messages_come(parts: Parts) -> None:
    """Behind a long queue it may take longer than its time."""
    parts.use(SourceSettings(name="city", canary={"timeout_seconds": 0.05, "interval_seconds": 60}))
    canary = parts.canary
    assert canary is not None

    async def publish(topic: str, payload: bytes) -> None:
        tasks.create_task(drain(topic, payload))

    async def drain(topic: str, payload: bytes) -> None:
        for _ in range(20):
            await asyncio.sleep(0.01)
            parts.state.received += 1
        canary.observe(parts.delivery(1, topic=topic, payload=payload))

    async with asyncio.TaskGroup() as tasks:
        await fly(parts, publish, until=True)
    assert parts.state.problems == []


async def test_a_pause_is_no_reason_to_miss_it(parts: Parts) -> None:
    parts.state.paused = True
    seen: list[bool | None] = []

    async def publish(topic: str, payload: bytes) -> None:
        tasks.create_task(resume())

    async def resume() -> None:
        """After several times of what a canary is allowed; both are measured by the same clock."""
        for _ in range(10):
            await asyncio.sleep(QUICK["timeout_seconds"] / 2)
            seen.append(parts.state.canary)
        parts.state.paused = False

    async with asyncio.TaskGroup() as tasks:
        await fly(quick(parts), publish, until=False)
    assert seen == [None] * 10


async def test_a_connection_that_it_broke_makes_it_wait_and_then_says_so(parts: Parts) -> None:
    canary = quick(parts).canary
    assert canary is not None
    published = 0

    async def publish(topic: str, payload: bytes) -> None:
        nonlocal published
        published += 1
        raise LinkLost("cut")

    await canary.run(publish)
    assert (published, parts.state.canary) == (1, None)
    await canary.run(publish)
    assert (published, parts.state.canary) == (2, None)
    await canary.run(publish)
    assert (published, parts.state.canary) == (3, False)
    assert "end the connection" in parts.state.problems[0]
