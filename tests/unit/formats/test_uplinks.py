"""What an uplink holds, from either server and through every door: live, webhook, storage API, protobuf."""

import dataclasses
import json

import pytest
from chirpstack_api.integration import integration_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.uplink import NOT_DECODABLE, Uplink, UplinkFlag
from ingest.delivery import Delivery
from ingest.formats.draft import new_uplink
from tests.events.corpus import RECEIVED_AT, example, examples, read
from tests.unit.formats.support import TREE, TTS_TREE, edited, uplink


def test_the_fields_of_a_chirpstack_uplink():
    parsed = uplink(example(TREE))
    assert (parsed.source, parsed.dev_eui, parsed.dev_addr) == ("city", "24e124460e210042", "01f3c2a7")
    assert (parsed.f_cnt, parsed.f_port, parsed.payload.hex()) == (4312, 85, "0175640367b40004cac40e057f5a01")
    assert (parsed.data_rate, parsed.frequency) == ("SF9BW125", 867_100_000)
    assert (parsed.device_name, parsed.device_profile) == ("Baum Kaiserstr. 12", "Milesight EM500-SMTC")
    assert parsed.application == "Stadtbaeume"
    assert parsed.deduplication_id == "3ac7e3c4-4401-4b8d-9386-a5c902f9202d"
    assert parsed.flags == UplinkFlag.ADR
    assert (parsed.receptions[0].rssi, parsed.receptions[0].snr, parsed.receptions[0].channel) == (-97, 7.25, 5)


def test_the_fields_of_a_things_stack_uplink():
    parsed = uplink(example(TTS_TREE))
    assert (parsed.dev_eui, parsed.dev_addr) == ("24e124460e210042", "27fc0a1b")
    assert (parsed.f_cnt, parsed.f_port, parsed.payload.hex()) == (4312, 85, "0175640367b40004cac40e057f5a01")
    assert (parsed.data_rate, parsed.frequency) == ("SF9BW125", 867_100_000)
    assert (parsed.device_name, parsed.device_profile) == ("baum-mz-neu-004711", "milesight-iot/em500-smtc")
    assert (parsed.application, parsed.deduplication_id) == ("mz-trees", "")
    assert (parsed.receptions[0].rssi, parsed.receptions[0].snr, parsed.receptions[0].channel) == (-97, 7.2, 5)


@pytest.mark.parametrize(
    ("modulation", "expected"),
    [
        ({"lora": {"bandwidth": 250000, "spreadingFactor": 7}}, "SF7BW250"),
        ({"lora": {"bandwidth": 7800, "spreadingFactor": 12}}, "SF12BW7.8"),
        ({"lora": {"bandwidth": 125000}}, ""),
        ({"fsk": {"frequencyDeviation": 25000, "datarate": 50000}}, "FSK50"),
        ({"fsk": {}}, ""),
        ({"lrFhss": {"operatingChannelWidth": 137000, "codeRate": "CR_1_3"}}, "LRFHSS"),
        ({}, ""),
    ],
)
def test_data_rates(modulation, expected):
    delivery = edited(TREE, lambda message: message["txInfo"].update(modulation=modulation))
    assert uplink(delivery).data_rate == expected


@pytest.mark.parametrize(
    ("data_rate", "expected"),
    [
        ({"lora": {"bandwidth": 125000, "spreading_factor": 12}}, "SF12BW125"),
        ({"fsk": {"bit_rate": 50000}}, "FSK50"),
        ({"lrfhss": {"operating_channel_width": 137000}}, "LRFHSS"),
        ({}, ""),
    ],
)
def test_data_rates_of_the_things_stack(data_rate, expected):
    delivery = edited(TTS_TREE, lambda message: message["uplink_message"]["settings"].update(data_rate=data_rate))
    assert uplink(delivery).data_rate == expected


def test_an_uplink_that_no_gateway_is_named_for_is_kept():
    delivery = edited(TREE, lambda message: message.update(rxInfo=[], txInfo=None, object=None))
    parsed = uplink(delivery)
    assert (parsed.receptions, parsed.data_rate, parsed.frequency) == ((), "", 0)
    assert parsed.ns_time == parsed.event_time


def test_an_application_without_a_name_goes_by_its_id():
    delivery = edited(TREE, lambda message: message["deviceInfo"].update(applicationName=""))
    assert uplink(delivery).application == "17c82e96-be03-4f38-aef3-f83d48582d97"


def test_json_may_begin_with_blanks():
    delivery = example(TREE)
    assert uplink(delivery._replace(payload=b"\r\n\t " + delivery.payload)) == uplink(delivery)


def test_the_signal_of_the_things_stack_is_rounded():
    delivery = edited(TTS_TREE, lambda message: message["uplink_message"]["rx_metadata"][0].update(rssi=-97.6))
    assert uplink(delivery).receptions[0].rssi == -98


class TestTheThingsStackDoors:
    """The same uplink is one event however it comes, so that a backfill meets the live stream."""

    def test_the_storage_api_gives_what_the_live_message_gave(self):
        stored = {uplink(item.delivery).dev_eui: item for item in examples() if "storage_api" in item.file}
        live = [
            TTS_TREE,
            "tts/up/heat_meter_no_formatter_confirmed.json",
            "tts/up/parking_first_uplink_fcnt_absent.json",
        ]
        for file in live:
            expected = uplink(example(file))
            assert uplink(stored[expected.dev_eui].delivery) == expected

    def test_a_webhook_gives_what_the_live_message_gave(self):
        assert uplink(example(TTS_TREE, topic="")) == uplink(example(TTS_TREE))

    def test_a_webhook_retry_80_minutes_later_has_the_same_key(self):
        first = uplink(example(TTS_TREE))
        retry = uplink(example(TTS_TREE, topic="", received_at=RECEIVED_AT.replace(hour=13, minute=20)))
        assert dataclasses.replace(retry, received_at=first.received_at) == first

    def test_spaces_before_the_result_do_not_matter(self):
        line = next(item.delivery.payload for item in examples() if "storage_api" in item.file)
        spaced = Delivery("city", "", b'\n { "result" :' + line.partition(b":")[2], RECEIVED_AT)
        assert uplink(spaced) == uplink(spaced._replace(payload=line))

    def test_a_device_without_dev_eui_goes_by_application_and_device_id(self):
        def forget(message):
            del message["end_device_ids"]["dev_eui"]

        assert uplink(edited(TTS_TREE, forget)).dev_eui == "mz-trees/baum-mz-neu-004711"

    def test_a_gateway_without_eui_goes_by_its_name(self):
        def forget(message):
            del message["uplink_message"]["rx_metadata"][0]["gateway_ids"]["eui"]

        assert uplink(edited(TTS_TREE, forget)).receptions[0].gateway_id == "mz-dom"

    def test_normalized_values_alone_are_kept_too(self):
        def forget(message):
            del message["uplink_message"]["decoded_payload"]

        decoded = uplink(edited(TTS_TREE, forget)).decoded
        assert decoded == {"normalized_payload": [{"soil": {"moisture": 37.8, "temperature": 18, "ec": 0.346}}]}


class TestProtobuf:
    @settings(max_examples=50, deadline=None)
    @given(snr=st.floats(-30, 20, width=32), rssi=st.integers(-160, 0), nanos=st.integers(0, 999_999_999))
    def test_numbers_are_those_that_json_shows(self, snr, rssi, nanos):
        event = integration_pb2.UplinkEvent.FromString(read(TREE.replace(".json", ".pb")))
        event.time.nanos = nanos
        event.rx_info[0].ns_time.nanos = nanos
        event.rx_info[0].rssi = rssi
        event.rx_info[0].snr = snr

        def same(message):
            time = f"2026-07-14T09:34:15.{nanos:09}+00:00"
            message["time"] = message["rxInfo"][0]["nsTime"] = time
            message["rxInfo"][0]["rssi"] = rssi
            message["rxInfo"][0]["snr"] = shortest_float32(snr)

        assert uplink(example(TREE, payload=event.SerializeToString())) == uplink(edited(TREE, same))

    def test_numbers_of_the_object_that_are_none_are_null_as_in_json(self):
        event = integration_pb2.UplinkEvent.FromString(read(TREE.replace(".json", ".pb")))
        event.object.Clear()
        event.object.update({"a": [1, "x", None, True, {"b": 2.5}], "nan": float("nan"), "inf": float("inf")})
        parsed = uplink(example(TREE, payload=event.SerializeToString()))
        assert parsed.decoded == {"a": [1.0, "x", None, True, {"b": 2.5}], "nan": None, "inf": None}

    @pytest.mark.parametrize(("kind", "expected"), [("fsk", "FSK50"), ("lr_fhss", "LRFHSS"), ("lora", ""), (None, "")])
    def test_modulations(self, kind, expected):
        event = integration_pb2.UplinkEvent.FromString(read(TREE.replace(".json", ".pb")))
        event.tx_info.modulation.Clear()
        if kind is not None:
            getattr(event.tx_info.modulation, kind).SetInParent()
        event.tx_info.modulation.fsk.datarate = 50_000 if kind == "fsk" else 0
        if kind != "fsk":
            event.tx_info.modulation.ClearField("fsk")
        if kind == "lr_fhss":
            event.tx_info.modulation.lr_fhss.operating_channel_width = 137_000
        assert uplink(example(TREE, payload=event.SerializeToString())).data_rate == expected


class TestDraft:
    def test_the_quick_way_builds_an_ordinary_uplink(self):
        parsed = uplink(example(TREE))
        values = {field.name: getattr(parsed, field.name) for field in dataclasses.fields(Uplink)}
        assert type(parsed) is Uplink
        assert parsed == Uplink(**values) == new_uplink(*values.values())
        assert repr(parsed) == repr(Uplink(**values))
        assert dataclasses.replace(parsed, f_cnt=1).f_cnt == 1

    def test_it_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            uplink(example(TREE)).f_cnt = 7

    def test_it_takes_every_field(self):
        with pytest.raises(TypeError):
            new_uplink("city")


def test_what_must_not_be_decoded_is_marked():
    marked = {item.file for item in examples() if "/up/" in item.file and is_marked(item.delivery)}
    assert marked == {
        "chirpstack/up/mac_only_no_payload.json",
        "chirpstack/up/end_to_end_encrypted.json",
        "tts/up/empty_payload_no_fport.json",
        "tts/up/parking_simulated.json",
    }


def is_marked(delivery: Delivery) -> bool:
    return "/gateway/" not in delivery.topic and bool(uplink(delivery).flags & NOT_DECODABLE)


def shortest_float32(value: float) -> float:
    """What a JSON writer for 32-bit floats prints, found by protobuf's own JSON mapping."""
    from chirpstack_api.gw import gw_pb2
    from google.protobuf.json_format import MessageToJson

    return json.loads(MessageToJson(gw_pb2.UplinkRxInfo(snr=value))).get("snr", 0.0)
