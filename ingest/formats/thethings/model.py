"""The Things Stack v3's messages as typed models: the fields that Stadtfunk reads, under their own names.

Every field that is empty, zero or false is absent on the wire, so every default is that zero. 64-bit integers are
strings. Unknown fields are skipped.
"""

from typing import Annotated

from msgspec import Meta, Struct

from ingest.formats.fields import (
    DevAddr,
    FrameCounter,
    GatewayName,
    Index,
    JsonObject,
    Payload,
    Port,
    Snr,
    Tags,
    Text,
    Time,
    Unsigned32,
)

Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9](?:-?[a-z0-9]){0,35}\Z")]
OptionalEui = Annotated[str, Meta(pattern=r"^(?:[0-9a-fA-F]{16})?\Z")]
Frequency = Annotated[str, Meta(pattern=r"^[0-9]{1,12}\Z")]
Level = Annotated[float, Meta(ge=-(2**15), le=2**15 - 1)]


class Model(Struct, gc=False):
    """Base of all models. They live for one parse and never form cycles, so the garbage collector skips them."""


class ApplicationIds(Model):
    application_id: Identifier


class EndDeviceIds(Model):
    device_id: Identifier
    application_ids: ApplicationIds
    dev_eui: OptionalEui = ""
    dev_addr: DevAddr = ""


class GatewayIds(Model):
    gateway_id: GatewayName | None = None
    eui: OptionalEui = ""


class PacketBroker(Model):
    forwarder_gateway_eui: OptionalEui = ""
    forwarder_gateway_id: Annotated[str, Meta(max_length=48)] | None = None


class Location(Model):
    latitude: float = 0.0
    longitude: float = 0.0
    altitude: float = 0.0
    accuracy: float = 0.0
    source: Annotated[str, Meta(max_length=64)] = "SOURCE_UNKNOWN"


class RxMetadata(Model):
    gateway_ids: GatewayIds | None = None
    packet_broker: PacketBroker | None = None
    antenna_index: Index = 0
    time: Time | None = None
    gps_time: Time | None = None
    received_at: Time | None = None
    rssi: Level = 0.0
    snr: Snr = 0.0
    channel_index: Index = 0
    location: Location | None = None


class LoraDataRate(Model):
    bandwidth: Unsigned32 = 0
    spreading_factor: Port = 0


class FskDataRate(Model):
    bit_rate: Unsigned32 = 0


class LrFhssDataRate(Model):
    operating_channel_width: Unsigned32 = 0


class DataRate(Model):
    lora: LoraDataRate | None = None
    fsk: FskDataRate | None = None
    lrfhss: LrFhssDataRate | None = None


class Settings(Model):
    data_rate: DataRate | None = None
    frequency: Frequency = "0"
    time: Time | None = None


class KeyEnvelope(Model):
    """Its presence means that the payload is still encrypted. The wrapped key is not read."""


class VersionIds(Model):
    brand_id: Text = ""
    model_id: Text = ""


class UplinkMessage(Model):
    f_cnt: FrameCounter = 0
    f_port: Port = 0
    frm_payload: Payload = b""
    confirmed: bool = False
    app_s_key: KeyEnvelope | None = None
    received_at: Time | None = None
    decoded_payload: JsonObject | None = None
    normalized_payload: list[JsonObject] | None = None
    rx_metadata: list[RxMetadata] = []
    settings: Settings | None = None
    version_ids: VersionIds | None = None
    attributes: Tags = {}


class UplinkNormalized(Model):
    """What the normaliser made of the plain uplink, which is delivered beside it."""


class Downlink(Model):
    session_key_id: Text = ""
    f_port: Port = 0
    f_cnt: FrameCounter = 0
    confirmed: bool = False
    priority: Text = ""
    correlation_ids: list[Text] = []


class ErrorDetails(Model):
    namespace: Text = ""
    name: Text = ""


class FailedDownlink(Model):
    downlink: Downlink | None = None
    error: ErrorDetails | None = None


class InvalidatedQueue(Model):
    downlinks: list[Downlink] = []
    last_f_cnt_down: FrameCounter = 0
    session_key_id: Text = ""


class JoinAccept(Model):
    session_key_id: Text = ""
    received_at: Time | None = None
    pending_session: bool = False
    invalidated_downlinks: list[Downlink] = []


class LocationSolved(Model):
    service: Text = ""
    location: Location | None = None
    attributes: Tags = {}


class ServiceData(Model):
    service: Text = ""
    data: JsonObject | None = None


class ApplicationUp(Model):
    """The envelope: exactly one of the optional messages is there, and says what kind of event it is."""

    end_device_ids: EndDeviceIds
    received_at: Time | None = None
    simulated: bool = False
    uplink_message: UplinkMessage | None = None
    uplink_normalized: UplinkNormalized | None = None
    join_accept: JoinAccept | None = None
    downlink_ack: Downlink | None = None
    downlink_nack: Downlink | None = None
    downlink_sent: Downlink | None = None
    downlink_queued: Downlink | None = None
    downlink_failed: FailedDownlink | None = None
    downlink_queue_invalidated: InvalidatedQueue | None = None
    location_solved: LocationSolved | None = None
    service_data: ServiceData | None = None


class StoredUp(Model):
    """One line of the storage API."""

    result: ApplicationUp
