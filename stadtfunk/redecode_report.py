"""What `stadtfunk redecode` shows of a run, for people and as JSON."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from decoders.readings import KINDS, quantities
from stadtfunk.commands.options import console
from stadtfunk.messages import text
from stadtfunk.redecode import Redecoded
from storage.redecode import Refusal, Run, RunRefused
from storage.redecode_tally import FieldTally, KindTally, Tally


def show(done: Redecoded, *, dry_run: bool) -> None:
    """Print what a run or a dry run found."""
    out, tally = console(), done.tally
    if done.continued:
        out.print(text("The interrupted re-decoding {run} was continued.", run=done.run and done.run.id))
    out.print(text("Uplinks decoded again: {count}.", count=tally.uplinks))
    if not tally.changes_something:
        out.print(text("Nothing changes."))
    for kind, found in sorted(tally.kinds.items()):
        if found.rows:
            _print_kind(kind, found)
    if tally.outcomes:
        out.print(text("Uplinks with another outcome or version: {count}.", count=tally.outcomes))
    _print_refusals(tally)
    if tally.resolved:
        out.print(text("Rejected messages that are resolved: {count}.", count=tally.resolved))
    if dry_run:
        out.print(text("This was a dry run: nothing is written."))
    elif done.run is not None and tally.changes_something:
        out.print(text("To undo it: stadtfunk redecode --undo {run}", run=done.run.id), markup=False)


def show_runs(runs: Sequence[Run]) -> None:
    """Print a table of runs."""
    if not runs:
        console().print(text("Nothing was decoded again so far."))
        return
    titles = ("ID", text("State"), text("Decoder"), text("Device"), text("From"), text("Until"), text("Begun"))
    table = Table(*titles, text("Uplinks"), text("appear"), text("vanish"), text("change"), box=None, pad_edge=False)
    for run in runs:
        tally, chosen = run.tally, run.selection
        kinds = tally.kinds.values()
        numbers = (
            tally.uplinks,
            sum(kind.appear for kind in kinds),
            sum(kind.vanish for kind in kinds),
            sum(kind.change for kind in kinds),
        )
        times = (f"{at:%Y-%m-%d %H:%M}" for at in (chosen.since, chosen.until, run.started_at))
        cells = (str(run.id), run.state.value, chosen.decoder or "*", chosen.device or "*", *times)
        table.add_row(*map(Text, (*cells, *map(str, numbers))))
    console().print(table)


def as_object(done: Redecoded, *, dry_run: bool) -> dict[str, object]:
    """The result for programs: the counts, and of each field its first examples with their unit."""
    counts = done.tally.counts()
    kinds = counts["kinds"]
    assert isinstance(kinds, dict)
    for kind, numbers in kinds.items():
        for name, field in numbers["fields"].items():
            field["unit"] = _unit(kind, name)
            field["examples"] = _examples(done.tally.kinds[kind].fields[name])
    run = None if done.run is None else done.run.id
    return {"run": run, "dry_run": dry_run, "continued": done.continued, **counts}


def run_as_object(run: Run) -> dict[str, object]:
    """A run for programs."""
    chosen = run.selection
    return {
        "run": run.id,
        "state": run.state.value,
        "decoder": chosen.decoder,
        "device": chosen.device,
        "since": chosen.since.isoformat(),
        "until": chosen.until.isoformat(),
        "started_at": run.started_at.isoformat(),
        "finished_at": None if run.finished_at is None else run.finished_at.isoformat(),
        "decoders": dict(run.decoders),
        **run.tally.counts(),
    }


def sentence(refusal: RunRefused) -> str:
    """Why a run is refused, and what to do."""
    details = refusal.details
    match refusal.reason:
        case Refusal.UNKNOWN_RUN:
            return text("There is no re-decoding with number {run}.", **details)
        case Refusal.UNKNOWN_DECODER:
            return text("There is no decoder {name}; known: {known}", **details)
        case Refusal.UNKNOWN_DEVICE:
            return text("No device {device} is known.", **details)
        case Refusal.AT_WORK:
            return text("Another re-decoding is at work.")
        case Refusal.UNDOING | Refusal.UNDONE | Refusal.LATER_RUN | Refusal.EXPIRED:
            return _about_undo(refusal.reason, details)
        case _:
            return _about_continuing(refusal.reason, details)


def _about_undo(reason: Refusal, details: Mapping[str, object]) -> str:
    if reason is Refusal.UNDOING:
        return text("The undo of re-decoding {run} is unfinished: repeat --undo {run}.", **details)
    if reason is Refusal.UNDONE:
        return text("Re-decoding {run} is undone already.", **details)
    if reason is Refusal.LATER_RUN:
        return text("Re-decoding {later} came after {run}: undo that one first.", **details)
    return text("What re-decoding {run} replaced is not kept any more.", **details)


def _about_continuing(reason: Refusal, details: Mapping[str, object]) -> str:
    if reason is Refusal.NONE_UNFINISHED:
        return text("No re-decoding is unfinished.")
    if reason is Refusal.CHANGED:
        return text("Decoders or mapping changed since re-decoding {run} began: undo it, begin again.", **details)
    return text("Re-decoding {run} is unfinished: continue it with --resume, or undo it with --undo {run}.", **details)


def _print_refusals(tally: Tally) -> None:
    out = console()
    for reason, count in sorted(tally.refused.items()):
        out.print(text("  refused as {reason}: {count}", reason=reason, count=count), markup=False)
    if tally.left:
        out.print(text("  of these left as they are, because the decoder could not work: {count}", count=tally.left))


def _print_kind(kind: str, found: KindTally) -> None:
    out = console()
    out.print(
        text(
            "{kind}: {appear} appear, {vanish} vanish, {change} change",
            kind=kind,
            appear=found.appear,
            vanish=found.vanish,
            change=found.change,
        ),
        markup=False,
    )
    if found.moved:
        out.print(text("  {count} are another uplink's now", count=found.moved))
    titles = (text("Field"), text("appear"), text("vanish"), text("change"), text("Example"))
    table = Table(*titles, box=None, pad_edge=True)
    for name, field in found.fields.items():
        shown = [_example(kind, name, example) for example in _examples(field)]
        first, *more = shown or [""]
        table.add_row(*map(Text, (name, str(field.appear), str(field.vanish), str(field.change), first)))
        for line in more:
            table.add_row("", "", "", "", Text(line))
    out.print(table)


def _examples(field: FieldTally) -> list[dict[str, object]]:
    return [
        {"device": one.device, "observed_at": one.observed_at.isoformat(), "old": one.old, "new": one.new}
        for one in field.examples
    ]


def _example(kind: str, name: str, example: Mapping[str, object]) -> str:
    """`24e124… 2026-10-01 12:00:00  12.5 → 13.0 Cel`"""
    old, new = ("-" if value is None else str(value) for value in (example["old"], example["new"]))
    at = str(example["observed_at"]).replace("T", " ").removesuffix("+00:00")
    return f"{example['device']} {at}  {old} → {new} {_unit(kind, name)}".strip()


def _unit(kind: str, name: str) -> str:
    [known] = [quantities(one) for one in KINDS if one.kind == kind]
    return known[name].unit if name in known else ""
