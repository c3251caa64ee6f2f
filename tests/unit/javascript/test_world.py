"""What a codec sees: the language, the uplink's time, `Buffer`, `console`, `require`, and nothing else."""

import pytest

from decoders.javascript import CodecFailure
from tests.unit.javascript.files import AT

ISO = "2026-07-14T09:34:16.500Z"
MILLISECONDS = 1784021656500


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("input.recvTime.getTime()", MILLISECONDS),
        ("input.recvTime", ISO),
        ("JSON.stringify(input.recvTime)", f'"{ISO}"'),
        ("'' + input.recvTime", ISO),
        ("`${input.recvTime}`", ISO),
        ("String(input.recvTime)", ISO),
        ("input.recvTime.slice(0, 10)", ISO[:10]),
        ("input.recvTime.substring(11, 16)", ISO[11:16]),
        ("input.recvTime.split('T')[0]", ISO[:10]),
        ("input.recvTime.replace('T', ' ')", ISO.replace("T", " ")),
        ("input.recvTime.length", len(ISO)),
        ("input.recvTime - 500", MILLISECONDS - 500),
        ("+input.recvTime", MILLISECONDS),
        ("input.recvTime instanceof Date", True),
        ("input.recvTime.constructor === Date", True),
        ("Object.prototype.toString.call(input.recvTime)", "[object Date]"),
        ("new Date(input.recvTime).getTime()", MILLISECONDS),
        ("Date.parse(input.recvTime)", MILLISECONDS),
        ("input.recvTime.toISOString()", ISO),
        ("new Date(input.recvTime.getTime() - 60000)", "2026-07-14T09:33:16.500Z"),
        ("input.recvTime < new Date(0)", False),
        ("Object.keys(input).join()", "bytes,fPort,recvTime,variables"),
    ],
)
def test_receive_time_is_a_date_and_a_text(expression, expected, value):
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Date.now()", MILLISECONDS),
        ("new Date()", ISO),
        ("typeof Date()", "string"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("new Date(2026, 0, 1, 12)", "2026-01-01T12:00:00.000Z"),
        ("new Date().getTimezoneOffset()", 0),
        ("new Date('2026-01-02').getDate()", 2),
        ("new Date(0).toLocaleString()", "1/1/1970, 12:00:00 AM"),
        ("new Date(50400000).toLocaleTimeString('en-US')", "2:00:00 PM"),
        ("new Date(NaN).toLocaleString()", "Invalid Date"),
        ("new (class Later extends Date {})(5).getTime()", 5),
        ("Date.UTC(2026, 0)", 1767225600000),
        ("Date.name + Date.length", "Date7"),
        ("Math.random() === Math.random()", False),
        ("[1, 2].every(() => { const r = Math.random(); return r >= 0 && r < 1; })", True),
    ],
)
def test_the_present_is_the_time_of_the_uplink(expression, expected, value):
    assert value(expression) == expected


def test_the_same_call_gives_the_same_chance(run):
    source = "function decodeUplink() { return { data: { chance: [Math.random(), Math.random()] } }; }"
    first = run(source)
    assert first == run(source) == run(source)
    assert run(source, at=AT.replace(year=2025)) != first


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("input.bytes instanceof Array && Array.isArray(input.bytes)", True),
        ("input.bytes.concat([2]).map((b) => b * 2)", [2, 4]),
        ("input.fPort", 1),
        ("typeof undeclared", "undefined"),
        ("(function () { undeclared = 5; return undeclared; })()", 5),
        ("(function () { return typeof this; })()", "object"),
        ("(1234.5).toFixed(2)", "1234.50"),
        ("[3, 1, 2].sort().join()", "1,2,3"),
        ("atob(btoa('abc'))", "abc"),
        ("(0, eval)('1 + 1')", 2),
        ("new Function('a', 'return a + 1')(1)", 2),
        ("(() => {}) instanceof Function", True),
        ("Object.prototype.hasOwnProperty.call({ a: 1 }, 'a')", True),
    ],
)
def test_the_language_is_whole(expression, expected, value):
    assert value(expression) == expected


@pytest.mark.parametrize(
    "statements",
    [
        "function R() {} R.prototype.toString = () => 'mine'; return String(new R());",
        "const o = {}; o.toString = () => 'mine'; return o + '';",
        "const o = {}; o.constructor = 'mine'; return o.constructor;",
        "const o = {}; o.hasOwnProperty = 'mine'; return o.hasOwnProperty;",
        "const f = () => 1; f.toString = () => 'mine'; return f + '';",
        "const f = () => 1; f.call = 'mine'; return f.call;",
        "const e = new Error('x'); e.name = 'mine'; return e.name;",
        "class E extends Error { constructor() { super('x'); this.name = 'mine'; } } return new E().name;",
        "const e = new TypeError(); e.message = 'mine'; return e.message;",
        "class R { toString() { return 'mine'; } } return `${new R()}`;",
    ],
)
@pytest.mark.parametrize("mode", ["", "'use strict'; "])
def test_own_properties_may_have_names_that_the_language_uses(statements, mode, value):
    assert value(f"(function () {{ {mode}{statements} }})()") == "mine"


@pytest.mark.parametrize(
    "patch",
    [
        "Array.prototype.last = function () { return this[this.length - 1]; };",
        "if (!Array.prototype.last) Array.prototype.last = function () { return this[this.length - 1]; };",
        "Object.defineProperty(Array.prototype, 'last', { value() { return this[this.length - 1]; } });",
        "Object.defineProperty(Array.prototype, 'last', "
        "{ configurable: true, writable: true, value() { return this[this.length - 1]; } });",
        "'use strict'; Array.prototype.last = function () { return this[this.length - 1]; };",
    ],
)
def test_a_codec_may_extend_the_language_for_itself(patch, run):
    source = f"{patch} function decodeUplink(i) {{ return {{ data: {{ last: i.bytes.last() }} }}; }}"
    for payload in ("0102", "0103", "0104"):
        assert run(source, payload).data == {"last": int(payload[2:])}
    assert run("function decodeUplink() { return { data: { kind: typeof [].last } }; }").data == {"kind": "undefined"}


def test_console_is_captured_and_bounded(run):
    source = "function decodeUplink() { console.log('a', { b: 1 }, 2); console.error(null); return { data: {} }; }"
    for _ in range(3):
        assert run(source).console == ('a {"b":1} 2', "null")
    chatty = run(
        "function decodeUplink() { for (let i = 0; i < 1000; i++) console.log('x'.repeat(1000)); return { data: {} }; }"
    )
    assert len(chatty.console) == 20
    assert max(map(len, chatty.console)) < 510


def test_what_has_no_json_can_be_printed(run):
    source = """function decodeUplink() {
        const circle = {}; circle.again = circle;
        console.log(circle, { count: 1n }, 1n, Symbol("s"));
        return { data: { printed: true } };
    }"""
    for _ in range(2):
        said = run(source)
        assert said.data == {"printed": True}
        assert said.console == ("an object without JSON an object without JSON 1 Symbol(s)",)


def test_require_gives_buffer_and_fails_when_something_else_is_used(run):
    using = "const c = require('crypto'); function decodeUplink() {{ return {{ data: {{ a: {} }} }}; }}"
    assert run(using.format("1")).data == {"a": 1}
    for use in ("c.createHash('md5')", "new c.Hash()", "c()", "'' + c", "c.webcrypto.subtle.digest()", "c"):
        result = run(using.format(use))
        assert result.failure is CodecFailure.THREW
        assert "the module 'crypto' is not available to a codec" in result.errors[0]
    assert run("const { createHash } = require('crypto'); function decodeUplink() { return { data: { a: 1 } }; }").data


def test_errors_name_the_line_of_the_file(run):
    source = "function inner() {\n  return nothing.there;\n}\nfunction decodeUplink() {\n  return inner();\n}"
    for _ in range(2):
        assert run(source).errors == ("ReferenceError: nothing is not defined (line 2)",)
    assert run("var a = 1;\nvar b = ;").errors[0].endswith("(line 2)")


def test_variables_are_texts_of_the_realm(run):
    source = "function decodeUplink(i) { return { data: { v: i.variables, own: i.variables instanceof Object } }; }"
    assert run(source, variables={"site": "Straße 7"}).data == {"v": {"site": "Straße 7"}, "own": True}
    assert run(source).data == {"v": {}, "own": True}


SETTERS = """
function decodeUplink() {
  const seen = new Set();
  const found = [];
  const walk = (object, path) => {
    if (object === null || (typeof object !== "object" && typeof object !== "function") || seen.has(object)) return;
    seen.add(object);
    for (const key of Reflect.ownKeys(object)) {
      const { value, set } = Reflect.getOwnPropertyDescriptor(object, key);
      if (set) found.push(path + String(key));
      walk(value, path + String(key) + ".");
    }
  };
  for (const name of Object.getOwnPropertyNames(globalThis)) walk(globalThis[name], name + ".");
  return { data: { found } };
}
"""


def test_the_language_has_no_setters_but_those_that_set_on_their_object(run):
    """An engine that brings another one must not open a way from call to call."""
    assert set(run(SETTERS).data["found"]) == {
        "Error.prototype.stack",
        "Function.prototype.arguments",
        "Function.prototype.caller",
        "Object.prototype.__proto__",
        "Iterator.prototype.constructor",
        "Iterator.prototype.Symbol(Symbol.toStringTag)",
    }
