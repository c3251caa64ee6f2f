"""A stage for one fault: broker, database, service and traffic, and the fault-free phase that ends every test."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Self

import psycopg

from tests.support import oracle
from tests.support.mosquitto import Mosquitto
from tests.support.oracle import Account
from tests.support.postgres import PostgresServer
from tests.support.sender import Login, Sender, publish
from tests.support.service import Service
from tests.support.traffic import Message, Traffic

DRAINED_WITHIN = 60.0
"""Seconds after the last fault in which everything acknowledged must be accounted for."""
FRESH_WITHIN = 10.0
"""Seconds in which a fresh message must be stored when all is well."""
POLL_SECONDS = 0.1

Measure = Callable[[str, str, float, str], None]
"""Takes row, what was measured, its value, and the target in words."""


@dataclass(frozen=True, slots=True)
class Size:
    """How big a run is: seconds in the normal run, the full numbers of the table in the long one."""

    long: bool

    def pick(self, short: float, long: float) -> float:
        """The number for this run."""
        return long if self.long else short

    def times(self, short: int, long: int) -> range:
        """As often as this run repeats its fault."""
        return range(long if self.long else short)

    def limit(self, promised: float) -> float:
        """The promised limit; short runs share the machine with whatever else runs and get more."""
        return promised if self.long else 4 * promised


@dataclass(slots=True)
class Stage:
    """Everything that one test has on stage; the service runs from `async with` on unless `start` is False.

    Attributes:
        dsn: the database, seen without any proxy.
        environment: variables of the service's process.
        acknowledged: ids of the messages that the broker has taken.
    """

    broker: Mosquitto
    server: PostgresServer
    database: str
    folder: Path
    traffic: Traffic
    order: random.Random
    size: Size
    measure: Measure
    source: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    database_port: int | None = None
    login: Login | None = None
    start: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.service = self.another("service")

    async def __aenter__(self) -> Self:
        if self.start:
            self.service.start()
            await self.service.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.service.kill()

    @property
    def dsn(self) -> str:
        """The database by its socket: no proxy and no partition stands between."""
        return self.server.dsn_of(self.database)

    def another(self, name: str, **changes: object) -> Service:
        """A further service in a folder of its own with the configuration of this stage.

        Args:
            changes: settings of its source.
        """
        source = {"name": "city", "host": "127.0.0.1", "port": self.broker.port, **self.source, **changes}
        dsn = self.server.tcp_dsn(self.database, port=self.database_port)
        return Service(self.folder / name, dsn, [source], settings=self.settings, environment=self.environment)

    def sending(self, rate: float) -> Sender:
        """Traffic at a steady rate during the block."""
        return Sender(self.traffic, self.acknowledged, self.broker.port, rate=rate, login=self.login)

    async def publish(self, messages: Sequence[Message], *, qos: int = 1) -> None:
        """Publish `messages` as fast as the broker takes them."""
        await publish(messages, self.broker.port, self.acknowledged, qos=qos, login=self.login)

    async def random_while(self, shortest: float, longest: float) -> None:
        """Let the traffic run for a random time."""
        await asyncio.sleep(self.order.uniform(shortest, longest))

    async def restart(self) -> float:
        """Start the service again; returns the seconds until it was ready."""
        started = monotonic()
        self.service.start()
        await self.service.ready()
        return monotonic() - started

    async def queue(self, messages: Sequence[Message]) -> None:
        """Let `messages` wait in the broker's queue for a service that is away: it is stopped, its session stays."""
        self.service.terminate()
        assert await self.service.exit_code() == 0
        await self.publish(messages)

    async def until(self, condition: Callable[[], bool], within: float = DRAINED_WITHIN) -> float:
        """Wait for `condition`, which may look at the database; returns the seconds that it took."""
        started = monotonic()
        while not await asyncio.to_thread(condition):
            waited = monotonic() - started
            assert waited < within, f"not so after {waited:.1f} s; the service says:\n{self.service.log()[-3000:]}"
            await asyncio.sleep(POLL_SECONDS)
        return monotonic() - started

    def query(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """The rows of a query in the schema of the program."""
        with psycopg.connect(self.dsn, autocommit=True, options="-c search_path=stadtfunk") as connection:
            cursor = connection.execute(sql, parameters or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        """Rows of a table."""
        [(found,)] = self.query(f"SELECT count(*) FROM {table}")
        assert isinstance(found, int)
        return found

    def account(self) -> Account:
        """The oracle's account of this moment."""
        acknowledged = frozenset(self.acknowledged)  # more may be sent while we count, from another thread
        return oracle.audit(self.dsn, self.traffic, acknowledged)

    async def drained(self, *, lost: int = 0, within: float = DRAINED_WITHIN) -> float:
        """Wait until what is acknowledged is accounted for, but for `lost` messages; returns the seconds."""

        def accounted() -> bool:
            with suppress(psycopg.OperationalError):
                if oracle.count(self.dsn) >= len(self.acknowledged) - lost:
                    return len(self.account().lost) <= lost
            return False

        started = monotonic()
        while not await asyncio.to_thread(accounted):
            waited = monotonic() - started
            assert waited < within, f"after {waited:.1f} s: {self.account()}\n{self.service.log()[-3000:]}"
            await asyncio.sleep(POLL_SECONDS)
        return monotonic() - started

    async def fresh(self) -> None:
        """Liveness: one more message arrives in time."""
        one = self.traffic.good()
        await self.publish([one])
        await self.until(
            lambda: bool(self.query("SELECT 1 FROM uplink WHERE deduplication_id = %s", one.id)), FRESH_WITHIN
        )

    async def settle(self, *, lost: int = 0, strangers: bool = False, within: float = DRAINED_WITHIN) -> Account:
        """The fault-free phase: drained, ready, then a fresh message arrives, and no invariant is broken.

        Args:
            lost: how many acknowledged messages the broker may have lost, at most.
            strangers: messages were published that the traffic does not know of.
        """
        await self.drained(lost=lost, within=within)
        await self.service.ready()
        await self.fresh()
        account = await asyncio.to_thread(self.account)
        assert len(account.lost) <= lost, str(account)
        unknown = account.invented if strangers else frozenset()
        assert not account.changed, str(account)
        assert account.duplicate <= unknown, str(account)
        assert account.invented <= unknown, str(account)
        return account
