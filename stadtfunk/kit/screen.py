"""Answers of decoders for people: readings as tables, payloads as coloured bytes, checks as a list."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from decoders.readings import QualityFlag, Reading, quantities
from decoders.registry import Origin
from stadtfunk.kit.answers import Answer, values
from stadtfunk.kit.bytemap import MappedByte, spans
from stadtfunk.kit.checks import Check, Status
from stadtfunk.kit.comparison import Change, Difference, key_of
from stadtfunk.kit.history import WhyNot
from stadtfunk.messages import text

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow")
_STEERS, _SILENT, _UNREAD = "bold", "dim", "red underline"
_PER_LINE = 16
_STATUS_STYLES = {Status.PASSED: "green", Status.FAILED: "bold red", Status.NOTE: "yellow", Status.SKIPPED: "dim"}


def answer_lines(answer: Answer, differences: Sequence[Difference] = ()) -> Iterator[RenderableType]:
    """Readings, warnings and the refusal of one answer; values that differ from what is stored are marked."""
    if answer.parts > 1:
        yield Text(text("Put together from {count} parts.", count=answer.parts))
    if answer.error is not None:
        yield Text(text("Refused: {reason}: {detail}", reason=answer.error.reason, detail=answer.error.detail), "red")
    for reading in answer.readings:
        about = [one for one in differences if one.key == key_of(reading)]
        yield _title(reading, stored=not any(one.change is Change.APPEARS for one in about))
        yield _values(reading, {one.field: one for one in about if one.field})
    for warning in answer.warnings:
        yield Text(text("Warning: {warning}", warning=warning), "yellow")


def vanished(differences: Sequence[Difference]) -> Iterator[str]:
    """A line for every stored reading that decoding does not give any more."""
    for one in differences:
        if one.change is Change.VANISHES:
            kind, subject, channel, at = one.key
            about = " ".join(filter(None, (kind, subject, str(channel), at.isoformat())))
            yield text("stored, but not given now: {reading}", reading=about)


def why_not(reason: WhyNot) -> str:
    """Why a stored uplink has no answer, as a sentence."""
    match reason:
        case WhyNot.WITHHELD:
            return text(
                "The payload may be a household's and is withheld (--household shows it), or is no longer kept."
            )
        case WhyNot.NOT_DECODABLE:
            return text("Simulated, encrypted or without payload: never decoded.")
        case WhyNot.NO_DECODER:
            return text("No mapping names a decoder for this device.")


def byte_map(bytes_: Sequence[MappedByte], answer: Answer) -> RenderableType:
    """The payload in colours, and a legend that tells the same without colours."""
    names = list(dict.fromkeys(name for byte in bytes_ for name in byte.gives))
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
    legend = Table(show_header=False, box=None, padding=(0, 1))
    shown = _shown(answer)
    for name in names:
        places = spans([byte.offset for byte in bytes_ if name in byte.gives])
        legend.add_row(Text(name, colours[name]), places, Text(shown.get(name, "")))
    whole = answer.decoded is not None and answer.decoded.fragment is None
    for title, style, offsets in _others(bytes_):
        if whole and offsets:
            legend.add_row(Text(title, style), spans(offsets), "")
    return Group(_dump(bytes_, colours), legend)


def check_lines(checks: Sequence[Check]) -> Iterator[Text]:
    """Checks with how they ended, and below each exactly what is wrong or missing."""
    widths = [
        max(map(len, column)) for column in zip(*((_status(one.status), one.name) for one in checks), strict=True)
    ]
    for check in checks:
        style = _STATUS_STYLES[check.status]
        line = Text("  ").append(_status(check.status).ljust(widths[0]), style)
        yield line.append(f"  {check.name.ljust(widths[1])}  ").append(check.detail, "dim")
        yield from (Text(f"      {problem}", style) for problem in check.problems)


def origin_name(origin: Origin) -> str:
    """Where a decoder comes from, for people."""
    match origin:
        case Origin.BUILT_IN:
            return text("built-in")
        case Origin.CONFIGURED:
            return text("configured table")
        case Origin.CODEC:
            return text("vendor codec")
        case Origin.FOLDER:
            return text("private folder")
        case Origin.PACKAGE:
            return text("package")


def flag_names(flags: QualityFlag) -> str:
    """Flags as their names."""
    return ", ".join(str(flag.name) for flag in flags)


def show(out: Console, lines: Iterable[RenderableType]) -> None:
    """Print each line."""
    for line in lines:
        out.print(line, soft_wrap=isinstance(line, Text))


def _status(status: Status) -> str:
    match status:
        case Status.PASSED:
            return text("passed")
        case Status.FAILED:
            return text("failed")
        case Status.NOTE:
            return text("note")
        case Status.SKIPPED:
            return text("skipped")


def _title(reading: Reading, *, stored: bool) -> Text:
    channel = text("channel {channel}", channel=reading.channel)
    parts = [reading.title, reading.subject, channel, reading.observed_at.isoformat(), flag_names(reading.flags)]
    line = Text("  ".join(filter(None, parts)), "italic")
    return line if stored else line.append("  " + text("not stored"), "red")


def _values(reading: Reading, stored: Mapping[str, Difference]) -> Table:
    """Every value with its unit, and what is stored where that differs."""
    table = Table(show_header=False, box=None, padding=(0, 1))
    known = quantities(type(reading))
    said = values(reading)
    for name in (name for name in known if name in said or name in stored):
        value = "-" if said.get(name) is None else str(said[name])
        marked = (_stored(stored[name]),) if name in stored else ()
        table.add_row(Text(known[name].title), Text(value), Text(known[name].unit), *marked)
    if "flags" in stored:
        table.add_row(text("Flags"), flag_names(reading.flags) or "-", "", _stored(stored["flags"]))
    return table


def _stored(difference: Difference) -> Text:
    value = flag_names(difference.stored) if isinstance(difference.stored, QualityFlag) else difference.stored
    return Text(text("stored: {value}", value="-" if value in (None, "") else value), "red")


def _dump(bytes_: Sequence[MappedByte], colours: Mapping[str, str]) -> Text:
    dump = Text()
    for byte in bytes_:
        if byte.offset % _PER_LINE == 0:
            dump.append("\n" if byte.offset else "").append(f"{byte.offset:4d} ", "dim")
        dump.append(" ").append(f"{byte.value:02x}", _style(byte, colours))
    return dump


def _style(byte: MappedByte, colours: Mapping[str, str]) -> str:
    if byte.unread:
        return _UNREAD
    if byte.gives:
        return f"bold {colours[byte.gives[0]]}" if byte.steers else colours[byte.gives[0]]
    return _STEERS if byte.steers else _SILENT


def _others(bytes_: Sequence[MappedByte]) -> Iterator[tuple[str, str, list[int]]]:
    """Bytes that give no value, by what they are."""
    yield (
        text("steers: which values there are, a refusal, a warning"),
        _STEERS,
        [byte.offset for byte in bytes_ if byte.steers],
    )
    yield text("changes nothing"), _SILENT, [byte.offset for byte in bytes_ if byte.silent and not byte.unread]
    yield text("not read"), _UNREAD, [byte.offset for byte in bytes_ if byte.unread]


def _shown(answer: Answer) -> dict[str, str]:
    """Values with units by the names of a byte map: `name`, or `name[n]` where several readings have it."""
    found: dict[str, str] = {}
    for number, reading in enumerate(answer.readings):
        known = quantities(type(reading))
        for name, value in values(reading).items():
            shown = "-" if value is None else f"{value} {known[name].unit}".rstrip()
            found[f"{name}[{number}]"] = found[name] = shown
        found[f"subject[{number}]"] = found["subject"] = reading.subject
        found[f"observed_at[{number}]"] = found["observed_at"] = reading.observed_at.isoformat()
    return found
