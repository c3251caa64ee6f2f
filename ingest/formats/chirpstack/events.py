"""ChirpStack's events of a device that are no uplinks: join, status, ack, txack, log, location, integration.

The keys of `detail` are Stadtfunk's own, the same for every network server.
"""

from collections.abc import Callable, Mapping

from chirpstack_api.integration import integration_pb2

from decoders.events import DeviceEvent, DeviceEventKind
from ingest.delivery import Delivery
from ingest.formats.chirpstack.encoding import MessageType
from ingest.formats.chirpstack.model import (
    AckEvent,
    ApplicationEvent,
    DownlinkTxInfo,
    IntegrationEvent,
    JoinEvent,
    LocationEvent,
    LogEvent,
    StatusEvent,
    Timing,
    TxAckEvent,
)
from ingest.formats.chirpstack.protobuf import by_json_mapping
from ingest.formats.chirpstack.uplink import data_rate
from ingest.formats.clocks import credible
from ingest.formats.fields import check_identity, cut, dev_addr, is_uuid, place, present, uuid
from ingest.formats.guards import check_integers

_JOIN = MessageType(JoinEvent, by_json_mapping(integration_pb2.JoinEvent))
_STATUS = MessageType(StatusEvent, by_json_mapping(integration_pb2.StatusEvent))
_ACK = MessageType(AckEvent, by_json_mapping(integration_pb2.AckEvent))
_TXACK = MessageType(TxAckEvent, by_json_mapping(integration_pb2.TxAckEvent))
_LOG = MessageType(LogEvent, by_json_mapping(integration_pb2.LogEvent))
_LOCATION = MessageType(LocationEvent, by_json_mapping(integration_pb2.LocationEvent))
_INTEGRATION = MessageType(IntegrationEvent, None)


def _join(delivery: Delivery, dev_eui: str) -> DeviceEvent:
    """Sent with the first uplink after the join, so it marks a session that really began."""
    event = _JOIN.read(delivery.payload)
    detail = present(
        session_key_id=event.join_server_context and event.join_server_context.session_key_id,
        relay_dev_eui=event.relay_rx_info and event.relay_rx_info.dev_eui,
        region=event.region_config_id,
    )
    return _device_event(
        delivery,
        event,
        dev_eui=dev_eui,
        kind=DeviceEventKind.JOIN,
        dev_addr=dev_addr(event.dev_addr, "$.devAddr"),
        detail=detail,
    )


def _status(delivery: Delivery, dev_eui: str) -> DeviceEvent:
    event = _STATUS.read(delivery.payload)
    unknown = event.external_power_source or event.battery_level_unavailable
    detail: dict[str, object] = {
        "margin": event.margin,
        "external_power": event.external_power_source,
        "battery_level": None if unknown else event.battery_level,
    }
    return _device_event(delivery, event, dev_eui=dev_eui, kind=DeviceEventKind.STATUS, detail=detail)


def _ack(delivery: Delivery, dev_eui: str) -> DeviceEvent:
    """A device's answer to a confirmed downlink; NACK is also what ChirpStack says after waiting in vain."""
    event = _ACK.read(delivery.payload)
    detail = present(queue_item_id=event.queue_item_id, f_cnt_down=event.f_cnt_down)
    code = "ACKNOWLEDGED" if event.acknowledged else "NACK"
    return _device_event(delivery, event, dev_eui=dev_eui, kind=DeviceEventKind.ACK, code=code, detail=detail)


def _txack(delivery: Delivery, dev_eui: str) -> DeviceEvent:
    """A gateway took a downlink. Its tags lack the application's, so nothing may be mapped by them."""
    event = _TXACK.read(delivery.payload)
    detail = present(
        downlink_id=event.downlink_id,
        queue_item_id=event.queue_item_id,
        f_cnt_down=event.f_cnt_down,
        gateway_id=event.gateway_id,
        **(_transmission(event.tx_info) if event.tx_info is not None else {}),
    )
    return _device_event(delivery, event, dev_eui=dev_eui, kind=DeviceEventKind.TXACK, detail=detail)


def _log(delivery: Delivery, dev_eui: str) -> DeviceEvent:
    """The only trace of frames that ChirpStack dropped (UPLINK_F_CNT_RESET, UPLINK_F_CNT_RETRANSMISSION)."""
    event = _LOG.read(delivery.payload)
    frame = event.context.get("deduplication_id", "")
    if is_uuid(frame):  # the only tie to the uplink that it is about
        event.deduplication_id = frame
    detail = present(level=str(event.level), description=cut(event.description), context=event.context)
    return _device_event(
        delivery, event, dev_eui=dev_eui, kind=DeviceEventKind.LOG, code=str(event.code), detail=detail
    )


def _location(delivery: Delivery, dev_eui: str) -> DeviceEvent:
    event = _LOCATION.read(delivery.payload)
    latitude, longitude, altitude = place(event.location)
    detail: dict[str, object] = {"latitude": latitude, "longitude": longitude, "altitude": altitude}
    code = "UNKNOWN"
    if event.location is not None:
        detail["accuracy"] = event.location.accuracy or None
        code = str(event.location.source)
    return _device_event(delivery, event, dev_eui=dev_eui, kind=DeviceEventKind.LOCATION, code=code, detail=detail)


def _integration(delivery: Delivery, dev_eui: str) -> DeviceEvent:
    """Of servers up to 4.13: what a cloud service answered, kept as it came."""
    event = _INTEGRATION.read(delivery.payload)
    if event.object is not None:
        check_integers(event.object, "$.object")
    detail = present(integration=event.integration_name, object=event.object)
    return _device_event(
        delivery, event, dev_eui=dev_eui, kind=DeviceEventKind.INTEGRATION, code=event.event_type, detail=detail
    )


DEVICE_EVENTS: Mapping[str, Callable[[Delivery, str], DeviceEvent]] = {
    "join": _join,
    "status": _status,
    "ack": _ack,
    "txack": _txack,
    "log": _log,
    "location": _location,
    "integration": _integration,
}
"""The parser of each event but `up`, by the last level of the topic; given the delivery and the topic's DevEUI."""


def _device_event(
    delivery: Delivery,
    event: ApplicationEvent,
    *,
    dev_eui: str,
    kind: DeviceEventKind,
    detail: dict[str, object],
    code: str = "",
    dev_addr: str = "",
) -> DeviceEvent:
    device = event.device_info
    check_identity(device.dev_eui.lower(), dev_eui)
    return DeviceEvent(
        source=delivery.source,
        kind=kind,
        dev_eui=dev_eui,
        occurred_at=credible(event.time) or delivery.received_at,
        received_at=delivery.received_at,
        code=code,
        dev_addr=dev_addr,
        deduplication_id=uuid(event.deduplication_id, "$.deduplicationId"),
        device_name=device.device_name,
        device_profile=device.device_profile_name,
        application=device.application_name or device.application_id,
        tags=device.tags,
        detail=detail,
    )


def _transmission(tx_info: DownlinkTxInfo) -> dict[str, object]:
    return present(
        frequency=tx_info.frequency,
        power=tx_info.power,
        data_rate=data_rate(tx_info.modulation),
        timing=_timing(tx_info.timing),
    )


def _timing(timing: Timing | None) -> str:
    if timing is None:
        return ""
    if timing.immediately is not None:
        return "immediately"
    return "gps_epoch" if timing.gps_epoch is not None else "delay"
