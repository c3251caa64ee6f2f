"""Who a meter is: manufacturer, number, version and medium, as the headers of its telegrams say."""

from enum import IntEnum
from typing import NamedTuple

_SIZE = 8


class Medium(IntEnum):
    """What a meter measures (EN 13757-3 table 13), as far as Stadtfunk tells them apart."""

    HEAT_OUTLET = 0x04
    HOT_WATER = 0x06
    WATER = 0x07
    HEAT_COST_ALLOCATOR = 0x08
    COOLING_OUTLET = 0x0A
    COOLING_INLET = 0x0B
    HEAT_INLET = 0x0C
    HEAT_AND_COOLING = 0x0D
    COLD_WATER = 0x16
    RADIO_CONVERTER = 0x37
    """The telegram is a converter's; an identification record says what meter it reads."""


HEAT_MEDIA = frozenset({Medium.HEAT_OUTLET, Medium.HEAT_INLET, Medium.HEAT_AND_COOLING})
COOLING_MEDIA = frozenset({Medium.COOLING_OUTLET, Medium.COOLING_INLET})


class Address(NamedTuple):
    """A meter's address.

    Attributes:
        manufacturer: two bytes as sent.
        identification: four bytes as sent (BCD, low digits first).
    """

    manufacturer: bytes
    identification: bytes
    version: int
    medium: int

    @property
    def maker(self) -> str:
        """The manufacturer's three letters, `KAM`; other characters where the code is none of the list."""
        code = int.from_bytes(self.manufacturer, "little") & 0x7FFF
        return "".join(chr(0x40 + (code >> shift & 0x1F)) for shift in (10, 5, 0))

    @property
    def number(self) -> str:
        """The number on the meter, 8 digits."""
        return self.identification[::-1].hex().upper()

    @property
    def name(self) -> str:
        """Manufacturer and number, `KAM78152801`: what the meter's readings are kept under."""
        return self.maker + self.number

    @property
    def link_field(self) -> bytes:
        """The eight bytes in the order of the link layer, as the ciphers take them."""
        return self.manufacturer + self.identification + bytes((self.version, self.medium))

    @classmethod
    def of_link(cls, field: bytes) -> "Address":
        """From manufacturer, identification, version, medium."""
        assert len(field) == _SIZE
        return cls(field[:2], field[2:6], field[6], field[7])

    @classmethod
    def of_transport(cls, field: bytes) -> "Address":
        """From identification, manufacturer, version, medium: the order of the long header."""
        assert len(field) == _SIZE
        return cls(field[4:6], field[:4], field[6], field[7])
