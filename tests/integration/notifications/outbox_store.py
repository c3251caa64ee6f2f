"""Rows in a database's outbox and an outbox that sends them; what tests wait for, with a deadline."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry
from psycopg.rows import dict_row

from alerts.channels import Outgoing, Sender
from alerts.channels.settings import ChannelSettings, RetrySettings, WebhookSettings
from alerts.outbox import Outbox
from alerts.outbox_metrics import OutboxMetrics
from storage.database import Role, connect
from storage.settings import DatabaseSettings

SECRET = "s" * 40
QUICK = RetrySettings(first=timedelta(milliseconds=50), longest=timedelta(milliseconds=400))
WITHIN = 30.0
"""Deadline of waiting, not a promise."""


def webhook(tmp_path, url: str, **settings: object) -> WebhookSettings:
    """Settings of a webhook on loopback that tries again soon."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    values = {"kind": "webhook", "url": url, "secret_file": secret, "allow_hosts": ["127.0.0.1"], "retry": QUICK}
    return WebhookSettings.model_validate({**values, "per_minute": 60_000, "timeout": "5s", **settings})


class Recorder:
    """A channel that keeps what it gets; `problem` is raised for the next messages."""

    def __init__(self, problems: list[Exception] | None = None, seconds: float = 0.0) -> None:
        self.sent: list[Outgoing] = []
        self.tried: list[Outgoing] = []
        self.problems = problems or []
        self.seconds = seconds
        self.most = self.now = 0

    async def send(self, message: Outgoing) -> None:
        self.tried.append(message)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
            if self.problems:
                raise self.problems.pop(0)
            self.sent.append(message)
        finally:
            self.now -= 1

    async def close(self) -> None:
        pass


class Desk:
    """The outbox's table, seen by a test."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.settings = DatabaseSettings(dsn=dsn)
        self.registry = CollectorRegistry()
        self.metrics = OutboxMetrics(self.registry)

    def execute(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("SET search_path = stadtfunk, public")
            cursor = connection.execute(query, parameters)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def add(self, *keys: str, channel: str = "c", alert: int | None = None, **given: object) -> None:
        """Write messages; due now unless told otherwise."""
        row = {"kind": "opened", "state": "pending", "due_at": datetime.now(UTC), "body": {}, **given}
        shared = (alert, channel, row["kind"], json.dumps(row["body"]), row["state"], row["due_at"])
        self.execute(
            "INSERT INTO notification (idempotency_key, alert_id, channel, kind, body, state, due_at)"
            " SELECT key, %s, %s, %s, %s, %s, %s FROM unnest(%s::text[]) WITH ORDINALITY AS n (key, place)"
            " ORDER BY place",
            *shared,
            list(keys),
        )

    def alert(self, subject: str = "MZ-LS01-1", **given: object) -> int:
        """An open alert; returns its id."""
        row = {"state": "open", "closed_at": None, "reason": "", "priority": 1.0, **given}
        [found] = self.execute(
            "INSERT INTO alert (number, rule, rule_version, subject, subject_kind, occurrence, code, codes, severity,"
            " confidence, state, closed_at, reason, priority, since, due_at, opened_at, updated_at) VALUES"
            " ('2026-' || lpad(nextval('alert_number')::text, 6, '0'), 'wrong_parking', '1', %s, 'bay', %s,"
            " 'V1_NO_CHARGE', '{V1_NO_CHARGE}', 'warning', 80, %s, %s, %s, %s, now(), now(), now(), now())"
            " RETURNING id",
            subject,
            subject,
            row["state"],
            row["closed_at"],
            row["reason"],
            row["priority"],
        )
        return int(found["id"])

    def rows(self) -> list[dict[str, Any]]:
        return self.execute("SELECT * FROM notification ORDER BY id")

    def states(self) -> dict[str, str]:
        return {row["idempotency_key"]: row["state"] for row in self.rows()}

    def outbox(self, channels: Mapping[str, tuple[ChannelSettings, Sender]], **options: object) -> Outbox:
        connector = partial(connect, self.settings, role=Role.ALERTS)
        return Outbox(connector, channels, self.metrics, **options)  # type: ignore[arg-type]

    @asynccontextmanager
    async def sending(
        self, channels: Mapping[str, tuple[ChannelSettings, Sender]], **options: object
    ) -> AsyncIterator[Outbox]:
        """The outbox at work during the block, ended in order."""
        outbox = self.outbox(channels, **options)
        async with asyncio.timeout(2 * WITHIN), asyncio.TaskGroup() as tasks:
            tasks.create_task(outbox.run())
            yield outbox
            outbox.stop()

    def listeners(self) -> int:
        """Connections that are told as soon as somebody writes messages."""
        query = "query = 'LISTEN stadtfunk_outbox' AND state = 'idle' AND datname = current_database()"
        return len(self.execute(f"SELECT 1 FROM pg_stat_activity WHERE {query}"))

    def count(self, result: str, channel: str = "c") -> float:
        return (
            self.registry.get_sample_value("stadtfunk_notifications_total", {"channel": channel, "result": result})
            or 0.0
        )


async def until(condition: Callable[[], object], within: float = WITHIN) -> None:
    """Poll `condition` until it is true."""
    deadline = monotonic() + within
    while not condition():
        assert monotonic() < deadline, f"not within {within:.0f} s"
        await asyncio.sleep(0.02)
