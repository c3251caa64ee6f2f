"""All dashboards: each module of this package with a `build` makes one, and each reading kind has its own."""

from importlib import import_module
from pkgutil import iter_modules

import dashboards
from dashboards.panels import Dashboard


def written() -> tuple[Dashboard, ...]:
    """What the modules build, in order of their names."""
    modules = [import_module(f"dashboards.{found.name}") for found in iter_modules(dashboards.__path__)]
    built = [module.build() for module in modules if hasattr(module, "build")]
    return tuple(built)
