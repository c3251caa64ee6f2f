"""The wire formats of the network servers, behind one door: `parser_for(format)` gives the function that reads one.

A parser is pure: it does no I/O and never asks for the time. Whatever bytes it gets, it returns an `Event` or raises
`Rejected`, and nothing else.
"""

from collections.abc import Callable
from enum import StrEnum

from decoders.events import Event
from ingest.delivery import Delivery
from ingest.formats import chirpstack, thethings

Parser = Callable[[Delivery], Event]


class WireFormat(StrEnum):
    """Whose messages a source delivers; the value is the word in the configuration."""

    CHIRPSTACK = "chirpstack"
    THETHINGS = "thethings"


_PARSERS: dict[WireFormat, Parser] = {
    WireFormat.CHIRPSTACK: chirpstack.parse,
    WireFormat.THETHINGS: thethings.parse,
}


def parser_for(wire_format: WireFormat) -> Parser:
    """The parser of a format; it raises nothing but `decoders.errors.Rejected`."""
    return _PARSERS[wire_format]
