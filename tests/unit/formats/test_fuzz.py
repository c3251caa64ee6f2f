"""Whatever the bytes: an event that can be stored, or `Rejected`, and nothing else."""

import json
import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decoders.errors import Rejected
from ingest.delivery import Delivery
from ingest.formats import WireFormat, parser_for
from tests.events.corpus import RECEIVED_AT, examples
from tests.unit.formats.support import check_storable

EXAMPLES = examples()
TOPICS = sorted({item.delivery.topic for item in EXAMPLES} | {"application/a/device/canary/event/canary"})
FORMATS = st.sampled_from(list(WireFormat))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(
        ["", "0", "AQ==", "1s", "2026-07-14T09:34:15Z", "0001-01-01T00:00:00-14:00", "9999-12-31T23:59:59Z"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
EXAMPLES_PER_TEST = int(os.environ.get("FUZZ_EXAMPLES", "100"))
"""A night's run sets FUZZ_EXAMPLES=100000."""
fuzz = settings(max_examples=EXAMPLES_PER_TEST, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@fuzz
@given(FORMATS, st.sampled_from(TOPICS) | st.text(max_size=60), st.binary(max_size=200))
def test_any_bytes_on_any_topic(wire_format, topic, payload):
    take(wire_format, Delivery("city", topic, payload, RECEIVED_AT))


@fuzz
@given(FORMATS, st.sampled_from(TOPICS), VALUES)
def test_any_json_on_any_topic(wire_format, topic, value):
    take(wire_format, Delivery("city", topic, json.dumps(value).encode("utf-8", "surrogatepass"), RECEIVED_AT))


@fuzz
@given(st.data(), st.sampled_from(EXAMPLES), VALUES)
def test_a_good_event_with_one_value_replaced(data, item, value):
    message = json.loads(item.delivery.payload)
    path = data.draw(st.sampled_from(list(paths(message))))
    payload = json.dumps(replaced(message, path, value)).encode("utf-8", "surrogatepass")
    take(item.wire_format, item.delivery._replace(payload=payload))


@fuzz
@given(st.sampled_from(EXAMPLES), st.integers(0, 5000), st.binary(max_size=4), st.integers(0, 4), st.booleans())
def test_a_good_event_with_bytes_changed_cut_or_inserted(item, at, inserted, removed, protobuf):
    source = item.twin.payload if protobuf and item.twin is not None else item.delivery.payload
    at %= len(source) + 1
    take(item.wire_format, item.delivery._replace(payload=source[:at] + inserted + source[at + removed :]))


def take(wire_format: WireFormat, delivery: Delivery) -> None:
    try:
        event = parser_for(wire_format)(delivery)
    except Rejected as rejected:
        assert rejected.detail
        rejected.detail.encode("utf-8")
        return
    check_storable(event)


def paths(value: object, before: tuple = ()):
    yield before
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*before, key))


def replaced(value: object, path: tuple, new: object) -> object:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy
