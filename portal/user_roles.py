"""What people are in the portal; apart from the settings, so that the command line names them without loading those."""

from enum import StrEnum
from typing import Final


class UserRole(StrEnum):
    """What somebody is in the portal; each page says which of them may see it."""

    OFFICER = "officer"
    """Works on cases: the traffic authority's inner and outer service."""
    OPERATOR = "operator"
    """Runs Stadtfunk: channels, silences, the audit log."""
    ENGINEER = "engineer"
    """Cares for devices, decoders and bindings."""
    VIEWER = "viewer"
    """Looks at figures, changes nothing."""


INBOX_READERS: Final = frozenset({UserRole.OFFICER, UserRole.OPERATOR})
"""Who sees cases, and may have them on a device of theirs."""
