"""The codecs that are shipped: one for each form in which vendors publish codecs, with its examples."""

from datetime import datetime
from pathlib import Path

import pytest

from tests.unit.javascript.files import AT, SHIPPED, examples, of


@pytest.mark.parametrize("codec", of(SHIPPED))
def test_says_what_its_examples_say(codec: Path, run):
    for example in examples(codec) * 2:  # again, because the first call runs in a realm of its own
        given, expected = example["input"], example["output"]
        at = datetime.fromisoformat(given["recvTime"]) if "recvTime" in given else AT
        result = run(codec.read_text(encoding="utf-8"), given["bytes"], given["fPort"], at, given.get("variables"))
        assert result.data == expected.get("data"), example["description"]
        assert result.errors == tuple(expected.get("errors", ()))
        assert result.warnings == tuple(expected.get("warnings", ()))
        if "normalizedOutput" in example:
            assert list(result.normalized) == example["normalizedOutput"]["data"]


def test_every_form_is_shipped():
    assert {path.stem for path in SHIPPED} == {
        "bay_sensor",
        "door_counter",
        "flow_meter",
        "heat_bridge",
        "level_gauge",
        "tree_probe",
        "weather_mast",
    }
    assert all(len(examples(path)) > 0 for path in SHIPPED)


FORMS = {
    "function": "function decodeUplink(i) { return { data: { b: i.bytes } }; }",
    "arrow": "const decodeUplink = (i) => ({ data: { b: i.bytes } });",
    "assigned": "decodeUplink = function (i) { return { data: { b: i.bytes } }; }",
    "global": "globalThis.decodeUplink = function (i) { return { data: { b: i.bytes } }; }",
    "this": "this.decodeUplink = function (i) { return { data: { b: i.bytes } }; }",
    "bare": "function decodeUplink(i) { return { b: i.bytes }; }",
    "driver": "var driver = { decodeUplink(i) { return { data: { b: this.same(i.bytes) } }; }, same: (b) => b };",
    "exports": "exports.decodeUplink = (i) => ({ data: { b: i.bytes } });",
    "module.exports": "module.exports = { decodeUplink: (i) => ({ data: { b: i.bytes } }) };",
    "class": "module.exports = new (class { decodeUplink(i) { return { data: { b: i.bytes } }; } })();",
    "exported": "export function decodeUplink(i) { return { data: { b: i.bytes } }; }",
    "exported constant": "export const decodeUplink = (i) => ({ data: { b: i.bytes } });",
    "exported list": "function d(i) { return { data: { b: i.bytes } }; }\nexport { d as decodeUplink };",
    "default object": "export default { decodeUplink(i) { return { data: { b: i.bytes } }; } };",
    "default function": "export default function (i) { return { data: { b: i.bytes } }; }",
    "default named": "export default function decodeUplink(i) { return { data: { b: i.bytes } }; }",
    "Decoder": "function Decoder(bytes, port) { return { b: bytes }; }",
    "Decode": "function Decode(fPort, bytes, variables) { return { b: bytes }; }",
    "exports.Decoder": "exports.Decoder = (bytes, port) => ({ b: bytes });",
    "exports.Decode": "exports.Decode = (fPort, bytes) => ({ b: bytes });",
    "strict": "'use strict';\nfunction decodeUplink(i) { return { data: { b: i.bytes } }; }",
    "byte order mark": "\ufefffunction decodeUplink(i) { return { data: { b: i.bytes } }; }",
    "hashbang": "#!/usr/bin/env node\nfunction decodeUplink(i) { return { data: { b: i.bytes } }; }",
    "early return": "function decodeUplink(i) { return { data: { b: i.bytes } }; }\nreturn;",
    "three forms": "function decodeUplink(i) { return { data: Decode(1, i.bytes) }; }\n"
    "function Decode(p, b) { return { b: b }; }\nfunction Decoder(b) { return { wrong: 1 }; }",
    "global functions": "function decodeUplink(i) { return this.inner(i); }\n"
    "function inner(i) { return { data: { b: i.bytes } }; }",
}


@pytest.mark.parametrize("source", FORMS.values(), ids=FORMS.keys())
def test_finds_the_function(source: str, run):
    for _ in range(3):
        result = run(source, "00ff10")
        assert result.data == {"b": [0, 255, 16]}, result.errors


ANSWERS = {
    "errors": ("{ errors: ['a', 'b'] }", None, ("a", "b"), ()),
    "errors and data": ("{ data: { a: 1 }, errors: ['a'] }", None, ("a",), ()),
    "no errors": ("{ data: { a: 1 }, errors: [] }", {"a": 1}, (), ()),
    "null errors": ("{ data: { a: 1 }, errors: null, warnings: null }", {"a": 1}, (), ()),
    "one error": ("{ errors: 'a' }", None, ("a",), ()),
    "error objects": ("{ errors: [new TypeError('a')] }", None, ("TypeError: a (line 1)",), ()),
    "error values": ("{ errors: [{ code: 1 }, 5] }", None, ('{"code": 1}', "5"), ()),
    "warnings": ("{ data: { a: 1 }, warnings: ['w'] }", {"a": 1}, (), ("w",)),
    "one warning": ("{ data: { a: 1 }, warnings: 'w' }", {"a": 1}, (), ("w",)),
    "list": ("{ data: [{ a: 1 }] }", [{"a": 1}], (), ()),
    "bare list": ("[{ a: 1 }]", [{"a": 1}], (), ()),
    "empty": ("{ data: {} }", {}, (), ()),
}


@pytest.mark.parametrize(("answer", "data", "errors", "warnings"), ANSWERS.values(), ids=ANSWERS.keys())
def test_reads_the_answer(answer, data, errors, warnings, run):
    for _ in range(2):
        result = run(f"function decodeUplink() {{ return {answer}; }}")
        assert (result.data, result.errors, result.warnings, result.failure) == (data, errors, warnings, None)


def test_normaliser_that_fails_keeps_the_data(run):
    source = "function decodeUplink() {{ return {{ data: {{ a: 1 }} }}; }} function normalizeUplink() {{ {} }}"
    complaint = run(source.format("return { errors: ['not mine'] };"))
    assert (complaint.data, complaint.normalized) == ({"a": 1}, ())
    assert complaint.warnings == ("normalizeUplink: not mine",)
    thrown = run(source.format("throw new Error('oh');"))
    assert thrown.data == {"a": 1}
    assert thrown.warnings == ("normalizeUplink: Error: oh (line 1)",)
