"""Points at which a fault test lets the process die: `STADTFUNK_FAULT=after_commit:3` ends it at the third passage.

Outside of fault tests the variable is not set and a passage costs one comparison.
"""

import os
import sys
from itertools import count

_NAME, _, _NUMBER = os.environ.get("STADTFUNK_FAULT", "").partition(":")
_passages = count(1)


def fault_point(name: str) -> None:
    """End the process at once, as a power cut would, if the environment asks for it at this point."""
    if name == _NAME and next(_passages) == int(_NUMBER or 1):
        sys.stderr.write(f"fault point={name}\n")
        os._exit(137)
