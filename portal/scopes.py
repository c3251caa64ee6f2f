"""What tokens of programs can be limited to."""

from enum import StrEnum


class Scope(StrEnum):
    """A part of the portal; a route that lets programs in names one."""

    INBOX = "inbox"
    STATISTICS = "statistics"
