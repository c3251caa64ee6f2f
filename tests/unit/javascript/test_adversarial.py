"""Hostile codecs: each says in its first line what it must come to, and nobody else may notice."""

import json
import re
from pathlib import Path

import pytest

from tests.unit.javascript.files import ADVERSARIAL, of

INNOCENT = "function decodeUplink(input) { return { data: { sum: input.bytes.reduce((a, b) => a + b, 0) } }; }"


@pytest.mark.parametrize("codec", of(ADVERSARIAL))
def test_comes_to_its_expected_end_and_hurts_nobody(codec: Path, run):
    source = codec.read_text(encoding="utf-8")
    expected = re.match(r"// expect: (.+)", source)[1]
    result = run(source)
    if expected.startswith("data "):
        assert result.failure is None, result.errors
        assert result.data == json.loads(expected.removeprefix("data "))
    else:
        assert result.failure in expected.split(" | "), result
        assert result.data is None
        assert len(result.errors) == 1
        assert len(result.errors[0]) < 600
    assert run(INNOCENT, "0102").data == {"sum": 3}


@pytest.mark.parametrize(
    "codec", of([path for path in ADVERSARIAL if "killed" not in path.read_text(encoding="utf-8")[:60]])
)
def test_comes_to_the_same_end_again(codec: Path, run):
    source = codec.read_text(encoding="utf-8")
    assert run(source) == run(source) == run(source)
