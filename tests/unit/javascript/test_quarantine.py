"""Who overruns five times in a row is not run, longer each time; whoever keeps the time is forgiven."""

import pytest

from decoders.javascript import CodecSource
from decoders.sandbox.quarantine import FIRST_WAIT, LONGEST_WAIT, PATIENCE, Quarantine

BAD = CodecSource("bad", "for (;;);")
GOOD = CodecSource("good", "")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quarantine(clock) -> Quarantine:
    return Quarantine(clock)


def test_patience_ends_after_five_in_a_row(quarantine):
    for _ in range(PATIENCE - 1):
        quarantine.overran(BAD)
        assert quarantine.allows(BAD)
    quarantine.overran(BAD)
    assert not quarantine.allows(BAD)
    assert quarantine.allows(GOOD)
    assert quarantine.names == ("bad",)


def test_an_answer_between_starts_anew(quarantine):
    for _ in range(PATIENCE - 1):
        quarantine.overran(BAD)
    quarantine.answered(BAD)
    for _ in range(PATIENCE - 1):
        quarantine.overran(BAD)
    assert quarantine.allows(BAD)


def test_it_may_try_again_and_waits_twice_as_long(quarantine, clock):
    for _ in range(PATIENCE):
        quarantine.overran(BAD)
    wait = FIRST_WAIT
    while wait < LONGEST_WAIT:
        clock.now += wait - 0.1
        assert not quarantine.allows(BAD)
        clock.now += 0.1
        assert quarantine.allows(BAD)
        assert quarantine.names == ()
        quarantine.overran(BAD)
        wait *= 2
    clock.now += LONGEST_WAIT
    assert quarantine.allows(BAD)
    quarantine.answered(BAD)
    quarantine.overran(BAD)
    assert quarantine.allows(BAD)
