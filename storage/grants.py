"""What each role may do, relation by relation: least privilege as a table, so that a review reads one page.

A new reading kind is covered by `kind_grants` without an edit here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import LiteralString

from decoders.readings import Reading
from decoders.uplink import Privacy
from storage.buckets import Width
from storage.database import Role
from storage.radio import TABLES as RADIO_TABLES
from storage.views import FILES


@dataclass(frozen=True, slots=True)
class Grant:
    """`privileges` on each of `relations` for `role`."""

    role: Role
    privileges: LiteralString
    relations: tuple[str, ...]


_RECORDS = ("schema_migration", "installation", "kind_version")
_NAMES = ("source", "decoder_version", "gateway", "device")
_HISTORY = ("uplink", "reception", "device_event", "gateway_stats")
_PAYLOADS = ("payload_public", "payload_household")
_ASSETS = ("asset", "asset_device")
_REDECODE = ("redecode_run", "redecode_part")
_REDECODE_ARCHIVE = ("redecode_public", "redecode_household", "redecode_uplink", "redecode_rejected")
_CHARGING = ("evse", "bay_evse", "evse_contact", "charging_link", "ocpi_location")
_CITY_VIEWS = ("v_asset_state", "v_alert", "v_alert_annotation")
_NETWORK_VIEWS = ("v_gateway", "v_gateway_stats", "v_network_hourly", "v_rejected")

CORE: tuple[Grant, ...] = (
    # writes what arrives; never changes or deletes a reading
    Grant(Role.INGEST, "SELECT", (*_RECORDS, *_ASSETS)),
    Grant(Role.INGEST, "SELECT, INSERT", (*_NAMES, *_HISTORY, *_PAYLOADS, "device_state", "rejected")),
    Grant(Role.INGEST, "UPDATE", ("device", "device_state", "gateway", "uplink")),  # an uplink's outcome may improve
    Grant(Role.INGEST, "SELECT, UPDATE", ("writer_turn",)),
    Grant(Role.INGEST, "INSERT", ("rollup_touched",)),
    Grant(Role.INGEST, "UPDATE (times_seen, last_seen_at, resolved_at)", ("rejected",)),
    # judges what was measured
    Grant(Role.ALERTS, "SELECT", (*_RECORDS, *_NAMES, *_HISTORY, *_ASSETS, "device_state")),
    Grant(
        Role.ALERTS,
        "SELECT, INSERT, UPDATE",
        ("alert", "alert_number", "silence", "rule_checkpoint", "device_interval"),
    ),
    Grant(Role.ALERTS, "SELECT, INSERT", ("alert_event",)),  # append-only
    Grant(Role.ALERTS, "SELECT, INSERT, UPDATE, DELETE", ("notification",)),
    Grant(Role.ALERTS, "DELETE", ("rule_checkpoint", "device_interval")),
    Grant(Role.ALERTS, "SELECT, DELETE", ("late_reading",)),
    Grant(Role.ALERTS, "SELECT", ("parking_month",)),
    Grant(Role.ALERTS, "SELECT, DELETE", ("push_subscription",)),  # a browser that has gone is forgotten
    Grant(Role.ALERTS, "SELECT (received_at, source, reason, decoder, last_seen_at)", ("rejected",)),  # no payload
    Grant(Role.ALERTS, "SELECT, INSERT, UPDATE", _CHARGING),
    Grant(Role.ALERTS, "SELECT, INSERT", ("evse_status",)),  # a history
    # keeps rollups, deletes what is too old, decodes again, erases
    Grant(Role.MAINTENANCE, "SELECT", (*_RECORDS, *_NAMES, *_ASSETS)),
    Grant(Role.MAINTENANCE, "SELECT, DELETE", (*_HISTORY, *_PAYLOADS, "device_state", "device", "rejected")),
    Grant(Role.MAINTENANCE, "UPDATE", ("uplink",)),
    Grant(Role.MAINTENANCE, "UPDATE (outcome)", ("device_state",)),
    Grant(Role.MAINTENANCE, "INSERT", ("decoder_version", *_PAYLOADS)),
    Grant(Role.MAINTENANCE, "UPDATE (resolved_at)", ("rejected",)),
    Grant(Role.MAINTENANCE, "SELECT, INSERT, UPDATE", _REDECODE),
    Grant(Role.MAINTENANCE, "SELECT, INSERT, DELETE", _REDECODE_ARCHIVE),
    Grant(Role.MAINTENANCE, "SELECT, INSERT, DELETE", ("rollup_touched", *RADIO_TABLES)),
    Grant(Role.MAINTENANCE, "SELECT, DELETE", ("binding_changed",)),
    Grant(Role.MAINTENANCE, "SELECT, DELETE", ("late_reading",)),  # which the engine empties, where one runs
    Grant(Role.MAINTENANCE, "SELECT, INSERT, UPDATE", ("rollup_watermark", "maintenance_task")),
    Grant(Role.MAINTENANCE, "SELECT, INSERT", ("retention_run",)),
    Grant(Role.MAINTENANCE, "DELETE", ("asset_device",)),
    # cases end as counts, names as commitments
    Grant(Role.MAINTENANCE, "SELECT, DELETE", ("alert", "audit_log", "evse_status", "evse_contact")),
    Grant(Role.MAINTENANCE, "SELECT", ("alert_event", "silence", "evse", "bay_evse")),
    Grant(Role.MAINTENANCE, "UPDATE (actor, actor_salt)", ("alert_event",)),
    Grant(Role.MAINTENANCE, "UPDATE (assignee)", ("alert",)),
    Grant(Role.MAINTENANCE, "UPDATE (created_by)", ("silence",)),
    Grant(Role.MAINTENANCE, "SELECT (created_at, state, last_error, delivered)", ("notification",)),
    Grant(Role.MAINTENANCE, "UPDATE (last_error, delivered)", ("notification",)),
    Grant(Role.MAINTENANCE, "SELECT, INSERT", ("parking_month",)),
    Grant(Role.MAINTENANCE, "SELECT, INSERT, UPDATE, DELETE", ("parking_day",)),
    Grant(Role.MAINTENANCE, "SELECT, DELETE", ("parking_touched",)),
    # what the portal needs no more: neither a token's digest nor an answer nor a browser's keys are read for that
    Grant(Role.MAINTENANCE, "DELETE", ("portal_session", "portal_action", "push_subscription")),
    Grant(Role.MAINTENANCE, "SELECT (expires_at)", ("portal_session",)),
    Grant(Role.MAINTENANCE, "SELECT (created_at)", ("portal_action",)),
    Grant(Role.MAINTENANCE, "SELECT (username)", ("push_subscription",)),
    # shows and edits what the city owns; sees no payload and no household
    Grant(Role.PORTAL, "SELECT", (*_RECORDS, *_NAMES, *_HISTORY, *_NETWORK_VIEWS, "device_state", "retention_run")),
    Grant(Role.PORTAL, "SELECT, INSERT, UPDATE", _ASSETS),
    Grant(Role.PORTAL, "INSERT", ("device",)),  # an asset may be bound before its device speaks
    # logins and tokens of its users, of which it keeps digests; the log of what they did only grows
    Grant(Role.PORTAL, "SELECT, INSERT, DELETE", ("portal_session",)),
    Grant(Role.PORTAL, "UPDATE (seen_at, expires_at)", ("portal_session",)),
    Grant(Role.PORTAL, "SELECT", ("portal_token",)),
    Grant(Role.PORTAL, "UPDATE (last_used_at)", ("portal_token",)),
    Grant(Role.PORTAL, "SELECT, INSERT", ("audit_log",)),
    Grant(Role.PORTAL, "SELECT", ("parking_month", "parking_day", "parking_touched")),
    # people act on cases: a case's way and its end are theirs, what a rule said of it is not; its log only grows
    Grant(Role.PORTAL, "SELECT", ("alert", "silence")),
    Grant(Role.PORTAL, "UPDATE (state, outcome, assignee, closed_at, updated_at)", ("alert",)),
    Grant(Role.PORTAL, "SELECT, INSERT", ("alert_event",)),
    Grant(Role.PORTAL, "SELECT, INSERT, UPDATE, DELETE", ("notification",)),
    Grant(Role.PORTAL, "SELECT, INSERT", ("portal_action",)),
    Grant(Role.PORTAL, "SELECT, INSERT, UPDATE, DELETE", ("push_subscription",)),
    Grant(Role.PORTAL, "SELECT, INSERT, UPDATE", _CHARGING),  # operators push to the portal
    Grant(Role.PORTAL, "SELECT, INSERT", ("evse_status",)),
    # the heating utility: its customers' meters
    Grant(Role.UTILITY, "SELECT", (*_RECORDS, *_ASSETS, "device", "device_state")),
    # dashboards: views only, no single customer
    Grant(Role.GRAFANA, "SELECT", (*_CITY_VIEWS, *_NETWORK_VIEWS)),
)


def view_grants(relations: Collection[str]) -> tuple[Grant, ...]:
    """The rights on what departments look at; `relations` are those of our schema."""
    shown = tuple(view for file in FILES for view in file.shown if view in relations)
    return (Grant(Role.GRAFANA, "SELECT", shown),)


def kind_grants(kind: type[Reading], relations: Collection[str]) -> tuple[Grant, ...]:
    """The rights on everything that follows from one reading kind; `relations` are those of our schema."""
    name = kind.kind
    stored = tuple(r for r in relations if r.startswith(f"{name}_") and r.endswith(("_steps", "_stored")))
    rollups = tuple(f"{name}_{width}" for width in Width)
    named = (f"v_{name}", *(f"v_{rollup}" for rollup in rollups))
    everyone = (
        Grant(Role.INGEST, "SELECT, INSERT", (name,)),
        Grant(Role.ALERTS, "SELECT", (name, *rollups, *named)),
        Grant(Role.MAINTENANCE, "SELECT, INSERT, UPDATE, DELETE", (name,)),
        Grant(Role.MAINTENANCE, "SELECT", rollups),
        Grant(Role.MAINTENANCE, "SELECT, INSERT, DELETE", stored),
    )
    if kind.privacy is Privacy.HOUSEHOLD:
        district = tuple(v for v in (f"v_{name}_district_daily", f"v_{name}_district_growth_daily") if v in relations)
        return (
            *everyone,
            Grant(Role.UTILITY, "SELECT", (name, *rollups, *named, *district)),
            Grant(Role.PORTAL, "SELECT", district),
            Grant(Role.GRAFANA, "SELECT", district),
        )
    public = (f"public_{name}", *(f"public_{rollup}" for rollup in rollups))
    return (
        *everyone,
        Grant(Role.PORTAL, "SELECT", (name, *rollups, *named, *public)),
        Grant(Role.GRAFANA, "SELECT", public),
    )
