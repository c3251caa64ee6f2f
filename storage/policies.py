"""TimescaleDB's own policies: compression, retention by whole chunks, refreshing of continuous aggregates.

They belong to the owner role and run inside the server. Each is replaced only when its span changed, so that a migrate
at every start does not push its next run into the future.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from decoders.readings import Reading
from storage.buckets import Width
from storage.database import Connection
from storage.retention import core_expiries, readings_span, rollups_span
from storage.rollup_parts import Parts
from storage.settings import RetentionSettings
from storage.statements import load
from storage.timescale import CORE, hypertable_of

_QUERIES = load("timescale")


class Job(StrEnum):
    """What a policy does; the value is the procedure that TimescaleDB runs for it."""

    COMPRESS = "policy_compression"
    EXPIRE = "policy_retention"
    REFRESH_HOURLY = "policy_refresh_continuous_aggregate"
    REFRESH_DAILY = "policy_refresh_continuous_aggregate of days"


@dataclass(frozen=True, slots=True)
class Policy:
    """`job` on `relation`. `span`: older is compressed or dropped; a refresh looks back that far, None for ever."""

    job: Job
    relation: str
    span: timedelta | None


def policies(
    kinds: Sequence[type[Reading]], parts: Sequence[Parts], retention: RetentionSettings
) -> tuple[Policy, ...]:
    """All policies that should be there."""
    hypertables = [table.table for table in (*CORE, *map(hypertable_of, kinds))]
    spans = {expiry.table: expiry.span for expiry in core_expiries(retention) if expiry.table in hypertables}
    spans |= {kind.kind: readings_span(kind, retention) for kind in kinds}
    spans |= {part.name: rollups_span(part.kind, retention) for part in parts}
    return (
        *(Policy(Job.COMPRESS, table, retention.span("compress_after")) for table in hypertables),
        *(Policy(Job.EXPIRE, name, span) for name, span in spans.items() if span is not None),
        *(_refresh(part, readings_span(part.kind, retention)) for part in parts),
    )


async def ensure_policies(connection: Connection, wanted: Iterable[Policy]) -> None:
    """Add, replace and remove policies until they are what is `wanted`."""
    there = {
        (job, name): Policy(Job(job), name, span)
        for job, name, span in await (await connection.execute(_QUERIES["policies"])).fetchall()
    }
    for policy in wanted:
        known = there.pop((policy.job, policy.relation), None)
        if known != policy:
            if known is not None:
                await _run(connection, "remove", known)
            await _run(connection, "add", policy)
    for policy in there.values():
        await _run(connection, "remove", policy)


def _refresh(parts: Parts, readings_kept: timedelta | None) -> Policy:
    """A refresh of a time whose readings are gone would empty it, so it ends a day before."""
    job = Job.REFRESH_HOURLY if parts.width is Width.HOURLY else Job.REFRESH_DAILY
    return Policy(job, parts.name, None if readings_kept is None else readings_kept - timedelta(days=1))


async def _run(connection: Connection, verb: str, policy: Policy) -> None:
    values = {"relation": f"stadtfunk.{policy.relation}", "span": policy.span}
    await connection.execute(_QUERIES[f"{verb}_{policy.job.name.lower()}"], values)
