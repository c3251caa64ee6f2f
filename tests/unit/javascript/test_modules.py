"""ES modules as bodies of functions: what is rewritten, what is left alone, what is refused."""

import contextlib

import pytest

from decoders.sandbox.modules import ModuleError, as_script

REWRITTEN = {
    "function": ("export function f() {}", "function f() {}\n"),
    "async": ("export async function f() {}", "async function f() {}\n"),
    "constant": ("export const a = 1, b = 2;", "const a = 1, b = 2;\n"),
    "class": ("export class A {}", "class A {}\n"),
    "default value": ("export default 5;", "exports.default= 5;\n"),
    "default anonymous": ("export default function () {}", "exports.default= function () {}\n"),
    "default class": ("export default class extends A {}", "exports.default= class extends A {}\n"),
    "default named": ("export default function f() {}", "function f() {}\nexports.default=f;"),
    "list": ("export { a, b as c };", "\nexports.a=a;exports.c=b;"),
    "list with comment": ("export {\n  a, // one\n};", "\n\n\nexports.a=a;"),
    "import": ("import { Buffer } from 'buffer';", "const {Buffer}=require('buffer');\n"),
    "renamed": ('import {Buffer as B} from "node:buffer"', "const {Buffer:B}=require('node:buffer');\n"),
    "everything": ("import * as b from 'buffer';", "const b=require('buffer');\n"),
    "default import": (
        "import b, { Buffer } from 'buffer';",
        "const b=require('buffer'),{Buffer}=require('buffer');\n",
    ),
    "effect": ("import 'buffer';", "\n"),
    "behind a regex": ("const r = /[/'\"`]/g;\nexport { r };", "const r = /[/'\"`]/g;\n\nexports.r=r;"),
    "behind a division": ("const q = a / b; // '\nexport { q };", "const q = a / b; // '\n\nexports.q=q;"),
    "behind a template": ("const t = `${`}` + {}}'`;\nexport { t };", "const t = `${`}` + {}}'`;\n\nexports.t=t;"),
    "behind no semicolon": ("let a = 1\nexport { a }", "let a = 1\n\nexports.a=a;"),
}


@pytest.mark.parametrize(("source", "expected"), REWRITTEN.values(), ids=REWRITTEN.keys())
def test_module_becomes_a_function_body(source, expected):
    script = as_script(source)
    assert script.strict
    assert [line.strip() for line in script.text.split("\n")] == [line.strip() for line in expected.split("\n")]


@pytest.mark.parametrize(
    "source",
    [
        "function decodeUplink() { return { data: {} }; }",
        "// export function f() {}\nvar a = 1;",
        "/* import x from 'y' */ var a = 1;",
        "var a = 'export default 5';",
        "var a = `\nexport default 5`;",
        "var a = /\\/ export { a }/;",
        "var o = { export: 1, import: 2 };",
        "o.export = 1;",
        "module.exports = { export: f };",
        "function f() { return import('x'); }",
    ],
)
def test_a_script_stays_as_it_is(source):
    script = as_script(source)
    assert (script.text, script.strict) == (source, False)


@pytest.mark.parametrize("source", ["'use strict';\nvar a;", '// first\n/* second */ "use strict"; var a;'])
def test_a_strict_script_stays_strict(source):
    assert as_script(source).strict


def test_functions_of_a_script_that_uses_this_are_global():
    source = "function a() { return this.b(); }\nfunction b() { function c() {} }\nconst d = function d() {};"
    text = as_script(source).text
    assert text.endswith(source)
    assert text.count("\n") == source.count("\n")
    assert [name for name in "abcd" if f"globalThis.{name}=" in text] == ["a", "b"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import fs from 'fs';", "the module 'fs' is not available"),
        ("var a;\nimport { b } from './b.js';", "'./b.js'"),
        ("export { a } from 'b';", "exports of other modules"),
        ("export * from 'b';", "line 1"),
    ],
)
def test_other_modules_are_refused(source, says):
    with pytest.raises(ModuleError, match=says):
        as_script(source)


LONG = 200_000


@pytest.mark.parametrize(
    "source",
    [
        "/**/" * LONG,
        "export /*" * LONG,
        "export default 1;" + "/*" * LONG,
        "import" + " " * LONG + "!",
        "export { " + "/*" * LONG + "}",
        "this.f(); function" + " " * LONG + "!",
        "this.f();" + "/[" * LONG,
        "this.f();" + "`${" * LONG,
        "export" + "\"'" * LONG,
    ],
    ids=range(9),
)
def test_no_text_keeps_it_busy_for_long(source):
    with contextlib.suppress(ModuleError):
        as_script(source)


def test_lines_keep_their_numbers(run):
    source = (
        "import {\n  Buffer,\n} from 'buffer';\n\nexport function decodeUplink() {\n  throw new Error('here');\n}\n"
    )
    assert run(source).errors == ("Error: here (line 6)",)
