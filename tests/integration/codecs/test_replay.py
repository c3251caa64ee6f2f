"""A dump goes through vendors' codecs as live messages do; a mended file makes readings of what it had refused."""

import json
from pathlib import Path

import yaml

from tests.integration.codecs.city import DEV_EUI, WEBHOOK, event, rows
from tests.support.service import run_command

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"
TOPIC = f"application/{APPLICATION}/device/{DEV_EUI}/event/up"
MAP = {"kind": "tree_moisture", "fields": {"soil_moisture": {"path": "vwc", "unit": "m3/m3"}}}
BROKEN = "function decodeUplink(input) { throw new Error('not yet'); }"
MENDED = "function decodeUplink(input) { return {data: {vwc: input.bytes[0] / 200}}; }"
COUNT = 300


def city(folder: Path, database: str, codec: str) -> Path:
    """A configuration with one codec; gives its file."""
    (folder / "codecs").mkdir()
    (folder / "codecs" / "acme.js").write_text(codec)
    settings = {"database": {"dsn": database}, "codecs": {"acme": {"profiles": ["ACME"], "readings": [MAP]}}}
    (folder / "stadtfunk.yaml").write_text(yaml.safe_dump(settings | WEBHOOK))
    return folder / "codecs" / "acme.js"


def dump(folder: Path) -> None:
    """Uplinks a minute apart."""
    lines = []
    for number in range(COUNT):
        uplink = event(number, f"{number % 200:02x}", profile="ACME")
        at = f"2026-06-01T{number // 60:02}:{number % 60:02}:00.000000+00:00"
        uplink |= {"time": at, "rxInfo": [{"gatewayId": "7276ff002e0605d1", "nsTime": at, "rssi": -97, "snr": 7}]}
        lines.append(json.dumps({"topic": TOPIC, "received_at": at, "payload": uplink}))
    (folder / "dump.ndjson").write_text("\n".join(lines))


def test_a_dump_becomes_readings_after_the_codec_was_mended(tmp_path: Path, database: str) -> None:
    file = city(tmp_path, database, BROKEN)
    dump(tmp_path)
    done = run_command(["replay", "dump.ndjson"], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(database, "SELECT reason, detail, count(*) FROM rejected GROUP BY 1, 2") == [
        ("codec_error", "acme: Error: not yet (line 1)", COUNT)
    ]
    file.write_text(MENDED)
    done = run_command(["rejected", "retry", "--reason", "codec_error"], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = rows(database, "SELECT soil_moisture FROM tree_moisture ORDER BY uplink_f_cnt")
    assert [round(value, 6) for (value,) in found] == [number % 200 / 2 for number in range(COUNT)]
    assert rows(database, "SELECT count(*) FROM rejected WHERE resolved_at IS NULL") == [(0,)]
