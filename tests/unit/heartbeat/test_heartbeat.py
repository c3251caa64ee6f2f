"""The dead-man's switch: it beats while all is well, stays silent otherwise, and never tells its URL."""

import asyncio
import logging

import httpx2
import pytest
from pydantic import ValidationError

from alerts.outgoing import Forbidden
from config.settings import HeartbeatSettings
from portal.health import Check
from stadtfunk.heartbeat import beat, beat_once
from tests.unit.portal.doubles import FixedHealth

URL = "https://hook.example/canary-secret"
WELL = FixedHealth([Check("broker", ok=True)])
ILL = FixedHealth([Check("broker", ok=True), Check("database", ok=False)])


def answering(result):
    async def send(url):
        if isinstance(result, Exception):
            raise result
        return result

    return send


@pytest.mark.parametrize(
    ("result", "taken"),
    [
        (200, True),
        (204, True),
        (302, False),
        (500, False),
        (Forbidden("the host has an address that is not public"), False),
        (TimeoutError(), False),
        (OSError("no route to canary-secret"), False),
        (httpx2.ConnectError("canary-secret"), False),
    ],
)
def test_every_answer_is_survived_and_none_tells_the_url(result, taken, caplog):
    caplog.set_level(logging.DEBUG)
    assert asyncio.run(beat_once(URL, WELL, answering(result))) is taken
    assert "heartbeat_" in caplog.text
    assert "canary-secret" not in caplog.text


def test_it_is_withheld_while_a_check_fails(caplog):
    calls = []

    async def send(url):
        calls.append(url)
        return 200

    assert asyncio.run(beat_once(URL, ILL, send)) is False
    assert calls == []
    assert "heartbeat_withheld reasons=database" in caplog.text


def test_it_beats_again_after_the_interval(monkeypatch):
    waits = []

    class Enough(Exception):
        pass

    async def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            raise Enough

    calls = []

    async def send(url):
        calls.append(url)
        return 200

    monkeypatch.setattr("stadtfunk.heartbeat.asyncio.sleep", sleep)
    settings = HeartbeatSettings(url=URL, interval_seconds=30)
    with pytest.raises(Enough):
        asyncio.run(beat(settings, WELL, send=send))
    assert calls == [URL] * 3
    assert waits == [30.0] * 3


def test_without_a_url_there_is_none():
    asyncio.run(asyncio.wait_for(beat(HeartbeatSettings(), WELL), 5))


@pytest.mark.parametrize(
    "values",
    [
        {"url": "http://hook.example/canary-secret"},
        {"url": "canary-secret"},
        {"url": "ftp://hook.example/canary-secret"},
        {"url": URL, "url_file": "/run/secrets/url"},
        {"url": URL, "interval_seconds": 1},
    ],
)
def test_unsafe_settings_are_refused_without_telling_the_url(values):
    with pytest.raises(ValidationError) as error:
        HeartbeatSettings.model_validate(values)
    assert "canary-secret" not in str(error.value)


def test_plain_http_is_for_hosts_allowed_by_name():
    HeartbeatSettings.model_validate({"url": "http://127.0.0.1:9/x", "allow_hosts": ["127.0.0.1"]})


def test_the_url_may_stand_in_a_file(tmp_path):
    file = tmp_path / "url"
    file.write_text(f"{URL}\n")
    assert HeartbeatSettings(url_file=file).read_url().get_secret_value() == URL
    file.write_text("http://hook.example/\n")
    with pytest.raises(ValueError, match="https"):
        HeartbeatSettings(url_file=file).read_url()
