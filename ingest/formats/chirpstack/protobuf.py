"""ChirpStack's protobuf payloads as plain values, named and shaped as in its JSON, so that both share their models.

Uplinks are converted by hand, because an operator may switch all of them to protobuf and the generic conversion takes
four times as long; everything else goes through protobuf's own JSON mapping.
"""

import math
import struct
from datetime import UTC, datetime, timedelta

from chirpstack_api.gw import gw_pb2
from chirpstack_api.integration import integration_pb2
from google.protobuf.json_format import Error as JsonFormatError
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from decoders.errors import Rejected, RejectReason
from ingest.formats.chirpstack.encoding import FromProtobuf

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FLOAT32 = struct.Struct("f")


def by_json_mapping(message_type: type[Message]) -> FromProtobuf:
    """The conversion of any message type by protobuf's JSON mapping."""

    def from_protobuf(payload: bytes) -> dict[str, object]:
        message = _parse(message_type, payload)
        try:
            values: dict[str, object] = MessageToDict(message)
        except (JsonFormatError, ValueError, OverflowError):
            raise Rejected(RejectReason.INVALID_FIELD, "$: a time or number is out of range") from None
        return values

    return from_protobuf


def uplink_event(payload: bytes) -> dict[str, object]:
    """An `integration.UplinkEvent`.

    Raises:
        Rejected: MALFORMED, or INVALID_FIELD for a time beyond the calendar.
    """
    event = _parse(integration_pb2.UplinkEvent, payload)
    values: dict[str, object] = {
        "deduplicationId": event.deduplication_id,
        "deviceInfo": _device_info(event.device_info),
        "devAddr": event.dev_addr,
        "adr": event.adr,
        "confirmed": event.confirmed,
        "fCnt": event.f_cnt,
        "fPort": event.f_port,
        "data": event.data,
        "rxInfo": [_rx_info(rx_info) for rx_info in event.rx_info],
        "txInfo": _tx_info(event.tx_info),
    }
    if event.HasField("time"):
        values["time"] = _time(event.time)
    if event.HasField("object"):
        values["object"] = _object(event.object)
    if event.HasField("relay_rx_info"):
        values["relayRxInfo"] = {"devEui": event.relay_rx_info.dev_eui}
    if event.HasField("join_server_context"):
        values["joinServerContext"] = {"sessionKeyId": event.join_server_context.session_key_id}
    return values


def _parse(message_type: type[Message], payload: bytes) -> Message:
    try:
        return message_type.FromString(payload)
    except DecodeError:
        raise Rejected(RejectReason.MALFORMED, f"neither JSON nor a protobuf {message_type.__name__}") from None


def _device_info(info: integration_pb2.DeviceInfo) -> dict[str, object]:
    return {
        "devEui": info.dev_eui,
        "applicationId": info.application_id,
        "applicationName": info.application_name,
        "deviceProfileName": info.device_profile_name,
        "deviceName": info.device_name,
        "tags": dict(info.tags),
    }


def _rx_info(rx_info: gw_pb2.UplinkRxInfo) -> dict[str, object]:
    values: dict[str, object] = {
        "gatewayId": rx_info.gateway_id,
        "rssi": rx_info.rssi,
        "snr": _shortest(rx_info.snr),
        "channel": rx_info.channel,
        "antenna": rx_info.antenna,
    }
    if rx_info.HasField("gw_time"):
        values["gwTime"] = _time(rx_info.gw_time)
    if rx_info.HasField("ns_time"):
        values["nsTime"] = _time(rx_info.ns_time)
    if rx_info.HasField("location"):
        location = rx_info.location
        values["location"] = {
            "latitude": location.latitude,
            "longitude": location.longitude,
            "altitude": location.altitude,
        }
    return values


def _tx_info(tx_info: gw_pb2.UplinkTxInfo) -> dict[str, object]:
    modulation = tx_info.modulation
    kind = modulation.WhichOneof("parameters")
    if kind == "lora":
        lora = modulation.lora
        parameters: dict[str, object] = {
            "lora": {"bandwidth": lora.bandwidth, "spreadingFactor": lora.spreading_factor}
        }
    elif kind == "fsk":
        parameters = {"fsk": {"datarate": modulation.fsk.datarate}}
    elif kind == "lr_fhss":
        parameters = {"lrFhss": {"operatingChannelWidth": modulation.lr_fhss.operating_channel_width}}
    else:
        parameters = {}
    return {"frequency": tx_info.frequency, "modulation": parameters}


def _time(timestamp: Timestamp) -> datetime:
    """To the microsecond, rounded half up as the JSON decoder does with its nine decimals."""
    if not 0 <= timestamp.nanos < 1_000_000_000:
        raise Rejected(RejectReason.INVALID_FIELD, "$: nanoseconds of a time out of range")
    try:
        return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=(timestamp.nanos + 500) // 1000)
    except OverflowError:
        raise Rejected(RejectReason.INVALID_FIELD, "$: a time is beyond the calendar") from None


def _shortest(value: float) -> float:
    """The shortest decimal that is the same 32-bit float: what JSON shows of it (7.2, not 7.199999809265137)."""
    for digits in (6, 7, 8):
        candidate = float(f"{value:.{digits}g}")
        if _FLOAT32.unpack(_FLOAT32.pack(candidate))[0] == value:
            return candidate
    return float(f"{value:.9g}")


def _object(message: Struct) -> dict[str, object]:
    return {key: _value(value) for key, value in message.fields.items()}


def _list(message: ListValue) -> list[object]:
    return [_value(value) for value in message.values]


def _value(value: Value) -> object:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _object(value.struct_value)
    if kind == "list_value":
        return _list(value.list_value)
    if kind == "number_value":
        return value.number_value if math.isfinite(value.number_value) else None  # as ChirpStack's JSON has it
    if kind == "string_value":
        return value.string_value
    return value.bool_value if kind == "bool_value" else None
