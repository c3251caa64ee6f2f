"""The codecs of these tests: hostile ones, ones that try to remember, and those that are shipped."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
SHIPPED = sorted((TESTS.parent / "config" / "codecs").glob("*.js"))
ADVERSARIAL = sorted((TESTS / "codecs" / "adversarial").glob("*.js"))
LEAKING = sorted((TESTS / "codecs" / "leaking").glob("*.js"))

AT = datetime(2026, 7, 14, 9, 34, 16, 500_000, tzinfo=UTC)


def of(paths: list[Path]) -> list[object]:
    """Files as parameters of a test, called by their names."""
    return [pytest.param(path, id=path.stem) for path in paths]


def examples(codec: Path) -> list[dict]:
    """The examples beside a codec."""
    return json.loads(codec.with_name(f"{codec.stem}.examples.json").read_text(encoding="utf-8"))
