"""Follows a page of docs/howto/ to the letter: writes its files, runs its commands, compares what they say.

A file is a code block with `title="<path>"`; one that is there already grows by the block. A command is a line of a
console block that begins with `$`, what it says are the lines below, in this order, with others in between; its exit
code is 0 but for those that end in `# exit code <n>: …`.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.service import run_command

_BLOCK = re.compile(r"^```(\w+)(?: title=\"(.+?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT_CODE = re.compile(r"\s+# exit code (\d)\b.*$")


@dataclass(frozen=True)
class File:
    """A file of the page."""

    path: str
    content: str

    def write(self, folder: Path, *, add: bool) -> None:
        """Write it; what is configured is added to."""
        with (folder / self.path).open("a" if add else "w") as file:
            file.write(self.content)


@dataclass(frozen=True)
class Command:
    """A command of the page, what it says there, and how it ends."""

    line: str
    says: tuple[str, ...]
    exit_code: int

    def run(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Run it in `folder`."""
        name, *arguments = shlex.split(self.line)
        if name == "mkdir":
            (folder / arguments[0]).mkdir()
            return
        assert name == "stadtfunk", self.line
        done = run_command(arguments, cwd=folder, environment=environment)
        assert done.returncode == self.exit_code, f"{self.line}: {done.returncode}\n{done.stdout}{done.stderr}"
        said = iter([line.rstrip() for line in done.stdout.splitlines()])
        for expected in self.says:
            assert any(line.startswith(expected) for line in said), f"{self.line}: no {expected!r} in\n{done.stdout}"


def steps(page: Path) -> Iterator[File | Command]:
    """Files and commands in the order of the page."""
    for language, title, content in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if title:
            yield File(title, content)
        elif language == "console":
            yield from _commands(content)


def _commands(content: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        line, *says = part.splitlines()
        code = _EXIT_CODE.search(line)
        yield Command(_EXIT_CODE.sub("", line), tuple(filter(None, says)), int(code[1]) if code else 0)
