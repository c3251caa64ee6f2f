"""The dashboards as files: `config/grafana/dashboards/<uid>.json`, one for each."""

from pathlib import Path
from typing import Final

from dashboards.collection import collected
from dashboards.grafana import text

FOLDER: Final = Path(__file__).parent.parent / "config" / "grafana" / "dashboards"


def texts() -> dict[str, str]:
    """File name → text."""
    every = collected()
    titles = {dashboard.uid: dashboard.title for dashboard in every}
    return {f"{dashboard.uid}.json": text(dashboard, titles) for dashboard in every}


def write(folder: Path) -> list[Path]:
    """Write all files and remove those of dashboards that are no more; what changed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = texts()
    for stale in {path.name for path in folder.glob("stadtfunk-*.json")} - wanted.keys():
        (folder / stale).unlink()
    changed = []
    for name, content in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            changed.append(path)
    return changed
