"""Room on the disks of our folders."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from config.settings import Settings
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.doctor.sizes import size
from storage.spool import RESERVE

NEARLY_FULL = 0.1
"""Part of a disk that should be free."""
FULL = 8 * RESERVE


async def check(settings: Settings) -> Sequence[Finding]:
    """The disks of the spool and of an embedded database."""
    return await asyncio.to_thread(_check, settings)


def _check(settings: Settings) -> list[Finding]:
    found = []
    folders = {"spool": settings.spool.path.parent}
    if settings.database.embedded:
        folders["database"] = settings.database.data_dir
    for name, folder in folders.items():
        there = next((one for one in (folder, *folder.absolute().parents) if one.exists()), None)
        if there is not None:
            disk = shutil.disk_usage(there)
            reserved = settings.spool.max_bytes if name == "spool" else 0
            found += judge(name, folder, free=disk.free, total=disk.total, reserved=reserved)
    return found


def judge(name: str, folder: Path, *, free: int, total: int, reserved: int) -> list[Finding]:
    """The findings about one disk.

    Args:
        reserved: what we may have to write there in an outage.
    """
    notes = Findings(Subject.DISK, name)
    if free < FULL:
        notes.wrong(
            "full",
            said("The disk of {folder} is full: {free} are left.", folder=folder, free=size(free)),
            said(
                "Free space or enlarge the disk now; the spool stops and refuses messages below {reserve}.",
                reserve=size(RESERVE),
            ),
        )
    elif free < reserved + RESERVE:
        notes.warn(
            "reserved",
            said(
                "The spool may grow to {limit}, and {free} are left on the disk of {folder}.",
                limit=size(reserved),
                free=size(free),
                folder=folder,
            ),
            said("Free space, or lower `spool.max_bytes`."),
        )
    elif free < NEARLY_FULL * total:
        notes.warn(
            "nearly_full",
            said(
                "The disk of {folder} is nearly full: {free} of {total} are left.",
                folder=folder,
                free=size(free),
                total=size(total),
            ),
            said("Free space or enlarge the disk."),
        )
    else:
        notes.well("room", said("{free} are free for {folder}.", free=size(free), folder=folder))
    return notes.found
