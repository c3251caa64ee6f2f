"""`python -m dashboards [FOLDER]`: write every dashboard as a file that Grafana provisions."""

import sys
from pathlib import Path

from dashboards.files import FOLDER, write

if __name__ == "__main__":
    for path in write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        sys.stdout.write(f"{path}\n")
