"""The Things Stack's events of a device that are no uplinks: joins, downlinks, places, data of services.

The keys of `detail` and the codes ACKNOWLEDGED and NACK are Stadtfunk's own, the same for every network server.
"""

from datetime import datetime

from decoders.errors import Rejected, RejectReason
from decoders.events import DeviceEvent, DeviceEventKind
from ingest.delivery import Delivery
from ingest.formats.clocks import credible
from ingest.formats.fields import place, present
from ingest.formats.guards import check_integers
from ingest.formats.thethings.identity import device_address, device_identity
from ingest.formats.thethings.model import (
    ApplicationUp,
    Downlink,
    FailedDownlink,
    InvalidatedQueue,
    JoinAccept,
    LocationSolved,
    ServiceData,
)


def parse_event(delivery: Delivery, up: ApplicationUp) -> DeviceEvent:
    """The event in an envelope that holds no uplink.

    Raises:
        Rejected: INVALID_FIELD when it holds no message that is known.
    """
    if up.join_accept is not None:
        return _join(delivery, up, up.join_accept)
    if up.location_solved is not None:
        return _location(delivery, up, up.location_solved)
    if up.service_data is not None:
        return _service(delivery, up, up.service_data)
    return _downlink(delivery, up)


def _join(delivery: Delivery, up: ApplicationUp, accept: JoinAccept) -> DeviceEvent:
    """A session begins. With a pending session the device still has its old address."""
    detail = present(
        session_key_id=accept.session_key_id,
        pending_session=accept.pending_session or None,
        invalidated_downlinks=len(accept.invalidated_downlinks) or None,
    )
    return _device_event(delivery, up, kind=DeviceEventKind.JOIN, detail=detail, server_time=accept.received_at)


def _location(delivery: Delivery, up: ApplicationUp, solved: LocationSolved) -> DeviceEvent:
    latitude, longitude, altitude = place(solved.location)
    detail: dict[str, object] = {"latitude": latitude, "longitude": longitude, "altitude": altitude}
    code = "UNKNOWN"
    if solved.location is not None:
        detail["accuracy"] = solved.location.accuracy or None
        code = solved.location.source.removeprefix("SOURCE_")
    detail |= present(service=solved.service, attributes=solved.attributes)
    return _device_event(delivery, up, kind=DeviceEventKind.LOCATION, detail=detail, code=code)


def _service(delivery: Delivery, up: ApplicationUp, service: ServiceData) -> DeviceEvent:
    if service.data is not None:
        check_integers(service.data, "$.service_data.data")
    detail = present(service=service.service, data=service.data)
    return _device_event(delivery, up, kind=DeviceEventKind.SERVICE, detail=detail)


def _downlink(delivery: Delivery, up: ApplicationUp) -> DeviceEvent:
    """A step in the life of a downlink; what the device answered is an ACK, as with every network server."""
    if up.downlink_ack is not None:
        return _answer(delivery, up, downlink=up.downlink_ack, code="ACKNOWLEDGED")
    if up.downlink_nack is not None:
        return _answer(delivery, up, downlink=up.downlink_nack, code="NACK")
    code, detail = _step(up)
    return _device_event(delivery, up, kind=DeviceEventKind.DOWNLINK, code=code, detail=detail)


def _answer(delivery: Delivery, up: ApplicationUp, *, downlink: Downlink, code: str) -> DeviceEvent:
    return _device_event(delivery, up, kind=DeviceEventKind.ACK, code=code, detail=_detail(downlink))


def _step(up: ApplicationUp) -> tuple[str, dict[str, object]]:
    if up.downlink_queued is not None:
        return "QUEUED", _detail(up.downlink_queued)
    if up.downlink_sent is not None:
        return "SENT", _detail(up.downlink_sent)
    if up.downlink_failed is not None:
        return "FAILED", _failure(up.downlink_failed)
    if up.downlink_queue_invalidated is not None:
        return "INVALIDATED", _invalidation(up.downlink_queue_invalidated)
    raise Rejected(RejectReason.INVALID_FIELD, "$: holds no message that is known")


def _detail(downlink: Downlink | None) -> dict[str, object]:
    """What is known of a downlink; never its payload."""
    if downlink is None:
        return {}
    return present(
        session_key_id=downlink.session_key_id,
        f_port=downlink.f_port,
        f_cnt_down=downlink.f_cnt,
        confirmed=downlink.confirmed,
        priority=downlink.priority,
        correlation_ids=downlink.correlation_ids,
    )


def _failure(failed: FailedDownlink) -> dict[str, object]:
    error = "" if failed.error is None else f"{failed.error.namespace}:{failed.error.name}"
    return _detail(failed.downlink) | present(error=error)


def _invalidation(queue: InvalidatedQueue) -> dict[str, object]:
    return present(
        session_key_id=queue.session_key_id,
        last_f_cnt_down=queue.last_f_cnt_down,
        downlinks=[_detail(downlink) for downlink in queue.downlinks],
    )


def _device_event(
    delivery: Delivery,
    up: ApplicationUp,
    *,
    kind: DeviceEventKind,
    detail: dict[str, object],
    code: str = "",
    server_time: datetime | None = None,
) -> DeviceEvent:
    ids = up.end_device_ids
    return DeviceEvent(
        source=delivery.source,
        kind=kind,
        dev_eui=device_identity(ids),
        occurred_at=credible(server_time) or credible(up.received_at) or delivery.received_at,
        received_at=delivery.received_at,
        code=code,
        dev_addr=device_address(ids),
        device_name=ids.device_id,
        application=ids.application_ids.application_id,
        detail=detail,
    )
