"""Codec files as bodies of functions: a codec is compiled once and evaluated for every call.

Of ES modules the declarations stay, `export` goes, and what is exported under another name is assigned to `exports`.
Functions of a script are properties of the global object, which some codecs call as `this.name()`. Line numbers stay.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MODULE = re.compile(r"\b(?:export|import)\b")
_STRICT = re.compile(r"""(?:\s|//[^\n]*\n|/\*.*?\*/)*+(['"])use strict\1""", re.DOTALL)
_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n\u2028\u2029]*|/\*.*?(?:\*/|\Z))
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<number>\.?\d(?:[eE][+-]|[\w.])*)
  | (?P<word>[#$\w\\]+)
  | (?P<open>[({\[])
  | (?P<close>[)}\]])
  | (?P<template>`)
  | (?P<slash>/)
  | (?P<mark>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_REGEX = re.compile(r"/(?![*/])(?:[^\\/\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
_BEFORE_REGEX = frozenset(
    ("return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "instanceof", "do", "else", "yield")
)
_TEMPLATE_TEXT = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*(?P<end>`|\$\{)", re.DOTALL)
_BEFORE_OPERAND = frozenset((*".=,?:!~&|^+-*/%<>", "return", "typeof", "void", "new", "delete", "async", "default"))
_THIS = re.compile(r"\bthis\s*\.")
_FUNCTION = re.compile(r"function\s*+\*?\s*+([$\w]+)")
_FOLLOWS_KEYWORD = re.compile(r"\s*(?:[{*'\"]|[$\w]+)")
_IMPORT = re.compile(
    r"""import\s*+(?:(?P<default>[$\w]+)\s*+,?\s*+)?
        (?:\*\s*+as\s++(?P<space>[$\w]+)|\{(?P<names>[^}]*)\})?\s*+(?:from\s*+)?
        (?P<quote>['"])(?P<module>[^'"\n]+)(?P=quote)\s*;?""",
    re.VERBOSE,
)
_EXPORT_LIST = re.compile(r"export\s*\{(?P<names>[^}]*)\}(?P<rest>\s*+from\b)?\s*+;?")
_EXPORT_NAMED_DEFAULT = re.compile(
    r"export\s+default\s+(?=(?:async\s+)?function\b\s*+\*?\s*+(?P<f>[$\w]+)|class\s+(?P<c>(?!extends\b)[$\w]+))"
)
_EXPORT_DEFAULT = re.compile(r"export\s+default\b")
_EXPORT_DECLARATION = re.compile(r"export\s+(?=(?:async\s+)?function\b|(?:const|let|var|class)\b)")
_BUFFER = ("buffer", "node:buffer")


class ModuleError(Exception):
    """A module that a codec cannot be; the text says why."""


@dataclass(frozen=True, slots=True)
class Script:
    """A codec as the body of a function."""

    text: str
    strict: bool


def as_script(source: str) -> Script:
    """`source` as the body of a function: as it is, unless it is an ES module.

    Raises:
        ModuleError: it imports what a codec cannot have.
    """
    text = source.removeprefix("\ufeff")
    if text.startswith("#!"):
        text = f"//{text[2:]}"
    if _MODULE.search(text) and (statements := list(_module_statements(text))):
        return Script(_rewritten(text, statements), strict=True)
    if _STRICT.match(text):
        return Script(text, strict=True)
    return Script(_with_global_functions(text) if _THIS.search(text) else text, strict=False)


def _with_global_functions(text: str) -> str:
    names = {match[1] for start, _ in _at_top_level(text, ("function",)) if (match := _FUNCTION.match(text, start))}
    return "".join(f"typeof {name}=='function'&&(globalThis.{name}={name});" for name in sorted(names)) + text


def _rewritten(text: str, statements: list[int]) -> str:
    parts: list[str] = []
    last: list[str] = []
    done = 0
    for start in statements:
        if start < done:
            continue
        replacement, end = _import(text, start) if text.startswith("import", start) else _export(text, start, last)
        parts += text[done:start], replacement, "\n" * (text.count("\n", start, end) - replacement.count("\n"))
        done = end
    return "".join((*parts, text[done:], "\n", *last))


def _import(text: str, start: int) -> tuple[str, int]:
    match = _IMPORT.match(text, start)
    if match is None:
        raise ModuleError(f"line {_line(text, start)}: this form of import is not understood")
    if match["module"] not in _BUFFER:
        raise ModuleError(f"the module {match['module']!r} is not available to a codec")
    whole = f"require({match['module']!r})"
    names = [f"{name}={whole}" for name in (match["default"], match["space"]) if name]
    if match["names"] is not None:
        names.append(_pattern(match["names"], whole))
    return (f"const {','.join(names)};" if names else ""), match.end()


def _pattern(names: str, whole: str) -> str:
    renamed = re.sub(r"\s+as\s+", ":", " ".join(names.split()))
    return f"{{{renamed}}}={whole}"


def _export(text: str, start: int, last: list[str]) -> tuple[str, int]:
    """The replacement and where the replaced text ends; what must follow at the end of the file goes to `last`."""
    if match := _EXPORT_LIST.match(text, start):
        if match["rest"]:
            raise ModuleError("exports of other modules are not available to a codec")
        last += [f"exports.{name}={local};" for local, name in _exported(match["names"])]
        return "", match.end()
    if match := _EXPORT_NAMED_DEFAULT.match(text, start):
        last.append(f"exports.default={match['f'] or match['c']};")
        return "", match.end()
    if match := _EXPORT_DEFAULT.match(text, start):
        return "exports.default=", match.end()
    if match := _EXPORT_DECLARATION.match(text, start):
        return "", match.end()
    raise ModuleError(f"line {_line(text, start)}: this form of export is not understood")


def _exported(names: str) -> Iterator[tuple[str, str]]:
    for entry in re.sub(r"//[^\n]*|/\*.*?(?:\*/|\Z)", " ", names, flags=re.DOTALL).split(","):
        local, _, name = " ".join(entry.split()).partition(" as ")
        if local:
            yield local, name or local


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _module_statements(text: str) -> Iterator[int]:
    """Where a statement with `export` or `import` begins."""
    for start, end in _at_top_level(text, ("export", "import")):
        if _FOLLOWS_KEYWORD.match(text, end):
            yield start


def _at_top_level(text: str, words: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where these words stand outside of all brackets, and are neither property, operand, string nor comment."""
    nesting: list[str] = []
    previous = ";"
    position = divisions = 0  # up to `divisions` a slash is one: that is cheaper than trying each
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None
        start, position, kind, said = position, match.end(), match.lastgroup, match[0]
        if kind == "space":
            continue
        if kind == "slash" and start >= divisions and _may_be_regex(previous):
            position, said, divisions = _regex(text, start)
        elif kind == "template" or (said, nesting[-1:]) == ("}", ["`"]):
            position, said = _template(text, position, nesting, goes_on=kind != "template")
        elif kind == "open":
            nesting.append(said)
        elif kind == "close":
            del nesting[-1:]
        elif said in words and not nesting and previous not in _BEFORE_OPERAND:
            yield start, position
        previous = said


def _regex(text: str, start: int) -> tuple[int, str, int]:
    """Behind the regular expression that begins here, what it is like, and where the next may begin.

    Without an end on its line it is none, and nothing else on that line is one.
    """
    if match := _REGEX.match(text, start):
        return match.end(), "0", match.end()
    line_end = text.find("\n", start)
    return start + 1, "/", line_end if line_end >= 0 else len(text)


def _may_be_regex(previous: str) -> bool:
    return previous in _BEFORE_REGEX or not (previous[-1].isalnum() or previous[-1] in "$_)]}'\"\\")


def _template(text: str, position: int, nesting: list[str], *, goes_on: bool) -> tuple[int, str]:
    """Behind the next piece of a template's text, and what that piece is like; a substitution is left in `nesting`."""
    if goes_on:
        nesting.pop()
    match = _TEMPLATE_TEXT.match(text, position)
    if match is None:
        return len(text), "0"
    if match["end"] == "`":
        return match.end(), "0"
    nesting.append("`")
    return match.end(), "("
