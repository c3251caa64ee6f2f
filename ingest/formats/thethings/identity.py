"""Who a message of The Things Stack is about: devices, and gateways seen through Packet Broker."""

from ingest.formats.fields import dev_addr
from ingest.formats.thethings.model import EndDeviceIds, RxMetadata

PACKET_BROKER = "packetbroker"


def device_identity(ids: EndDeviceIds) -> str:
    """The DevEUI in lower case; `application/device_id` for a device that was registered without one."""
    return ids.dev_eui.lower() or f"{ids.application_ids.application_id}/{ids.device_id}"


def device_address(ids: EndDeviceIds) -> str:
    """The device address in lower case, which stands for the session; empty for simulated uplinks."""
    return dev_addr(ids.dev_addr, "$.end_device_ids.dev_addr")


def gateway_identity(rx_metadata: RxMetadata) -> str:
    """The gateway's EUI in lower case, else its name; all of Packet Broker's are called `packetbroker` on the wire."""
    broker = rx_metadata.packet_broker
    if broker is not None:
        return broker.forwarder_gateway_eui.lower() or f"{PACKET_BROKER}/{broker.forwarder_gateway_id or 'unknown'}"
    ids = rx_metadata.gateway_ids
    if ids is None:
        return "unknown"
    return ids.eui.lower() or ids.gateway_id or "unknown"
