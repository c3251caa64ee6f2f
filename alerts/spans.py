"""Spans of time, half open and in order: what is true when, and for how long."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

ZERO = timedelta(0)


class Span(NamedTuple):
    """From `start` up to, and without, `end`."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start

    def covers(self, at: datetime) -> bool:
        """True when `at` lies in it."""
        return self.start <= at < self.end


Spans = Sequence[Span]
"""In order, without overlaps."""


def joined(spans: Iterable[Span], *, gap: timedelta = ZERO) -> list[Span]:
    """The union of spans; two that are at most `gap` apart become one. Empty spans vanish."""
    result: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if result and span.start - result[-1].end <= gap:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def common(first: Spans, second: Spans) -> list[Span]:
    """What lies in both."""
    result: list[Span] = []
    left, right = 0, 0
    while left < len(first) and right < len(second):
        a, b = first[left], second[right]
        start, end = max(a.start, b.start), min(a.end, b.end)
        if start < end:
            result.append(Span(start, end))
        if a.end < b.end:
            left += 1
        else:
            right += 1
    return result


def without(spans: Spans, holes: Spans) -> list[Span]:
    """What is left of `spans` outside `holes`."""
    return list(_cut(spans, holes))


def covering(spans: Spans, at: datetime) -> bool:
    """True when one of the spans covers `at`."""
    return any(start <= at < end for start, end in spans)


def touching(spans: Spans, within: Span) -> Spans:
    """Those that overlap with `within` or meet it, uncut."""
    first = bisect_left(spans, within.start, key=lambda span: span.end)
    return spans[first : bisect_right(spans, within.end, first, key=lambda span: span.start)]


def edges(spans: Spans) -> Iterator[datetime]:
    """All starts and ends."""
    for span in spans:
        yield span.start
        yield span.end


def _cut(spans: Spans, holes: Spans) -> Iterator[Span]:
    for span in spans:
        start = span.start
        for hole in holes:
            if hole.end <= start:
                continue
            if hole.start >= span.end:
                break
            if hole.start > start:
                yield Span(start, hole.start)
            start = max(start, hole.end)
        if start < span.end:
            yield Span(start, span.end)
