"""The normalised status of a charge point, whatever its source calls it, and the ids that sources write differently.

The words of OCPI 2.2.1 and 2.3.0, OCPP 1.6 and 2.0.1, DATEX II and OICP do not contradict each other, so one table
reads them all. A word that nobody knows, such as one of an open enumeration, is UNKNOWN and never an error.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

RECHECK = "recheck"
"""The source of statuses that were asked for just before an alert."""

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


_WORDS = {
    EvseState.IDLE: "available blocked",  # blocked: a barrier, or a car that is not plugged in
    EvseState.IDLE_RESERVED: "reserved",
    EvseState.IN_USE: "charging occupied suspendedevse",
    EvseState.CONNECTED: "preparing finishing evconnected",
    EvseState.FULL: "suspendedev",
    EvseState.DOWN: "inoperative outoforder outofservice faulted unavailable outofstock",
    EvseState.OUT_OF_SERVICE: "planned removed evsenotfound",
    EvseState.UNKNOWN: "unknown",
}
_STATES = {word: state for state, words in _WORDS.items() for word in words.split()}
_OWN = {_SEPARATORS.sub("", state.value).lower(): state for state in EvseState if state is not EvseState.OUT_OF_SERVICE}
_ANY_WORD = _OWN | _STATES


def state_of(word: object, *, charging_state: object = "") -> EvseState:
    """What a source's word means; UNKNOWN for a word that nobody knows.

    Args:
        word: of any of the standards, or our own; upper and lower case and separators do not matter. `OutOfService`
            is OICP's word for a broken charge point.
        charging_state: OCPP 2.0.1 says beside `Occupied` what a vehicle does; it goes before the word.
    """
    state = _ANY_WORD.get(_plain(word), EvseState.UNKNOWN)
    if state is EvseState.IN_USE and charging_state:
        return _STATES.get(_plain(charging_state), state)
    return state


def _plain(word: object) -> str:
    return _SEPARATORS.sub("", word).lower() if isinstance(word, str) else ""
