"""The parts that can be processes of their own."""

from enum import StrEnum


class Part(StrEnum):
    """What a process may be limited to."""

    INGEST = "ingest"
    ENGINE = "engine"
    PORTAL = "portal"
