"""Exact bounds against published figures and against their own definition."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.statistics.intervals import count_lower_bound, rate_lower_bound, share_bounds


@pytest.mark.parametrize(
    ("hits", "misses", "low", "high"),
    [(8, 2, 0.4439, 0.9748), (0, 10, 0.0, 0.3085), (10, 0, 0.6915, 1.0), (5, 5, 0.1871, 0.8129), (1, 0, 0.025, 1.0)],
)
def test_shares_as_clopper_and_pearson(hits: int, misses: int, low: float, high: float) -> None:
    assert share_bounds(hits, misses) == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_can_be_anything() -> None:
    assert share_bounds(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("count", "low"), [(0, 0.0), (1, 0.1054), (2, 0.5318), (3, 1.1021), (10, 6.2213)])
def test_counts_as_garwood(count: int, low: float) -> None:
    assert count_lower_bound(count) == pytest.approx(low, abs=5e-5)


def test_one_event_has_its_bound_in_closed_form() -> None:
    assert count_lower_bound(1, confidence=0.95) == pytest.approx(-math.log(0.95))


def test_a_rate_without_exposure_is_not_known_to_be_more_than_zero() -> None:
    assert rate_lower_bound(5, 0.0) == 0.0
    assert rate_lower_bound(10, 13.0) == pytest.approx(6.2213 / 13, abs=5e-5)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_a_share_lies_within_its_bounds(hits: int, misses: int) -> None:
    low, high = share_bounds(hits, misses)
    assert 0 <= low <= high <= 1
    if hits + misses:
        assert low <= hits / (hits + misses) <= high


@settings(deadline=None)
@given(st.integers(1, 800))
def test_more_events_raise_the_bound_and_never_above_the_count(count: int) -> None:
    assert count_lower_bound(count - 1) < count_lower_bound(count) < count
