"""An error that nobody foresaw while rows are built: its message is kept raw, and the neighbours are stored."""

import psycopg
import pytest

from decoders.errors import RejectReason
from storage import rows as columns
from storage.failures import Retryable
from storage.writer import Writer
from tests.integration.storage.test_writer import count, record, rows, sql, uplink, writer  # noqa: F401  (fixtures)

SECRET = "4738291"
KINDS_OF_DEFECT = [TypeError(SECRET), AttributeError(SECRET), KeyError(SECRET), ZeroDivisionError(SECRET)]


def meeting(defect: Exception, function, odd: int):
    """Like the function that builds rows, but it meets `defect` with the uplink of this frame counter."""

    def build(found, *arguments):
        if any(getattr(one, "uplink", None) is not None and one.uplink.f_cnt == odd for one in found):
            raise defect
        return function(found, *arguments)

    return build


@pytest.mark.parametrize("defect", KINDS_OF_DEFECT, ids=lambda defect: type(defect).__name__)
async def test_the_message_that_meets_it_is_kept_raw_and_its_neighbours_are_stored(
    writer: Writer,  # noqa: F811
    sql: psycopg.Connection,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    defect: Exception,
) -> None:
    batch = [record(uplink(number)) for number in range(1, 41)]
    with monkeypatch.context() as broken:
        broken.setattr(columns, "uplink_columns", meeting(defect, columns.uplink_columns, odd=17))
        result = await writer.write(batch)
    assert (result.uplinks, result.quarantined, result.rejected) == (39, 1, {"internal_error": 1})
    assert [count(sql, table) for table in ("uplink", "tree_moisture")] == [39, 39]
    [(reason, detail, payload)] = rows(sql, "SELECT reason, detail, payload FROM rejected")
    assert (reason, payload) == (RejectReason.INTERNAL_ERROR, b"{}")
    assert str(detail).startswith(f"{type(defect).__name__} at storage/")
    assert "message_set_aside" in caplog.text
    assert SECRET not in caplog.text + str(detail)
    assert (await writer.write(batch)).uplinks == 1, "without the defect it is stored like any other"


async def test_what_cannot_even_be_set_aside_is_brought_again(
    writer: Writer,  # noqa: F811
    sql: psycopg.Connection,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`Retryable`: the pipeline spools it and goes on; what is stored already is not stored twice afterwards."""

    def broken_everywhere(*_arguments: object) -> None:
        raise AttributeError(SECRET)

    batch = [record(uplink(1)), record(uplink(2)), record(uplink(3))]
    with monkeypatch.context() as broken:
        broken.setattr(columns, "uplink_columns", meeting(TypeError(SECRET), columns.uplink_columns, odd=2))
        broken.setattr(columns, "rejected_columns", broken_everywhere)
        with pytest.raises(Retryable) as refused:
            await writer.write(batch)
    assert not refused.value.answered
    assert "message_cannot_be_set_aside" in caplog.text
    assert SECRET not in caplog.text + str(refused.value)
    await writer.write(batch)
    assert (count(sql, "uplink"), count(sql, "rejected")) == (3, 0)


async def test_a_question_that_meets_it_is_asked_again(writer: Writer) -> None:  # noqa: F811
    async def broken(_connection: object) -> None:
        raise AssertionError(SECRET)

    async def fine(connection: psycopg.AsyncConnection) -> int:
        return (await (await connection.execute("SELECT 7")).fetchone())[0]  # type: ignore[index]

    with pytest.raises(Retryable):
        await writer.read(broken)
    assert await writer.read(fine) == 7
