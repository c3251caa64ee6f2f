"""What differences between clocks mean; a second is nothing, a minute sorts data wrongly."""

from stadtfunk.doctor.findings import Finding, Findings, Subject, said

NOTICEABLE_SECONDS = 5.0
HARMFUL_SECONDS = 60.0


def clock_of_network_server(lag_seconds: float, *, about: str) -> list[Finding]:
    """The network server's clock against ours.

    Args:
        lag_seconds: our time of receipt minus its time, the smallest of several uplinks; transport makes it larger,
            only a wrong clock makes it negative.
    """
    notes = Findings(Subject.CLOCK, about)
    if -NOTICEABLE_SECONDS <= lag_seconds <= HARMFUL_SECONDS:
        notes.well("network_server", said("The network server's clock agrees with ours."))
        return notes.found
    seconds = f"{abs(lag_seconds):.0f}"
    if lag_seconds < 0:
        what = said("The network server's clock is {seconds} s ahead of ours.", seconds=seconds)
    else:
        what = said("Uplinks come {seconds} s after the network server's time.", seconds=seconds)
    mend = said("Synchronise both machines (chrony or systemd-timesyncd): `timedatectl` shows the state.")
    if lag_seconds < -HARMFUL_SECONDS:
        notes.wrong("network_server", what, mend)
    else:
        notes.warn("network_server", what, mend)
    return notes.found


def clock_of_database(ahead_seconds: float, uncertain_seconds: float) -> list[Finding]:
    """The database server's clock against ours.

    Args:
        ahead_seconds: how far it is ahead, in the middle of the question and its answer.
        uncertain_seconds: half of the time that the answer took.
    """
    notes = Findings(Subject.CLOCK)
    off = max(0.0, abs(ahead_seconds) - uncertain_seconds)
    if off <= NOTICEABLE_SECONDS:
        notes.well("database", said("The database's clock agrees with ours."))
        return notes.found
    what = said("The database's clock and ours are {seconds} s apart.", seconds=f"{off:.0f}")
    mend = said("Synchronise both machines (chrony or systemd-timesyncd): `timedatectl` shows the state.")
    if off > HARMFUL_SECONDS:
        notes.wrong("database", what, mend)
    else:
        notes.warn("database", what, mend)
    return notes.found
