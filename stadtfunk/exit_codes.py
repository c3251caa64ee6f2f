"""What the exit code of every command means."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Documented in `docs/commands.md`; a script may rely on them."""

    OK = 0
    """Done; also after SIGTERM and Ctrl-C."""
    FAILURE = 1
    """The command ran and its answer is no: a payload that does not decode, an unknown device, a defect."""
    CONFIGURATION = 2
    """The configuration or the command line is wrong; every problem was listed."""
    REFUSED = 3
    """Another instance holds the client id, the spool or the lock."""
    UNAVAILABLE = 4
    """The database cannot be reached or refuses us."""
