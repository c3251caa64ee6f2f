"""The alert engine: evaluates every rule when its turn has come and reconciles what it finds.

One engine is active: it holds an advisory lock on the very connection that it writes with, so that one that lost the
lock can write no more. Others stand by and take over within seconds. NOTIFY and timers wake it; it never sleeps longer
than a minute. A database that is away is asked again; then all rules are made anew, because what they remember is true
only to what was committed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import psycopg

from alerts.calendar import ALWAYS
from alerts.changes import Step
from alerts.charging.store import Recheck
from alerts.clock import SteadyClock
from alerts.escalation import escalate
from alerts.learning import learn
from alerts.metrics import EngineMetrics
from alerts.reconcile import Reconciled, reconcile, retire
from alerts.settings import AlertSettings
from alerts.turns import Turn, due, pause, scheduled
from storage.database import Connection, deadline, try_lock
from storage.failures import Action, Fatal, Retryable, action_for
from storage.statements import load

log = logging.getLogger(__name__)

_QUERIES = load("alerts")

LOCK = "alert engine"
STAND_BY_SECONDS = 1.0
RETRY_SECONDS = 1.0
REFUSED_SECONDS = 30.0
ANSWER_WITHIN = 60.0
"""Seconds for a rule's whole turn; each of its statements has the limit of the connection."""
LISTEN_SECONDS = 15.0
LEARN_AFTER_SECONDS = 5.0
"""The rules' first turns come first."""
HOUSEKEEPING = timedelta(seconds=15)

_DEFECTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a rule with a mistake raises: it is told and tried again, and costs the other rules nothing."""


class Engine:
    """Everything about evaluating rules in one process.

    Args:
        connect: opens a connection with the role `alerts`.
        recheck: asks operators of charge points again; None: no source can be asked.
        clock: the time; never goes back.

    Attributes:
        active: holds the lock and evaluates.
        detail: why the database cannot be used now.
    """

    def __init__(
        self,
        settings: AlertSettings,
        connect: Callable[[], Awaitable[Connection]],
        metrics: EngineMetrics,
        *,
        recheck: Recheck | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._settings = settings
        self._policy = settings.policy()
        self._connect = connect
        self._metrics = metrics
        self._metrics.configured(len(settings.rules))
        self._recheck = recheck
        self._clock = clock or SteadyClock()
        self._turns: list[Turn] = []
        self._woken: set[str] = set()
        self._wake = asyncio.Event()
        self._kept_at: datetime | None = None
        self.active = False
        self.detail = "not connected yet"

    def use(self, settings: AlertSettings) -> None:
        """Take other rules, channels and hours over, between two turns."""
        self._settings, self._policy = settings, settings.policy()
        self._metrics.configured(len(settings.rules))
        self._turns = []
        self._kept_at = None
        self._wake.set()

    async def run(self) -> None:
        """Stand by, then evaluate, until cancelled; a database that is away, or refuses us, is waited for."""
        while True:
            while not self._settings.rules:
                self.detail = ""
                self._wake.clear()
                await self._wake.wait()
            seconds = RETRY_SECONDS
            try:
                await self._once()
            except* (psycopg.Error, OSError, Retryable, Fatal) as errors:
                seconds = self._lost(errors)
            await asyncio.sleep(seconds)

    async def _once(self) -> None:
        """From a connection to its end."""
        async with self._connected() as connection:
            self.detail = ""
            await self._stand_by(connection)
            self._turns, self._kept_at = [], None
            self.active = True
            self._metrics.active(active=True)
            log.info("alert_engine_active rules=%d", len(self._settings.rules))
            try:
                async with asyncio.TaskGroup() as tasks:
                    listening = asyncio.Event()
                    tasks.create_task(self._listen(listening))
                    tasks.create_task(self._learn())
                    await listening.wait()  # before the first look, so that nothing is missed in between
                    await self._work(connection)
            finally:
                self.active = False
                self._metrics.active(active=False)

    async def _stand_by(self, connection: Connection) -> None:
        while not await try_lock(connection, LOCK):  # noqa: ASYNC110 (what is waited for is another process)
            await asyncio.sleep(STAND_BY_SECONDS)

    async def _listen(self, listening: asyncio.Event) -> None:
        """Note what committed batches and tables say, on a connection of its own."""
        async with self._connected() as connection:
            await connection.execute("LISTEN stadtfunk_readings")
            await connection.execute("LISTEN stadtfunk_alerts")
            listening.set()
            while True:
                async for notice in connection.notifies(timeout=LISTEN_SECONDS):
                    self._woken.update(notice.payload.split(","))
                    self._wake.set()
                async with deadline(connection, LISTEN_SECONDS):
                    await connection.execute("SELECT 1")

    async def _learn(self) -> None:
        """Intervals of devices every hour, on a connection of its own; what fails is tried again sooner."""
        await asyncio.sleep(LEARN_AFTER_SECONDS)
        while True:
            seconds = self._settings.learn_every.total_seconds()
            if not self._settings.needs_intervals:
                await asyncio.sleep(LEARN_AFTER_SECONDS)
                continue
            try:
                async with self._connected() as connection:
                    devices = await learn(connection, self._clock(), since=self._settings.learn_from)
                self._metrics.learned(devices)
            except (psycopg.Error, Retryable) as error:
                log.warning("intervals_not_learned error=%s", type(error).__name__)
                seconds /= 10
            await asyncio.sleep(seconds)

    async def _work(self, connection: Connection) -> None:
        while True:
            if not self._turns:
                self._turns = self._new_turns()
            for turn in self._turns:
                turn.wake(self._woken, self._clock())
            self._woken.clear()
            self._wake.clear()
            for turn in due(self._turns, self._clock()):
                await self._take(connection, turn)
            await self._keep_house(connection)
            self._metrics.round_done(self._clock())
            await self._rest()

    async def _rest(self) -> None:
        """Until something is due or somebody calls."""
        try:
            async with asyncio.timeout(min(pause(self._turns, self._clock()), HOUSEKEEPING).total_seconds()):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _take(self, connection: Connection, turn: Turn) -> None:
        """One rule's turn, in one transaction."""
        rule, now = turn.rule, self._clock()
        turn.begin(now)
        try:
            async with deadline(connection, ANSWER_WITHIN), connection.transaction():
                findings = scheduled(await rule.evaluate(connection, now), turn.hours, self._policy.calendar, now)
                done = await reconcile(connection, findings, max(now, self._clock()), policy=self._policy)
        except (psycopg.Error, *_DEFECTS) as error:
            if connection.closed or (isinstance(error, psycopg.Error) and action_for(error) is Action.RETRY):
                raise
            turn.failed(now)
            self._failed(rule.name, error)
            return
        turn.done(self._clock(), findings.next_due)
        self._count(rule.name, done, now, called_at=turn.called_at)

    async def _keep_house(self, connection: Connection) -> None:
        """What is no rule: escalations, rules that are gone, numbers."""
        now = self._clock()
        if self._kept_at is not None and now - self._kept_at < HOUSEKEEPING:
            return
        async with deadline(connection, ANSWER_WITHIN):
            await escalate(connection, self._settings.patience(), self._policy, now)
            cursor = await connection.execute(_QUERIES["open_alerts"])
            counts = {(rule, severity): count for rule, severity, count in await cursor.fetchall()}
            for rule in {rule for rule, _ in counts} - self._settings.rules.keys():
                self._count(rule, await retire(connection, rule, now, policy=self._policy), now)
        self._metrics.open_alerts(counts)
        self._kept_at = now

    def _new_turns(self) -> list[Turn]:
        """Of every rule, and after them those for data that came late."""
        settings = self._settings
        hours = {name: rule.hours for name, rule in settings.rules.items()}
        live = [
            Turn(rule, partial(settings.make_rule, rule.name, self._recheck), hours.get(rule.name, ALWAYS))
            for rule in settings.make_rules(self._recheck)
        ]
        makers = {name: partial(settings.make_past, name) for name in settings.with_past}
        return live + [Turn(make(), make, hours[name]) for name, make in makers.items()]

    def _count(self, rule: str, done: Reconciled, began: datetime, *, called_at: datetime | None = None) -> None:
        """Latency counts from the commit or timer that called for the turn, else from when the rule was fulfilled."""
        now = self._clock()
        self._metrics.rule_done(rule, (now - began).total_seconds(), done.steps, done.messages)
        for due_at in done.dues:
            self._metrics.opened(max(0.0, (now - max(due_at, called_at or due_at)).total_seconds()))
        if done.changed:
            log.info("alerts_changed rule=%s messages=%d %s", rule, done.messages, _listed(done.steps))

    def _failed(self, rule: str, error: BaseException) -> None:
        self._metrics.rule_failed(rule)
        log.error("alert_rule_failed rule=%s error=%s", rule, type(error).__name__, exc_info=error)

    def _lost(self, errors: BaseExceptionGroup[BaseException]) -> float:
        """Note why; returns how many seconds to wait. What only an operator can mend is asked for less often."""
        error = _first(errors)
        refused = isinstance(error, Fatal) or action_for(error) is Action.FATAL
        if not self.detail:
            level = logging.CRITICAL if refused else logging.WARNING
            log.log(level, "alert_engine_waits error=%s detail=%r", type(error).__name__, str(error))
        self.detail = str(error).strip().partition("\n")[0] or type(error).__name__
        return REFUSED_SECONDS if refused else RETRY_SECONDS

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        connection = await self._connect()
        try:
            yield connection
        finally:
            await connection.close()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _listed(steps: Mapping[Step, int]) -> str:
    return " ".join(f"{step}={count}" for step, count in steps.items())
