"""A worker for a whole file of tests: starting one takes as long as a thousand calls."""

from collections.abc import Callable, Iterator

import pytest

from decoders.javascript import CodecCall, CodecResult, CodecSource
from decoders.sandbox.runner import Runner
from tests.unit.javascript.files import AT

Run = Callable[..., CodecResult]


class Patient:
    """A quarantine that lets everyone run: these codecs overrun on purpose."""

    names = ()

    def allows(self, codec: CodecSource) -> bool:
        return True

    def overran(self, codec: CodecSource) -> None: ...

    def answered(self, codec: CodecSource) -> None: ...


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner(quarantine=Patient())
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def run(runner: Runner) -> Run:
    """Runs one call: source, payload in hex, port, variables."""

    def once(source: str, payload: str = "01", f_port: int = 1, at=AT, variables=None) -> CodecResult:
        call = CodecCall(CodecSource("codec", source), bytes.fromhex(payload), f_port, at, variables)
        return runner.run([call])[0]

    return once


@pytest.fixture(scope="module")
def value(run: Run) -> Callable[[str], object]:
    """What an expression is inside the sandbox, asked twice: alone, and in the realm that calls share."""

    def of(expression: str) -> object:
        source = f"function decodeUplink(input) {{ return {{ data: {{ value: {expression} }} }}; }}"
        first, again = (run(source) for _ in range(2))
        assert first == again, expression
        assert not first.errors, first.errors
        return first.data["value"]

    return of
