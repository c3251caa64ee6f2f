"""The gateways' own messages: statistics and connection state in protobuf, as the MQTT forwarder sends them."""

from collections.abc import Iterator, Sequence

import numpy as np
from chirpstack_api import gw

from stadtfunk.demo.clock import SECOND, Day, random_stream
from stadtfunk.demo.deliveries import Deliveries
from stadtfunk.demo.device import Frames, Integers
from stadtfunk.demo.message import Message
from stadtfunk.demo.outages import Outage, OutageKind
from stadtfunk.demo.places import Gateway, GatewayClock
from stadtfunk.demo.settings import FaultSettings, NetworkSettings

_KEEPALIVE = 45 * SECOND
_BOOT_WITHOUT_TIME = 1_325_376_000
"""2012-01-01: the clock of a gateway that booted without network time."""


class GatewayEvents:
    """Writes `event/stats` and `state/conn` of the city's gateways."""

    def __init__(
        self, settings: NetworkSettings, faults: FaultSettings, seed: int, gateways: Sequence[Gateway]
    ) -> None:
        self._settings = settings
        self._faults = faults
        self._seed = seed
        self._gateways = gateways

    def connections(self, day: Day, outages: Sequence[Outage]) -> Iterator[Message]:
        """Offline (the last will, one keepalive later) and online again, for every outage that begins or ends."""
        for outage in outages:
            for at, online in ((outage.began + _KEEPALIVE, False), (outage.ended, True)):
                if day.start <= at < day.end:
                    yield self.connection(outage.gateway, at, online=online)

    def connection(self, gateway: int, at: int, *, online: bool) -> Message:
        """One retained `state/conn`; offline is the enum's zero and therefore absent on the wire."""
        gateway_id = self._gateways[gateway].gateway_id
        state = gw.ConnState(gateway_id=gateway_id, state=gw.ConnState.ONLINE if online else gw.ConnState.OFFLINE)
        return Message(at, self._topic(gateway, "state/conn"), state.SerializeToString(), retain=True)

    def statistics(
        self,
        day: Day,
        frames: Frames,
        deliveries: Deliveries,
        outages: Sequence[Outage],
        *,
        seconds: int,
        since: int = 0,
    ) -> Iterator[Message]:
        """Packet counters of every gateway for every interval in which it is connected; none before `since`."""
        rng = random_stream(self._seed, "statistics", day.number * 100_000 + seconds)
        received = self._received(day, frames, deliveries, seconds)
        foreign = rng.poisson(self._settings.foreign_packets_per_minute * seconds / 60, received.shape)
        broken = rng.poisson(0.12 * (received + foreign))
        offset = rng.integers(0, seconds * SECOND, len(self._gateways)).tolist()
        away = [[outage for outage in outages if outage.gateway == index] for index in range(len(self._gateways))]
        for gateway, interval in np.ndindex(*received.shape):
            at = day.start + (interval + 1) * seconds * SECOND - offset[gateway]
            if at < max(day.start, since) or any(outage.began <= at < outage.ended for outage in away[gateway]):
                continue
            booted = self._booted(at, away[gateway], seconds)
            good = int(received[gateway, interval] + foreign[gateway, interval])
            yield self._statistics(gateway, at, booted, good, int(broken[gateway, interval]))

    def _received(self, day: Day, frames: Frames, deliveries: Deliveries, seconds: int) -> Integers:
        """Copies heard by each gateway in each interval: (gateway, interval)."""
        intervals = 86_400 // seconds
        receptions = deliveries.receptions
        interval = (frames.sent_at[receptions.frame] - day.start) // (seconds * SECOND)
        cell = receptions.gateway * intervals + np.clip(interval, 0, intervals - 1)
        counts = np.bincount(cell, minlength=len(self._gateways) * intervals)
        return counts.reshape(len(self._gateways), intervals)

    def _booted(self, at: int, away: Sequence[Outage], seconds: int) -> int | None:
        """Seconds since a boot without network time, for the first statistics after some of the outages."""
        for outage in away:
            since = at - outage.ended
            unsynced = (outage.ended // SECOND) % 100 < 100 * self._faults.unsynced_after_outage
            if outage.kind is OutageKind.OFF and unsynced and 0 <= since < seconds * SECOND:
                return since // SECOND
        return None

    def _statistics(self, gateway: int, at: int, booted: int | None, good: int, broken: int) -> Message:
        site = self._gateways[gateway]
        stats = gw.GatewayStats(
            gateway_id=site.gateway_id, rx_packets_received=good + broken, rx_packets_received_ok=good
        )
        stats.time.seconds = at // SECOND if booted is None else _BOOT_WITHOUT_TIME + booted
        if site.clock is GatewayClock.GPS and booted is None:
            stats.location.latitude = site.latitude
            stats.location.longitude = site.longitude
            stats.location.altitude = site.height_m
        stats.metadata["region_config_id"] = self._settings.region
        return Message(at, self._topic(gateway, "event/stats"), stats.SerializeToString())

    def _topic(self, gateway: int, event: str) -> bytes:
        return f"{self._settings.region}/gateway/{self._gateways[gateway].gateway_id}/{event}".encode()
