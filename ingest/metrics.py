"""Every metric of the ingest, in one class on one registry.

Updates come once per batch, never once per message: what a batch changed is in its `WriteResult`. States that
others keep (links, spool, pipeline) are read at scrape time. Labels are bounded: source, reason, kind, decoder;
never a device.
"""

import logging
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from decoders.errors import RejectReason, defect_at
from decoders.readings import KINDS
from decoders.uplink import Uplink
from ingest.histogram import BulkHistogram
from ingest.link_metrics import LinkCollector, Links
from storage.batch import Outcome, Record, WriteResult
from storage.failures import Fatal, Retryable

log = logging.getLogger(__name__)

_DECODE_BUCKETS = (5e-6, 1e-5, 2e-5, 4e-5, 1e-4, 2.5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 1.0)
_SIZE_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
_COMMIT_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0)
LAG_BUCKETS = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0)
_LAGS_PER_BATCH = 200


class Stage(StrEnum):
    """Where a defect of ours showed itself."""

    MESSAGE = "message"
    """While a message was parsed, decoded or stored: it is kept raw as `RejectReason.INTERNAL_ERROR`."""
    CODECS = "codecs"
    """Asking the worker for a batch's answers: the uplinks are kept raw as `RejectReason.CODEC_UNAVAILABLE`."""
    ASSEMBLY = "assembly"
    """Making fragments whole: they stay as they are, and are looked at again."""
    ACCOUNTS = "accounts"
    """Counting and comparing what is stored already."""


class Metrics:
    """The counters, histograms and gauges of one process.

    Args:
        registry: where they are registered; one `Metrics` per registry.

    Attributes:
        defects: how often a defect of ours showed itself since the start.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.defects = 0
        self._received = self._counter(
            "received_messages", "Messages taken from sources, redeliveries included.", "source"
        )
        self._stored = self._counter("stored_uplinks", "Uplinks that were new in the database.", "source")
        self._events = self._counter(
            "stored_events", "Joins, status and other device or gateway events stored.", "source"
        )
        self._readings = self._counter("stored_readings", "Readings that were new in the database.", "kind")
        self._duplicates = self._counter("duplicate_uplinks", "Uplinks that were stored before.", "source")
        self._rejected = self._counter("rejected_messages", "Messages kept raw with their reason.", "source", "reason")
        self._quarantined = self._counter(
            "quarantined_rows", "Messages that could not be stored as they are and were isolated.", "source"
        )
        self._gaps = self._counter("missing_frames", "Frames that the frame counters say are missing.", "source")
        self._gaps_filled = self._counter("missing_frames_filled", "Missing frames that came late after all.", "source")
        self._decoded = self._counter(
            "decoded_uplinks", "Uplinks by decoder and what became of them.", "decoder", "outcome"
        )
        self._assembled = self._counter(
            "assembled_payloads", "Payloads made whole from several uplinks.", "decoder", "outcome"
        )
        self._spooled = self._counter(
            "spooled_messages", "Messages put into the spool, the database being away.", "source"
        )
        self._drained = self._counter("drained_messages", "Messages moved from the spool to the database.")
        self._retries = self._counter("commit_retries", "Attempts to write a batch that failed and are repeated.")
        self._codec_calls = self._counter("codec_calls", "Uplinks that a vendor's codec got.", "codec", "outcome")
        self._shadow_uplinks = self._counter(
            "shadow_uplinks", "Uplinks decoded by a second decoder, and how it compared.", "decoder", "shadow", "result"
        )
        self._shadow_fields = self._counter(
            "shadow_fields",
            "Fields of which both decoders said the same, or did not.",
            *("decoder", "shadow", "kind", "field", "result"),
        )
        self._internal_errors = self._counter(
            "internal_errors", "Defects of Stadtfunk that were met and contained; each is worth a report.", "stage"
        )
        self._reloads = self._counter(
            "decoder_reloads", "Times that changed decoders, tables, codecs or mapping were taken over.", "outcome"
        )

        self.decode_seconds = self._histogram(
            "decode_seconds", "Time to parse and decode one message.", _DECODE_BUCKETS
        )
        self.codec_seconds = self._histogram(
            "codec_seconds", "Time of one uplink in a vendor's codec, from sending it to the answer.", _DECODE_BUCKETS
        )
        self.batch_messages = self._histogram("batch_messages", "Messages per committed batch.", _SIZE_BUCKETS)
        self.commit_seconds = self._histogram("commit_seconds", "Time to write and commit one batch.", _COMMIT_BUCKETS)
        self.commit_lag_seconds = self._histogram(
            "commit_lag_seconds", "Network server's time of a live uplink to its commit.", LAG_BUCKETS
        )

        self._database_up = self._gauge("database_up", "1 while the database takes batches.")
        self._spool_messages = self._gauge("spool_messages", "Messages in the spool.")
        self._spool_bytes = self._gauge("spool_bytes", "Size of the messages in the spool.")
        self._spool_limit = self._gauge("spool_limit_bytes", "Size of the spool at which reading stops.")
        self._spool_oldest = self._gauge(
            "spool_oldest_seconds", "Age of the oldest message in the spool; 0 when empty."
        )
        self._unstored_oldest = self._gauge(
            "unstored_oldest_seconds",
            "Age of the oldest message that is not in the database yet; 0 when there is none.",
        )
        self._files_broken = self._gauge(
            "decoder_files_broken", "Private decoder files and packages that are left out or go on in an old version."
        )
        self._codec_quarantined = Gauge(
            "stadtfunk_codec_quarantined",
            "1 while a vendor's codec is not run because it overran too often in a row.",
            ["codec"],
            registry=registry,
        )
        for stage in Stage:
            self._internal_errors.labels(stage.value)
        for outcome in ("ok", "failed"):
            self._reloads.labels(outcome)
        for kind in KINDS:
            self._readings.labels(kind.kind)
        self._per_source = (
            self._received,
            self._stored,
            self._events,
            self._duplicates,
            self._quarantined,
            self._gaps,
            self._gaps_filled,
            self._spooled,
        )

    def watch_links(self, links: Links) -> None:
        """Show the links of `links()` from now on."""
        for source in links():
            self.add_source(source)
        LinkCollector(links, registry=self.registry)

    def add_source(self, source: str) -> None:
        """Start the source's counters at zero, so that a first increase is an increase."""
        for counter in self._per_source:
            counter.labels(source)
        for reason in RejectReason:
            self._rejected.labels(source, reason.value)

    def watch_spool(
        self,
        *,
        messages: Callable[[], int],
        size: Callable[[], int],
        oldest: Callable[[], datetime | None],
        limit: int = 0,
    ) -> None:
        """Read the spool's level at scrape time; the functions must be cheap. `limit` is its largest size."""
        self._spool_limit.set(limit)
        self._spool_messages.set_function(messages)
        self._spool_bytes.set_function(size)
        self._spool_oldest.set_function(lambda: _age(oldest()))

    def watch_unstored(self, oldest: Callable[[], datetime | None]) -> None:
        """Read the receive time of the oldest message that is not in the database at scrape time."""
        self._unstored_oldest.set_function(lambda: _age(oldest()))

    def received(self, source: str, messages: int) -> None:
        """Messages were taken from a source."""
        self._received.labels(source).inc(messages)

    def decoded(self, messages: int, seconds: float) -> None:
        """A batch was parsed and decoded; counts as `messages` observations of the mean."""
        if messages:
            self.decode_seconds.observe(seconds / messages, messages)

    def committed(
        self,
        source: str,
        records: Sequence[Record],
        result: WriteResult,
        *,
        seconds: float,
        live_at: datetime | None = None,
    ) -> None:
        """A batch is in the database.

        Args:
            seconds: how long writing and committing took.
            live_at: time of the commit for live messages; None for replay and spool, whose lag means nothing.
        """
        self._stored.labels(source).inc(result.uplinks)
        self._events.labels(source).inc(result.events)
        self._duplicates.labels(source).inc(result.duplicates)
        self._quarantined.labels(source).inc(result.quarantined)
        self._gaps.labels(source).inc(max(0, result.gaps))
        self._gaps_filled.labels(source).inc(result.gaps_filled)
        for kind, count in result.readings.items():
            self._readings.labels(kind).inc(count)
        for reason, count in result.rejected.items():
            self._rejected.labels(source, reason).inc(count)
        self.internal_errors(Stage.MESSAGE, result.rejected.get(RejectReason.INTERNAL_ERROR, 0))
        uplinks = [record for record in records if isinstance(record.event, Uplink)]
        for outcome in Outcome:
            decoders = Tally([record.decoder for record in uplinks if record.outcome is outcome])
            for decoder, count in decoders.items():
                self._decoded.labels("" if decoder is None else decoder.name, outcome.value).inc(count)
        self._database_up.set(1)
        self.commit_seconds.observe(seconds)
        self.batch_messages.observe(len(records))
        if live_at is not None:
            self._observe_lags(uplinks, live_at.timestamp())

    def assembled(self, records: Sequence[Record], result: WriteResult) -> None:
        """Sets of fragments became whole: records of all parts, of which each set's last names what it gave."""
        for record in records:
            if record.topic and record.decoder is not None:
                self._assembled.labels(record.decoder.name, record.outcome.value).inc()
        for kind, count in result.readings.items():
            self._readings.labels(kind).inc(count)
        for reason, count in result.rejected.items():
            self._rejected.labels(records[0].source, reason).inc(count)

    def internal_errors(self, stage: Stage, count: int = 1) -> None:
        """A defect of ours showed itself and was contained."""
        self._internal_errors.labels(stage.value).inc(count)
        self.defects += count

    @contextmanager
    def contained(self, stage: Stage) -> Iterator[None]:
        """A defect in here costs no message, so it ends nothing: it is counted and logged with its place."""
        try:
            yield
        except (Retryable, Fatal):
            raise
        except Exception as defect:  # noqa: BLE001  (whatever it is, what it interrupts can be done without)
            log.error("internal_error stage=%s defect=%r", stage, defect_at(defect))
            self.internal_errors(stage)

    def _observe_lags(self, uplinks: Sequence[Record], committed_at: float) -> None:
        """Of a large batch every n-th uplink stands for n, since its neighbours have its lag."""
        step = 1 + len(uplinks) // _LAGS_PER_BATCH
        for position in range(0, len(uplinks), step):
            event = uplinks[position].event
            assert isinstance(event, Uplink)
            lag = max(0.0, committed_at - event.ns_time.timestamp())
            self.commit_lag_seconds.observe(lag, min(step, len(uplinks) - position))

    def spooled(self, source: str, messages: int) -> None:
        """Messages went to the spool."""
        self._spooled.labels(source).inc(messages)

    def drained(self, messages: int) -> None:
        """Messages left the spool for the database."""
        self._drained.inc(messages)

    def commit_failed(self) -> None:
        """A write failed and will be repeated: the database is away."""
        self._retries.inc()
        self._database_up.set(0)

    def database_up(self, up: bool) -> None:
        """The database takes batches, or does not."""
        self._database_up.set(up)

    def codec_called(self, codec: str, outcome: str, calls: int) -> None:
        """A codec was given uplinks; `outcome` is ok, error or a failure."""
        self._codec_calls.labels(codec, outcome).inc(calls)

    def codec_quarantined(self, codec: str, *, quarantined: bool) -> None:
        """A codec is not run any more, or is again."""
        self._codec_quarantined.labels(codec).set(quarantined)

    def shadow_compared(self, decoder: str, shadow: str, result: str) -> None:
        """A second decoder had its look at an uplink, or could not."""
        self._shadow_uplinks.labels(decoder, shadow, result).inc()

    def shadow_fields(self, decoder: str, shadow: str, kind: str, field: str, *, agrees: bool, count: int) -> None:
        """Both decoders' values of a field were compared."""
        self._shadow_fields.labels(decoder, shadow, kind, field, "agree" if agrees else "differ").inc(count)

    def reloaded(self, *, ok: bool) -> None:
        """Changed decoders were taken over, or some or all of the old ones stayed."""
        self._reloads.labels("ok" if ok else "failed").inc()

    def decoder_files_broken(self, files: int) -> None:
        """So many files or packages of outsiders are broken."""
        self._files_broken.set(files)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"stadtfunk_{name}", documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(f"stadtfunk_{name}", documentation, registry=self.registry)

    def _histogram(self, name: str, documentation: str, buckets: tuple[float, ...]) -> BulkHistogram:
        return BulkHistogram(f"stadtfunk_{name}", documentation, buckets, registry=self.registry)


def _age(at: datetime | None) -> float:
    return 0.0 if at is None else max(0.0, (datetime.now(UTC) - at).total_seconds())
