"""Least privilege, tried by taking each role on both databases; new kinds and tables are covered by the walk."""

from datetime import UTC, datetime

import psycopg
import pytest

from decoders.readings import KINDS, HeatMeter, TreeMoisture
from decoders.uplink import Privacy
from storage.database import Role
from storage.grants import CORE
from tests.support.store import Store

DAY = datetime(2026, 6, 10, tzinfo=UTC)
HOUSEHOLD = [kind.kind for kind in KINDS if kind.privacy is Privacy.HOUSEHOLD]
PUBLIC = [kind.kind for kind in KINDS if kind.privacy is Privacy.PUBLIC]
WORKING = {
    Role.ALERTS: {"notification", "rule_checkpoint", "device_interval", "push_subscription", "late_reading"},
    Role.PORTAL: {"notification", "portal_session", "push_subscription"},
}
"""Records of work under way, which their owners may end: no reading, no case, no log."""
DENIED = psycopg.errors.InsufficientPrivilege


def relations(store: Store) -> dict[str, str]:
    """Every table, view and sequence of the schema with its kind."""
    found = store.execute(
        "SELECT relname, relkind FROM pg_class"
        " WHERE relnamespace = 'stadtfunk'::regnamespace AND relkind IN ('r', 'v', 'm', 'S')"
    )
    return {row["relname"]: row["relkind"] for row in found}


def allowed(store: Store, role: Role, privilege: str) -> set[str]:
    """Relations on which `role` has `privilege`, as the server sees it."""
    found = store.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'stadtfunk'::regnamespace AND relkind IN ('r', 'v', 'm')"
        " AND has_table_privilege(%s::name, oid, %s)",
        role.value,
        privilege,
    )
    return {row["relname"] for row in found}


def test_every_relation_that_the_grants_name_exists(store: Store) -> None:
    assert {name for grant in CORE for name in grant.relations} <= relations(store).keys()


def test_ingest_appends_readings_and_never_changes_or_deletes_them(store: Store) -> None:
    store.add([TreeMoisture(device="a" * 16, observed_at=DAY, soil_moisture=20.0)])
    insert = (
        "INSERT INTO tree_moisture (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt)"
        " SELECT id, '', 1, %s, 0, %s, 0 FROM device ON CONFLICT DO NOTHING RETURNING channel"
    )
    assert store.execute(insert, DAY, DAY, role=Role.INGEST) == [{"channel": 1}]
    for statement in (
        "UPDATE tree_moisture SET soil_moisture = 1",
        "DELETE FROM tree_moisture",
        "TRUNCATE tree_moisture",
        "DELETE FROM uplink",
        "DELETE FROM rejected",
        "UPDATE rejected SET payload = ''",
        "UPDATE heat_meter SET energy = 0",
        "DROP TABLE tree_moisture",
        "CREATE TABLE mine (n integer)",
    ):
        with pytest.raises(DENIED):
            store.execute(statement, role=Role.INGEST)


def test_ingest_may_not_change_any_reading_kind(store: Store) -> None:
    for privilege in ("UPDATE", "DELETE", "TRUNCATE"):
        assert allowed(store, Role.INGEST, privilege).isdisjoint(kind.kind for kind in KINDS)
    assert {kind.kind for kind in KINDS} <= allowed(store, Role.INGEST, "INSERT")


def districts_of(kind: str) -> set[str]:
    return {f"v_{kind}_district_daily", f"v_{kind}_district_growth_daily"}


def test_grafana_reads_views_only_and_no_single_customer(store: Store) -> None:
    kinds = relations(store)
    readable = allowed(store, Role.GRAFANA, "SELECT")
    assert {kinds[name] for name in readable} == {"v"}
    assert {f"public_{kind}_hourly" for kind in PUBLIC} <= readable
    for kind in HOUSEHOLD:
        assert {name for name in readable if kind in name} == districts_of(kind)
    for privilege in ("INSERT", "UPDATE", "DELETE"):
        assert not allowed(store, Role.GRAFANA, privilege)


def test_grafanas_views_leave_out_devices_of_households(store: Store) -> None:
    home, street = "a" * 16, "b" * 16
    store.add([HeatMeter(device=home, observed_at=DAY, energy=1.0)])
    store.add([TreeMoisture(device=device, observed_at=DAY, soil_moisture=20.0) for device in (home, street)])
    for view in ("public_tree_moisture", "public_tree_moisture_hourly", "public_tree_moisture_daily"):
        assert [row["dev_eui"] for row in store.execute(f"SELECT dev_eui FROM {view}", role=Role.GRAFANA)] == [street]
    with pytest.raises(DENIED):
        store.execute("SELECT * FROM v_heat_meter", role=Role.GRAFANA)


def test_a_district_of_fewer_than_five_meters_is_not_shown(store: Store) -> None:
    for district, count in (("Mitte", 5), ("Nord", 4)):
        for number in range(count):
            device = f"{district[0].encode().hex()}{number:014x}"
            store.add([HeatMeter(device=device, observed_at=DAY.replace(hour=h), energy=100.0 + h) for h in (8, 9)])
            store.execute(
                "WITH a AS (INSERT INTO asset (kind, key, district) VALUES ('meter', %s, %s) RETURNING id)"
                " INSERT INTO asset_device (asset_id, device_id)"
                " SELECT a.id, d.id FROM a, device AS d WHERE d.dev_eui = %s",
                device,
                district,
                device,
            )
    found = store.execute("SELECT district, meters, energy_delta FROM v_heat_meter_district_daily", role=Role.GRAFANA)
    assert found == [{"district": "Mitte", "meters": 5, "energy_delta": 5.0}]
    grown = store.execute(
        "SELECT district, energy_delta, volume_delta FROM v_heat_meter_district_growth_daily", role=Role.GRAFANA
    )
    assert grown == [{"district": "Mitte", "energy_delta": 5.0, "volume_delta": None}]


def test_the_portal_sees_neither_payloads_nor_households(store: Store) -> None:
    readable = allowed(store, Role.PORTAL, "SELECT")
    assert not {name for name in readable if name.startswith("payload") or name == "rejected"}
    for kind in HOUSEHOLD:
        assert {name for name in readable if kind in name} == districts_of(kind)


def test_the_utility_sees_its_meters_and_nothing_of_the_city(store: Store) -> None:
    readable = allowed(store, Role.UTILITY, "SELECT")
    assert {f"v_{kind}_daily" for kind in HOUSEHOLD} <= readable
    assert not {name for name in readable for kind in PUBLIC if kind in name}


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.OWNER, Role.MAINTENANCE)])
def test_only_maintenance_deletes_what_was_measured_or_done(store: Store, role: Role) -> None:
    assert allowed(store, role, "DELETE") <= WORKING.get(role, set())
    assert not allowed(store, role, "TRUNCATE")


def test_views_give_their_readers_no_way_around(store: Store) -> None:
    """A view runs with its owner's rights, so its reader needs none on the tables below."""
    store.add([TreeMoisture(device="c" * 16, observed_at=DAY, soil_moisture=20.0)])
    assert store.execute("SELECT count(*) AS n FROM public_tree_moisture", role=Role.GRAFANA) == [{"n": 1}]
    with pytest.raises(DENIED):
        store.execute("SELECT count(*) FROM tree_moisture", role=Role.GRAFANA)
