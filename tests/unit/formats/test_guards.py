"""The checks before the parser agree with a slow and obvious reading of the same bytes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.errors import Rejected, RejectReason
from ingest.formats.guards import (
    MAX_DEPTH,
    MAX_PAYLOAD,
    check_integers,
    check_size,
    check_text,
    check_values,
    read_json,
)
from tests.events.corpus import example
from tests.unit.formats.support import TREE, outcome

TEXT = st.text(st.sampled_from('{}[]"\\u0a \0é😀'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
quick = settings(max_examples=60, deadline=None)


@quick
@given(VALUES, st.integers(0, 40), st.booleans())
def test_what_is_refused_is_too_deep_or_holds_nul(value, levels, ascii_only):
    for _ in range(levels):
        value = {"}]": [value]} if levels % 3 else [value]
    payload = json.dumps(value, ensure_ascii=ascii_only).encode()
    try:
        check_text(payload)
        reason = None
    except Rejected as rejected:
        reason = rejected.reason
    if depth_of(value) > MAX_DEPTH:
        assert reason == RejectReason.TOO_DEEP
    elif holds_nul(value):
        assert reason == RejectReason.INVALID_FIELD
    else:
        assert reason is None


@quick
@given(VALUES, st.integers(0, 40))
def test_the_quick_look_passes_nothing_that_the_close_one_refuses(value, levels):
    for _ in range(levels):
        value = [value]
    payload = json.dumps(value).encode()
    assert refuses(check_text, payload) == refuses(lambda data: read_json(lambda _: None, data), payload)


@quick
@given(VALUES, st.integers(0, 40))
def test_plain_values_are_refused_like_the_same_in_json(value, levels):
    for _ in range(levels):
        value = {"a": value}
    value = [value]
    assert refuses(check_values, value) == refuses(check_text, json.dumps(value).encode())


@quick
@given(
    st.recursive(
        st.integers(-(2**66), 2**66),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=6,
    )
)
def test_integers_of_more_than_64_bits_are_refused(value):
    assert refuses(lambda item: check_integers([item], "$"), value) is holds_big_integer(value)


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "\\\\\\u0000", "\\\\\\\\u0000", "u0000", "\\u00000"])
def test_nul_is_told_from_a_backslash_before_u0000(text):
    payload = f'{{"a":"{text}"}}'.encode()
    assert refuses(check_text, payload) is ("\0" in json.loads(payload)["a"])


def test_a_message_of_the_largest_size_is_taken_and_one_byte_more_is_not():
    delivery = example(TREE)
    padding = b" " * (MAX_PAYLOAD - len(delivery.payload))
    check_size(delivery._replace(payload=delivery.payload + padding))
    with pytest.raises(Rejected) as caught:
        check_size(delivery._replace(payload=delivery.payload + padding + b" "))
    assert caught.value.reason == RejectReason.OVERSIZED


@pytest.mark.parametrize(
    "unit", [b'"', b"\\", b'\\"', b'"\\', b"{", b'{"', b'"{', b"[", b"]", b"\\u0000", b"\\\\u0000"]
)
def test_hostile_repetitions_are_answered_like_any_other(unit):
    """Each was chosen to make a naive scanner quadratic or recursive; the answer matters, not its time."""
    for payload in (unit * (MAX_PAYLOAD // len(unit)), b'{"a":"' + unit * (60_000 // len(unit))):
        assert isinstance(outcome(example(TREE, payload=payload)), Rejected)


def test_an_uplink_heard_by_forty_gateways_is_taken():
    message = json.loads(example(TREE).payload)
    message["rxInfo"] = message["rxInfo"] * 13
    assert not isinstance(outcome(example(TREE, payload=json.dumps(message).encode())), Rejected)


def refuses(check, value) -> bool:
    try:
        check(value)
    except Rejected:
        return True
    return False


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


def holds_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any("\0" in key or holds_nul(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(holds_nul, value))
    return isinstance(value, str) and "\0" in value


def holds_big_integer(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(holds_big_integer, value.values()))
    if isinstance(value, list):
        return any(map(holds_big_integer, value))
    return isinstance(value, int) and not -(2**63) <= value < 2**63
