"""ChirpStack's gateway side: statistics, and the state of the link to the broker (retained; offline is a last will)."""

from datetime import datetime

from chirpstack_api.gw import gw_pb2

from decoders.errors import Rejected, RejectReason
from decoders.events import GatewayConnection, GatewayStats, Ignored
from ingest.delivery import Delivery
from ingest.formats.chirpstack import model
from ingest.formats.chirpstack.encoding import MessageType
from ingest.formats.chirpstack.protobuf import by_json_mapping
from ingest.formats.chirpstack.uplink import data_rate
from ingest.formats.clocks import TOLERANCE, credible
from ingest.formats.fields import check_identity, place, present

_STATS = MessageType(model.GatewayStats, by_json_mapping(gw_pb2.GatewayStats))
_CONNECTION = MessageType(model.ConnState, by_json_mapping(gw_pb2.ConnState))
_ONLINE = {"ONLINE": True, "OFFLINE": False}


def parse_stats(delivery: Delivery, gateway_id: str) -> GatewayStats:
    """The packet counters of one interval.

    Raises:
        Rejected: with the reason, and the path of a wrong field.
    """
    stats = _STATS.read(delivery.payload)
    _check_gateway(stats, gateway_id)
    occurred_at = _interval_end(stats.time, delivery.received_at)
    latitude, longitude, altitude = place(stats.location)
    return GatewayStats(
        source=delivery.source,
        gateway_id=gateway_id,
        occurred_at=occurred_at or delivery.received_at,
        received_at=delivery.received_at,
        rx_received=stats.rx_packets_received,
        rx_received_ok=stats.rx_packets_received_ok,
        tx_received=stats.tx_packets_received,
        tx_emitted=stats.tx_packets_emitted,
        latitude=latitude,
        longitude=longitude,
        altitude=altitude,
        detail=_detail(stats, clock_is_wrong=stats.time is not None and occurred_at is None),
    )


def parse_connection(delivery: Delivery, gateway_id: str) -> GatewayConnection | Ignored:
    """Whether the gateway's link to the broker is up. An empty payload only clears what the broker retained.

    Raises:
        Rejected: with the reason, and the path of a wrong field.
    """
    if not delivery.payload:
        return Ignored(delivery.source, delivery.topic, "a cleared retained state")
    connection = _CONNECTION.read(delivery.payload)
    _check_gateway(connection, gateway_id)
    online = _ONLINE.get(str(connection.state))
    if online is None:
        raise Rejected(RejectReason.INVALID_FIELD, "$.state: expected ONLINE or OFFLINE")
    return GatewayConnection(delivery.source, gateway_id, online, delivery.received_at)


def _check_gateway(message: model.GatewayMessage, gateway_id: str) -> None:
    named = message.gateway_id.lower() or message.gateway_id_legacy.hex()
    if not named:
        raise Rejected(RejectReason.INVALID_FIELD, "$.gatewayId: missing")
    check_identity(named, gateway_id)


def _interval_end(time: datetime | None, received_at: datetime) -> datetime | None:
    """The gateway's time unless its clock is not set yet or runs ahead; late is credible, queues make it so."""
    time = credible(time)
    return time if time is not None and time <= received_at + TOLERANCE else None


def _detail(stats: model.GatewayStats, *, clock_is_wrong: bool) -> dict[str, object]:
    return present(
        clock_is_wrong=clock_is_wrong or None,
        config_version=stats.config_version,
        metadata=stats.metadata,
        rx_per_frequency=stats.rx_packets_per_frequency,
        tx_per_frequency=stats.tx_packets_per_frequency,
        rx_per_data_rate=_per_data_rate(stats.rx_packets_per_modulation),
        tx_per_data_rate=_per_data_rate(stats.tx_packets_per_modulation),
        tx_per_status=stats.tx_packets_per_status,
        duty_cycle=stats.duty_cycle_stats and _duty_cycle(stats.duty_cycle_stats),
    )


def _per_data_rate(counts: list[model.ModulationCount]) -> dict[str, int]:
    """Counts by data rate; coding rates of the same data rate are added."""
    total: dict[str, int] = {}
    for item in counts:
        name = data_rate(item.modulation)
        total[name] = total.get(name, 0) + item.count
    return total


def _duty_cycle(stats: model.DutyCycleStats) -> dict[str, object]:
    return {
        "regulation": str(stats.regulation),
        "window_seconds": _seconds(stats.window),
        "bands": [
            {
                "name": band.name,
                "frequency_min": band.frequency_min,
                "frequency_max": band.frequency_max,
                "load_max_seconds": _seconds(band.load_max),
                "load_tracked_seconds": _seconds(band.load_tracked),
            }
            for band in stats.bands
        ],
    }


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))
