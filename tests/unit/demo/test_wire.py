"""The wire: JSON exactly in ChirpStack's form, and what our own parser makes of it."""

import base64
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from decoders.events import DeviceEvent, DeviceEventKind
from decoders.uplink import Uplink, UplinkFlag
from ingest.delivery import Delivery
from ingest.formats.chirpstack import parse
from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.clock import moment, nanoseconds
from stadtfunk.demo.message import Message
from stadtfunk.demo.stream import CityStream
from tests.events.corpus import FOLDER
from tests.unit.demo.support import NO_FAULTS, at, settings, up_events

OPTIONAL_IN_COPY = {"gwTime", "timeSinceGpsEpoch", "snr", "channel"}
NANOSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\+00:00")
MICROSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")

NOISY = settings(
    faults={
        "rejoins_per_month": 8.0,
        "abp_share": 0.3,
        "gps_fault_probability": 0.3,
        "clock_fault_probability": 0.3,
        "backhaul_outages_per_month": 15.0,
        "gateway_outages_per_month": 15.0,
        "garbage_probability": 0.0,
        "mac_only_probability": 0.02,
    }
)


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    start = nanoseconds(at(2026, 7, 2))
    return list(CityStream(DemoCity(NOISY)).messages(start, nanoseconds(at(2026, 7, 2, 18))))


@pytest.fixture(scope="module")
def uplinks(messages: list[Message]) -> list[dict]:
    return [json.loads(message.payload) for message in up_events(iter(messages))]


def read_example(name: str) -> dict:
    return json.loads((FOLDER / "chirpstack" / name).read_text(encoding="utf-8"))


def parsed(message: Message) -> object:
    received_at = moment(message.at)
    return parse(Delivery("city", message.topic.decode(), message.payload, received_at, 1, message.retain))


def events_of(messages: list[Message], kind: str) -> list[dict]:
    ending = f"/event/{kind}".encode()
    return [json.loads(message.payload) for message in messages if message.topic.endswith(ending)]


def test_keys_of_an_uplink_and_their_order(uplinks):
    example = read_example("up/tree_moisture_3gateways_decoded.json")
    without_object = [key for key in example if key != "object"]
    for event in uplinks:
        assert [key for key in event if key != "object"] == without_object
        assert list(event["deviceInfo"]) == list(example["deviceInfo"])
        assert list(event["txInfo"]) == list(example["txInfo"])
        assert list(event["txInfo"]["modulation"]["lora"]) == list(example["txInfo"]["modulation"]["lora"])


def test_keys_of_a_reception_and_their_order(uplinks):
    [full] = {tuple(copy) for copy in read_example("up/heat_meter_mbus_confirmed_no_codec.json")["rxInfo"]}
    for event in uplinks:
        for copy in event["rxInfo"]:
            assert [key for key in full if key in copy] == list(copy)
            assert set(full) - set(copy) <= OPTIONAL_IN_COPY
            assert list(copy["location"]) == ["latitude", "longitude", "altitude"]
            assert copy["metadata"] == {"region_common_name": "EU868", "region_config_id": "eu868"}
            assert copy["context"] == "E3OWOQ=="
            assert copy["crcStatus"] == "CRC_OK"


def test_types_are_those_of_the_example(uplinks):
    example = read_example("up/heat_meter_mbus_confirmed_no_codec.json")
    for event in uplinks[:500]:
        for key, value in example.items():
            assert type(event[key]) is type(value), key
        assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", event["deduplicationId"])
        assert re.fullmatch("[0-9a-f]{8}", event["devAddr"])
        base64.b64decode(event["data"], validate=True)


def test_zeros_are_omitted_in_receptions_only(uplinks):
    copies = [copy for event in uplinks for copy in event["rxInfo"]]
    assert all(copy.get("channel") != 0 for copy in copies)
    assert all(copy.get("snr") != 0 for copy in copies)
    assert any("channel" not in copy for copy in copies)
    assert any("snr" not in copy for copy in copies)
    assert any(event["fCnt"] == 0 for event in uplinks)
    assert any(event["dr"] == 0 for event in uplinks)


def test_times_have_six_or_nine_digits(uplinks):
    for event in uplinks:
        assert MICROSECONDS.fullmatch(event["time"]) or NANOSECONDS.fullmatch(event["time"])
        assert all(NANOSECONDS.fullmatch(copy["nsTime"]) for copy in event["rxInfo"])
        assert all(MICROSECONDS.fullmatch(copy["gwTime"]) for copy in event["rxInfo"] if "gwTime" in copy)


def seconds_since_gps_epoch(copy: dict) -> float:
    return float(copy["timeSinceGpsEpoch"].removesuffix("s"))


def gateway_clock_is_credible(copy: dict) -> bool:
    apart = datetime.fromisoformat(copy["gwTime"]) - datetime.fromisoformat(copy["nsTime"])
    return abs(apart) < timedelta(seconds=30)


def test_the_time_of_an_event_by_chirpstacks_rule(uplinks):
    """Satellite time first, however wrong; then a gateway clock that is not far off; then the server's own."""
    rules = Counter()
    for event in uplinks:
        satellite = [copy for copy in event["rxInfo"] if "timeSinceGpsEpoch" in copy]
        clocks = [copy["gwTime"] for copy in event["rxInfo"] if "gwTime" in copy and gateway_clock_is_credible(copy)]
        if satellite:
            rules["satellite"] += 1
            since = datetime.fromisoformat(event["time"]) - datetime(1980, 1, 6, tzinfo=UTC) + timedelta(seconds=18)
            assert since.total_seconds() == pytest.approx(seconds_since_gps_epoch(satellite[0]), abs=1e-5)
        elif clocks:
            rules["clock"] += 1
            assert event["time"] == clocks[0]
        else:
            rules["server"] += 1
            latest = max(copy["nsTime"] for copy in event["rxInfo"])
            assert event["time"] >= latest
    assert all(rules[rule] > 20 for rule in ("satellite", "clock", "server"))


def test_wrong_clocks_occur(uplinks):
    assert any(event["time"].startswith("1980-") for event in uplinks)
    ahead = [
        copy
        for event in uplinks
        for copy in event["rxInfo"]
        if "gwTime" in copy and not gateway_clock_is_credible(copy)
    ]
    assert ahead


def test_tags_and_receptions_come_in_any_order(uplinks):
    first_tags = {tuple(event["deviceInfo"]["tags"]) for event in uplinks if "baum_nr" in event["deviceInfo"]["tags"]}
    assert len(first_tags) == 2
    several = [[copy["rssi"] for copy in event["rxInfo"]] for event in uplinks if len(event["rxInfo"]) > 2]
    assert any(levels[0] != max(levels) for levels in several)


def test_our_parser_reads_every_message(messages):
    for message in messages:
        event = parsed(message)
        assert event is not None


def test_our_parser_finds_what_was_written(messages):
    for message in list(up_events(iter(messages)))[:2000]:
        raw = json.loads(message.payload)
        uplink = parsed(message)
        assert isinstance(uplink, Uplink)
        assert uplink.dev_eui == raw["deviceInfo"]["devEui"] == message.topic.decode().split("/")[3]
        assert (uplink.f_cnt, uplink.f_port) == (raw["fCnt"], raw["fPort"])
        assert uplink.payload == base64.b64decode(raw["data"])
        assert uplink.data_rate == f"SF{12 - raw['dr']}BW125"
        assert {copy.gateway_id for copy in uplink.receptions} == {copy["gatewayId"] for copy in raw["rxInfo"]}
        assert abs(uplink.ns_time - uplink.received_at) < timedelta(seconds=31)


def test_mac_only_uplinks_have_no_data(messages):
    bare = [event for event in map(parsed, up_events(iter(messages))) if event.flags & UplinkFlag.MAC_ONLY]
    assert bare
    assert all(event.f_port == 0 and event.payload == b"" for event in bare)


def test_joins_look_like_the_example_and_come_before_their_uplink(messages):
    example = read_example("join/park_first_join.json")
    joins = events_of(messages, "join")
    assert len(joins) > 20
    assert all(list(join) == list(example) for join in joins)
    kinds: dict[str, list[tuple[str, str]]] = {}
    for message in messages:
        if message.topic.endswith((b"/event/join", b"/event/up")):
            event = json.loads(message.payload)
            kinds.setdefault(event["deviceInfo"]["devEui"], []).append((message.topic.decode()[-4:], event["devAddr"]))
    for seen in kinds.values():
        for position, (kind, address) in enumerate(seen):
            if kind == "join":
                assert seen[position + 1] == ("t/up", address)


def test_status_events_look_like_the_example(messages):
    example = read_example("status/battery_88.json")
    status = events_of(messages, "status")
    assert all(list(event) == list(example) for event in status)
    assert all(-32 <= event["margin"] <= 31 and 35 <= event["batteryLevel"] <= 100 for event in status)
    assert len({event["deviceInfo"]["devEui"] for event in status}) == len(status)


def test_log_events_look_like_the_example(messages):
    codes = Counter()
    for name in ("log/fcnt_retransmission.json", "log/fcnt_reset_frame_lost.json"):
        example = read_example(name)
        for event in events_of(messages, "log"):
            if event["code"] == example["code"]:
                codes[event["code"]] += 1
                assert list(event) == list(example)
                assert list(event["context"]) == list(example["context"])
                assert event["description"] == example["description"]
    assert len(codes) == 2


def test_device_events_parse_into_their_kinds(messages):
    kinds = {event.kind for event in map(parsed, messages) if isinstance(event, DeviceEvent)}
    assert kinds == {DeviceEventKind.JOIN, DeviceEventKind.STATUS, DeviceEventKind.LOG}


def test_a_codec_of_the_network_server_shows_in_bosch_frames_only(uplinks):
    decoded = {event["deviceInfo"]["deviceProfileName"] for event in uplinks if "object" in event}
    assert decoded == {"Bosch TPS110"}
    assert all(event["object"] in ({"occupied": True}, {"occupied": False}) for event in uplinks if "object" in event)


def test_a_quiet_network_has_no_log_events_and_no_joins():
    stream = CityStream(DemoCity(settings(faults=NO_FAULTS)))
    quiet = list(stream.messages(nanoseconds(at(2026, 7, 2)), nanoseconds(at(2026, 7, 2, 3))))
    assert not events_of(quiet, "log")
    assert not events_of(quiet, "join")
