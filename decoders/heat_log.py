"""From M-Bus records that stand for different times to heat readings: one for now, one for each time of the past.

Records of one storage number belong together: a date or time among them says when the others were, a profile leads from
them further back. What has storage number 0 is of now.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from decoders.decoder import MAX_READINGS
from decoders.errors import DecodeError, RejectReason
from decoders.heat import METER_ID, HeatTelegram, heat_field
from decoders.mbus.header import Function
from decoders.mbus.profiles import INVERSE_PROFILE, inverse_samples, is_inverse_profile
from decoders.mbus.records import Record
from decoders.mbus.vif import Measure
from decoders.reader import ByteReader
from decoders.readings import HeatMeter, QualityFlag
from decoders.uplink import EARLIEST, Uplink

_AHEAD = timedelta(days=1)
"""A meter's clock may be local time, and wrong by some hours."""

_MORE = 0x80
_STORAGE_OF_DIF, _STORAGE_OF_DIFE = 0x40, 0x0F
_TIMES = (Measure.DATE, Measure.DATE_TIME)


@dataclass(slots=True)
class HeatLog:
    """The readings of one payload.

    Attributes:
        own_fields: fields of HeatMeter by the maker's own VIFE.
    """

    uplink: Uplink
    data: ByteReader
    own_fields: dict[bytes, str] = field(default_factory=dict)
    subject: str = ""
    flags: QualityFlag = QualityFlag(0)
    _now: HeatTelegram = field(default_factory=HeatTelegram)
    _past: dict[datetime, HeatTelegram] = field(default_factory=dict)
    _left_out: int = 0

    def readings(self, found: Sequence[Record]) -> list[HeatMeter]:
        """The current reading, if there is one, and those of the past, newest first.

        Raises:
            DecodeError: INVALID_PAYLOAD for a profile without the value or time that it begins at.
        """
        self._take_current([record for record in found if not record.header.storage])
        for storage in sorted({record.header.storage for record in found} - {0}):
            self._take_stored([record for record in found if record.header.storage == storage])
        if self._left_out:
            self.data.warn(f"{self._left_out} record(s) stand for no field")
        return list(self._made())

    def _take_current(self, found: Iterable[Record]) -> None:
        for record in found:
            own = self.own_fields.get(record.header.manufacturer)
            if not record.header.data_field:
                self._left_out += 1
            elif own is not None:
                self._now.put(own, record)
            elif not self._now.add(record):
                self._left_out += 1

    def _take_stored(self, found: Sequence[Record]) -> None:
        at = _time_of(found)
        if at is None or not EARLIEST <= at <= self.uplink.ns_time + _AHEAD:
            self._take_untimed(found)
            return
        self._put_all(self._past.setdefault(at, HeatTelegram(flags=QualityFlag.HISTORY)), found)
        for profile in filter(is_inverse_profile, found):
            self._take_profile(profile, _base(profile, found), at)

    def _take_untimed(self, found: Sequence[Record]) -> None:
        """Values of a time that nobody knows: at our time with a flag, unless there are current ones."""
        if any(map(is_inverse_profile, found)):
            raise DecodeError(RejectReason.INVALID_PAYLOAD, "profile without a credible time")
        if self._now.values:
            self._left_out += sum(not self._now.add(record) for record in found if not _is_time(record))
            return
        self._put_all(self._now, found)
        if self._now.values:
            self._now.flags |= QualityFlag.CLOCK

    def _put_all(self, telegram: HeatTelegram, found: Sequence[Record]) -> None:
        for record in found:
            name = self.own_fields.get(record.header.manufacturer) or _field_of_any_storage(record.header.raw)
            if _is_time(record) or is_inverse_profile(record):
                continue
            if name is None or name == METER_ID or not record.header.data_field:
                self._left_out += 1
                continue
            if record.value is not None and telegram.values.get(name, name) is None:
                del telegram.values[name]  # a valid value goes before an invalid one of the same register
            telegram.put(name, record)

    def _take_profile(self, profile: Record, base: Record | None, at: datetime) -> None:
        name = _field_of_profile(profile.header.raw)
        if base is None or not isinstance(base.value, (int, float)):
            raise DecodeError(RejectReason.INVALID_PAYLOAD, "profile without the value that it begins at")
        if name is None:
            self._left_out += 1
            return
        for sample in inverse_samples(profile, base.value, at):
            if sample.at < EARLIEST:
                return
            past = self._past.setdefault(sample.at, HeatTelegram(flags=QualityFlag.HISTORY))
            past.values.setdefault(name, sample.value)

    def _made(self) -> Iterator[HeatMeter]:
        subject = self.subject or self._now.subject
        if self._now.values or self._now.flags:
            flags = self._now.flags | self.flags
            yield HeatMeter.of(self.uplink, self._now.values, subject=subject, flags=flags)
        newest = sorted(self._past, reverse=True)
        if len(newest) >= MAX_READINGS:
            self.data.warn(f"{len(newest) - MAX_READINGS + 1} of the oldest values are left out")
        for at in newest[: MAX_READINGS - 1]:
            past = self._past[at]
            if past.values:
                yield HeatMeter.of(self.uplink, past.values, subject=subject, flags=past.flags, observed_at=at)


def _is_time(record: Record) -> bool:
    return record.header.vif.measure in _TIMES


def _time_of(found: Iterable[Record]) -> datetime | None:
    """When the values of a storage number were: a time, or the beginning of a day."""
    for record in found:
        if isinstance(record.value, datetime):
            return record.value
        if isinstance(record.value, date):
            return datetime(record.value.year, record.value.month, record.value.day, tzinfo=UTC)
    return None


def _base(profile: Record, found: Iterable[Record]) -> Record | None:
    """The plain record of the same quantity."""
    for record in found:
        header = record.header
        same = header.vif == profile.header.vif and header.function is Function.INSTANTANEOUS
        if same and not (header.modifiers or header.manufacturer) and record.value is not None:
            return record
    return None


@lru_cache(maxsize=256)
def _field_of_any_storage(raw_header: bytes) -> str | None:
    """The field that a record with this header would be if it were of now."""
    plain = bytearray(raw_header)
    plain[0] &= ~_STORAGE_OF_DIF
    at = 0
    while plain[at] & _MORE:
        at += 1
        plain[at] &= ~_STORAGE_OF_DIFE
    return heat_field(bytes(plain))


@lru_cache(maxsize=256)
def _field_of_profile(raw_header: bytes) -> str | None:
    """The field of the register whose profile this is: the same header without the last extension."""
    if raw_header[-1] != INVERSE_PROFILE:
        return None
    register = raw_header[:-2] + bytes((raw_header[-2] & ~_MORE,))
    return _field_of_any_storage(register)
