"""The receive buffer, against packets cut at every place."""

import mqtt5
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.errors import MalformedStream
from ingest.mqtt.receive_buffer import CHUNK_BYTES, ReceiveBuffer


def feed(buffer: ReceiveBuffer, data: bytes) -> list[bytes]:
    """What asyncio and the link do with what the socket has; returns the payloads of all complete packets."""
    payloads = []
    while data:
        free = buffer.free()
        part = data[: len(free)]
        free[: len(part)] = part
        buffer.received(len(part))
        data = data[len(part) :]
        payloads += parse(buffer)
    return payloads


def parse(buffer: ReceiveBuffer) -> list[bytes]:
    payloads = []
    while buffer.start < buffer.end:
        try:
            packet, size = mqtt5.read(buffer.view[buffer.start : buffer.end])
        except IndexError:
            break
        assert isinstance(packet, mqtt5.PublishPacket)
        payloads.append(packet.payload)
        buffer.start += size
    buffer.check_unfinished()
    return payloads


def publish(payload: bytes) -> bytes:
    return mqtt5.PublishPacket("a/b", payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1).write()


@given(
    sizes=st.lists(st.integers(0, 3000), max_size=20),
    cuts=st.lists(st.integers(1, 4000), min_size=1, max_size=20),
)
@settings(max_examples=100, deadline=None)
def test_packets_come_out_whole_wherever_they_are_cut(sizes: list[int], cuts: list[int]) -> None:
    sent = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    stream = b"".join(publish(payload) for payload in sent)
    buffer, got, position, turn = ReceiveBuffer(max_packet_bytes=10_000), [], 0, 0
    while position < len(stream):
        step = cuts[turn % len(cuts)]
        got += feed(buffer, stream[position : position + step])
        position, turn = position + step, turn + 1
    assert got == sent


def test_a_packet_larger_than_the_buffer_is_received_and_its_memory_given_back() -> None:
    buffer = ReceiveBuffer(max_packet_bytes=2**24)
    stream = publish(b"x" * 10 * 2**20) + publish(b"small")
    got = []
    for start in range(0, len(stream), 100_000):
        got += [len(payload) for payload in feed(buffer, stream[start : start + 100_000])]
        assert len(buffer.view) <= max(CHUNK_BYTES, 10 * 2**20 + 100)
    assert got == [10 * 2**20, 5]
    buffer.free()
    assert len(buffer.view) == CHUNK_BYTES


def test_a_packet_that_announces_too_much_is_refused_before_it_is_received() -> None:
    buffer = ReceiveBuffer(max_packet_bytes=65536)
    with pytest.raises(MalformedStream, match="65536"):
        feed(buffer, b"\x32\xff\xff\x7f")


def test_a_packet_that_is_there_in_full_is_not_waited_for() -> None:
    buffer = ReceiveBuffer(max_packet_bytes=65536)
    packet = publish(b"x")
    buffer.free()[: len(packet)] = packet
    buffer.received(len(packet))
    with pytest.raises(MalformedStream, match="past its end"):
        buffer.check_unfinished()


@pytest.mark.parametrize("data", [b"", b"\x32", b"\x32\x80", b"\x32\xff\xff", b"\x32\x05abc"])
def test_what_is_not_finished_is_waited_for(data: bytes) -> None:
    buffer = ReceiveBuffer(max_packet_bytes=2**28)
    assert feed(buffer, data) == []
    assert len(buffer.free()) > 0
