"""Sites with their bays, as they stood there in a span: what is counted together."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alerts.charging.status import evse_key
from alerts.spans import Span
from storage.database import Connection
from storage.statements import load

_QUERIES = load("statistics")

Served = Mapping[str, Sequence[tuple[float, float]]]
"""When each charge point served a bay, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Bay:
    """One bay.

    Attributes:
        pool: bays of the same pool share their charge points.
        served: its charge points, and when each served it.
    """

    key: str
    pool: str
    served: Served


@dataclass(slots=True)
class Site:
    """A charging station, or a bay without one.

    Attributes:
        sensors: names of the bays by the DevEUIs of their sensors.
        parts: what its figures depend on, in words.
    """

    key: str
    name: str
    district: str
    bays: list[Bay] = field(default_factory=list)
    sensors: list[tuple[str, str]] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def basis(self, how: str) -> str:
        """A digest of what its figures are counted from, and of `how`."""
        return hashlib.sha256("\n".join([how, *self.parts]).encode()).hexdigest()[:32]


async def load_sites(connection: Connection, span: Span) -> list[Site]:
    """The sites of all bays, with the sensors and charge points that they had in the span."""
    links: dict[str, dict[str, list[tuple[float, float]]]] = {}
    shared: set[str] = set()
    for bay, evse, mapping, start, end in await (await connection.execute(_QUERIES["bay_links"])).fetchall():
        links.setdefault(bay, {}).setdefault(evse, []).append((start, end))
        if mapping == "GROUP":
            shared.add(bay)
    values = {"start": span.start, "end": span.end}
    found: dict[str, Site] = {}
    for row in await (await connection.execute(_QUERIES["sites"], values)).fetchall():
        bay, bay_name, bay_district, attributes, station, name, district, sensors, bindings = row
        key = str(attributes.get("station") or bay)
        grouped = bay in shared if bay in links else attributes.get("mapping") == "GROUP"
        served = links.get(bay) or {evse: [ALWAYS] for evse in _named(attributes)}
        site = found.setdefault(key, Site(key, name or bay_name or station or key, district or bay_district or ""))
        site.bays.append(Bay(bay, key if grouped else bay, served))
        site.sensors += [(sensor, bay_name or bay) for sensor in sensors]
        site.parts.append(f"{bay} {grouped} {sorted(served.items())} {bindings}")
    return list(found.values())


ALWAYS = (float("-inf"), float("inf"))


def _named(attributes: Mapping[str, object]) -> list[str]:
    listed = attributes.get("evses")
    return [evse_key(str(one)) for one in listed] if isinstance(listed, list) else []
