"""Numbers as the reader's language writes them."""

from dataclasses import dataclass
from typing import Final

from alerts.report import words as german
from alerts.statistics.intervals import Bounds
from portal.translation import ENGLISH

_SWAPPED: Final = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Writes numbers in one language; what is not known is a dash."""

    language: str

    def number(self, value: float | None, digits: int = 0) -> str:
        """`1.234,5`; `1,234.5` in English."""
        return self._localized(german.number(value, digits))

    def percent(self, value: float | None, digits: int = 0) -> str:
        """`12 %`."""
        return self._localized(german.percent(value, digits))

    def percent_range(self, bounds: Bounds) -> str:
        """`44–97 %`."""
        return german.percent_range(bounds)

    def hours(self, value: float | None) -> str:
        """`12,5 h`."""
        return self._localized(german.hours(value))

    def minutes(self, value: float | None) -> str:
        """`2 h 05 min`."""
        return german.minutes(value)

    def _localized(self, written: str) -> str:
        return written.translate(_SWAPPED) if self.language == ENGLISH else written
