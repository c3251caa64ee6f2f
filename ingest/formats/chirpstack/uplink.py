"""ChirpStack's `up` event to `Uplink`: the hot path, once per frame of every sensor in the city."""

import re
from datetime import datetime

from decoders.uplink import EARLIEST, LATEST, Reception, Uplink, UplinkFlag
from ingest.delivery import Delivery
from ingest.formats.chirpstack.encoding import MessageType
from ingest.formats.chirpstack.model import Modulation, UplinkEvent, UplinkRxInfo
from ingest.formats.chirpstack.protobuf import uplink_event
from ingest.formats.clocks import anchor, event_clock, utc
from ingest.formats.draft import new_uplink
from ingest.formats.fields import (
    FLAGS,
    LR_FHSS_DATA_RATE,
    check_identity,
    dev_addr,
    fsk_data_rate,
    lora_data_rate,
    place,
    uuid,
)
from ingest.formats.guards import check_integers

_ADR = int(UplinkFlag.ADR)
_CONFIRMED = int(UplinkFlag.CONFIRMED)
_ENCRYPTED = int(UplinkFlag.ENCRYPTED)
_MAC_ONLY = int(UplinkFlag.MAC_ONLY)
_RELAYED = int(UplinkFlag.RELAYED)
_CLOCK = int(UplinkFlag.CLOCK)

_new_tuple = tuple.__new__  # a named tuple's own constructor takes twice as long, and there are several per uplink
_MESSAGE = MessageType(UplinkEvent, uplink_event)
_usual_ids = re.compile(r"[0-9a-f]{16}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def parse_uplink(delivery: Delivery, dev_eui: str) -> Uplink:
    """The uplink of the device that the topic names.

    Raises:
        Rejected: with the reason, and the path of a wrong field.
    """
    event = _MESSAGE.read(delivery.payload)
    device = event.device_info
    if device.dev_eui != dev_eui:
        check_identity(device.dev_eui.lower(), dev_eui)
    if event.object is not None:
        check_integers(event.object, "$.object")
    address, deduplication_id = _ids(event)
    receptions, server_time = _receptions(event.rx_info)
    event_time = event_clock(event.time)
    ns_time, doubtful = anchor(event_time, server_time, delivery.received_at)
    tx_info = event.tx_info
    return new_uplink(
        delivery.source,
        dev_eui,
        event.f_cnt,
        event.f_port,
        event.data,
        ns_time,
        delivery.received_at,
        address,
        data_rate(tx_info.modulation) if tx_info is not None else "",
        tx_info.frequency if tx_info is not None else 0,
        event_time,
        deduplication_id,
        FLAGS[_flags(event) | (_CLOCK if doubtful else 0)],
        receptions,
        device.device_name,
        device.device_profile_name,
        device.application_name or device.application_id,
        device.tags,
        event.object,
    )


def data_rate(modulation: Modulation | None) -> str:
    """`SF9BW125`, `FSK50` or `LRFHSS`; empty when unknown."""
    if modulation is None:
        return ""
    if modulation.lora is not None:
        return lora_data_rate(modulation.lora.spreading_factor, modulation.lora.bandwidth)
    if modulation.fsk is not None:
        return fsk_data_rate(modulation.fsk.datarate)
    return "" if modulation.lr_fhss is None else LR_FHSS_DATA_RATE


def _ids(event: UplinkEvent) -> tuple[str, str]:
    """Device address and deduplication id; both at once, as every server writes them."""
    if _usual_ids(event.dev_addr + event.deduplication_id):
        return event.dev_addr, event.deduplication_id
    return dev_addr(event.dev_addr, "$.devAddr"), uuid(event.deduplication_id, "$.deduplicationId")


def _receptions(rx_infos: list[UplinkRxInfo]) -> tuple[tuple[Reception, ...], datetime | None]:
    """Every gateway's copy, and the latest credible time that the network server gave one.

    Of all copies, since their order is random: the first one listed is neither the first nor the best.
    """
    receptions, latest = [], None
    for rx_info in rx_infos:
        ns_time = utc(rx_info.ns_time)
        if ns_time is not None and EARLIEST <= ns_time < LATEST and (latest is None or ns_time > latest):
            latest = ns_time
        receptions.append(_reception(rx_info, ns_time))
    return tuple(receptions), latest


def _reception(rx_info: UplinkRxInfo, ns_time: datetime | None) -> Reception:
    latitude, longitude, altitude = place(rx_info.location)
    values = (
        rx_info.gateway_id,
        rx_info.rssi,
        rx_info.snr,
        rx_info.channel,
        rx_info.antenna,
        latitude,
        longitude,
        altitude,
        utc(rx_info.gw_time or rx_info.time),
        ns_time,
    )
    return _new_tuple(Reception, values)


def _flags(event: UplinkEvent) -> int:
    bits = _ADR if event.adr else 0
    if event.confirmed:
        bits |= _CONFIRMED
    if event.f_port == 0 or not event.data:
        bits |= _MAC_ONLY
    if event.join_server_context is not None:
        bits |= _ENCRYPTED
    if event.relay_rx_info is not None:
        bits |= _RELAYED
    return bits
