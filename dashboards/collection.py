"""All dashboards: each module of this package with a `build` makes one, and each reading kind has its own."""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

import dashboards
from dashboards.kinds import of_kind
from dashboards.panels import Dashboard
from decoders.readings import KINDS, Reading


def collected(kinds: Sequence[type[Reading]] = KINDS) -> tuple[Dashboard, ...]:
    """Every dashboard: what the modules build, in order of their names, and then the kinds'."""
    modules = [import_module(f"dashboards.{found.name}") for found in iter_modules(dashboards.__path__)]
    built = [module.build() for module in modules if hasattr(module, "build")]
    return (*built, *(of_kind(kind) for kind in kinds))
