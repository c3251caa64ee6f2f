"""The spool: on disk when `append` returns, one owner, bounded, honest about damage."""

import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.spool import RESERVE, Spool, SpooledMessage, SpoolLocked, SpoolSettings, SpoolUnavailable

AT = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)


def message(number: int, *, payload: bytes = b"{}", at: datetime = AT) -> SpooledMessage:
    return SpooledMessage(0, "city", f"application/a/device/{number:016x}/event/up", payload, at, 1, False)


def opened(tmp_path: Path, **settings: int) -> Spool:
    return Spool(SpoolSettings(path=tmp_path / "spool.sqlite", **settings))


def test_messages_come_back_as_they_went_in_and_in_order(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([message(1, payload=b"\x00\xff"), message(2)])
    head = spool.head(10)
    assert [m._replace(id=0) for m in head] == [message(1, payload=b"\x00\xff"), message(2)]
    assert (spool.depth, spool.oldest) == (2, AT)
    spool.remove(head[:1])
    assert [m.topic for m in spool.head(10)] == [message(2).topic]
    spool.remove(spool.head(10))
    assert (spool.depth, spool.bytes, spool.oldest) == (0, 0, None)


def test_it_outlives_the_process(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([message(1)])
    spool.close()
    again = opened(tmp_path)
    assert again.depth == 1
    assert again.head(1)[0].received_at == AT


def test_a_kill_after_append_loses_nothing(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        from datetime import UTC, datetime
        from pathlib import Path
        from storage.spool import RESERVE, Spool, SpooledMessage, SpoolSettings
        spool = Spool(SpoolSettings(path=Path(sys.argv[1])))
        for number in range(3):
            spool.append([SpooledMessage(0, "city", str(number), b"x", datetime.now(UTC), 1, False)])
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    path = tmp_path / "spool.sqlite"
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=30)
    assert ended.returncode == -signal.SIGKILL
    assert [m.topic for m in opened(tmp_path).head(10)] == ["0", "1", "2"]


def test_a_second_owner_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    with pytest.raises(SpoolLocked, match="another Stadtfunk"):
        opened(tmp_path)
    spool.close()
    opened(tmp_path).close()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([message(1)])
    files = list(tmp_path.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_full_spool_refuses_the_whole_batch(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1 << 20)
    spool.append([message(1)])
    with pytest.raises(SpoolUnavailable, match="is full"):
        spool.append([message(2), message(3, payload=b"x" * (1 << 20))])
    assert spool.depth == 1


def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(SpoolUnavailable, match="move it aside"):
        opened(tmp_path)


def test_retention_reaches_the_spool(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([message(1, at=AT - timedelta(days=31)), message(2)])
    assert spool.expire(AT - timedelta(days=30)) == 1
    assert (spool.depth, spool.oldest) == (1, AT)


def test_the_disk_keeps_room_for_deleting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(tmp_path)
    spool.append([message(1)])
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=RESERVE))
    with pytest.raises(SpoolUnavailable, match="disk"):
        spool.append([message(2)])
    spool.remove(spool.head(1))
    assert (spool.depth, spool.bytes) == (0, 0)


def test_removing_again_what_is_gone_changes_nothing(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([message(number, payload=bytes(700_000)) for number in range(4)] + [message(9)])
    head = spool.head(4)
    spool.remove(head[:1])
    spool.remove(head)
    spool.remove(head)
    assert [one.topic for one in spool.head(10)] == [message(9).topic]
    last = spool.bytes
    spool.close()
    again = opened(tmp_path)
    assert (again.depth, again.bytes) == (1, last)
