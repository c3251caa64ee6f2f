"""The normalised status of a charge point, whatever its source calls it, and the ids that sources write differently."""

import re
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

_SEPARATORS = re.compile(r"[^0-9A-Za-z]")


class EvseState(StrEnum):
    """What a charge point (EVSE) is doing."""

    IDLE = "IDLE"
    IDLE_RESERVED = "IDLE_RESERVED"
    IN_USE = "IN_USE"
    CONNECTED = "CONNECTED"
    """A vehicle is plugged in, no session has begun."""
    FULL = "FULL"
    """A session runs, no power flows."""
    DOWN = "DOWN"
    """Out of order: nobody can charge, so nobody is accused."""
    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    """Planned or removed: the rule is off."""
    UNKNOWN = "UNKNOWN"

    @property
    def idle(self) -> bool:
        """True when the charge point works and nobody uses it."""
        return self in (EvseState.IDLE, EvseState.IDLE_RESERVED)

    @property
    def charging(self) -> bool:
        """True during a session."""
        return self in (EvseState.IN_USE, EvseState.FULL)


class StatusEvent(NamedTuple):
    """One status as a source told it.

    Attributes:
        evse_key: see `evse_key`.
        at: the operator's time; received_at: ours.
        raw_status: the source's own word.
    """

    evse_key: str
    at: datetime
    received_at: datetime
    source: str
    status: EvseState
    raw_status: str = ""


def evse_key(evse_id: str) -> str:
    """An EVSE id as it is compared: upper case, without separators (`DE*MZX*E00801` is `DEMZXE00801`)."""
    return _SEPARATORS.sub("", evse_id).upper()
