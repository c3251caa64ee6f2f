"""The known traps of the two wire formats, one test or more for each; the number is the trap's."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from decoders.events import DeviceEventKind, GatewayConnection, Ignored
from decoders.uplink import UplinkFlag
from tests.events.corpus import RECEIVED_AT, example, examples
from tests.unit.formats.support import TREE, TTS_TREE, device_event, edited, parse, stats, uplink

FIRST_OF_SESSION = "chirpstack/up/parking_occupied_fcnt0_snr0.json"
TTS_FIRST_OF_SESSION = "tts/up/parking_first_uplink_fcnt_absent.json"


# 1 zero values


def test_trap_01_zeros_that_chirpstack_omits():
    parsed = uplink(example(FIRST_OF_SESSION))
    (reception,) = parsed.receptions
    assert (parsed.f_cnt, reception.snr, reception.channel, reception.antenna) == (0, 0.0, 0, 0)


def test_trap_01_zeros_of_servers_before_v4_1():
    parsed = uplink(example("chirpstack/up/legacy_before_v4_1_defaults_omitted.json"))
    assert (parsed.f_cnt, parsed.f_port, parsed.flags & UplinkFlag.CONFIRMED) == (0, 1, 0)
    assert parsed.payload == b"\xaa"


def test_trap_01_zeros_that_the_things_stack_omits():
    parsed = uplink(example(TTS_FIRST_OF_SESSION))
    assert (parsed.f_cnt, parsed.receptions[0].snr, parsed.flags) == (0, 0.0, UplinkFlag(0))


def test_trap_01_a_missing_rssi_is_zero_as_on_the_wire():
    def drop(message):
        del message["rxInfo"][0]["rssi"]

    assert uplink(edited(TREE, drop)).receptions[0].rssi == 0


# 2 enum value zero


def test_trap_02_a_missing_state_is_offline():
    offline = parse(example("chirpstack/gateway/conn/offline_lwt.json", retain=True))
    online = parse(example("chirpstack/gateway/conn/online.json"))
    assert offline == GatewayConnection("city", "7276ff002e0605d1", False, RECEIVED_AT)
    assert isinstance(online, GatewayConnection)
    assert online.online


def test_trap_02_a_missing_location_source_is_unknown():
    assert device_event(example("chirpstack/location/unknown_source.json")).code == "UNKNOWN"
    assert device_event(example("chirpstack/location/gnss.json")).code == "GEO_RESOLVER_GNSS"


# 3 decoded object, 4 numbers, 5 case


def test_trap_03_an_absent_object_is_none():
    assert uplink(example("chirpstack/up/heat_meter_mbus_confirmed_no_codec.json")).decoded is None
    assert uplink(example("tts/up/heat_meter_no_formatter_confirmed.json")).decoded is None


def test_trap_03_a_codec_error_is_an_event_of_its_own_that_names_the_frame():
    logged = device_event(example("chirpstack/log/uplink_codec_error.json"))
    assert logged.code == "UPLINK_CODEC"
    assert logged.detail["level"] == "ERROR"
    assert logged.deduplication_id == uplink(example(TREE)).deduplication_id


def test_trap_04_numbers_of_the_object_are_as_on_the_wire():
    assert uplink(example(TREE)).decoded == {
        "moisture": 37.8,
        "battery": 100.0,
        "electricity": 346.0,
        "temperature": 18.0,
    }


def test_trap_04_integers_of_64_bits_are_texts_in_the_things_stack():
    assert uplink(example(TTS_TREE)).frequency == 867_100_000


def test_trap_05_keys_of_tags_stay_as_typed():
    assert uplink(example(TREE)).tags == {"art": "Tilia cordata", "baum_nr": "MZ-NEU-004711", "stadtteil": "Neustadt"}
    assert uplink(example(TTS_TREE)).tags == {"baum-nr": "MZ-NEU-004711"}


# 6 EUI


def test_trap_06_both_servers_name_the_same_device_and_gateway():
    chirpstack, thethings = uplink(example(TREE)), uplink(example(TTS_TREE))
    assert chirpstack.dev_eui == thethings.dev_eui == "24e124460e210042"
    assert chirpstack.receptions[0].gateway_id == thethings.receptions[0].gateway_id == "7276ff002e0605d1"
    assert thethings.dev_addr == "27fc0a1b"


def test_trap_06_upper_case_from_chirpstack_is_the_same_device():
    def shout(message):
        message["deviceInfo"]["devEui"] = message["deviceInfo"]["devEui"].upper()
        message["devAddr"] = message["devAddr"].upper()
        message["deduplicationId"] = message["deduplicationId"].upper()

    topic = example(TREE).topic.replace("24e124460e210042", "24E124460E210042")
    assert uplink(edited(TREE, shout, topic=topic)) == uplink(example(TREE))


# 7 time format


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-14T09:34:15+00:00", datetime(2026, 7, 14, 9, 34, 15, tzinfo=UTC)),
        ("2026-07-14T09:34:15.775+00:00", datetime(2026, 7, 14, 9, 34, 15, 775_000, tzinfo=UTC)),
        ("2026-07-14T09:34:15.775023+00:00", datetime(2026, 7, 14, 9, 34, 15, 775_023, tzinfo=UTC)),
        ("2026-07-14T09:34:15.775023242Z", datetime(2026, 7, 14, 9, 34, 15, 775_023, tzinfo=UTC)),
        ("2026-07-14T09:34:15.999999999Z", datetime(2026, 7, 14, 9, 34, 16, tzinfo=UTC)),
        ("2026-07-14T11:34:15.5+02:00", datetime(2026, 7, 14, 9, 34, 15, 500_000, tzinfo=UTC)),
    ],
)
def test_trap_07_every_number_of_decimals(text, expected):
    def set_times(message):
        for rx_info in message["rxInfo"]:
            rx_info["nsTime"] = text
        message["time"] = text

    parsed = uplink(edited(TREE, set_times))
    assert (parsed.ns_time, parsed.event_time) == (expected, expected)
    assert parsed.event_time.tzinfo is UTC


def test_trap_07_a_year_0001_time_is_no_time():
    def forget(message):
        message["uplink_message"]["received_at"] = "0001-01-01T00:00:00Z"
        message["uplink_message"]["settings"]["time"] = "0001-01-01T00:00:00Z"

    parsed = uplink(edited("tts/up/parking_simulated.json", forget))
    assert parsed.ns_time == datetime(2026, 3, 29, 10, 0, 0, 488_210, tzinfo=UTC)
    assert parsed.event_time is None
    assert not parsed.flags & UplinkFlag.CLOCK


# 8 which time


def test_trap_08_gps_time_of_1980_is_kept_flagged_and_not_believed():
    parsed = uplink(example("chirpstack/up/bad_gps_time_1980.json"))
    assert parsed.event_time.year == 1980
    assert parsed.flags & UplinkFlag.CLOCK
    assert parsed.ns_time == parsed.observed_at == datetime(2026, 7, 14, 10, 34, 15, 1, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "flagged"), [(35, True), (-35, True), (5, False)])
def test_trap_08_an_event_time_far_from_the_servers_is_flagged(minutes, flagged):
    true_time = uplink(example(TREE)).ns_time

    def shift(message):
        message["time"] = (true_time + timedelta(minutes=minutes)).isoformat()

    parsed = uplink(edited(TREE, shift))
    assert bool(parsed.flags & UplinkFlag.CLOCK) is flagged
    assert parsed.ns_time == true_time


def test_trap_08_before_v4_6_the_gateways_time_was_called_time():
    parsed = uplink(example("chirpstack/up/legacy_before_v4_1_defaults_omitted.json"))
    (reception,) = parsed.receptions
    assert reception.gateway_time == parsed.event_time == parsed.ns_time
    assert reception.ns_time is None


def test_trap_08_a_server_clock_of_1970_is_no_server_time():
    def reset(message):
        for rx_info in message["rxInfo"]:
            rx_info["nsTime"] = "1970-01-01T00:00:00Z"

    parsed = uplink(edited(TREE, reset))
    assert parsed.ns_time == parsed.event_time == datetime(2026, 7, 14, 9, 34, 15, 775_023, tzinfo=UTC)


def test_trap_08_without_any_time_ours_is_taken():
    def forget(message):
        del message["time"]
        for rx_info in message["rxInfo"]:
            del rx_info["nsTime"]

    parsed = uplink(edited(TREE, forget))
    assert parsed.ns_time == RECEIVED_AT
    assert parsed.event_time is None


def test_trap_08_gateway_statistics_of_2012_are_stamped_with_our_time():
    parsed = stats(example("chirpstack/gateway/stats/clock_not_synced.json"))
    assert parsed.occurred_at == RECEIVED_AT
    assert parsed.detail["clock_is_wrong"] is True


def test_trap_08_statistics_that_waited_in_a_queue_keep_their_time():
    parsed = stats(example("chirpstack/gateway/stats/no_traffic_no_location.json"))
    assert parsed.occurred_at == datetime(2026, 7, 14, 9, 35, 30, tzinfo=UTC)
    assert parsed.detail == {}


def test_trap_08_statistics_from_the_future_are_stamped_with_our_time():
    early = RECEIVED_AT - timedelta(days=30)
    parsed = stats(example("chirpstack/gateway/stats/no_traffic_no_location.json", received_at=early))
    assert parsed.occurred_at == early


def test_trap_08_the_things_stack_prefers_gps_time():
    parsed = uplink(example(TTS_TREE))
    assert parsed.event_time == datetime(2026, 7, 14, 9, 34, 15, 775_023, tzinfo=UTC)
    assert parsed.ns_time == datetime(2026, 7, 14, 9, 34, 15, 809_586, tzinfo=UTC)


def test_trap_08_gps_time_counts_even_where_another_clock_is_nearer_to_the_servers():
    def drift(message):
        first, second, _ = message["uplink_message"]["rx_metadata"]
        first["gps_time"] = "2026-07-14T09:34:12Z"
        second["time"] = "2026-07-14T09:34:15.8Z"

    assert uplink(edited(TTS_TREE, drift)).event_time == datetime(2026, 7, 14, 9, 34, 12, tzinfo=UTC)


@pytest.mark.parametrize("time", ["1980-01-21T23:17:20Z", "2012-01-01T00:00:00Z", "2100-01-01T00:00:00Z", None])
def test_trap_08_an_event_without_a_credible_time_is_stamped_with_ours(time):
    delivery = edited("chirpstack/status/battery_88.json", lambda message: message.update(time=time))
    assert device_event(delivery).occurred_at == RECEIVED_AT


def test_trap_08_of_several_gateway_clocks_the_credible_one_counts():
    def break_one_clock(message):
        first, second, _ = message["uplink_message"]["rx_metadata"]
        del first["gps_time"]
        second["time"] = "2012-01-01T00:00:00Z"

    parsed = uplink(edited(TTS_TREE, break_one_clock))
    assert parsed.event_time == datetime(2026, 7, 14, 9, 34, 15, 775_023, tzinfo=UTC)
    assert not parsed.flags & UplinkFlag.CLOCK


@pytest.mark.parametrize("night", ["2026-03-29T00:59:58.5+00:00", "2026-03-29T01:00:00Z", "2026-10-25T01:30:00+01:00"])
def test_trap_08_nights_of_clock_changes_are_ordinary_in_utc(night):
    def set_times(message):
        message["time"] = night
        for rx_info in message["rxInfo"]:
            rx_info["nsTime"] = night

    assert uplink(edited(TREE, set_times)).ns_time == datetime.fromisoformat(night)


# 9 frame counter, 10 confirmed


def test_trap_09_the_counter_has_32_bits():
    assert uplink(example("chirpstack/up/heat_meter_mbus_confirmed_no_codec.json")).f_cnt == 65_536
    highest = uplink(edited(TREE, lambda message: message.update(fCnt=2**32 - 1)))
    assert highest.f_cnt == 4_294_967_295


@pytest.mark.parametrize(
    ("file", "code"),
    [("fcnt_reset_frame_lost", "UPLINK_F_CNT_RESET"), ("fcnt_retransmission", "UPLINK_F_CNT_RETRANSMISSION")],
)
def test_trap_09_dropped_frames_leave_a_log_event(file, code):
    logged = device_event(example(f"chirpstack/log/{file}.json"))
    assert (logged.kind, logged.code) == (DeviceEventKind.LOG, code)
    assert logged.detail["context"]["f_cnt_up"].isdigit()


def test_trap_09_a_rejoin_changes_the_session_and_restarts_the_counter():
    before, after = (
        uplink(example(FIRST_OF_SESSION)),
        uplink(example("chirpstack/up/parking_startup_after_rejoin.json")),
    )
    joined = device_event(example("chirpstack/join/park_rejoin_after_watchdog.json"))
    assert before.dev_eui == after.dev_eui
    assert before.dev_addr != after.dev_addr == joined.dev_addr
    assert after.f_cnt == 1


def test_trap_10_confirmed_uplinks_are_marked():
    for file in (
        "chirpstack/up/heat_meter_mbus_confirmed_no_codec.json",
        "tts/up/heat_meter_no_formatter_confirmed.json",
    ):
        assert uplink(example(file)).flags & UplinkFlag.CONFIRMED


# 11 several gateways, 12 missing gateway location


def test_trap_11_the_order_of_gateways_changes_no_key():
    expected = uplink(example(TREE))
    for seed in range(6):
        shuffled = uplink(edited(TREE, lambda message, seed=seed: random.Random(seed).shuffle(message["rxInfo"])))
        assert shuffled.ns_time == expected.ns_time == max(item.ns_time for item in expected.receptions)
        assert sorted(shuffled.receptions, key=lambda item: item.gateway_id) == sorted(
            expected.receptions, key=lambda item: item.gateway_id
        )


def test_trap_11_packet_brokers_gateway_is_the_real_one():
    assert uplink(example(TTS_TREE)).receptions[2].gateway_id == "b827ebfffe8db887"


def test_trap_11_a_packet_broker_gateway_without_eui_has_a_name_of_its_own():
    def forget(message):
        del message["uplink_message"]["rx_metadata"][2]["packet_broker"]["forwarder_gateway_eui"]

    assert uplink(edited(TTS_TREE, forget)).receptions[2].gateway_id == "packetbroker/wiesbaden-schlossplatz"


def test_trap_12_an_empty_location_is_unknown_and_not_the_null_island():
    places = [(item.latitude, item.longitude, item.altitude) for item in uplink(example(TREE)).receptions]
    assert places == [(49.99906, 8.27385, 131.0), (50.00713, 8.25711, 98.0), (None, None, None)]
    assert uplink(example(TTS_TREE)).receptions[1].latitude is None


def test_trap_12_a_missing_altitude_of_a_known_place_is_zero():
    def drop(message):
        del message["rxInfo"][0]["location"]["altitude"]

    assert uplink(edited(TREE, drop)).receptions[0].altitude == 0.0


def test_trap_12_a_place_off_the_earth_costs_the_place_alone():
    def mistype(message):
        message["rxInfo"][0]["location"] = {"latitude": 4999906, "longitude": 8.27385}
        message["rxInfo"][1]["location"]["altitude"] = 1e300

    receptions = uplink(edited(TREE, mistype)).receptions
    assert receptions[0].latitude is None
    assert (receptions[1].latitude, receptions[1].altitude) == (50.00713, None)


# 13 MAC-only, 14 duplicates, 15 simulated


@pytest.mark.parametrize("file", ["chirpstack/up/mac_only_no_payload.json", "tts/up/empty_payload_no_fport.json"])
def test_trap_13_frames_without_application_data_are_marked(file):
    parsed = uplink(example(file))
    assert parsed.flags & UplinkFlag.MAC_ONLY
    assert (parsed.f_port, parsed.payload) == (0, b"")


def test_trap_13_a_port_without_data_is_marked_too():
    assert uplink(edited(TREE, lambda message: message.update(data=""))).flags & UplinkFlag.MAC_ONLY


def test_trap_13_port_0_is_marked_whatever_it_carries():
    assert uplink(edited(TREE, lambda message: message.update(fPort=0))).flags & UplinkFlag.MAC_ONLY
    delivery = edited(TTS_TREE, lambda message: message["uplink_message"].update(f_port=0))
    assert uplink(delivery).flags & UplinkFlag.MAC_ONLY


def test_trap_14_a_subscription_to_everything_does_not_count_a_frame_twice():
    plain, normalized = example(TTS_TREE), example("tts/up_normalized/tree_moisture.json")
    assert isinstance(parse(normalized), Ignored)
    assert isinstance(parse(normalized._replace(topic="")), Ignored), "as a webhook"
    assert uplink(plain).decoded["normalized_payload"] == [{"soil": {"moisture": 37.8, "temperature": 18, "ec": 0.346}}]


def test_trap_14_the_dup_flag_changes_nothing():
    assert parse(example(TREE, duplicate=True)) == parse(example(TREE))


def test_trap_15_simulated_uplinks_are_marked():
    parsed = uplink(example("tts/up/parking_simulated.json"))
    assert parsed.flags & UplinkFlag.SIMULATED
    assert (parsed.dev_addr, parsed.f_cnt, parsed.receptions[0].rssi) == ("", 0, 42)


# 16 battery, 17 tags, 18 end-to-end encryption


@pytest.mark.parametrize(
    ("file", "detail"),
    [
        ("battery_88", {"margin": 10, "external_power": False, "battery_level": 88.3}),
        ("mains_powered", {"margin": -3, "external_power": True, "battery_level": None}),
        ("battery_unavailable", {"margin": 31, "external_power": False, "battery_level": None}),
    ],
)
def test_trap_16_a_battery_of_zero_may_be_unknown(file, detail):
    assert device_event(example(f"chirpstack/status/{file}.json")).detail == detail


def test_trap_16_an_empty_battery_is_zero():
    delivery = edited("chirpstack/status/battery_88.json", lambda message: message.update(batteryLevel=0.0))
    assert device_event(delivery).detail["battery_level"] == 0.0


def test_trap_17_tags_are_those_of_the_event_and_nothing_is_merged_in():
    def drop_application_tags(message):
        message["deviceInfo"]["tags"] = {"typ": "EV"}

    assert device_event(edited("chirpstack/txack/class_a_rx1.json", drop_application_tags)).tags == {"typ": "EV"}


def test_trap_18_a_join_server_context_means_encrypted():
    parsed = uplink(example("chirpstack/up/end_to_end_encrypted.json"))
    assert parsed.flags & UplinkFlag.ENCRYPTED
    assert parsed.payload == bytes.fromhex("8f1e2d3c4b5a6978")
    assert "AAECAwQF" not in repr(parsed), "the wrapped key is not kept"


def test_trap_18_an_app_s_key_means_encrypted():
    def wrap(message):
        message["uplink_message"]["app_s_key"] = {"key": "AAECAwQFBgc=", "kek_label": "mz"}
        message["uplink_message"]["last_a_f_cnt_down"] = 3

    assert uplink(edited(TTS_TREE, wrap)).flags & UplinkFlag.ENCRYPTED


# 19 datalog, 20 key order, 21 rename and delete


def test_trap_19_datalog_items_are_not_uplinks_of_their_own():
    assert isinstance(parse(example("tts/up_normalized/tree_moisture_datalog_item.json")), Ignored)


def test_trap_20_the_order_of_keys_and_tags_changes_nothing():
    def reverse(message):
        tags = message["deviceInfo"]["tags"]
        message["deviceInfo"]["tags"] = dict(reversed(tags.items()))
        for key, value in list(reversed(message.items())):
            message[key] = message.pop(key) if key != "deviceInfo" else (message.pop(key), value)[1]

    assert uplink(edited(TREE, reverse)) == uplink(example(TREE))


def test_trap_21_the_name_is_not_the_identity():
    renamed = uplink(edited(TREE, lambda message: message["deviceInfo"].update(deviceName="Baum 2")))
    assert renamed.dev_eui == uplink(example(TREE)).dev_eui
    assert renamed.device_name == "Baum 2"


def test_trap_21_the_same_dev_eui_under_another_device_id_is_the_same_device():
    topic = example(TTS_TREE).topic.replace("baum-mz-neu-004711", "baum-neu")

    def register_again(message):
        message["end_device_ids"]["device_id"] = "baum-neu"

    assert uplink(edited(TTS_TREE, register_again, topic=topic)).dev_eui == uplink(example(TTS_TREE)).dev_eui


def test_relayed_uplinks_are_marked():
    assert uplink(example("chirpstack/up/tree_via_relay_sensor_error.json")).flags & UplinkFlag.RELAYED


def test_codecs_warnings_and_unknown_fields_do_no_harm():
    for item in examples():
        if item.file in (TREE, TTS_TREE):
            extended = edited(item.file, lambda message: message.update(aFieldOf2030={"deep": [1, {"er": None}]}))
            assert parse(extended) == parse(item.delivery)
