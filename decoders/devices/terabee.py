"""Terabee: people flow counters L-XL and M, people occupancy counter, and the level sensor of the same family.

Layout by port, big-endian:

    L-XL       port 1   in u32, out u32 since start, flags u8 (may be missing): bit 0 counting stopped, 1 stuck,
                        2 trouble among several devices, 3 wireless network on
    M (TPC)    port 82  in u32, out u32 since start, flags u8: bit 0 counting stopped, 1 stuck, 2 network on
    occupancy  port 83  flags u8: bit 0 stopped, 1 stuck, 2 wireless network on, 3 warming up; people in view u8; people
                        in zones 0 to 7, u8 each, FF = no such zone
    level LM   port 1   distance u16 mm, level u8 %, battery u16 mV, u8: only the battery is read here

    answers to commands, other ports: command u8 and data, or FF, command, status u8 (FF = refused). Counts that were
    asked for (port 2, command 2) are in u32, out u32; versions are on port 4.

Channels of the occupancy counter: 0 the whole view, 1 to 8 the zones 0 to 7.

Stopped, stuck and trouble raise SENSOR_FAULT, a warm-up STARTUP: what is sent is kept with the flag, totals stand
still.

Source: actility/device-catalog vendors/terabee; TheThingsNetwork/lorawan-devices vendor/terabee (lora-lm-xl).
"""

from collections.abc import Mapping, Sequence
from functools import partial

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, QualityFlag, Reading
from decoders.uplink import Uplink

_STOPPED_OR_STUCK, _TROUBLE, _WARMING_UP = 0x03, 0x04, 0x08
_NO_ZONE, _ZONES = 0xFF, 8
_ACKNOWLEDGE, _REFUSED = 0xFF, 0xFF
_COUNTS, _VERSIONS, _AREA = 2, 4, 101
_GET_COUNTS, _GET_SOFTWARE, _GET_SOFTWARE_TEXT = 2, 1, 138

_Commands = Mapping[int, Mapping[int, int]]
"""Bytes that an answer has at least, by port and command; commands that are only acknowledged have none."""

_COMMON: _Commands = {3: {1: 0, 2: 0}, 5: {1: 1, 129: 0}, 6: {1: 0}}
_COMMANDS_M_AND_OCCUPANCY: _Commands = {**_COMMON, 4: {128: 3, 138: 11, 139: 3}, 8: {1: 3, 129: 0}}
_COMMANDS_L_XL: _Commands = {
    **_COMMON,
    2: {1: 0, 2: 8, 130: 0},
    4: dict.fromkeys(range(1, 7), 3),
    7: {1: 0},
    100: {1: 2, 2: 1, 3: 2, 129: 0, 130: 0, 131: 0},
    102: {0: 0},
}
_COMMANDS_M: _Commands = {
    **_COMMANDS_M_AND_OCCUPANCY,
    2: {1: 0, 2: 8, 130: 0},
    100: {1: 2, 2: 1, 3: 4, 4: 1, 129: 0, 130: 0, 131: 0, 132: 0},
}
_COMMANDS_OCCUPANCY: _Commands = {
    **_COMMANDS_M_AND_OCCUPANCY,
    100: {1: 2, 3: 4, 5: 1, 129: 0, 131: 0, 133: 0},
    101: {1: 0, 2: 6, 3: 6, 129: 0, 130: 0, 131: 0},
}


def decode_l_xl(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port == 1:
        counts = _passages(data)
        flags = _faults(data, _STOPPED_OR_STUCK | _TROUBLE) if data.remaining else QualityFlag(0)
        return [PeopleCount.of(uplink, counts, flags=flags)]
    if uplink.f_port == _AREA:
        data.take(1)
        data.rest()
        return []
    return _answer(uplink, data, _COMMANDS_L_XL)


def decode_m(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port != 82:
        return _answer(uplink, data, _COMMANDS_M)
    counts = _passages(data)
    return [PeopleCount.of(uplink, counts, flags=_faults(data, _STOPPED_OR_STUCK))]


def decode_occupancy(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port != 83:
        return _answer(uplink, data, _COMMANDS_OCCUPANCY)
    warming_up = data.peek() & _WARMING_UP
    flags = _faults(data, _STOPPED_OR_STUCK) | (QualityFlag.STARTUP if warming_up else QualityFlag(0))
    people = [data.u8() for _ in range(1 + _ZONES)]
    return [
        PeopleCount.of(uplink, channel=channel, present=number, flags=flags)
        for channel, number in enumerate(people)
        if channel == 0 or number != _NO_ZONE
    ]


def decode_level(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    data.take(3)
    battery = data.u16() / 1000
    data.take(1)
    return [DeviceHealth.of(uplink, battery_voltage=battery)]


def _passages(data: ByteReader) -> dict[str, int]:
    return {"entered": data.u32(), "exited": data.u32()}


def _faults(data: ByteReader, bits: int) -> QualityFlag:
    faults = data.u8() & bits
    if not faults:
        return QualityFlag(0)
    data.warn(f"fault bits {faults:02x}")
    return QualityFlag.SENSOR_FAULT


def _answer(uplink: Uplink, data: ByteReader, commands: _Commands) -> Sequence[Reading]:
    acknowledged = data.peek() == _ACKNOWLEDGE
    command = data.take(1 + acknowledged)[-1]
    known = commands[uplink.f_port]
    if command not in known:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no command {command} on port {uplink.f_port}")
    if acknowledged:
        if data.u8() == _REFUSED:
            data.warn(f"command {command} was refused")
        return []
    answer = ByteReader(data.take(known[command]))
    data.rest()
    if (uplink.f_port, command) == (_COUNTS, _GET_COUNTS):
        return [PeopleCount.of(uplink, _passages(answer))]
    return _version(uplink, command, answer) if uplink.f_port == _VERSIONS else []


def _version(uplink: Uplink, command: int, answer: ByteReader) -> Sequence[Reading]:
    """The device's own version: three numbers, or a text that ends with a zero."""
    if command == _GET_SOFTWARE:
        return [DeviceHealth.of(uplink, firmware=".".join(str(part) for part in answer.take(3)))]
    if command != _GET_SOFTWARE_TEXT:
        return []
    text = answer.rest()[1:].rstrip(b"\0").decode("latin-1")
    return [DeviceHealth.of(uplink, firmware=text)] if text.isascii() and text.isprintable() else []


_decoder = partial(
    Decoder,
    version=1,
    vendor="Terabee",
    kinds=(PeopleCount, DeviceHealth),
    source="actility/device-catalog vendors/terabee",
)

DECODERS = (
    _decoder(
        name="terabee_pc_l_xl",
        model="People Flow Counting L-XL",
        function=decode_l_xl,
        profiles=(
            "Terabee People Flow Counting L-XL",
            "Terabee People Counting L-XL",
            "TB-PC-L-XL",
            "terabee/people-flow-counting-l-xl",
        ),
        f_ports=(1, _AREA, *_COMMANDS_L_XL),
    ),
    _decoder(
        name="terabee_tb_pcm",
        model="People Flow Counting M",
        function=decode_m,
        profiles=("Terabee People Flow Counting M", "TB-PCM", "terabee/people-flow-counting-m"),
        f_ports=(82, *_COMMANDS_M),
    ),
    _decoder(
        name="terabee_tb_poc",
        model="People Occupancy Counting",
        function=decode_occupancy,
        profiles=("Terabee People Occupancy Counting", "TB-POC", "terabee/people-occupancy-counting"),
        f_ports=(83, *_COMMANDS_OCCUPANCY),
    ),
    _decoder(
        name="terabee_lm_xl",
        model="Level Monitoring XL",
        function=decode_level,
        kinds=(DeviceHealth,),
        source="TheThingsNetwork/lorawan-devices vendor/terabee/lora-lm-xl",
        profiles=("Terabee Level Monitoring XL", "TB-LM-XL", "terabee/lora-lm-xl"),
        f_ports=(1,),
    ),
)
