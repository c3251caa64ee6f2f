"""Metrics of the links to brokers, read at scrape time from the `LinkState` that each transport writes anyway.

So the hot path has no metric calls for them.
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import CollectorRegistry

from ingest.delivery import LinkState

Links = Callable[[], Mapping[str, LinkState]]
Family = GaugeMetricFamily | CounterMetricFamily
Reader = Callable[[LinkState], float | None]


def _last_message(link: LinkState) -> float | None:
    return None if link.last_message_at is None else link.last_message_at.timestamp()


_GAUGES: tuple[tuple[str, str, Reader], ...] = (
    ("stadtfunk_source_connected", "1 while the source is connected to its broker.", lambda link: link.connected),
    ("stadtfunk_source_subscribed", "1 while the subscription is granted.", lambda link: link.subscribed),
    ("stadtfunk_source_paused", "1 while reading is paused to bound memory.", lambda link: link.paused),
    (
        "stadtfunk_source_canary",
        "1 when the last canary came back; absent where none was sent.",
        lambda link: link.canary,
    ),
    (
        "stadtfunk_source_lossy",
        "1 when uplinks can be lost before they arrive, or were lost lately; `status` says why.",
        lambda link: link.lossy,
    ),
    ("stadtfunk_source_problems", "Problems for the operator; `status` shows them.", lambda link: len(link.problems)),
    (
        "stadtfunk_source_buffered_messages",
        "Messages received and not yet taken by the pipeline.",
        lambda link: link.messages_buffered,
    ),
    (
        "stadtfunk_source_buffered_bytes",
        "Bytes received and not yet taken by the pipeline.",
        lambda link: link.bytes_buffered,
    ),
    (
        "stadtfunk_source_last_message_timestamp_seconds",
        "Unix time of the last message; absent before the first.",
        _last_message,
    ),
)

_COUNTERS: tuple[tuple[str, str, Reader], ...] = (
    ("stadtfunk_source_reconnects", "Connections after the first one.", lambda link: link.reconnects),
    (
        "stadtfunk_source_sessions_lost",
        "Connections that found their session gone: what the broker had queued is lost.",
        lambda link: link.sessions_lost,
    ),
    (
        "stadtfunk_source_malformed",
        "Connections that ended because the broker sent what is not MQTT.",
        lambda link: link.malformed,
    ),
    (
        "stadtfunk_source_stale_acks",
        "Acks dropped because their connection had ended; the messages come again.",
        lambda link: link.stale_acks,
    ),
    (
        "stadtfunk_source_qos0_messages",
        "Messages that arrived at QoS 0, for which nobody promises anything.",
        lambda link: link.received_qos0,
    ),
    (
        "stadtfunk_source_broker_dropped_messages",
        "Messages that the broker says it dropped since its start; absent when it does not tell.",
        lambda link: link.broker_dropped,
    ),
)


class LinkCollector:
    """Reads the state of every link.

    Args:
        links: the states by source name; asked at every scrape, so that a changed set of sources is seen.
    """

    def __init__(self, links: Links, *, registry: CollectorRegistry) -> None:
        self._links = links
        registry.register(self)

    def describe(self) -> Iterator[Family]:
        """The families without samples, so that the registry knows their names."""
        return _families({})

    def collect(self) -> Iterator[Family]:
        """The families with one sample for every source that has a value."""
        return _families(self._links())


def _families(links: Mapping[str, LinkState]) -> Iterator[Family]:
    for name, documentation, read in _GAUGES:
        yield _filled(GaugeMetricFamily(name, documentation, labels=["source"]), links, read)
    for name, documentation, read in _COUNTERS:
        yield _filled(CounterMetricFamily(name, documentation, labels=["source"]), links, read)


def _filled(family: Family, links: Mapping[str, LinkState], read: Reader) -> Family:
    for source, link in links.items():
        value = read(link)
        if value is not None:
            family.add_metric([source], float(value))
    return family
