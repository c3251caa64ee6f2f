"""The history of the simulated city as a replay file: NDJSON, one message per line, in order of time."""

from binascii import b2a_base64
from collections.abc import Iterator
from datetime import datetime

from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.clock import nanoseconds
from stadtfunk.demo.message import Message
from stadtfunk.demo.settings import DemoSettings
from stadtfunk.demo.stamps import rfc3339_us
from stadtfunk.demo.stream import CityStream

_LINES_PER_BLOCK = 512


def history(settings: DemoSettings, start: datetime, end: datetime, *, leave_burst: bool = False) -> Iterator[bytes]:
    """Blocks of whole lines: first a header `{"stadtfunk_replay":1,"total":N}`, then N messages.

    Each message is `{"topic":…,"payload":{…},"received_at":…,"qos":1}`; `payload` is the network server's JSON as it
    is, `payload_base64` stands in its place for protobuf.

    Args:
        leave_burst: end where a live stream that begins at `end` takes over, which is some minutes earlier.

    Raises:
        ValueError: the city was not installed yet at `start`.
    """
    stream = CityStream(DemoCity(settings), stats_seconds=settings.network.history_stats_seconds)
    bounds = (nanoseconds(start), nanoseconds(end))
    stream.wind(bounds[0])
    if leave_burst:
        bounds = (bounds[0], stream.live_start(bounds[1]))
    yield b'{"stadtfunk_replay":1,"total":%d}\n' % stream.count(*bounds)
    block: list[bytes] = []
    for message in stream.messages(*bounds):
        block.append(line(message))
        if len(block) == _LINES_PER_BLOCK:
            yield b"".join(block)
            block.clear()
    yield b"".join(block)


def line(message: Message) -> bytes:
    """One message as a line of a replay file."""
    received_at = rfc3339_us(message.at // 1000)
    retain = b',"retain":true' if message.retain else b""
    if message.payload[:1] == b"{":
        return b'{"topic":"%b","payload":%b,"received_at":"%b","qos":1%b}\n' % (
            message.topic,
            message.payload,
            received_at,
            retain,
        )
    return b'{"topic":"%b","payload_base64":"%b","received_at":"%b","qos":1%b}\n' % (
        message.topic,
        b2a_base64(message.payload, newline=False),
        received_at,
        retain,
    )
