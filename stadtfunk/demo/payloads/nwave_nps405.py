"""Nwave NPS405 (G4).

fPort 1 status: bit 0 = occupied, bits 7-1 = coded duration of the previous state · fPort 2 heartbeat, 6 bytes:
bit 0 = occupied, battery 2500 + 4b mV, temperature i8/2 + 10 Cel now, lowest, highest, current 10b uA ·
fPort 3 start-up: firmware major.minor.patch, reset cause, bit 0 = occupied.

Duration code c: below 90 minutes as they are; 90 to 119 five-minute steps from 90; 120 to 126 hours from 240 min;
127 for 660 minutes and more.
"""

STATUS_PORT = 1
HEARTBEAT_PORT = 2
STARTUP_PORT = 3
_FIRMWARE = bytes((2, 4, 9))
_WATCHDOG = 1


def status(*, occupied: bool, previous_minutes: float) -> bytes:
    """The state has changed after `previous_minutes` in the other one."""
    return bytes((duration_code(previous_minutes) << 1 | occupied,))


def heartbeat(*, occupied: bool, temperature_c: float, battery_v: float) -> bytes:
    """The state has not changed."""
    now = _temperature(temperature_c)
    battery = min(255, max(0, round((battery_v * 1000 - 2500) / 4)))
    return bytes((occupied, battery, now, _temperature(temperature_c - 3), _temperature(temperature_c + 3), 11))


def startup(*, occupied: bool) -> bytes:
    """The sensor was restarted by its watchdog; the occupancy bit is no sighting."""
    return _FIRMWARE + bytes((_WATCHDOG, occupied))


def duration_code(minutes: float) -> int:
    """The 7-bit code of a duration; longer durations are coded more coarsely."""
    whole = int(minutes)
    if whole < 90:
        return whole
    if whole < 240:
        return 90 + (whole - 90) // 5
    if whole < 660:
        return 120 + (whole - 240) // 60
    return 127


def _temperature(celsius: float) -> int:
    return round((celsius - 10) * 2) & 0xFF
