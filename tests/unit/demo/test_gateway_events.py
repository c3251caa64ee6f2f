"""The gateways' own messages: statistics that agree with the uplinks, and connections that end and come back."""

import numpy as np
import pytest
from chirpstack_api import gw

from decoders.events import GatewayConnection, GatewayStats
from ingest.delivery import Delivery
from ingest.formats.chirpstack import parse
from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.clock import SECOND, day_number, day_of, moment
from stadtfunk.demo.gateway_events import GatewayEvents
from stadtfunk.demo.message import Message
from stadtfunk.demo.outages import Outage, OutageKind
from stadtfunk.demo.places import gateways
from stadtfunk.demo.settings import DemoSettings, FaultSettings, NetworkSettings
from tests.unit.demo.support import SUMMER, perfect, settings

DAY = day_of(day_number(SUMMER) + 1)
SECONDS = 600


def parsed(message: Message) -> object:
    return parse(Delivery("city", message.topic.decode(), message.payload, moment(message.at), 1, message.retain))


def statistics_of(
    of: DemoSettings, outages: list[Outage] | None = None, **faults: float
) -> tuple[object, list[Message]]:
    city = DemoCity(of)
    city_day = next(city.days(DAY.number, payloads=False))
    writer = GatewayEvents(of.network, FaultSettings(**faults), of.seed, city.gateways)
    found = writer.statistics(
        city_day.day,
        city_day.frames,
        city_day.deliveries,
        city_day.outages if outages is None else outages,
        seconds=SECONDS,
    )
    return city_day, list(found)


def test_statistics_count_what_the_gateways_heard():
    of = perfect(network=NetworkSettings(foreign_packets_per_minute=0))
    city_day, messages = statistics_of(of)
    stats = [parsed(message) for message in messages]
    assert all(isinstance(event, GatewayStats) for event in stats)
    assert sum(event.rx_received_ok for event in stats) == len(city_day.deliveries.receptions)
    assert all(event.rx_received >= event.rx_received_ok for event in stats)
    assert len(stats) == 22 * 86_400 // SECONDS


def test_statistics_come_at_regular_times():
    _, messages = statistics_of(perfect())
    first = [message for message in messages if message.topic == messages[0].topic]
    assert set(np.diff([message.at for message in first]).tolist()) == {SECONDS * SECOND}
    assert parsed(first[0]).occurred_at == moment(first[0].at).replace(microsecond=0)


def test_only_gateways_with_a_satellite_receiver_tell_their_place():
    _, messages = statistics_of(perfect())
    placed = {event.gateway_id for event in map(parsed, messages) if event.latitude is not None}
    assert placed == {gateway.gateway_id for gateway in gateways() if gateway.clock == "gps"}


@pytest.mark.parametrize("kind", list(OutageKind))
def test_a_gateway_that_is_away_sends_no_statistics(kind):
    outage = Outage(2, kind, DAY.start + 3600 * SECOND, DAY.start + 10_800 * SECOND)
    _, all_day = statistics_of(perfect(), [])
    _, messages = statistics_of(perfect(), [outage])
    assert len(all_day) - len(messages) == 7200 // SECONDS


def test_after_an_outage_a_clock_can_stand_in_2012():
    outage = Outage(2, OutageKind.OFF, DAY.start + 3600 * SECOND, DAY.start + 10_800 * SECOND)
    _, messages = statistics_of(perfect(), [outage], unsynced_after_outage=1.0)
    wrong = [event for event in map(_raw, messages) if event.time.seconds < 1_400_000_000]
    assert len(wrong) == 1
    assert wrong[0].gateway_id == gateways()[2].gateway_id


def _raw(message: Message) -> gw.GatewayStats:
    return gw.GatewayStats.FromString(message.payload)


def test_connections_are_retained_and_offline_is_an_absent_field():
    of = settings()
    writer = GatewayEvents(of.network, of.faults, of.seed, gateways())
    outage = Outage(0, OutageKind.OFF, DAY.start + 3600 * SECOND, DAY.start + 10_800 * SECOND)
    down, up = writer.connections(DAY, [outage])
    assert down.retain
    assert up.retain
    assert down.payload == b"\x1a\x10" + gateways()[0].gateway_id.encode()
    assert [parsed(message) for message in (down, up)] == [
        GatewayConnection("city", gateways()[0].gateway_id, False, moment(down.at)),
        GatewayConnection("city", gateways()[0].gateway_id, True, moment(up.at)),
    ]
    assert outage.began < down.at < outage.began + 60 * SECOND
    assert up.at == outage.ended


def test_an_outage_over_midnight_has_one_message_on_each_day():
    of = settings()
    writer = GatewayEvents(of.network, of.faults, of.seed, gateways())
    outage = Outage(0, OutageKind.OFF, DAY.end - 3600 * SECOND, DAY.end + 3600 * SECOND)
    assert len(list(writer.connections(DAY, [outage]))) == 1
    assert len(list(writer.connections(day_of(DAY.number + 1), [outage]))) == 1
