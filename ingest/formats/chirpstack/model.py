"""ChirpStack v4's messages as typed models: the fields that Stadtfunk reads, under the names of ChirpStack's JSON.

Unknown fields are skipped, so a newer server does no harm. Every default is the protobuf default: the packages `gw` and
`common` omit zeros (a missing `snr` is 0.0 dB), and servers before v4.1 omitted them everywhere. Protobuf payloads
are checked against the same models.
"""

from typing import Annotated

from msgspec import Meta, Struct

from ingest.formats.fields import (
    Count,
    DeduplicationId,
    DevAddr,
    FrameCounter,
    GatewayName,
    Index,
    JsonObject,
    Payload,
    Port,
    Rssi,
    Snr,
    Tags,
    Text,
    Time,
    Unsigned32,
)

Duration = Annotated[str, Meta(pattern=r"^-?[0-9]{1,12}(?:\.[0-9]{1,9})?s\Z")]
Word = Annotated[str, Meta(max_length=64)]
EnumName = Word | int
"""The name of an enum value; the number where the sender's protobuf schema is newer than ours."""
LongText = str
"""Text for people, such as the stack trace of a codec; cut, not refused, when it is long."""


class Model(Struct, rename="camel", gc=False):
    """Base of all models. They live for one parse and never form cycles, so the garbage collector skips them.

    Fields stand in the order of the wire, where the decoder looks for the next one first.
    """


class DeviceInfo(Model, kw_only=True):
    application_id: Text = ""
    application_name: Text = ""
    device_profile_name: Text = ""
    device_name: Text = ""
    dev_eui: Text
    tags: Tags = {}


class CommonLocation(Model):
    latitude: float = 0.0
    longitude: float = 0.0
    altitude: float = 0.0
    source: EnumName = "UNKNOWN"
    accuracy: float = 0.0


class LoraModulation(Model):
    bandwidth: Unsigned32 = 0
    spreading_factor: Port = 0


class FskModulation(Model):
    datarate: Unsigned32 = 0


class LrFhssModulation(Model):
    operating_channel_width: Unsigned32 = 0


class Modulation(Model):
    lora: LoraModulation | None = None
    fsk: FskModulation | None = None
    lr_fhss: LrFhssModulation | None = None


class UplinkRxInfo(Model):
    """One gateway's copy. `time` is the name of `gw_time` before v4.6; it was never the network server's time."""

    gateway_id: GatewayName
    gw_time: Time | None = None
    ns_time: Time | None = None
    time: Time | None = None
    rssi: Rssi = 0
    snr: Snr = 0.0
    channel: Index = 0
    antenna: Index = 0
    location: CommonLocation | None = None


class UplinkTxInfo(Model):
    frequency: Unsigned32 = 0
    modulation: Modulation | None = None


class RelayRxInfo(Model):
    dev_eui: Text = ""


class JoinServerContext(Model):
    """Its presence means that `data` is still encrypted. The wrapped key is not read."""

    session_key_id: Text = ""


class ApplicationEvent(Model, kw_only=True):
    deduplication_id: DeduplicationId = ""
    time: Time | None = None
    device_info: DeviceInfo


class UplinkEvent(ApplicationEvent, kw_only=True):
    dev_addr: DevAddr = ""
    adr: bool = False
    f_cnt: FrameCounter = 0
    f_port: Port = 0
    confirmed: bool = False
    data: Payload = b""
    object: JsonObject | None = None
    rx_info: list[UplinkRxInfo] = []
    tx_info: UplinkTxInfo | None = None
    relay_rx_info: RelayRxInfo | None = None
    join_server_context: JoinServerContext | None = None


class JoinEvent(ApplicationEvent):
    dev_addr: DevAddr = ""
    relay_rx_info: RelayRxInfo | None = None
    join_server_context: JoinServerContext | None = None
    region_config_id: Text = ""


class StatusEvent(ApplicationEvent):
    margin: Rssi = 0
    external_power_source: bool = False
    battery_level_unavailable: bool = False
    battery_level: Annotated[float, Meta(ge=0, le=100)] = 0.0


class AckEvent(ApplicationEvent):
    queue_item_id: Text = ""
    acknowledged: bool = False
    f_cnt_down: FrameCounter = 0


class Delay(Model):
    delay: Duration = "0s"


class GpsEpoch(Model):
    time_since_gps_epoch: Duration = "0s"


class Immediately(Model):
    pass


class Timing(Model):
    immediately: Immediately | None = None
    delay: Delay | None = None
    gps_epoch: GpsEpoch | None = None


class DownlinkTxInfo(Model):
    frequency: Unsigned32 = 0
    power: Rssi = 0
    modulation: Modulation | None = None
    timing: Timing | None = None


class TxAckEvent(ApplicationEvent):
    downlink_id: Unsigned32 = 0
    queue_item_id: Text = ""
    f_cnt_down: FrameCounter = 0
    gateway_id: Text = ""
    tx_info: DownlinkTxInfo | None = None


class LogEvent(ApplicationEvent):
    level: EnumName = "INFO"
    code: EnumName = "UNKNOWN"
    description: LongText = ""
    context: Tags = {}


class LocationEvent(ApplicationEvent):
    location: CommonLocation | None = None


class IntegrationEvent(ApplicationEvent):
    """Of servers up to 4.13; removed from the schema since."""

    integration_name: Text = ""
    event_type: Word = ""
    object: JsonObject | None = None


class GatewayMessage(Model):
    """`gateway_id_legacy` is what gateways with v3 software sent: the id as bytes."""

    gateway_id: Text = ""
    gateway_id_legacy: bytes = b""


class ModulationCount(Model):
    modulation: Modulation | None = None
    count: Count = 0


class DutyCycleBand(Model):
    name: Text = ""
    frequency_min: Unsigned32 = 0
    frequency_max: Unsigned32 = 0
    load_max: Duration = "0s"
    load_tracked: Duration = "0s"


class DutyCycleStats(Model):
    regulation: EnumName = "REGULATION_UNKNOWN"
    window: Duration = "0s"
    bands: list[DutyCycleBand] = []


class GatewayStats(GatewayMessage):
    time: Time | None = None
    location: CommonLocation | None = None
    config_version: Text = ""
    rx_packets_received: Count = 0
    rx_packets_received_ok: Count = 0
    tx_packets_received: Count = 0
    tx_packets_emitted: Count = 0
    metadata: Tags = {}
    rx_packets_per_frequency: dict[Text, Count] = {}
    tx_packets_per_frequency: dict[Text, Count] = {}
    rx_packets_per_modulation: list[ModulationCount] = []
    tx_packets_per_modulation: list[ModulationCount] = []
    tx_packets_per_status: dict[Text, Count] = {}
    duty_cycle_stats: DutyCycleStats | None = None


class ConnState(GatewayMessage):
    """A missing state is OFFLINE: the enum's zero is omitted on the wire."""

    state: EnumName = "OFFLINE"
