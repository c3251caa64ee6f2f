"""Grouping: what follows from one cause is told once. Devices that only a dead gateway heard are its group. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from alerts.model import Finding

BEHIND_GATEWAY = "behind_silent_gateway"


def gateway_group(gateway_id: str) -> str:
    """The group of a gateway and of the devices behind it."""
    return f"gateway/{gateway_id}"


def behind_gateways(
    findings: Iterable[Finding], heard_by: Mapping[str, Collection[str]], silent: Collection[str]
) -> Iterator[Finding]:
    """The findings; those of devices whose gateways are all silent join the group of one and are not told themselves.

    Args:
        heard_by: the gateways that received a device's last uplink.
        silent: gateways with an open alert.
    """
    for finding in findings:
        gateways = heard_by.get(finding.subject, ())
        if finding.ended is None and gateways and all(gateway in silent for gateway in gateways):
            facts = {**finding.facts, "gateways": sorted(gateways)}
            yield replace(
                finding,
                group=gateway_group(min(gateways)),
                notifiable=False,
                badges=(*finding.badges, BEHIND_GATEWAY),
                facts=facts,
            )
        else:
            yield finding
