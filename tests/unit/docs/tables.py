"""The parts of docs/ that follow from the code: settings, metrics, commands, decoders.

`python -m tests.unit.docs.tables` writes them between their marks; the tests compare.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

import typer.main
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from alerts.changes import Step
from alerts.charging.exchange import ErrorKind
from alerts.charging.metrics import ChargingMetrics
from alerts.metrics import EngineMetrics
from alerts.outbox_metrics import OutboxMetrics, Result
from config.schema import SettingRow, settings_rows
from config.settings import Settings
from decoders.uplink import Uplink
from ingest.delivery import LinkState
from ingest.metrics import Metrics
from portal.health import Check
from portal.metrics import LoginOutcome, PortalMetrics
from stadtfunk.cli import app
from stadtfunk.exit_codes import ExitCode
from stadtfunk.process_metrics import ProcessMetrics
from stadtfunk.upkeep_metrics import UpkeepMetrics
from storage.batch import DecoderKey, Outcome, Record, WriteResult
from tests.unit.docs.decoder_page import decoders, kinds

DOCS = Path(__file__).parents[3] / "docs"


def metrics() -> str:
    """Every metric of Stadtfunk's own with type, labels and meaning."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for family in _registry().collect():
        if family.name.startswith("stadtfunk_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            rows.append(f"| `{name}` | {family.type} | {', '.join(sorted(labels)) or '–'} | {family.documentation} |")
    return "\n".join(rows)


def settings() -> str:
    """Every setting, a table for each top-level section."""
    parts = []
    for name, field in Settings.model_fields.items():
        below = [row for row in settings_rows(Settings) if re.match(rf"{name}(\[\])?\.", row.key)]
        parts.append(f"## `{name}`\n\n{_sentence(field.description)}")
        rows = below or [row for row in settings_rows(Settings) if row.key == name]
        table = ["| key | value | default | meaning |", "|---|---|---|---|"]
        parts.append("\n".join([*table, *map(_setting, rows)]))
    return "\n\n".join(parts)


def commands() -> str:
    """Every command with its options and examples."""
    return "\n\n".join(_command(path, command) for path, command in walk(typer.main.get_command(app), "stadtfunk"))


def exit_codes() -> str:
    """The names of the exit codes; what they mean stands beside the marks."""
    return ", ".join(f"{code.value} {code.name}" for code in ExitCode)


def walk(command, path) -> Iterator[tuple[str, object]]:
    """All commands below `command` that do something themselves."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, child in below.items():
        yield from walk(child, f"{path} {name}")


def block(text: str, name: str) -> str:
    """What stands between the marks of `name`."""
    return _between(name).search(text)[1]


def write() -> None:
    """Bring the files in docs/ up to date."""
    for file, parts in FILES.items():
        path = DOCS / file
        text = path.read_text(encoding="utf-8")
        for name, generate in parts.items():
            before, old, after = _between(name).split(text)
            assert old is not None
            text = f"{before}{_start(name)}\n{generate()}\n{_end(name)}{after}"
        path.write_text(text, encoding="utf-8")


FILES = {
    "metrics.md": {"metrics": metrics},
    "configuration.md": {"settings": settings},
    "commands.md": {"commands": commands, "exit codes": exit_codes},
    "decoders.md": {"decoders": decoders, "quantities": kinds},
}


def _start(name: str) -> str:
    return f"<!-- {name}: generated -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"{_start(name)}\n(.*?)\n?{_end(name)}", re.DOTALL)


def _registry() -> CollectorRegistry:
    """A registry in which every metric has a sample, so that its labels show."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    found = Metrics(CollectorRegistry())
    _engine(EngineMetrics(found.registry))
    _charging(ChargingMetrics(found.registry), at)
    _portal(PortalMetrics(found.registry))
    link = LinkState(broker_dropped=0, last_message_at=at, canary=True)
    found.watch_links(lambda: {"city": link})
    uplink = Uplink("city", "0", 0, 1, b"", ns_time=at, received_at=at)
    record = Record("city", "", b"", at, event=uplink, outcome=Outcome.ORPHAN)
    found.committed("city", [record], WriteResult(), seconds=0.0, live_at=at)
    whole = Record("city", "assembled", b"", at, uplink, Outcome.DECODED, decoder=DecoderKey("acme", 1, ""))
    found.assembled([whole], WriteResult())
    found.codec_called("acme", "ok", 1)
    found.codec_quarantined("acme", quarantined=False)
    found.shadow_compared("acme", "other", "agree")
    found.shadow_fields("acme", "other", "tree_moisture", "soil_moisture", agrees=True, count=1)
    outbox = OutboxMetrics(found.registry)
    outbox.add_channel("mail")
    outbox.attempted("mail", Result.SENT, 0.1)
    UpkeepMetrics(found.registry)
    _process(found.registry, at)
    return found.registry


def _process(registry: CollectorRegistry, at: datetime) -> None:
    class Known:
        setting = "tls.cert_file"

        def checks(self):
            return [Check("database", ok=True)]

        def expires_at(self):
            return at

    ProcessMetrics(registry, version="1", health=Known(), certificates=[Known()], folders={"spool": DOCS})


def _portal(portal: PortalMetrics) -> None:
    portal.login("local", LoginOutcome.OK)
    portal.answered("/inbox", 200, 0.01)


def _charging(charging: ChargingMetrics, at: datetime) -> None:
    charging.contact("stadtwerke", at)
    charging.stored("stadtwerke", 1)
    charging.failed("stadtwerke", ErrorKind.SERVER)


def _engine(engine: EngineMetrics) -> None:
    engine.rule_done("frost", 0.0, {Step.OPEN: 1}, messages=1)
    engine.rule_failed("frost")
    engine.open_alerts({("frost", "warning"): 1})


def _setting(row: SettingRow) -> str:
    cells = (f"`{row.key}`", _types(row), _default(row.field), _sentence(row.field.description))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _types(row: SettingRow) -> str:
    return " or ".join(dict.fromkeys(_type(kind) for kind in row.types))


def _type(kind: object) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) in (tuple, list, frozenset):
        return "list"
    if get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return "section"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{value}`" for value in kind)
    return _PLAIN.get(kind, "text")


_PLAIN = {
    bool: "true/false",
    int: "whole number",
    float: "number",
    SecretStr: "text (secret)",
    Path: "path",
    timedelta: "duration",
    time: "time of day",
    date: "date",
}


def _default(field: FieldInfo) -> str:
    """The default as YAML would write it; what depends on other settings is told in the meaning."""
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined:
        return "–"
    if isinstance(value, BaseModel) or value in ((), {}, None) or isinstance(value, NoneType):
        return "–"
    if isinstance(value, timedelta):
        return f"`{_duration(value)}`"
    if isinstance(value, (tuple, frozenset)):
        return "–" if any(isinstance(one, BaseModel) for one in value) else f"`[{', '.join(sorted(map(str, value)))}]`"
    if isinstance(value, time):
        return f"`{value:%H:%M}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    width, unit = next((w, u) for w, u in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % w == 0)
    return f"{seconds / width:g}{unit if seconds else 's'}"


def _sentence(description: str | None) -> str:
    text = (description or "").strip()
    if text.partition(" ")[0].isalpha():
        text = text[0].upper() + text[1:]
    return text if not text or text.endswith(".") else f"{text}."


def _command(path: str, command) -> str:
    lines = [f"## `{path}`", "", command.help.strip(), "", "| option | meaning |", "|---|---|"]
    for parameter in command.params:
        if parameter.name != "help":
            names = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar or parameter.name]
            lines.append(f"| {', '.join(f'`{name}`' for name in names)} | {(parameter.help or '').strip()} |")
    examples = (command.epilog or "").partition("\n")[2]
    return "\n".join([*lines, "", "```console", *(line.strip() for line in examples.splitlines()), "```"])


if __name__ == "__main__":
    write()
