"""What a codec answered becomes readings or a reason; texts of a vendor are bounded and hide a household's data."""

import pytest

from decoders.errors import DecodeError, RejectReason
from decoders.javascript import CodecFailure, CodecResult
from decoders.reader import ByteReader
from decoders.uplink import Privacy
from decoders.vendor_codec import LONGEST_TEXT, MAX_WARNINGS, plain
from tests.unit.codecs.paper import AT, HEAT, SOIL, decoder, uplink, vendor_codec

LEAKY = "cannot read 2f4493157856341202377a55, meter 68123456, bytes 2F 44 93 15"


def refusal(result, *readings):
    with pytest.raises(DecodeError) as caught:
        vendor_codec(*readings).understand(result, uplink(1), ByteReader(b"\x01"))
    return caught.value


@pytest.mark.parametrize("failure", CodecFailure)
def test_every_failure_has_a_reason_of_its_own(failure):
    found = refusal(CodecResult(errors=("boom",), failure=failure), SOIL)
    expected = "codec_error" if failure is CodecFailure.THREW else f"codec_{failure.value}"
    assert found.reason == RejectReason(expected)


def test_errors_of_the_codec_refuse_the_uplink_even_beside_data():
    found = refusal(CodecResult({"m": 1}, errors=("wrong port", "wrong type")), SOIL)
    assert (found.reason, found.detail) == (RejectReason.CODEC_ERROR, "acme_probe: wrong port; wrong type")


def test_texts_are_bounded_and_hide_what_may_be_a_payload():
    detail = refusal(CodecResult(errors=(LEAKY + "\n\0" + "x " * 100_000,)), SOIL).detail
    assert detail.startswith("acme_probe: cannot read …, meter …, bytes …")
    assert len(detail) <= LONGEST_TEXT + len("acme_probe: ")
    assert detail.isprintable()


def test_of_a_household_no_text_is_kept():
    detail = refusal(CodecResult(errors=("secret of the Smiths",), failure=CodecFailure.THREW), HEAT).detail
    assert detail == "acme_probe: 1 error(s), their text is not kept"


def test_warnings_are_bounded():
    data = ByteReader(b"")
    vendor_codec(SOIL).understand(CodecResult({"m": 1}, warnings=("low\n" * 1000,) * 1000), uplink(1), data)
    assert len(data.warnings) == MAX_WARNINGS
    assert all(len(warning) <= LONGEST_TEXT for warning in data.warnings)


def test_a_result_without_a_mapped_field_is_a_warning_with_a_map_and_a_reason_without():
    data = ByteReader(b"")
    assert vendor_codec(SOIL).understand(CodecResult({"status": 1}), uplink(1), data) == []
    assert data.warnings == ["nothing in the result is mapped"]
    found = refusal(CodecResult({"status": 1}))
    assert found.reason is RejectReason.UNMAPPED
    assert "codecs.acme_probe.readings" in found.detail


def test_the_call_is_what_the_network_server_would_call():
    call = vendor_codec(SOIL).call(uplink(7))
    assert (call.payload, call.f_port, call.received_at) == (b"\0\x07", 2, AT)


def test_a_decoder_understands_an_answer_as_if_it_had_asked():
    found = decoder(SOIL).understand(CodecResult({"m": 12}, warnings=("low",)), uplink(1))
    assert [reading.soil_moisture for reading in found.readings] == [12.0]
    assert (found.warnings, found.unread) == (("low",), 0)


def test_too_many_readings_are_refused():
    entry = {"kind": "tree_moisture", "each": "p", "fields": {"soil_moisture": "m"}}
    with pytest.raises(DecodeError) as caught:
        decoder(entry).understand(CodecResult({"p": [{"m": 1}] * 1000}), uplink(1))
    assert caught.value.reason is RejectReason.DECODER_ERROR


def test_a_map_of_meters_makes_the_uplinks_private_and_the_normalised_vocabulary_does_not():
    assert {kind.privacy for kind in vendor_codec(HEAT).kinds} == {Privacy.HOUSEHOLD}
    assert {kind.privacy for kind in vendor_codec().kinds} == {Privacy.PUBLIC}


@pytest.mark.parametrize("text", ["decade facade", "port 12", "error 0x1f at 3", "1 2 3"])
def test_ordinary_words_stay(text):
    assert plain(text) == text
