"""The history as a replay file: a header with the total, lines in order, read by the replay path."""

import io
import json
from datetime import timedelta

import pytest

from ingest.replay import ReplayFile
from stadtfunk.demo.__main__ import main
from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.clock import moment, nanoseconds
from stadtfunk.demo.history import history
from stadtfunk.demo.stream import CityStream
from tests.unit.demo.support import at, settings

END = at(2026, 7, 4, 6)
START = END - timedelta(hours=10)


@pytest.fixture(scope="module")
def text() -> bytes:
    return b"".join(history(settings(scale=0.05), START, END))


def test_the_header_tells_the_number_of_lines(text):
    header, *lines = text.splitlines()
    assert json.loads(header) == {"stadtfunk_replay": 1, "total": len(lines)}
    assert len(lines) > 400


def test_lines_hold_topic_payload_time_and_quality_of_service(text):
    seen = set()
    for line in text.splitlines()[1:]:
        entry = json.loads(line)
        assert entry["qos"] == 1
        assert entry["received_at"].endswith("+00:00")
        assert ("payload" in entry) != ("payload_base64" in entry)
        seen.add(entry["topic"].split("/")[0])
    assert seen == {"application", "eu868"}


def test_the_replay_path_reads_every_line(text):
    lines = io.BytesIO(text)
    replay = ReplayFile("mainz", lines, fallback=END)
    deliveries = list(replay._deliveries())
    expected = list(
        CityStream(DemoCity(settings(scale=0.05)), stats_seconds=1800).messages(*map(nanoseconds, (START, END)))
    )
    assert replay.total == len(deliveries) == len(expected)
    for delivery, message in zip(deliveries, expected, strict=True):
        assert delivery.topic == message.topic.decode()
        assert delivery.payload == message.payload
        assert delivery.retain == message.retain
        assert delivery.received_at == moment(message.at)


def test_the_burst_is_left_to_the_live_stream(text):
    short = b"".join(history(settings(scale=0.05), START, END, leave_burst=True))
    start = CityStream(DemoCity(settings(scale=0.05))).live_start(nanoseconds(END))
    last = json.loads(short.splitlines()[-1])["received_at"]
    assert last <= moment(start).isoformat()
    assert text.splitlines()[1 : len(short.splitlines())] == short.splitlines()[1:]


def test_the_command_writes_the_same(capfdbinary):
    arguments = [
        "history",
        "--days",
        "0.05",
        "--scale",
        "0.02",
        "--seed",
        "3",
        "--end",
        "2026-01-03T06:00:00",
        "--complete",
    ]
    assert main(arguments) == 0
    first = capfdbinary.readouterr().out
    assert main(arguments) == 0
    assert capfdbinary.readouterr().out == first
    assert json.loads(first.splitlines()[0])["total"] == len(first.splitlines()) - 1 > 5


def test_more_days_than_the_city_is_old_are_no_error(capfdbinary):
    assert main(["history", "--days", "30", "--scale", "0.01", "--end", "2026-01-02T00:00:00+00:00"]) == 0
    assert capfdbinary.readouterr().out.count(b"\n") > 100


def test_an_impossible_city_is_refused_in_one_line(capfd):
    assert main(["history", "--scale", "-1"]) == 2
    assert "scale" in capfd.readouterr().err


def test_assets_as_a_city_file(capfd):
    assert main(["assets", "--scale", "0.05"]) == 0
    assets = json.loads(capfd.readouterr().out)["assets"]
    assert {asset["kind"] for asset in assets} == {"gateway", "charging_station", "bay", "tree", "meter"}
    bound = [device["dev_eui"] for asset in assets for device in asset["devices"]]
    devices = [device.dev_eui for device in DemoCity(settings(scale=0.05)).devices]
    assert sorted(bound) == sorted(devices)
