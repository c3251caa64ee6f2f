"""The service under steady traffic, observed from inside its own process until its standard input is closed.

Prints one line of JSON: lag from publish to commit per message, and samples of memory and spool.
"""

import asyncio
import gc
import json
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from config.settings import Settings
from ingest.delivery import Delivery
from stadtfunk.app import GC_THRESHOLDS, Service
from storage.spool import Spool

SAMPLE_SECONDS = 0.1
_SENT_AT = re.compile(rb'"time":"([^"]{26})')


class Observer:
    """Notes lags at each ack, and memory and spool ten times a second."""

    def __init__(self, spool: Spool) -> None:
        self.lags_ms: list[float] = []
        self.samples: list[tuple[float, float, int]] = []
        self._spool = spool

    def acked(self, deliveries: Sequence[Delivery]) -> None:
        now = time.time()
        for delivery in deliveries:
            sent = _SENT_AT.search(delivery.payload)
            if sent is not None:
                at = datetime.fromisoformat(sent[1].decode() + "+00:00").timestamp()
                self.lags_ms.append((now - at) * 1000)

    async def sample(self) -> None:
        while True:
            self.samples.append((time.time(), _rss_mb(), self._spool.depth))
            await asyncio.sleep(SAMPLE_SECONDS)


async def observe(settings: Settings) -> dict[str, object]:
    """Run until standard input ends."""
    spool = Spool(settings.spool)
    running, observer = Service(settings, spool), Observer(spool)
    [subscription] = running.subscriptions
    ack = subscription.ack

    def observed_ack(deliveries: Sequence[Delivery]) -> None:
        ack(deliveries)
        observer.acked(deliveries)

    subscription.ack = observed_ack  # type: ignore[method-assign]
    task = asyncio.create_task(running.run())
    sampler = asyncio.create_task(observer.sample())
    reader = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait({task, reader}, return_when=asyncio.FIRST_COMPLETED)
    running.stop()
    await task
    sampler.cancel()
    spool.close()
    return {"lags_ms": observer.lags_ms, "samples": observer.samples}


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    """Run as the argument says."""
    gc.set_threshold(*GC_THRESHOLDS)
    print(json.dumps(asyncio.run(observe(Settings.model_validate(json.loads(sys.argv[1]))))))


if __name__ == "__main__":
    main()
