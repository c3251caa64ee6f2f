"""This machine's clock: whether the kernel calls it synchronised. What brokers and database say is judged with them."""

import ctypes
from collections.abc import Sequence

from stadtfunk.doctor.findings import Finding, Findings, Subject, said

_TIMEX_BYTES = 512
"""More than `struct timex` has anywhere; all zero means: look, change nothing."""
_UNSYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2)."""


async def check() -> Sequence[Finding]:
    """The kernel's own word."""
    return judge(synchronised())


def synchronised() -> bool | None:
    """Whether something keeps the clock right; None where the kernel does not tell."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def judge(state: bool | None) -> list[Finding]:
    """The finding about our clock; none where nobody knows."""
    notes = Findings(Subject.CLOCK)
    if state is True:
        notes.well("synchronised", said("This machine's clock is synchronised."))
    elif state is False:
        notes.warn(
            "synchronised",
            said("Nothing synchronises this machine's clock."),
            said("`apt install systemd-timesyncd` (or chrony), then `timedatectl set-ntp true`."),
        )
    return notes.found
