"""`make bench`: measures, prints a table, writes `build/bench.json`. `BENCH_DSN` names another database server.

`python -m benchmarks drain latency` runs a part; `--quick` runs everything with a tenth of the load.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.alerts import bays, silent
from benchmarks.archive import moving
from benchmarks.codec_runner import decoding
from benchmarks.dashboards import LONG, SHORT, every_panel
from benchmarks.dashboards import show as show_panels
from benchmarks.drain import Drained, drain
from benchmarks.portal import pages
from benchmarks.redecode import redecoding
from benchmarks.rig import Rig, machine, rig
from benchmarks.statistics import figures
from benchmarks.steady import latency, outage

RESULT = Path("build/bench.json")
RUNS = 3

Numbers = dict[str, float]


def measure_drain(made: Rig, scale: float) -> Numbers:
    """The service against the null consumer in the same run, both transports, and memory with a long queue."""
    messages = round(100_000 * scale)
    runs: list[tuple[Drained, Drained]] = []
    for _ in range(RUNS):
        null = drain(made, messages, devices=5000, null=True)
        runs.append((drain(made, messages, devices=5000), null))
    paho = drain(made, round(messages / 4), devices=5000, transport="paho")
    paho_null = drain(made, round(messages / 4), devices=5000, transport="paho", null=True)
    soil = drain(made, messages, devices=5000, sensor="soil")
    heat = drain(made, messages, devices=5000, sensor="heat")
    long = drain(made, round(500_000 * scale), devices=5000)
    return {
        "drain_rate": median(service.rate for service, _ in runs),
        "drain_null_rate": median(null.rate for _, null in runs),
        "drain_null_ratio": median(service.rate / null.rate for service, null in runs),
        "drain_cpu_us": median(service.cpu_us for service, _ in runs),
        "drain_null_cpu_us": median(null.cpu_us for _, null in runs),
        "drain_rss_mb": long.rss_mb,
        "drain_rate_500k": long.rate,
        "drain_rate_soil": soil.rate,
        "drain_cpu_us_soil": soil.cpu_us,
        "drain_rate_heat": heat.rate,
        "drain_cpu_us_heat": heat.cpu_us,
        "drain_rate_paho": paho.rate,
        "drain_cpu_us_paho": paho.cpu_us,
        "drain_null_ratio_paho": paho.rate / paho_null.rate,
    }


def measure_growth(made: Rig, scale: float) -> Numbers:
    """Rate and memory against the number of known devices."""
    numbers: Numbers = {}
    for name, devices in (("1k", 1_000), ("10k", 10_000), ("100k", 100_000)):
        done = drain(made, round(100_000 * scale), devices=devices)
        numbers[f"drain_rate_{name}"] = done.rate
        numbers[f"drain_rss_mb_{name}"] = done.rss_mb
    return numbers


def measure_codec(made: Rig, scale: float) -> Numbers:
    """The codec runner alone on one core, and the service with a vendor's codec for every uplink."""
    alone = decoding(round(20_000 * scale))
    runs = [drain(made, round(50_000 * scale), devices=5000, sensor="codec") for _ in range(RUNS)]
    return {
        "codec_decodes_per_s": alone.rate,
        "codec_caller_cpu_us": alone.caller_us,
        "codec_worker_cpu_us": alone.worker_us,
        "codec_pipeline_rate": median(one.rate for one in runs),
        "codec_pipeline_cpu_us": median(one.cpu_us for one in runs),
    }


def measure_latency(made: Rig, scale: float) -> Numbers:
    """Publish → commit at 1,000 uplinks/s."""
    lags = latency(made, rate=1000, seconds=max(5, round(30 * scale)))
    return {
        "latency_p50_ms": lags[len(lags) // 2],
        "latency_p99_ms": lags[len(lags) * 99 // 100],
        "latency_messages": len(lags),
    }


def measure_outage(made: Rig, scale: float) -> Numbers:
    """The database away for a minute at 500 uplinks/s."""
    if made.embedded is None:
        Console().print("outage: not measured, BENCH_DSN names a server that is not ours to stop")
        return {}
    result = outage(made, rate=500, before=10, away=max(5, round(60 * scale)), after=10)
    return {
        "outage_sent": result.sent,
        "outage_lost": result.lost,
        "outage_rss_growth_mb": result.rss_growth_mb,
        "outage_spooled": result.spooled,
        "spool_drain_rate": result.drain_rate,
    }


def measure_redecode(made: Rig, scale: float) -> Numbers:
    """History decoded again with two workers, against streaming the same payloads and doing nothing with them."""
    rates = redecoding(made, round(400_000 * scale))
    return {
        "redecode_rate": rates.unchanged,
        "redecode_rate_dry": rates.dry,
        "redecode_rate_changed": rates.changed,
        "redecode_stream_rate": rates.streamed,
        "redecode_stream_ratio": rates.unchanged / rates.streamed,
    }


def measure_portal(made: Rig, scale: float) -> Numbers:
    """Server time of the inbox with 10,000 cases in its history and 100 open ones."""
    timed = pages(made, round(10_000 * scale))
    return {
        "inbox_ms": median(timed.inbox),
        "inbox_p95_ms": timed.inbox[len(timed.inbox) * 95 // 100],
        "inbox_closed_ms": median(timed.closed),
        "inbox_case_ms": median(timed.case),
    }


def measure_alerts(made: Rig, scale: float) -> Numbers:
    """Cases at 5,000 bays, a restart on 90 days of history, the silent rule on 100,000 devices."""
    measured = bays(made, days=max(2, round(90 * scale)), seconds=max(20, round(120 * scale)))
    latencies = measured.latencies
    return {
        "alert_p50_ms": 1000 * latencies[len(latencies) // 2],
        "alert_p99_ms": 1000 * latencies[len(latencies) * 99 // 100],
        "alert_cases": len(latencies),
        "engine_restart_s": measured.restart,
        "rule_silent_100k_s": silent(made),
    }


def measure_dashboards(made: Rig, scale: float) -> Numbers:
    """Every query of every dashboard with 30 days of 3,321 devices."""
    timed = every_panel(made, scale)
    show_panels(timed)
    slowest = {span: [one.milliseconds for one in found] for span, found in timed.items()}
    return {
        "panel_slowest_ms": slowest[LONG][0],
        "panel_median_ms": median(slowest[LONG]),
        "panel_slowest_6h_ms": slowest[SHORT][0],
        "panel_queries": len(slowest[LONG]),
    }


def measure_statistics(made: Rig, scale: float) -> Numbers:
    """A month of 5,000 bays from kept days, from messages alone, and a day that maintenance counts."""
    counted = figures(made, days=max(3, round(31 * scale)))
    return {
        "statistics_month_s": counted.month,
        "statistics_month_anew_s": counted.anew,
        "statistics_day_s": counted.day,
    }


def measure_archive(made: Rig, scale: float) -> Numbers:
    """A million readings with their uplinks, receptions and payloads, out into one file and in again."""
    moved = moving(made, round(1_000_000 * scale))
    return {
        "export_rows_per_s": moved.export_rate,
        "import_rows_per_s": moved.import_rate,
        "archive_rows": moved.rows,
        "archive_mb": moved.megabytes,
    }


PARTS: dict[str, Callable[[Rig, float], Numbers]] = {
    "drain": measure_drain,
    "codec": measure_codec,
    "redecode": measure_redecode,
    "portal": measure_portal,
    "dashboards": measure_dashboards,
    "archive": measure_archive,
    "latency": measure_latency,
    "outage": measure_outage,
    "growth": measure_growth,
    "alerts": measure_alerts,
    "statistics": measure_statistics,
}


def main() -> None:
    """Run the parts that the command line names, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        choices=[*PARTS, []],
        help="drain codec redecode portal dashboards archive latency outage growth alerts; default: all",
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the load: shows that it runs, not how fast")
    chosen = parser.parse_args()
    scale = 0.1 if chosen.quick else 1.0
    numbers: dict[str, object] = {}
    with rig() as made:
        numbers.update(machine(made))
        for name in chosen.parts or PARTS:
            sys.stderr.write(f"measuring {name} …\n")
            numbers.update({key: round(value, 3) for key, value in PARTS[name](made, scale).items()})
    numbers["scale"] = scale
    show(numbers)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(numbers, indent=2) + "\n")


def show(numbers: dict[str, object]) -> None:
    """The table for people."""
    server = "BENCH_DSN" if os.environ.get("BENCH_DSN") else "embedded"
    table = Table("key", "value", title=f"Stadtfunk on {numbers['cores']} cores, database: {server}")
    for key, value in numbers.items():
        table.add_row(key, f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
