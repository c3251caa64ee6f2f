"""Charging bays in portions, so that neither memory nor a turn grows with the city: bays of one station together.

A story depends on the other bays of its station and on nothing else, so portions tell what the whole city would.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from alerts.parking.loading import Site


def portions(sites: Iterable[Site], most: int) -> Iterator[list[Site]]:
    """Sites in portions of about `most`; those of one station stay together."""
    portion: list[Site] = []
    for site in sorted(sites, key=lambda site: (site.bay.station, site.bay.key)):
        if len(portion) >= most and (not site.bay.station or site.bay.station != portion[-1].bay.station):
            yield portion
            portion = []
        portion.append(site)
    if portion:
        yield portion


def with_groups(sites: Mapping[str, Site], keys: Collection[str]) -> list[Site]:
    """The sites of these bays, with all bays that share charge points with them."""
    groups = {sites[key].bay.group for key in keys if key in sites} - {""}
    return [site for key, site in sites.items() if key in keys or site.bay.group in groups]


def with_stations(sites: Mapping[str, Site], keys: Collection[str]) -> list[Site]:
    """The sites of these bays, with all bays of their stations."""
    stations = {sites[key].bay.station for key in keys if key in sites} - {""}
    return [site for key, site in sites.items() if key in keys or site.bay.station in stations]
