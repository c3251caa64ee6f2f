"""The frame around every decoder: ports, its own defects, fragments, floods."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timezone

import pytest

from decoders.decoder import MAX_READINGS, Decoder, Fragment
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, Reading
from decoders.uplink import Uplink

from .cases import uplink


def decoder(function: Callable[[Uplink, ByteReader], Sequence[Reading] | Fragment], **fields: object) -> Decoder:
    return Decoder("test", 1, "v", "m", function, (DeviceHealth,), "sheet", **fields)


def reason(subject: Decoder, f_port: int = 2) -> RejectReason:
    with pytest.raises(DecodeError) as refusal:
        subject.decode(uplink(b"\x01\x02", f_port))
    return refusal.value.reason


def test_a_port_that_it_does_not_know_is_refused_before_decoding() -> None:
    assert reason(decoder(lambda *_: 1 / 0, f_ports=(1,))) is RejectReason.UNKNOWN_PORT


def test_a_refusal_passes_and_a_defect_becomes_one_that_names_no_payload() -> None:
    assert reason(decoder(lambda _, data: [data.take(3)])) is RejectReason.TRUNCATED
    broken = decoder(lambda message, _: [message.payload[9]])
    with pytest.raises(DecodeError) as refusal:
        broken.decode(uplink(b"\xab\xcd", 2))
    assert refusal.value.reason is RejectReason.DECODER_ERROR
    assert refusal.value.detail == "test: IndexError"


def test_warnings_and_unread_bytes_are_reported() -> None:
    def decode(message: Uplink, data: ByteReader) -> list[Reading]:
        data.u8()
        data.warn("odd")
        return [DeviceHealth.of(message)]

    result = decoder(decode).decode(uplink(b"\x01\x02\x03", 2))
    assert (len(result.readings), result.warnings, result.unread, result.fragment) == (1, ("odd",), 2, None)


def test_a_fragment_is_passed_on() -> None:
    fragment = Fragment("meter", 0, 2)
    assert decoder(lambda *_: fragment).decode(uplink(b"", 2)).fragment is fragment


def test_a_flood_of_readings_is_a_defect() -> None:
    def many(count: int) -> Decoder:
        return decoder(lambda message, _: [DeviceHealth.of(message)] * count)

    assert len(many(MAX_READINGS).decode(uplink(b"", 2)).readings) == MAX_READINGS
    assert reason(many(MAX_READINGS + 1)) is RejectReason.DECODER_ERROR


def test_an_endless_generator_is_a_defect_too() -> None:
    def endless(message: Uplink, _: ByteReader):
        while True:
            yield DeviceHealth.of(message)

    assert reason(decoder(endless)) is RejectReason.DECODER_ERROR


@pytest.mark.parametrize("result", [[None], "text", [{"battery_voltage": 3.1}], [PeopleCount.of(uplink(b"", 2))]])
def test_what_is_no_reading_of_its_kinds_never_reaches_the_tables(result: list[Reading]) -> None:
    assert reason(decoder(lambda *_: result)) is RejectReason.DECODER_ERROR


@pytest.mark.parametrize("moment", [datetime.min, datetime(1980, 1, 6), datetime(2100, 1, 1), datetime.max])
@pytest.mark.parametrize("zone", [UTC, None])
def test_a_time_that_cannot_be_never_reaches_the_tables(moment: datetime, zone: timezone | None) -> None:
    at = moment.replace(tzinfo=zone)
    assert reason(decoder(lambda message, _: [DeviceHealth.of(message, observed_at=at)])) is RejectReason.DECODER_ERROR


def test_a_decoder_does_not_end_the_program() -> None:
    def leave(*_: object) -> list[Reading]:
        raise SystemExit

    assert reason(decoder(leave)) is RejectReason.DECODER_ERROR


def test_the_reader_never_reads_past_the_end() -> None:
    data = ByteReader(b"\x80\x01")
    assert (data.peek(), data.peek(1), data.i8(), data.remaining) == (0x80, 1, -128, 1)
    assert data.rest() == b"\x01"
    for read in (data.peek, data.u8, data.u16, lambda: data.take(1)):
        with pytest.raises(DecodeError) as refusal:
            read()
        assert refusal.value.reason is RejectReason.TRUNCATED
    assert data.offset == 2
