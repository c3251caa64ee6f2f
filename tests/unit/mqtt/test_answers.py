"""How long a broker's answer is waited for."""

import asyncio

import pytest

from ingest.mqtt import link
from ingest.mqtt.errors import LinkError
from ingest.mqtt.link import answered

SOON = 0.02


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "ANSWER_SECONDS", SOON)


async def test_silence_is_an_error() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(LinkError, match="did not answer SUBSCRIBE"):
        await answered(
            loop.create_future(),
            "SUBSCRIBE",
            ended=loop.create_future(),
            paused=lambda: False,
            delivered=lambda: 0,
        )


async def test_an_answer_behind_a_long_queue_is_waited_for() -> None:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    asked = 0

    def delivered() -> int:
        nonlocal asked
        asked += 1
        if asked == 8:  # four times the patience, and every time more messages had come
            answer.set_result("granted")
        return asked

    async with asyncio.timeout(5):
        given = await answered(
            answer, "SUBSCRIBE", ended=loop.create_future(), paused=lambda: False, delivered=delivered
        )
    assert given == "granted"
