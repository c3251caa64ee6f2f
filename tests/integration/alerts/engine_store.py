"""Alerts in a database for the engine's tests: findings to reconcile, and what came of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerts.model import Ended, Finding, Findings, Severity, SubjectKind
from alerts.policy import Policy
from alerts.reconcile import Reconciled, reconcile
from storage.database import Role
from tests.support.store import Store

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TABLES = ("notification", "alert_event", "alert", "silence", "rule_checkpoint", "device_interval")


def finding(subject: str = "a1", *, since: datetime = NOW, occurrence: str = "", **given: object) -> Finding:
    one = Finding(
        subject=subject,
        subject_kind=SubjectKind.DEVICE,
        occurrence=occurrence or since.isoformat(),
        code="SILENT",
        severity=Severity.WARNING,
        since=since,
        due_at=since,
    )
    return replace(one, **given)


def ended(one: Finding, at: datetime, reason: str = "heard_again") -> Finding:
    return replace(one, ended=Ended(at, reason))


def findings(*found: Finding, subjects: tuple[str, ...] = (), explains_ends: bool = False, **given: object) -> Findings:
    names = frozenset(subjects) | {one.subject for one in found}
    start = given.pop("window_start", NOW - timedelta(days=30))
    return Findings("silent", "1", found, names, start, explains_ends, **given)


def settle(store: Store, found: Findings, now: datetime = NOW, policy: Policy | None = None) -> Reconciled:
    """Reconcile in the engine's own role."""
    return store.run(lambda c: reconcile(c, found, now, policy=policy or Policy()), role=Role.ALERTS)


def alerts(store: Store) -> list[dict]:
    return store.execute("SELECT * FROM alert ORDER BY id")


def kinds(store: Store, number: str | None = None) -> list[str]:
    rows = store.execute(
        "SELECT e.kind FROM alert_event AS e JOIN alert AS a ON a.id = e.alert_id"
        " WHERE %s::text IS NULL OR a.number = %s ORDER BY e.alert_id, e.position",
        number,
        number,
    )
    return [row["kind"] for row in rows]


def outbox(store: Store) -> list[dict]:
    return store.execute("SELECT * FROM notification ORDER BY id")


def wipe(store: Store) -> None:
    for table in TABLES:
        store.execute(f"TRUNCATE stadtfunk.{table} RESTART IDENTITY CASCADE")
