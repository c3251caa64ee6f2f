"""The stream: the same in every process and in any number of pieces, in order, and as large as the city's numbers."""

import json
from collections import Counter, defaultdict
from datetime import date, timedelta

import numpy as np
import pytest

from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.clock import DAY, HOUR, MINUTE, SECOND, day_number, nanoseconds
from stadtfunk.demo.device import Application
from stadtfunk.demo.message import Message
from stadtfunk.demo.settings import DemoSettings
from stadtfunk.demo.stream import CityStream
from tests.unit.demo.support import SUMMER, at, perfect, settings, up_events

START = nanoseconds(at(2026, 7, 2, 20, 30))
END = nanoseconds(at(2026, 7, 3, 5))


def stream(of: DemoSettings) -> CityStream:
    return CityStream(DemoCity(of))


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return list(stream(settings()).messages(START, END))


def test_in_order_and_within_the_bounds(messages):
    times = [message.at for message in messages]
    assert times == sorted(times)
    assert times[0] > START
    assert times[-1] <= END
    assert len(messages) > 1500


def test_the_same_settings_give_the_same_messages(messages):
    assert list(stream(settings()).messages(START, END)) == messages


def test_another_seed_is_another_city(messages):
    other = list(stream(settings(seed=8)).messages(START, END))
    assert not {message.payload for message in up_events(iter(other))} & {message.payload for message in messages}


@pytest.mark.parametrize("cut", [at(2026, 7, 2, 22, 13), at(2026, 7, 3), at(2026, 7, 3, 0, 0) + timedelta(seconds=0.1)])
def test_two_processes_continue_each_other(messages, cut):
    middle = nanoseconds(cut)
    first = list(stream(settings()).messages(START, middle))
    second = list(stream(settings()).messages(middle, END))
    assert first
    assert second
    assert first + second == messages


def test_what_was_sent_before_midnight_is_published_after_it():
    """With a slow network server there is much of it."""
    of = settings(network={"collection_window_ms": 120_000, "stats_seconds": 1800})
    midnight = nanoseconds(at(2026, 7, 3))
    evening = list(stream(of).messages(midnight - HOUR, midnight + HOUR))
    night = list(stream(of).messages(midnight, midnight + HOUR))
    assert [message for message in evening if message.at > midnight] == night
    heard = [json.loads(message.payload)["rxInfo"][0]["nsTime"] for message in up_events(iter(night))]
    assert min(heard) < "2026-07-03"
    assert len(night) == stream(of).count(midnight, midnight + HOUR)


def test_the_count_is_known_before(messages):
    assert stream(settings()).count(START, END) == len(messages)


def test_winding_changes_nothing(messages):
    wound = stream(settings())
    wound.wind(START)
    assert list(wound.messages(START, END)) == messages
    assert list(wound.messages(START, END)) == messages


def test_frame_counters_go_on_from_history_to_live():
    """In each session a counter rises by the frames that were sent, so lost ones are gaps and none repeats."""
    middle = nanoseconds(at(2026, 7, 3, 1, 17))
    parts = (stream(perfect()).messages(START, middle), stream(perfect()).messages(middle, END))
    history, live = (last_counters(up_events(part)) for part in parts)
    both = history.keys() & live.keys()
    assert len(both) > 120
    for session in both:
        assert 0 < min(live[session]) - max(history[session]) <= 9 * 24
        assert sorted(live[session]) == live[session]


def last_counters(uplinks) -> dict[tuple[str, str], list[int]]:
    found = defaultdict(list)
    for message in uplinks:
        event = json.loads(message.payload)
        found[event["deviceInfo"]["devEui"], event["devAddr"]].append(event["fCnt"])
    return found


def test_registers_go_on_from_history_to_live():
    cut = nanoseconds(at(2026, 7, 3, 1, 17))
    of = perfect()
    whole = [message.payload for message in up_events(stream(of).messages(START, END))]
    pieces = [m.payload for m in up_events(stream(of).messages(START, cut))]
    pieces += [m.payload for m in up_events(stream(of).messages(cut, END))]
    assert pieces == whole


@pytest.mark.parametrize(
    ("installed_on", "trees"), [(date(2026, 7, 1), 7200), (date(2026, 1, 10), 2400)], ids=["summer", "winter"]
)
def test_messages_that_are_sent_on_a_day(installed_on, trees):
    of = DemoSettings(installed_on=installed_on)
    sent = sent_by_application(of)
    assert sent[Application.HEAT] == 72_000
    assert sent[Application.TREES] == trees
    assert sent[Application.BAYS] == pytest.approx(600, abs=90)


def sent_by_application(of: DemoSettings) -> dict[Application, int]:
    city = DemoCity(of)
    frames = next(city.days(day_number(of.installed_on), payloads=False)).frames
    counts = np.bincount(frames.device, minlength=len(city.devices))
    families = np.array([device.application for device in city.devices])
    return {application: int(counts[families == application].sum()) for application in Application}


def test_scale_multiplies_trees_and_meters():
    city = DemoCity(settings(scale=0.5))
    assert Counter(device.application for device in city.devices) == {
        Application.TREES: 150,
        Application.HEAT: 1500,
        Application.BAYS: 10,
    }


def test_device_euis_are_unique():
    devices = DemoCity(DemoSettings()).devices
    assert len({device.dev_eui for device in devices}) == len(devices) == 3321


@pytest.mark.parametrize("scale", [0.02, 0.2])
def test_a_live_stream_begins_with_a_burst_of_all_families(scale):
    city = CityStream(DemoCity(settings(scale=scale)))
    end = nanoseconds(at(2026, 7, 3, 12))
    start = city.live_start(end)
    assert 8 * MINUTE <= end - start <= 6 * HOUR
    families = {message.topic.split(b"/")[1] for message in up_events(city.messages(start, end))}
    assert len(families) == 3


def test_connections_of_all_gateways():
    of = settings(faults={"gateway_outages_per_month": 60.0})
    states = list(CityStream(DemoCity(of)).connections(nanoseconds(at(2026, 7, 3, 12))))
    assert len(states) == 22
    assert all(message.retain for message in states)
    assert len({len(message.payload) for message in states}) == 2, "some are offline"


def test_before_the_installation_there_is_nothing():
    with pytest.raises(ValueError, match="2026-07-01"):
        next(stream(settings()).messages(nanoseconds(at(2026, 6, 30)), None))
    with pytest.raises(ValueError, match="2026-07-01"):
        next(DemoCity(settings()).days(day_number(SUMMER) - 1))


def test_an_endless_stream_goes_on_over_midnight():
    messages = stream(settings(scale=0.02)).messages(nanoseconds(at(2026, 7, 2, 23, 50)))
    first = next(messages).at // DAY
    assert any(message.at // DAY > first for message, _ in zip(messages, range(2000), strict=False))


def test_a_gateway_that_returns_makes_a_burst():
    """What it kept comes at up to 50 a second; the quiet city has two or three."""
    of = settings(scale=0.2, faults={"backhaul_outages_per_month": 20.0})
    uplinks = up_events(stream(of).messages(nanoseconds(at(2026, 7, 2)), nanoseconds(at(2026, 7, 2, 10))))
    per_second = Counter(message.at // SECOND for message in uplinks)
    assert max(per_second.values()) > 8 * np.median(list(per_second.values()))
