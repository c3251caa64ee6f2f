"""Shadow decoding: a second decoder reads what the live one has read, stores nothing, and its differences are counted.

It runs behind the pipeline, on a bounded queue and with worker processes of its own: a shadow that is slow, hangs or
fails costs uplinks that are not compared, never the live ones. Values of households are counted, not shown.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from time import monotonic
from typing import Final, NamedTuple

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.javascript import CodecPool, CodecResult
from decoders.mapping import ShadowMapping
from decoders.readings import Reading
from decoders.uplink import Privacy, Uplink
from ingest.comparison import Compared, compare
from ingest.metrics import Metrics
from storage.batch import Outcome, Record

log = logging.getLogger(__name__)

MAX_WAITING: Final = 2000
"""Uplinks that wait to be decoded a second time; what comes on top is not compared."""
SLICE: Final = 10
REQUEST: Final = 100
REMEMBERED: Final = 100
"""Differences that are kept as examples."""
LOG_EVERY: Final = 60.0
"""Seconds between two log lines about the same field."""
_PAUSE: Final = 1.0


class Verdict(StrEnum):
    """What became of one comparison."""

    AGREE = "agree"
    DIFFER = "differ"
    SHADOW_REFUSED = "shadow_refused"
    LIVE_REFUSED = "live_refused"
    BOTH_REFUSED = "both_refused"
    SKIPPED = "skipped"
    """Not compared: the shadow did not keep up, or could not run."""


class Difference(NamedTuple):
    """An example. Values are None where a side has none, and for households; a refusal has its reason as value."""

    received_at: datetime
    dev_eui: str
    f_cnt: int
    decoder: str
    shadow: str
    kind: str
    channel: int
    field: str
    live: object
    beside: object


class _Pair(NamedTuple):
    """An uplink with what the live decoder made of it, and the decoder to try."""

    uplink: Uplink
    live: str
    readings: Sequence[Reading]
    refused: RejectReason | None
    shadow: Decoder


class Shadow:
    """Compares until cancelled.

    Args:
        pool: makes the worker processes for shadows that are vendors' codecs; called when the first is needed.
        clock: monotonic seconds, for the log's sake.
    """

    def __init__(
        self,
        metrics: Metrics,
        pool: Callable[[], CodecPool] = CodecPool,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._metrics = metrics
        self._make = pool
        self._clock = clock
        self._pool: CodecPool | None = None
        self._waiting: deque[_Pair] = deque()
        self._filled = asyncio.Event()
        self._offered = 0
        self._differences: deque[Difference] = deque(maxlen=REMEMBERED)
        self._logged: dict[tuple[str, ...], float] = {}

    def offer(self, shadows: ShadowMapping | None, records: Sequence[Record]) -> None:
        """Take what is to be compared of a batch that the live decoders have done; costs no waiting."""
        if shadows is None:
            return
        for record in records:
            uplink = record.event
            if not isinstance(uplink, Uplink) or record.outcome not in (Outcome.DECODED, Outcome.FAILED):
                continue
            assert record.decoder is not None
            choice = shadows.resolve(uplink, record.decoder.name)
            if choice is not None and self._is_due(shadows.share):
                self._take(_Pair(uplink, record.decoder.name, record.readings, record.reason, choice.decoder))

    async def run(self) -> None:
        """Compare what is waiting, a little at a time."""
        while True:
            await self._filled.wait()
            pairs = [self._waiting.popleft() for _ in range(min(REQUEST, len(self._waiting)))]
            if not self._waiting:
                self._filled.clear()
            try:
                await self._examine(pairs)
            except Exception as error:  # noqa: BLE001  (whatever it is, a shadow must not end the service)
                log.error("shadow_failed uplinks=%d error=%s", len(pairs), type(error).__name__)
                for pair in pairs:
                    self._count(pair, Verdict.SKIPPED)
                await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            await self._pool.close()

    def differences(self) -> list[Mapping[str, object]]:
        """The latest examples as plain values, the newest first."""
        return [{**one._asdict(), "received_at": one.received_at.isoformat()} for one in reversed(self._differences)]

    def _is_due(self, share: float) -> bool:
        """True for `share` of all calls, evenly."""
        self._offered += 1
        return int(self._offered * share) > int((self._offered - 1) * share)

    def _take(self, pair: _Pair) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._count(pair, Verdict.SKIPPED)
            return
        self._waiting.append(pair)
        self._filled.set()

    async def _examine(self, pairs: Sequence[_Pair]) -> None:
        vendors = [pair for pair in pairs if pair.shadow.codec is not None]
        natives = iter([pair for pair in pairs if pair.shadow.codec is None])
        while some := list(islice(natives, SLICE)):
            for pair in some:
                self._judge(pair, None)
            await asyncio.sleep(0)
        for pair, result in zip(vendors, await self._run(vendors), strict=True):
            self._judge(pair, result)
            await asyncio.sleep(0)

    async def _run(self, pairs: Sequence[_Pair]) -> Sequence[CodecResult]:
        if not pairs:
            return ()
        if self._pool is None:
            self._pool = self._make()
        return await self._pool.run([pair.shadow.codec.call(pair.uplink) for pair in pairs if pair.shadow.codec])

    def _judge(self, pair: _Pair, result: CodecResult | None) -> None:
        """Decode and compare; `result` is what the shadow's codec answered, None for a native one."""
        decoder, uplink = pair.shadow, pair.uplink
        try:
            decoded = decoder.decode(uplink) if result is None else decoder.understand(result, uplink)
        except DecodeError as refusal:
            self._refused(pair, refusal.reason)
            return
        if pair.refused is not None:
            self._count(pair, Verdict.LIVE_REFUSED)
            self._remember(pair, "refused", pair.refused.value, None)
            return
        compared = list(compare(pair.readings, decoded.readings))
        for (kind, field, agrees), count in Counter((one.kind.kind, one.field, one.agrees) for one in compared).items():
            self._metrics.shadow_fields(pair.live, decoder.name, kind, field, agrees=agrees, count=count)
        differing = [one for one in compared if not one.agrees]
        self._count(pair, Verdict.DIFFER if differing else Verdict.AGREE)
        for one in differing:
            self._show(pair, one)

    def _refused(self, pair: _Pair, reason: RejectReason) -> None:
        self._count(pair, Verdict.SHADOW_REFUSED if pair.refused is None else Verdict.BOTH_REFUSED)
        if pair.refused is None:
            self._remember(pair, "refused", None, reason.value)

    def _show(self, pair: _Pair, one: Compared) -> None:
        private = one.kind.privacy is Privacy.HOUSEHOLD
        live, shadow = (None, None) if private else (_plain(one.live), _plain(one.shadow))
        self._remember(pair, one.field, live, shadow, kind=one.kind.kind, channel=one.channel)

    def _remember(
        self, pair: _Pair, field: str, live: object, shadow: object, *, kind: str = "", channel: int = 0
    ) -> None:
        """Keep an example, and log one per field and minute."""
        uplink, beside = pair.uplink, pair.shadow.name
        at = uplink.received_at.astimezone(UTC)
        example = Difference(at, uplink.dev_eui, uplink.f_cnt, pair.live, beside, kind, channel, field, live, shadow)
        self._differences.append(example)
        topic, now = (pair.live, beside, kind, field), self._clock()
        if now - self._logged.get(topic, -LOG_EVERY) >= LOG_EVERY:
            self._logged[topic] = now
            log.info("shadow_difference %s", " ".join(f"{name}={value}" for name, value in example._asdict().items()))

    def _count(self, pair: _Pair, verdict: Verdict) -> None:
        self._metrics.shadow_compared(pair.live, pair.shadow.name, verdict.value)


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
