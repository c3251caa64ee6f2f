"""Bosch parking lot sensor TPS110.

fPort 1 status: bit 0 = occupied · fPort 2 heartbeat: bit 0, then temperature int8 Cel · fPort 3 start-up, 17 bytes:
three debug records of 4 bytes, firmware major.minor.patch, reset cause, bit 0 = occupied.
"""

STATUS_PORT = 1
HEARTBEAT_PORT = 2
STARTUP_PORT = 3
_FIRMWARE = bytes((1, 0, 4))
_WATCHDOG = 1


def status(*, occupied: bool) -> bytes:
    """The state has changed."""
    return bytes((occupied,))


def heartbeat(*, occupied: bool, temperature_c: float) -> bytes:
    """The state has not changed."""
    return bytes((occupied, round(temperature_c) & 0xFF))


def startup(*, occupied: bool) -> bytes:
    """The sensor was restarted by its watchdog; the occupancy bit is no sighting."""
    return bytes(12) + _FIRMWARE + bytes((_WATCHDOG, occupied))
