"""The simulated city's assets in the form of a city file: the demo's database learns what its devices measure."""

from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.device import Asset
from stadtfunk.demo.settings import DemoSettings


def assets(settings: DemoSettings) -> list[dict[str, object]]:
    """All assets as entries of a city file's `assets`: gateways, charging stations, bays, trees, meters."""
    return [entry(asset) for asset in DemoCity(settings).assets()]


def entry(asset: Asset) -> dict[str, object]:
    """One asset as plain JSON values."""
    return {
        "kind": asset.kind,
        "key": asset.key,
        "name": asset.name,
        "district": asset.district,
        "latitude": round(asset.latitude, 6),
        "longitude": round(asset.longitude, 6),
        "attributes": dict(asset.attributes),
        "devices": [
            {"dev_eui": probe.dev_eui, "valid_from": f"{probe.valid_from.isoformat()}T00:00:00Z"}
            for probe in asset.probes
        ],
    }
