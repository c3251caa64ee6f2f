"""What one part of Stadtfunk uses. A process of one part has no secrets, networks and folders of the others."""

from collections.abc import Mapping
from dataclasses import dataclass

from stadtfunk.part import Part

_EVERY_PART = frozenset({"city", "database", "heartbeat", "http.host", "http.port", "logging", "retention", "watch"})
USED: Mapping[Part, frozenset[str]] = {
    Part.INGEST: _EVERY_PART
    | {"codecs", "codecs_folder", "decoder_folders", "http.webhooks", "mapping", "meter_keys_file", "sources"}
    | {"spool", "tables"},
    Part.ENGINE: _EVERY_PART | {"alerts", "charging"},
    # operators push to the portal, which asks them for their versions when they register
    Part.PORTAL: _EVERY_PART | {"charging.ocpi", "charging.state_dir", "charging.webhooks", "portal", "report"},
}
"""Settings by the part that uses them; a key stands for everything below it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits what is said about settings to those that a part uses.

    Args:
        only: the part; None: everything is used.
    """

    only: Part | None = None

    def uses(self, key: str) -> bool:
        """Whether the setting `key` is used; what follows a colon is no part of it."""
        if self.only is None:
            return True
        setting = key.partition(":")[0]
        return any(f"{setting}.".startswith(f"{used}.") for used in USED[self.only])


EVERYTHING = Scope()
