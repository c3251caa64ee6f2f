"""Structured logs: one line per event, `event key=value` in the code, text or JSON on the way out.

Whatever a library or a traceback says passes the same redaction, on the finished line; and no message can forge a
second line.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TextIO

from pydantic import BaseModel, ConfigDict, Field

from config.redact import Redactor

QUIET_LIBRARIES: Final = ("asyncio", "aiomqtt", "httpcore2", "httpx2", "mqtt", "psycopg", "uvicorn")
"""Libraries that tell at INFO what the code tells already, or URLs that are secrets (httpx2)."""

_WORD = re.compile(r"[a-z][a-z0-9_]*")
_PAIR = re.compile(r"([a-z][a-z0-9_]*)=(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\S*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class Level(StrEnum):
    """How much is told."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(StrEnum):
    """How a line looks."""

    TEXT = "text"
    JSON = "json"


class LoggingSettings(BaseModel):
    """The log, which goes to standard error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    level: Level = Field(default=Level.INFO, description="lowest level that is shown: debug, info, warning or error")
    format: Format = Field(default=Format.TEXT, description="`text` for people, `json` for machines")


def configure(settings: LoggingSettings, *, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send all logs of the process to `stream` (standard error by default), redacted.

    Args:
        secrets: values that must never appear, whoever writes them.
    """
    redactor = Redactor(secrets)
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter(redactor) if settings.format is Format.JSON else TextFormatter(redactor))
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for library in QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(max(level, logging.WARNING))


class TextFormatter(logging.Formatter):
    """`2026-11-24T07:57:08.123Z INFO    ingest.pipeline batch_stored uplinks=12`."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The finished line, and below it an indented traceback where there is one."""
        line = f"{timestamp(record.created)} {record.levelname:<7} {record.name} {one_line(record.getMessage())}"
        trace = self._trace(record)
        return self._redactor(f"{line}\n{trace}" if trace else line)

    def _trace(self, record: logging.LogRecord) -> str:
        if not record.exc_info:
            return ""
        return "\n".join(f"    {one_line(line)}" for line in self.formatException(record.exc_info).splitlines())


class JsonFormatter(logging.Formatter):
    """One JSON object per line; `event key=value` becomes fields."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The finished line."""
        entry: dict[str, str] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            **fields(self._redactor(record.getMessage())),
        }
        if record.exc_info:
            entry["exception"] = self._redactor(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def fields(message: str) -> Mapping[str, str]:
    """`event key=value …` as fields; a message of another form is one field `message`."""
    event, _, rest = message.partition(" ")
    if _WORD.fullmatch(event) is None or _PAIR.sub("", rest).strip():
        return {"message": message}
    pairs = {
        f"{key}_" if key in ("time", "level", "logger", "event") else key: _unquoted(value)
        for key, value in _PAIR.findall(rest)
    }
    return {"event": event, **pairs}


def one_line(text: str) -> str:
    """`text` with control characters escaped, so that a value cannot begin a line of its own."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}" if match[0] != "\n" else "\\n", text)


def timestamp(seconds: float) -> str:
    """Unix time as UTC with milliseconds."""
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int((seconds - whole) * 1000):03d}Z"


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) >= 2 and value[0] in "\"'" and value[-1] == value[0] else value
