"""What the ingest's metrics say after known batches, read back through the exposition."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from decoders.errors import RejectReason
from decoders.uplink import Uplink
from ingest.delivery import LinkState
from ingest.metrics import Metrics
from storage.batch import DecoderKey, Outcome, Record, WriteResult

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DEV_EUI = "a84041ffff000001"
ALLOWED_LABELS = {"source", "stage", "reason", "kind", "decoder", "outcome", "version", "python", "le"}


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(f"stadtfunk_{name}", labels)


LSE01 = DecoderKey("dragino_lse01", 1, "abc")


def record(decoder=LSE01, outcome=Outcome.DECODED, *, ns_time=NOON):
    uplink = Uplink("city", DEV_EUI, 1, 2, b"\x01", ns_time=ns_time, received_at=ns_time)
    return Record("city", "topic", b"{}", ns_time, event=uplink, outcome=outcome, decoder=decoder)


def test_a_committed_batch_counts_what_it_changed(metrics):
    result = WriteResult(
        uplinks=2,
        duplicates=1,
        readings={"tree_moisture": 3},
        events=4,
        rejected={"truncated": 5},
        quarantined=6,
        gaps=7,
        gaps_filled=1,
    )
    metrics.committed("city", [record(), record(), record(None, Outcome.ORPHAN)], result, seconds=0.03)
    assert value(metrics, "stored_uplinks_total", source="city") == 2
    assert value(metrics, "duplicate_uplinks_total", source="city") == 1
    assert value(metrics, "stored_readings_total", kind="tree_moisture") == 3
    assert value(metrics, "stored_events_total", source="city") == 4
    assert value(metrics, "rejected_messages_total", source="city", reason="truncated") == 5
    assert value(metrics, "quarantined_rows_total", source="city") == 6
    assert value(metrics, "missing_frames_total", source="city") == 7
    assert value(metrics, "missing_frames_filled_total", source="city") == 1
    assert value(metrics, "decoded_uplinks_total", decoder="dragino_lse01", outcome="decoded") == 2
    assert value(metrics, "decoded_uplinks_total", decoder="", outcome="orphan") == 1
    assert value(metrics, "batch_messages_sum") == 3
    assert value(metrics, "commit_seconds_bucket", le="0.02") == 0
    assert value(metrics, "commit_seconds_bucket", le="0.05") == 1
    assert value(metrics, "database_up") == 1


def test_lag_is_measured_for_live_batches_only(metrics):
    late = [record(ns_time=NOON - timedelta(seconds=0.2)), record(ns_time=NOON + timedelta(seconds=5))]
    metrics.committed("city", late, WriteResult(), seconds=0.01)
    assert value(metrics, "commit_lag_seconds_count") == 0
    metrics.committed("city", late, WriteResult(), seconds=0.01, live_at=NOON)
    assert value(metrics, "commit_lag_seconds_count") == 2
    assert value(metrics, "commit_lag_seconds_sum") == pytest.approx(0.2)


def test_decode_time_is_per_message(metrics):
    metrics.decoded(100, 0.002)
    metrics.decoded(0, 0.5)
    assert value(metrics, "decode_seconds_count") == 100
    assert value(metrics, "decode_seconds_sum") == pytest.approx(0.002)


def test_a_failed_commit_shows_the_database_as_down(metrics):
    metrics.database_up(True)
    metrics.commit_failed()
    assert value(metrics, "database_up") == 0
    assert value(metrics, "commit_retries_total") == 1


def test_links_are_read_at_scrape_time(metrics):
    link = LinkState(connected=True, reconnects=2, broker_dropped=None)
    metrics.watch_links(lambda: {"city": link})
    assert value(metrics, "source_connected", source="city") == 1
    assert value(metrics, "source_reconnects_total", source="city") == 2
    assert value(metrics, "source_lossy", source="city") == 0
    assert value(metrics, "source_broker_dropped_messages_total", source="city") is None
    assert value(metrics, "source_last_message_timestamp_seconds", source="city") is None
    assert value(metrics, "source_canary", source="city") is None
    link.connected, link.canary, link.lossy = False, False, True
    link.received_qos0, link.broker_dropped, link.last_message_at = 3, 900, NOON
    assert value(metrics, "source_connected", source="city") == 0
    assert value(metrics, "source_lossy", source="city") == 1
    assert value(metrics, "source_canary", source="city") == 0
    assert value(metrics, "source_qos0_messages_total", source="city") == 3
    assert value(metrics, "source_broker_dropped_messages_total", source="city") == 900
    assert value(metrics, "source_last_message_timestamp_seconds", source="city") == NOON.timestamp()


def test_a_watched_source_starts_at_zero(metrics):
    metrics.watch_links(lambda: {"city": LinkState()})
    assert value(metrics, "received_messages_total", source="city") == 0
    assert value(metrics, "missing_frames_total", source="city") == 0
    for reason in RejectReason:
        assert value(metrics, "rejected_messages_total", source="city", reason=reason.value) == 0


def test_spool_and_unstored_messages_are_read_at_scrape_time(metrics):
    level = {"messages": 0, "bytes": 0, "oldest": None}
    metrics.watch_spool(
        messages=lambda: level["messages"], size=lambda: level["bytes"], oldest=lambda: level["oldest"], limit=10_000
    )
    metrics.watch_unstored(lambda: level["oldest"])
    assert value(metrics, "spool_oldest_seconds") == 0
    level |= {"messages": 7, "bytes": 9_000, "oldest": datetime.now(UTC) - timedelta(seconds=90)}
    assert value(metrics, "spool_messages") == 7
    assert value(metrics, "spool_bytes") == 9_000
    assert value(metrics, "spool_limit_bytes") == 10_000
    assert 90 <= value(metrics, "spool_oldest_seconds") < 120
    assert 90 <= value(metrics, "unstored_oldest_seconds") < 120


def test_names_follow_the_house_rule_and_labels_are_bounded(metrics):
    metrics.watch_links(lambda: {"city": LinkState()})
    metrics.committed("city", [record()], WriteResult(), seconds=0.01, live_at=NOON)
    foreign = re.compile(r"process_|python_")
    for family in metrics.registry.collect():
        assert foreign.match(family.name) or re.fullmatch(r"stadtfunk_[a-z0-9]+(_[a-z0-9]+)+", family.name)
        for sample in family.samples:
            if not foreign.match(family.name):
                assert set(sample.labels) <= ALLOWED_LABELS, family.name
                assert DEV_EUI not in sample.labels.values()
