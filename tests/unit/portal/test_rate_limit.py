"""Back-off of logins, with a clock of the test."""

import pytest

from portal.rate_limit import ADDRESS, FORGIVE_AFTER, MAX_ENTRIES, PAIR, USER, LoginLimiter


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limiter(clock):
    return LoginLimiter(clock)


def fail(limiter, times, name="olga", address="192.0.2.1"):
    for _ in range(times):
        limiter.failed(name, address)


def test_the_first_failures_are_free(limiter):
    fail(limiter, PAIR.free - 1)
    assert limiter.wait("olga", "192.0.2.1") == 0


def test_each_further_failure_doubles_the_wait_up_to_the_longest(limiter):
    fail(limiter, PAIR.free - 1)
    waits = []
    for _ in range(14):
        fail(limiter, 1)
        waits.append(limiter.wait("olga", "192.0.2.1"))
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == PAIR.longest


def test_the_wait_passes(limiter, clock):
    fail(limiter, PAIR.free + 3)
    assert limiter.wait("olga", "192.0.2.1") == 8
    clock.now += 7
    assert limiter.wait("olga", "192.0.2.1") == 1
    clock.now += 1
    assert limiter.wait("olga", "192.0.2.1") == 0


def test_an_attacker_elsewhere_cannot_lock_a_user_out_for_long(limiter):
    for number in range(200):
        fail(limiter, 1, address=f"198.51.100.{number}")
    assert 0 < limiter.wait("olga", "192.0.2.1") <= USER.longest


def test_an_address_that_tries_many_names_is_slowed(limiter):
    for number in range(ADDRESS.free + 4):
        fail(limiter, 1, name=f"user{number}")
    assert limiter.wait("another", "192.0.2.1") == 16
    assert limiter.wait("another", "192.0.2.2") == 0


def test_an_ipv6_subscriber_is_one_address(limiter):
    for number in range(PAIR.free + 1):
        fail(limiter, 1, address=f"2001:db8:1:2::{number:x}")
    assert limiter.wait("olga", "2001:db8:1:2:ffff::1") > 0
    assert limiter.wait("olga", "2001:db8:1:3::1") == 0


def test_success_forgives_the_pair_but_not_the_address(limiter):
    fail(limiter, ADDRESS.free + 2, name="other")
    limiter.failed("olga", "192.0.2.1")
    limiter.succeeded("olga", "192.0.2.1")
    assert limiter.wait("olga", "192.0.2.1") > 0  # the address has failed too often with another name
    assert limiter.wait("olga", "192.0.2.9") == 0


def test_one_who_always_succeeds_is_never_slowed(limiter):
    for _ in range(500):
        assert limiter.wait("olga", "192.0.2.1") == 0
        limiter.failed("olga", "192.0.2.1")
        limiter.succeeded("olga", "192.0.2.1")


def test_old_failures_are_forgiven(limiter, clock):
    fail(limiter, 20)
    clock.now += FORGIVE_AFTER + 1
    assert limiter.wait("olga", "192.0.2.1") == 0
    fail(limiter, 1)
    assert limiter.wait("olga", "192.0.2.1") == 0


def test_many_tries_at_once_count_before_they_are_proved(limiter):
    allowed = 0
    for _ in range(50):
        if limiter.wait("olga", "192.0.2.1") == 0:
            allowed += 1
            limiter.failed("olga", "192.0.2.1")
    assert allowed == PAIR.free


def test_memory_is_bounded(limiter):
    for number in range(MAX_ENTRIES):
        limiter.failed(f"user{number}", f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(limiter._counts) <= MAX_ENTRIES
