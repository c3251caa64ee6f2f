"""Redirects that stay in the portal, whatever a link asks for."""

import re
from typing import Final

_LOCAL: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*")
"""A path of this host: not `//host`, nor `/\\host`, which browsers read the same; no control characters."""


def safe_path(wanted: str, *, default: str = "/") -> str:
    """`wanted` when it is a path of the portal, else `default`."""
    return wanted if _LOCAL.fullmatch(wanted) and "\\" not in wanted else default
