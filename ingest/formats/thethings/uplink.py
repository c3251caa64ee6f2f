"""The Things Stack's `uplink_message` to `Uplink`."""

from datetime import datetime

from decoders.uplink import Reception, Uplink, UplinkFlag
from ingest.delivery import Delivery
from ingest.formats.clocks import anchor, credible, event_clock, utc
from ingest.formats.draft import new_uplink
from ingest.formats.fields import FLAGS, LR_FHSS_DATA_RATE, fsk_data_rate, lora_data_rate, place
from ingest.formats.guards import check_integers
from ingest.formats.thethings.identity import device_address, device_identity, gateway_identity
from ingest.formats.thethings.model import ApplicationUp, DataRate, RxMetadata, UplinkMessage, VersionIds

_CONFIRMED = int(UplinkFlag.CONFIRMED)
_SIMULATED = int(UplinkFlag.SIMULATED)
_ENCRYPTED = int(UplinkFlag.ENCRYPTED)
_MAC_ONLY = int(UplinkFlag.MAC_ONLY)
_CLOCK = int(UplinkFlag.CLOCK)


def parse_uplink(delivery: Delivery, up: ApplicationUp, message: UplinkMessage) -> Uplink:
    """The uplink in an envelope.

    The network server's time is the Network Server's `received_at`, the same in live messages, webhooks and the
    storage API; simulated uplinks have none there, so the Application Server's stands in.

    Raises:
        Rejected: INVALID_FIELD for a decoded object that cannot be kept.
    """
    ids = up.end_device_ids
    receptions = tuple([_reception(rx_metadata) for rx_metadata in message.rx_metadata])
    server_time = credible(message.received_at) or credible(up.received_at)
    event_time = _event_time(message, server_time or delivery.received_at)
    ns_time, doubtful = anchor(event_time, server_time, delivery.received_at)
    settings = message.settings
    return new_uplink(
        delivery.source,
        device_identity(ids),
        message.f_cnt,
        message.f_port,
        message.frm_payload,
        ns_time,
        delivery.received_at,
        device_address(ids),
        _data_rate(settings.data_rate) if settings is not None else "",
        int(settings.frequency) if settings is not None else 0,
        event_time,
        "",
        FLAGS[_flags(up, message) | (_CLOCK if doubtful else 0)],
        receptions,
        ids.device_id,
        _profile(message.version_ids),
        ids.application_ids.application_id,
        message.attributes,
        _decoded(message),
    )


def _event_time(message: UplinkMessage, reference: datetime) -> datetime | None:
    """GPS time where a gateway has it, else a clock of undefined accuracy; of several the nearest to `reference`."""
    times = [event_clock(rx.gps_time) for rx in message.rx_metadata]
    if not any(times):
        times = [event_clock(rx.time) for rx in message.rx_metadata]
        times.append(event_clock(message.settings.time) if message.settings is not None else None)
    known = [time for time in times if time is not None]
    return min(known, key=lambda time: (abs(time - reference), time), default=None)


def _reception(rx_metadata: RxMetadata) -> Reception:
    latitude, longitude, altitude = place(rx_metadata.location)
    return Reception(
        gateway_identity(rx_metadata),
        round(rx_metadata.rssi),
        rx_metadata.snr,
        rx_metadata.channel_index,
        rx_metadata.antenna_index,
        latitude,
        longitude,
        altitude,
        utc(rx_metadata.gps_time) or utc(rx_metadata.time),
        utc(rx_metadata.received_at),
    )


def _data_rate(data_rate: DataRate | None) -> str:
    if data_rate is None:
        return ""
    if data_rate.lora is not None:
        return lora_data_rate(data_rate.lora.spreading_factor, data_rate.lora.bandwidth)
    if data_rate.fsk is not None:
        return fsk_data_rate(data_rate.fsk.bit_rate)
    return "" if data_rate.lrfhss is None else LR_FHSS_DATA_RATE


def _flags(up: ApplicationUp, message: UplinkMessage) -> int:
    bits = _SIMULATED if up.simulated else 0
    if message.confirmed:
        bits |= _CONFIRMED
    if message.f_port == 0 or not message.frm_payload:
        bits |= _MAC_ONLY
    if message.app_s_key is not None:
        bits |= _ENCRYPTED
    return bits


def _profile(version_ids: VersionIds | None) -> str:
    """`brand/model` of the device repository: what comes nearest to ChirpStack's device profile."""
    if version_ids is None or not version_ids.model_id:
        return ""
    return f"{version_ids.brand_id}/{version_ids.model_id}"


def _decoded(message: UplinkMessage) -> dict[str, object] | None:
    """The decoder's object; the normaliser's list of measurements joins it as `normalized_payload`."""
    decoded, normalized = message.decoded_payload, message.normalized_payload
    if normalized is not None:
        decoded = {**(decoded or {}), "normalized_payload": normalized}
    if decoded is not None:
        check_integers(decoded, "$.uplink_message.decoded_payload")
    return decoded
