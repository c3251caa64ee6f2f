"""Times and deduplication ids in the form in which ChirpStack writes them."""

from functools import lru_cache

from stadtfunk.demo.clock import MINUTE, SECOND, moment


def rfc3339(at: int) -> bytes:
    """`at` nanoseconds with nine digits of fraction."""
    minute, rest = divmod(at, MINUTE)
    return b"%b%02d.%09d+00:00" % (_minute(minute), *divmod(rest, SECOND))


def rfc3339_us(at: int) -> bytes:
    """`at` microseconds with six digits of fraction."""
    minute, rest = divmod(at, 60_000_000)
    return b"%b%02d.%06d+00:00" % (_minute(minute), *divmod(rest, 1_000_000))


def uuid_text(identities: bytes, number: int) -> bytes:
    """The version 4 UUID made of the 16 random bytes at `number`."""
    digits = identities[16 * number : 16 * number + 16].hex().encode()
    return b"%b-%b-4%b-a%b-%b" % (digits[:8], digits[8:12], digits[13:16], digits[17:20], digits[20:])


@lru_cache(maxsize=4096)
def _minute(number: int) -> bytes:
    return moment(number * MINUTE).strftime("%Y-%m-%dT%H:%M:").encode()
