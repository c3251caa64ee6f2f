"""The canonical words and keys of events that are no uplinks, the same for both network servers."""

from datetime import UTC, datetime

import pytest

from decoders.events import DeviceEventKind
from tests.events.corpus import RECEIVED_AT, example
from tests.unit.formats.support import device_event, edited, stats


def test_a_join_names_the_session():
    event = device_event(example("chirpstack/join/park_first_join.json"))
    assert (event.dev_addr, event.device_profile, event.application) == ("00c4d2e1", "Bosch TPS110 EU", "Ladeplaetze")
    assert event.occurred_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert event.detail == {"region": "eu868"}


def test_a_join_of_the_things_stack_names_the_session():
    event = device_event(example("tts/join/rejoin_with_invalidated_downlinks.json"))
    assert event.dev_addr == "27fc0a3d"
    assert event.occurred_at == datetime(2026, 3, 29, 0, 58, 0, 700_000, tzinfo=UTC)
    assert event.detail == {
        "session_key_id": "AZXBSH1Pk6Z0G166RlH17B==",
        "pending_session": True,
        "invalidated_downlinks": 1,
    }


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("chirpstack/ack/acknowledged.json", "ACKNOWLEDGED"),
        ("chirpstack/ack/nack_timeout.json", "NACK"),
        ("tts/down/ack.json", "ACKNOWLEDGED"),
        ("tts/down/nack.json", "NACK"),
    ],
)
def test_what_a_device_answered_has_one_word_on_both_servers(file, code):
    event = device_event(example(file))
    assert (event.kind, event.code) == (DeviceEventKind.ACK, code)
    assert event.detail["f_cnt_down"] in (1, 3)


@pytest.mark.parametrize("step", ["queued", "sent", "failed", "invalidated"])
def test_steps_of_a_downlink_are_kept_without_its_payload(step):
    event = device_event(example(f"tts/down/{step}.json"))
    assert (event.kind, event.code) == (DeviceEventKind.DOWNLINK, step.upper())
    assert "vu8=" not in repr(event)


def test_a_failed_downlink_says_why_and_may_lack_a_time():
    event = device_event(example("tts/down/failed.json"))
    assert event.detail["error"] == "pkg/networkserver:application_downlink_too_long"
    assert event.occurred_at == RECEIVED_AT


def test_a_txack_has_no_deduplication_id():
    event = device_event(example("chirpstack/txack/class_a_rx1.json"))
    assert event.deduplication_id == ""
    assert event.detail == {
        "downlink_id": 3461958127,
        "queue_item_id": "42cb6459-a640-46ec-9623-bdff39dc4736",
        "f_cnt_down": 2,
        "gateway_id": "7276ff002e0605d1",
        "frequency": 867900000,
        "power": 14,
        "data_rate": "SF7BW125",
        "timing": "delay",
    }
    assert device_event(example("chirpstack/txack/class_c_immediately.json")).detail["timing"] == "immediately"


def test_a_long_description_is_cut_and_not_refused():
    delivery = edited("chirpstack/log/uplink_codec_error.json", lambda message: message.update(description="x" * 5000))
    description = device_event(delivery).detail["description"]
    assert len(description) == 1024
    assert description.endswith("x…")


def test_a_log_code_of_a_newer_server_is_kept():
    delivery = edited("chirpstack/log/uplink_codec_error.json", lambda message: message.update(code="NEW_IN_2030"))
    assert device_event(delivery).code == "NEW_IN_2030"


@pytest.mark.parametrize("context", [{}, {"deduplication_id": "of another kind"}])
def test_a_log_about_no_frame_has_no_deduplication_id(context):
    delivery = edited("chirpstack/log/uplink_codec_error.json", lambda message: message.update(context=context))
    assert device_event(delivery).deduplication_id == ""


def test_places_of_both_servers():
    assert device_event(example("chirpstack/location/gnss.json")).detail == {
        "latitude": 50.00412,
        "longitude": 8.26011,
        "altitude": 0.0,
        "accuracy": 12.5,
    }
    solved = device_event(example("tts/location/solved_lora_tdoa.json"))
    assert (solved.code, solved.detail["accuracy"]) == ("LORA_TDOA_GEOLOCATION", 180.0)
    assert solved.detail["service"] == "lora-cloud-geolocation-v3"


def test_data_of_services_are_kept():
    assert device_event(example("tts/service/data.json")).detail == {
        "service": "lora-cloud-device-management-v1",
        "data": {"temp": {"value": 25}},
    }
    integration = device_event(example("chirpstack/integration/loracloud_position.json"))
    assert integration.code == "loracloud_GnssLR1110SingleFrame"
    assert integration.detail["object"]["result"]["accuracy"] == 18.2


def test_gateway_statistics():
    parsed = stats(example("chirpstack/gateway/stats/concentratord_gps_dutycycle.json"))
    assert (parsed.rx_received, parsed.rx_received_ok, parsed.tx_received, parsed.tx_emitted) == (184, 131, 4, 3)
    assert (parsed.latitude, parsed.longitude, parsed.altitude) == (49.99906, 8.27385, 131.0)
    assert parsed.occurred_at == datetime(2026, 7, 14, 9, 35, tzinfo=UTC)
    assert parsed.detail["rx_per_frequency"] == {"868100000": 60, "868300000": 41, "868500000": 30}
    assert parsed.detail["rx_per_data_rate"] == {"SF7BW125": 99, "SF12BW125": 32}
    assert parsed.detail["tx_per_status"] == {"COLLISION_PACKET": 1, "OK": 3}
    assert parsed.detail["duty_cycle"] == {
        "regulation": "ETSI_EN_300_220",
        "window_seconds": 3600.0,
        "bands": [
            {
                "name": "M",
                "frequency_min": 868000000,
                "frequency_max": 868600000,
                "load_max_seconds": 36.0,
                "load_tracked_seconds": 0.18432,
            }
        ],
    }


def test_statistics_without_traffic_are_zeros():
    parsed = stats(example("chirpstack/gateway/stats/no_traffic_no_location.json"))
    assert (parsed.rx_received, parsed.rx_received_ok, parsed.tx_received, parsed.tx_emitted) == (0, 0, 0, 0)
    assert parsed.latitude is None
