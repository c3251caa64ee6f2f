"""Log lines: their form in text and JSON, no forged lines, and no secret on any way into them."""

import io
import json
import logging
import re
import warnings

import pytest

from config.logging import LoggingSettings, configure, fields, one_line
from config.redact import Redactor, redact

SECRET = "canary-4711"


@pytest.fixture
def log():
    """Configures logging to a buffer and restores what was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in ("httpx2", "uvicorn", "asyncio")}

    def start(secrets=(), **settings):
        stream = io.StringIO()
        configure(LoggingSettings(**settings), secrets=secrets, stream=stream)
        return stream

    yield start
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)


def test_a_line_of_text(log):
    stream = log()
    logging.getLogger("ingest.pipeline").info("batch_stored uplinks=%d", 12)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    ingest.pipeline batch_stored uplinks=12\n", stream.getvalue()
    )


def test_a_line_of_json_has_the_pairs_as_fields(log):
    stream = log(format="json")
    logging.getLogger("ingest").warning("link_lost source=%s error=%r seconds=1.5", "city", "no route")
    entry = json.loads(stream.getvalue())
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning",
        "logger": "ingest",
        "event": "link_lost",
        "source": "city",
        "error": "no route",
        "seconds": "1.5",
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("batch_stored", {"event": "batch_stored"}),
        ("batch_stored n=1 empty=", {"event": "batch_stored", "n": "1", "empty": ""}),
        ("Some library says key=value", {"message": "Some library says key=value"}),
        ("event_with text behind", {"message": "event_with text behind"}),
        ("clash level=9 time=8", {"event": "clash", "level_": "9", "time_": "8"}),
        ("quoted a='x y' b=\"z\"", {"event": "quoted", "a": "x y", "b": "z"}),
    ],
)
def test_messages_as_fields(message, expected):
    assert fields(message) == expected


def test_the_level_is_kept_and_libraries_are_quiet(log):
    stream = log(level="info")
    logging.getLogger("ingest").debug("hidden")
    logging.getLogger("httpx2").info("HTTP Request: GET https://hook.example/%s", SECRET)
    logging.getLogger("uvicorn.error").info("Started server process")
    assert stream.getvalue() == ""


def test_no_message_can_forge_a_line(log):
    stream = log()
    logging.getLogger("x").info("event name=%s", "a\n2026-01-01T00:00:00.000Z INFO x forged\r\x1b[2J\u2028")
    assert len(stream.getvalue().splitlines()) == 1
    assert one_line("a\nb\x1b") == "a\\nb\\x1b"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_reaches_the_log_on_any_way(log, form):
    stream = log(secrets=[SECRET], format=form)
    logger = logging.getLogger("x")
    logger.info("plain value=%s", SECRET)
    logger.info("inside value=%r", {"a": [SECRET]})
    logger.info("dsn value=postgresql://user:other-canary@host/db")
    logger.info("pair password=other-canary")
    logger.info("header Authorization: Bearer other-canary")
    try:
        raise ValueError(f"connect to mqtts://u:other-canary@host failed for {SECRET}")
    except ValueError:
        logger.exception("failed")
    warnings.warn(f"token={SECRET}", stacklevel=1)
    written = stream.getvalue()
    assert written.count("***") >= 7
    assert "ValueError" in written
    assert "canary" not in written


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mqtts://u:p@host:8883/x", "mqtts://***@host:8883/x"),
        ("postgresql://only-user@host/db", "postgresql://***@host/db"),
        ("https://host/path?x=user@host", "https://host/path?x=user@host"),
        ("host=h password=abc dbname=d", "host=h password=*** dbname=d"),
        ("password='a b c' x", "password=*** x"),
        ('{"token": "abc"}', '{"token": ***}'),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("password_file=/run/secrets/x", "password_file=/run/secrets/x"),
        ("tokens=3 basic things", "tokens=3 basic ***"),
    ],
)
def test_redaction_of_the_ways_people_write_secrets(text, shown):
    assert redact(text) == shown


def test_known_secrets_are_replaced_longest_first_and_very_short_ones_left():
    redactor = Redactor(["abcd", "abcdef", "x", ""])
    assert redactor("abcdef abcd x") == "*** *** x"
