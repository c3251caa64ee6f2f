"""Durations as people write them in a configuration: `30s`, `10m`, `2h`, `7d`, or ISO 8601 such as `PT10M`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([smhd])\s*$")


def parse(value: object) -> object:
    """A text of the short form as a duration; anything else as it is, for pydantic to judge."""
    match = _FORM.match(value) if isinstance(value, str) else None
    return value if match is None else timedelta(seconds=float(match[1]) * _SECONDS[match[2]])


Duration = Annotated[timedelta, BeforeValidator(parse), Field(ge=timedelta(0), le=timedelta(days=3660))]
