"""Field types and small conversions that the wire formats share: ids, counters, places, data rates.

The bounds are those of the protocol and of the columns that keep the values; a message outside of them is refused
with the path of the field before anything is stored.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Protocol

from msgspec import Meta

from decoders.errors import Rejected, RejectReason
from decoders.uplink import UplinkFlag

Text = Annotated[str, Meta(max_length=1024)]
Tags = dict[Text, Text]
JsonObject = dict[str, object]
Time = Annotated[datetime, Meta(tz=True)]
Payload = Annotated[bytes, Meta(max_length=242)]
"""LoRaWAN's largest application payload is 242 bytes."""
GatewayName = Annotated[str, Meta(min_length=1, max_length=64)]
DeduplicationId = Annotated[str, Meta(max_length=36)]
"""Empty or a UUID, by `uuid`."""
DevAddr = Annotated[str, Meta(max_length=8)]
"""Empty or eight hex digits, by `dev_addr`. Patterns here would add half to the time of decoding an uplink."""
FrameCounter = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Unsigned32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Port = Annotated[int, Meta(ge=0, le=255)]
Index = Annotated[int, Meta(ge=0, le=2**15 - 1)]
Rssi = Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)]
Snr = Annotated[float, Meta(ge=-1000, le=1000)]

FLAGS = tuple(UplinkFlag(bits) for bits in range(2 * max(UplinkFlag)))
"""`UplinkFlag` by its bits: combining enum members costs more than parsing the rest of a field."""

_is_dev_addr = re.compile(r"[0-9a-f]{8}").fullmatch
_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch

Place = tuple[float | None, float | None, float | None]
UNKNOWN_PLACE: Place = (None, None, None)


class Location(Protocol):
    """Coordinates as the models of both servers name them; absent ones are 0.0."""

    latitude: float
    longitude: float
    altitude: float


def place(location: Location | None) -> Place:
    """Latitude, longitude and altitude; all None where the server does not know them.

    An empty location means "not configured", not the point 0/0 in the Gulf of Guinea. A place that is none costs
    the place, not the uplink: it was typed by hand into some gateway registry.
    """
    if location is None:
        return UNKNOWN_PLACE
    latitude, longitude, altitude = location.latitude, location.longitude, location.altitude
    if latitude == 0.0 == longitude or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return UNKNOWN_PLACE
    return latitude, longitude, altitude if -1000 <= altitude <= 10_000 else None


@lru_cache(maxsize=256)
def lora_data_rate(spreading_factor: int, bandwidth: int) -> str:
    """`SF9BW125` for spreading factor 9 at a bandwidth of 125,000 Hz; empty where one of them is unknown."""
    return f"SF{spreading_factor}BW{bandwidth / 1000:g}" if spreading_factor and bandwidth else ""


def fsk_data_rate(bits_per_second: int) -> str:
    """`FSK50` for 50,000 bit/s; empty where it is unknown."""
    return f"FSK{bits_per_second / 1000:g}" if bits_per_second else ""


LR_FHSS_DATA_RATE = "LRFHSS"


def dev_addr(text: str, path: str) -> str:
    """A device address as 8 lower-case hex digits, or empty.

    Raises:
        Rejected: INVALID_FIELD at `path`.
    """
    lowered = text.lower()
    if lowered and not _is_dev_addr(lowered):
        raise Rejected(RejectReason.INVALID_FIELD, f"{path}: expected 8 hex digits")
    return lowered


def uuid(text: str, path: str) -> str:
    """A UUID in its usual form with lower-case hex digits, or empty.

    Raises:
        Rejected: INVALID_FIELD at `path`.
    """
    lowered = text.lower()
    if lowered and not is_uuid(lowered):
        raise Rejected(RejectReason.INVALID_FIELD, f"{path}: expected a UUID")
    return lowered


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID in its usual form with lower-case hex digits."""
    return _uuid(text) is not None


def eui(text: str, path: str) -> str:
    """An EUI-64 as 16 lower-case hex digits.

    Raises:
        Rejected: INVALID_FIELD at `path`.
    """
    lowered = text.lower()
    if not is_eui(lowered):
        raise Rejected(RejectReason.INVALID_FIELD, f"{path}: expected 16 hex digits")
    return lowered


def is_eui(text: str) -> bool:
    """Whether `text` is exactly 16 lower-case hex digits."""
    try:
        return len(text) == 16 and bytes.fromhex(text).hex() == text
    except ValueError:
        return False


def check_identity(body: str, topic: str) -> None:
    """The body must name what the topic names: the broker's access rules protect the topic alone.

    Raises:
        Rejected: IDENTITY_MISMATCH.
    """
    if body != topic:
        raise Rejected(RejectReason.IDENTITY_MISMATCH, "topic and body name different devices or gateways")


def cut(text: str, length: int = 1024) -> str:
    """At most `length` characters of a text for people, marked where it was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def present(**fields: object) -> dict[str, object]:
    """The fields that say something: without None, empty texts and empty collections."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", {}, [])}
