"""What readings of a field table have in common, whatever its format: when they come, their flags, their constants."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import BayEvent, ParkingBay, QualityFlag, Reading
from decoders.table_fields import Convert, TableField, converter, meaning
from decoders.table_settings import Condition, TableReading, TableSettings
from decoders.uplink import Uplink

NO_FLAGS = QualityFlag(0)

Holds = Callable[[Uplink], bool]


class Form(NamedTuple):
    """What readings of both formats have in common: the kind, when it comes, and its flags."""

    kind: type[Reading]
    channel: int
    holds: Holds
    constants: Mapping[str, object]
    flags: Sequence[tuple[Holds, QualityFlag]]

    @classmethod
    def of(cls, reading: TableReading) -> "Form":
        kind = reading.model
        constants = {
            name: meaning(kind, name, field.value) for name, field in reading.fields.items() if field.value is not None
        }
        flags = [(_condition(condition), QualityFlag[flag]) for flag, condition in reading.flags.items()]
        return cls(kind, reading.channel, _condition(reading.when), constants, flags)

    def reading(self, uplink: Uplink, measured: dict[str, object], flags: QualityFlag, *, subject: str = "") -> Reading:
        """The reading of what was measured, with the constants and the flags whose condition holds."""
        measured.update(self.constants)
        for holds, flag in self.flags:
            if holds(uplink):
                flags |= flag
        if self.kind is ParkingBay:
            flags = _told_apart(measured, flags)
        return self.kind.of(uplink, measured, flags=flags, subject=subject, channel=self.channel)


def _told_apart(bay: dict[str, object], flags: QualityFlag) -> QualityFlag:
    """A start-up is no sighting: its event and its flag come together, whichever of them the table names."""
    if QualityFlag.STARTUP in flags:
        bay["event"] = BayEvent.STARTUP
    elif bay.get("event") is BayEvent.STARTUP:
        flags |= QualityFlag.STARTUP
    if QualityFlag.STARTUP in flags:
        bay["occupied"] = None
    return flags


def converters(kind: type[Reading], fields: Mapping[str, TableField]) -> list[tuple[str, Convert]]:
    """The fields whose scaled number is not yet their value, and how it becomes one."""
    named = [(name, converter(kind, name, field)) for name, field in fields.items()]
    return [(name, to_value) for name, to_value in named if to_value is not None]


def convert(values: dict[str, object], converters: Sequence[tuple[str, Convert]], data: ByteReader) -> None:
    """Numbers become values of their field's type; one without a meaning becomes None with a warning."""
    for name, to_value in converters:
        number = values.get(name)
        if isinstance(number, (int, float)):
            values[name] = to_value(number)
            if values[name] is None:
                data.warn(f"{name}: a number that the table gives no meaning")


def _condition(condition: Condition) -> Holds:
    """The condition as a function; a byte that the payload does not have is never equal to anything."""
    ports, least, most = condition.f_port, condition.min_size, condition.max_size
    wanted = [(int(offset, 0), byte.mask, frozenset(byte.equals)) for offset, byte in condition.bytes.items()]

    def holds(uplink: Uplink) -> bool:
        payload = uplink.payload
        if (ports and uplink.f_port not in ports) or not least <= len(payload) <= most:
            return False
        return all(offset < len(payload) and payload[offset] & mask in equals for offset, mask, equals in wanted)

    return holds


def refusal(table: TableSettings) -> Callable[[Uplink], DecodeError]:
    """Why an uplink for which no reading of the table is meant is refused."""
    conditions = [reading.when for reading in table.readings]
    looked_at = {int(offset, 0) for condition in conditions for offset in condition.bytes}
    least = max(looked_at, default=-1) + 1
    shortest = min(condition.min_size for condition in conditions)

    def refused(uplink: Uplink) -> DecodeError:
        if not any(not condition.f_port or uplink.f_port in condition.f_port for condition in conditions):
            return DecodeError(RejectReason.UNKNOWN_PORT, f"the table knows no port {uplink.f_port}")
        if len(uplink.payload) < max(least, shortest):
            return DecodeError(RejectReason.TRUNCATED, f"no reading of the table fits {len(uplink.payload)} bytes")
        return DecodeError(RejectReason.INVALID_PAYLOAD, "no reading of the table is meant for this payload")

    return refused
