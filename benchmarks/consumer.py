"""The measured process: the whole service, or a null consumer that only receives and acks. Run by `benchmarks.drain`.

`python -m benchmarks.consumer '<json>'` consumes `messages` messages and prints one line of JSON: seconds from the
first message to the last ack, CPU seconds of this process in that time, and its peak resident memory.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import Settings
from ingest.delivery import Delivery
from ingest.mqtt.subscription import MqttSubscription, subscribe
from stadtfunk.app import GC_THRESHOLDS, Service
from storage.spool import Spool

POLL_SECONDS = 0.005


@dataclass(slots=True)
class Stopwatch:
    """Counts acks; runs from the first delivery to the last ack."""

    messages: int
    acked: int = 0
    started: float = 0.0
    cpu: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    seconds: float = 0.0

    def start(self) -> None:
        if not self.started:
            self.started, self.cpu = time.perf_counter(), time.process_time()

    def ack(self, count: int) -> None:
        self.acked += count
        if self.acked >= self.messages and not self.done.is_set():
            self.seconds = time.perf_counter() - self.started
            self.cpu = time.process_time() - self.cpu
            self.done.set()

    def report(self) -> dict[str, float]:
        return {
            "seconds": self.seconds,
            "cpu": self.cpu,
            "rss_mb": peak_rss_mb(),
        }


def peak_rss_mb() -> float:
    """Peak resident memory of this program alone: `ru_maxrss` would begin with that of the process that started it."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def watch(subscription: MqttSubscription, clock: Stopwatch) -> None:
    """Let the subscription's own calls drive the stopwatch."""
    batches, ack = subscription.batches, subscription.ack

    async def timed_batches() -> Any:  # noqa: ANN401 (an async generator in place of a method)
        async for batch in batches():
            clock.start()
            yield batch

    def timed_ack(deliveries: Sequence[Delivery]) -> None:
        ack(deliveries)
        clock.ack(len(deliveries))

    subscription.batches = timed_batches  # type: ignore[method-assign]
    subscription.ack = timed_ack  # type: ignore[method-assign]


async def null_consumer(settings: Settings, messages: int) -> dict[str, float]:
    """Receive and ack, nothing else: what the transport alone can do."""
    subscription, clock = subscribe(settings.sources[0]), Stopwatch(messages)
    watch(subscription, clock)

    async def consume() -> None:
        async for batch in subscription.batches():
            subscription.ack(batch)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(subscription.run())
        tasks.create_task(consume())
        await clock.done.wait()
        await subscription.close()
    return clock.report()


async def service(settings: Settings, messages: int) -> dict[str, float]:
    """The whole program: receive, parse, decode, write, ack, with health, metrics, drain and maintenance."""
    spool = Spool(settings.spool)
    running, clock = Service(settings, spool), Stopwatch(messages)
    watch(running.subscriptions[0], clock)
    task = asyncio.create_task(running.run())
    done = asyncio.create_task(clock.done.wait())
    await asyncio.wait({task, done}, return_when=asyncio.FIRST_COMPLETED)
    report = clock.report() | {"stored": running.totals.uplinks, "duplicates": running.totals.duplicates}
    running.stop()
    await task
    done.cancel()
    spool.close()
    return report


def main() -> None:
    """Run one consumer as the argument says."""
    order = json.loads(sys.argv[1])
    settings = Settings.model_validate(order["settings"])
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    consumer = null_consumer if order["null"] else service
    profile = order.get("profile")
    if profile:
        import cProfile

        with cProfile.Profile() as profiler:
            report = asyncio.run(consumer(settings, order["messages"]))
        profiler.dump_stats(Path(profile))
    else:
        report = asyncio.run(consumer(settings, order["messages"]))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
