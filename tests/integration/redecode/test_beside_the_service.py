"""A run beside the live service: while a chunk is being written, ingest goes on. Needs two connections."""

import threading

import pytest

from storage import redecode_write
from tests.integration.redecode.city import City, log, soil

pytestmark = pytest.mark.parametrize("migrated", ["postgresql"], indirect=True)
DEADLINE = 20.0


class Meanwhile:
    """Starts `action` in a thread when the first chunk is about to commit, and can wait for it there."""

    def __init__(self, action, *, wait: bool) -> None:
        self._thread = threading.Thread(target=action)
        self._wait = wait
        self.done_before_commit = False

    def __call__(self, point: str) -> None:
        if point == "redecode_before_commit" and self._thread.ident is None:
            self._thread.start()
            if self._wait:
                self._thread.join(DEADLINE)
                self.done_before_commit = not self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()


def changed_by(city: City, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile) -> None:
    city.decoders(VERSION=2, OFFSET=1, LOGGED=1)
    monkeypatch.setattr(redecode_write, "fault_point", meanwhile)
    city.redecode()
    meanwhile.join()


def test_new_uplinks_do_not_wait(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city.ingest(soil(n) for n in range(9))
    meanwhile = Meanwhile(lambda: city.ingest(soil(n) for n in range(9, 15)), wait=True)
    changed_by(city, monkeypatch, meanwhile)
    assert meanwhile.done_before_commit
    assert city.values("soil_temperature") == [13.5] * 15


def test_a_repeat_of_what_is_being_changed_waits_and_is_no_error(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city.ingest(log(n, (0, 20.0)) for n in range(9))
    meanwhile = Meanwhile(lambda: city.ingest([log(9, (0, 20.0), (20, 20.0))]), wait=False)
    changed_by(city, monkeypatch, meanwhile)
    assert city.values("soil_moisture") == [21.0] * 10
    assert not city.redecode().tally.changes_something
