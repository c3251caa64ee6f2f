"""`BulkHistogram` against the library's own histogram: the same observations give the same exposition."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ingest.histogram import BulkHistogram

BUCKETS = (0.1, 0.5, 2.0)
VALUES = [0.0, 0.1, 0.11, 0.5, 1.9, 2.0, 2.1, 100.0]


def samples(registry):
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, sample.labels.get("le")): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def theirs():
    registry = CollectorRegistry()
    histogram = Histogram("x_seconds", "X.", buckets=BUCKETS, registry=registry)
    for value in VALUES:
        histogram.observe(value)
    return samples(registry)


def test_one_by_one():
    registry = CollectorRegistry()
    histogram = BulkHistogram("x_seconds", "X.", BUCKETS, registry=registry)
    for value in VALUES:
        histogram.observe(value)
    assert samples(registry) == theirs()


def test_all_at_once():
    registry = CollectorRegistry()
    BulkHistogram("x_seconds", "X.", BUCKETS, registry=registry).observe_all(iter(VALUES))
    assert samples(registry) == theirs()


def test_a_weight_counts_as_so_many_observations():
    registry = CollectorRegistry()
    BulkHistogram("x_seconds", "X.", BUCKETS, registry=registry).observe(0.4, 250)
    assert samples(registry)["x_seconds_count", None] == 250
    assert samples(registry)["x_seconds_bucket", "0.5"] == 250
    assert samples(registry)["x_seconds_sum", None] == 100
