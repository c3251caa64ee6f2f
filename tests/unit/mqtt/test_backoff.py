"""The wait between attempts."""

from ingest.mqtt.backoff import Backoff


def longest(low: float, high: float) -> float:
    return high


def test_the_first_retry_is_fast_and_the_later_ones_grow_to_the_ceiling() -> None:
    backoff = Backoff(uniform=longest)
    assert [backoff.next() for _ in range(8)] == [0.2, 2, 4, 8, 16, 30, 30, 30]


def test_no_later_retry_comes_within_a_second() -> None:
    backoff = Backoff(uniform=lambda low, _: low)
    assert backoff.next() == 0.1
    assert {backoff.next() for _ in range(50)} == {1.0}


def test_a_connection_that_lasted_starts_the_row_anew() -> None:
    backoff = Backoff(uniform=longest)
    for _ in range(5):
        backoff.next()
    assert backoff.next(lasted=10) == 0.2


def test_a_broker_that_restarts_again_and_again_is_found_within_seconds() -> None:
    backoff = Backoff(uniform=longest)
    for _ in range(5):
        backoff.next()
    assert {backoff.next(lasted=1.0) for _ in range(10)} == {4}
    assert [backoff.next() for _ in range(3)] == [8, 16, 30], "while it is away, the row grows as ever"


def test_a_session_that_is_taken_over_again_and_again_is_not_fought_for() -> None:
    backoff = Backoff(uniform=longest)
    assert [backoff.next(lasted=1.0, refused=True) for _ in range(5)] == [2, 4, 8, 16, 30]


def test_a_refusal_has_no_fast_retry() -> None:
    backoff = Backoff(uniform=longest)
    assert [backoff.next(refused=True) for _ in range(3)] == [2, 4, 8]


def test_waits_are_jittered() -> None:
    assert len({Backoff().next() for _ in range(20)}) > 10
