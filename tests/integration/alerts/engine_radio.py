"""Devices, uplinks, receptions and gateways for the engine's tests, as the writer leaves them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.support.store import Store


def hear(store: Store, dev_eui: str, *times: datetime, gateway: str = "00a1", profile: str = "") -> None:
    """Uplinks of a device at these times, in whatever order they arrive."""
    store.execute("INSERT INTO source (name) VALUES ('city') ON CONFLICT DO NOTHING")
    store.execute("INSERT INTO gateway (gateway_id) VALUES (%s) ON CONFLICT DO NOTHING", gateway)
    store.execute(
        "INSERT INTO device (dev_eui, name, profile) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        dev_eui, f"device {dev_eui}", profile,
    )  # fmt: skip
    store.execute(
        "INSERT INTO uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc, frequency,"
        " outcome, data_rate, dev_addr, received_at)"
        " SELECT d.id, t, 0, s.id, 1, 0, 0, 0, 0, 'decoded', '', '', t"
        " FROM device AS d, source AS s, unnest(%s::timestamptz[]) AS t WHERE d.dev_eui = %s ON CONFLICT DO NOTHING",
        list(times), dev_eui,
    )  # fmt: skip
    store.execute(
        "INSERT INTO reception (ns_time, device_id, f_cnt, gateway_id, antenna)"
        " SELECT t, d.id, 0, g.id, 0 FROM device AS d, gateway AS g, unnest(%s::timestamptz[]) AS t"
        " WHERE d.dev_eui = %s AND g.gateway_id = %s ON CONFLICT DO NOTHING",
        list(times), dev_eui, gateway,
    )  # fmt: skip
    store.execute(
        "INSERT INTO device_state (device_id, source_id, session_started_at, first_f_cnt, last_f_cnt, session_uplinks,"
        " last_ns_time, last_received_at, outcome)"
        " SELECT d.id, s.id, max(u.ns_time), 0, 0, 1, max(u.ns_time), max(u.ns_time), 'decoded'"
        " FROM device AS d JOIN uplink AS u ON u.device_id = d.id, source AS s WHERE d.dev_eui = %s GROUP BY d.id, s.id"
        " ON CONFLICT (device_id) DO UPDATE SET last_ns_time = excluded.last_ns_time,"
        " last_received_at = excluded.last_received_at",
        dev_eui,
    )


def gateway_heard(store: Store, gateway: str, *times: datetime) -> None:
    """Statistics of a gateway at these times."""
    store.execute("INSERT INTO gateway (gateway_id, name) VALUES (%s, 'tower') ON CONFLICT DO NOTHING", gateway)
    store.execute(
        "INSERT INTO gateway_stats (gateway_id, occurred_at, received_at, rx_received, rx_received_ok, tx_received,"
        " tx_emitted) SELECT g.id, t, t, 0, 0, 0, 0 FROM gateway AS g, unnest(%s::timestamptz[]) AS t"
        " WHERE g.gateway_id = %s ON CONFLICT DO NOTHING",
        list(times), gateway,
    )  # fmt: skip
    store.execute(
        "UPDATE gateway SET last_seen_at = greatest(last_seen_at, %s) WHERE gateway_id = %s", max(times), gateway
    )


def refused(store: Store, count: int, at: datetime, *, reason: str = "truncated", decoder: str = "acme") -> None:
    """Messages of the source `city` that were refused."""
    store.execute(
        "INSERT INTO rejected (digest, received_at, source, topic, payload, reason, detail, decoder, last_seen_at)"
        " SELECT convert_to(%s || n::text, 'UTF8'), %s, 'city', 't', '', %s, '', %s, %s"
        " FROM generate_series(1, %s) AS n",
        f"{at.isoformat()}{reason}", at, reason, decoder, at, count,
    )  # fmt: skip


def every(step: timedelta, start: datetime, end: datetime) -> Sequence[datetime]:
    """Times from `start` up to, and without, `end`."""
    return [start + step * number for number in range(int((end - start) / step))]
