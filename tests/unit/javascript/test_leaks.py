"""Nothing of one call reaches another: not of the same codec, not of another one."""

import random
from pathlib import Path

import pytest

from decoders.javascript import CodecCall, CodecSource
from tests.unit.javascript.files import ADVERSARIAL, AT, LEAKING, SHIPPED, examples, of

ROUNDS = 4


@pytest.mark.parametrize("codec", of(LEAKING))
def test_every_call_believes_to_be_the_first(codec: Path, run):
    source = codec.read_text(encoding="utf-8")
    for _ in range(ROUNDS):
        result = run(source)
        assert result.errors == (), result.errors
        assert result.data["calls"] == 1


@pytest.mark.parametrize("leaking", of(LEAKING))
def test_another_codec_of_the_same_name_sees_nothing(leaking: Path, run):
    run(leaking.read_text(encoding="utf-8"))
    run(leaking.read_text(encoding="utf-8"))
    seen = "[typeof calls, typeof [].calls, typeof Math.calls, typeof i.calls]"
    result = run(f"function decodeUplink(i) {{ return {{ data: {{ calls: {seen} }} }}; }}")
    assert result.data == {"calls": ["undefined"] * 4}


def test_order_makes_no_difference(runner):
    """All codecs mixed in one worker answer as each does in a worker of its own."""
    harmless = [path for path in ADVERSARIAL if path.read_text(encoding="utf-8").startswith("// expect: data")]
    sources = [CodecSource(path.stem, path.read_text(encoding="utf-8")) for path in (*LEAKING, *harmless)]
    calls = [CodecCall(source, b"\x01", 1, AT) for source in sources]
    for codec in SHIPPED:
        source = CodecSource(codec.stem, codec.read_text(encoding="utf-8"))
        for example in examples(codec):
            given = example["input"]
            variables = given.get("variables")
            calls.append(CodecCall(source, bytes.fromhex(given["bytes"]), given["fPort"], AT, variables))
    runner.close()
    alone = runner.run(calls)
    mixed = calls * 3
    random.Random(7).shuffle(mixed)
    expected = {id(call): result for call, result in zip(calls, alone, strict=True)}
    for call, result in zip(mixed, runner.run(mixed), strict=True):
        assert result == expected[id(call)], call.codec.name
