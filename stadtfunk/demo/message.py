"""One MQTT message of the simulated city."""

from typing import NamedTuple


class Message(NamedTuple):
    """What is published `at` (nanoseconds). A tuple, because a week has half a million of them."""

    at: int
    topic: bytes
    payload: bytes
    retain: bool = False
