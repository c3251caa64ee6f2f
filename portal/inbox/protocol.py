"""The Vorgangsprotokoll as PDF: A4, German, one column of what, when and by whom, with the head of the hash chain."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from fpdf.enums import XPos, YPos

from alerts.evidence import Document
from alerts.report.paper import INK, MUTED, PRIMARY, WIDTH, Color, Column, Paper
from alerts.report.tagging import Tag
from portal.inbox import story, words
from portal.inbox.entries import Entry
from portal.times import clock, duration, moment

_PAIRS: Final = (Column("", 50), Column("", 120))


def protocol(entry: Entry, found: Document) -> bytes:
    """The PDF of a case."""
    paper = Paper(f"Vorgangsprotokoll {entry.number}", f"Vorgang {entry.number}")
    paper.add_page()
    _title(paper, entry, found)
    _facts(paper, entry, found)
    _section(paper, "Verlauf", "Zeiten in Mainzer Ortszeit, das Neueste zuerst.")
    _table(paper, ("Zeit", "Was", "Wer", "Grund, Notiz"), (34, 52, 26, 58), map(_line, story.lines(found)))
    _confidence(paper, entry)
    heard = _heard(found.get("radio", ()))
    for bay in story.bays(found):
        _evidence(paper, bay, heard)
    _seal(paper, found)
    return bytes(paper.output())


def _title(paper: Paper, entry: Entry, found: Document) -> None:
    _write(paper, "Vorgangsprotokoll", size=10, bold=True, color=PRIMARY)
    _write(
        paper, f"{entry.street}, Platz {entry.bay}" if entry.bay else entry.street, size=18, bold=True, tag=Tag.TITLE
    )
    _write(paper, entry.what, size=13)
    made = datetime.fromisoformat(found["exported_at"])
    _write(paper, f"Vorgang {entry.number}, erstellt am {moment(made)} Uhr", size=9, color=MUTED)
    paper.ln(2)
    paper.paragraph(found["notice"], color=MUTED, size=9)
    paper.ln(2)


def _facts(paper: Paper, entry: Entry, found: Document) -> None:
    facts, case = entry.facts, found["case"]
    regime = words.REGIMES.get(str(facts.get("regime") or ""), "-")
    rows = [
        ("Bezirk", entry.district or "-"),
        ("Belegt seit", f"{moment(entry.since)} Uhr"),
        ("Dauer", duration((entry.closed_at or datetime.fromisoformat(found["exported_at"])) - entry.since)),
        ("Fall eröffnet", f"{moment(entry.opened_at)} Uhr"),
        ("Stand", f"{words.STATES[entry.state]}{f': {entry.end_word}' if entry.ended and entry.end_word else ''}"),
        ("Beschilderung", regime),
        ("Ende der Höchstparkdauer", _time_of(facts.get("legal_end"))),
        ("Sicherheit", f"{entry.confidence_word} ({entry.confidence} von 100)"),
        ("Regel", f"{case['rule']}, Fassung {case['rule_version']}; Schild {facts.get('sign_version') or '-'}"),
        ("Merkmale", ", ".join(words.BADGES.get(badge, badge) for badge in entry.badges) or "-"),
    ]
    paper.listing(_PAIRS, rows)


def _confidence(paper: Paper, entry: Entry) -> None:
    parts = entry.facts.get("confidence_parts")
    _section(paper, "Sicherheit", "Ausgangswert 100; jeder Zweifel senkt ihn.")
    rows = [(words.DOUBTS.get(part["reason"], part["reason"]), f"{part['change']:+d}") for part in parts or ()]
    _table(paper, ("Grund", "Änderung"), (130, 40), [*rows, ("Ergebnis", str(entry.confidence))])


def _evidence(paper: Paper, bay: story.Bay, heard: Mapping[str, str]) -> None:
    hint = "Zähler: fortlaufende Nummer der Funkmeldung. Empfang: stärkstes Gateway, solange er gespeichert ist."
    _section(paper, f"Meldungen des Bodensensors, {bay.key}", hint)
    rows = [
        (
            _exact(row["at"]),
            "belegt" if row.get("occupied") else "frei" if row.get("occupied") is False else "ungewiss",
            words.SIGHTINGS.get(row.get("event", ""), str(row.get("event", ""))),
            str(row.get("f_cnt", "")),
            heard.get(str(row.get("key", "")), "-"),
        )
        for row in bay.uplinks
    ]
    _table(paper, ("Zeit", "Platz", "Art", "Zähler", "Empfang"), (36, 20, 28, 20, 66), rows)
    _section(paper, f"Status der Ladepunkte, {bay.key}", "Wie ihn der Betreiber gemeldet hat, mit der Quelle.")
    statuses = [
        (
            _exact(row["at"]),
            str(row.get("evse", "")),
            words.STATUSES.get(row.get("status", ""), row.get("status", "")),
            f"{row.get('raw') or '-'} ({row.get('source') or '-'})",
        )
        for row in bay.statuses
    ]
    _table(paper, ("Zeit", "Ladepunkt", "Status", "Gemeldet als (Quelle)"), (42, 44, 36, 48), statuses)


def _heard(radio: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Who heard each message: the gateway with the strongest signal, and how many others."""
    found: dict[str, list[Mapping[str, object]]] = {}
    for one in radio:
        found.setdefault(str(one["key"]), []).append(one)
    return {
        key: f"{several[0]['gateway']}, {several[0]['rssi']} dBm, SNR {several[0]['snr']}"
        + (f", {len(several) - 1} weitere" if len(several) > 1 else "")
        for key, several in found.items()
    }


def _seal(paper: Paper, found: Document) -> None:
    _section(paper, "Prüfsumme", "Kopf der Hash-Kette (SHA-256) über alle Ereignisse dieses Vorgangs.")
    paper.set_text_color(INK)
    paper.set_font("courier", size=9)
    with paper.tagged(Tag.TEXT):
        paper.cell(WIDTH, 5, found["head"] or "-", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    _write(paper, "Prüfen: stadtfunk evidence verify DATEI.json --head PRÜFSUMME", size=8.5, color=MUTED)


def _line(line: story.Line) -> Sequence[str]:
    late = f"nachgetragen {clock(line.late)} Uhr" if line.late else ""
    who = line.actor or ("(Name gelöscht)" if line.person else "")
    return _exact(line.at), line.what, who, "; ".join(filter(None, (line.reason, line.note, late)))


def _section(paper: Paper, title: str, hint: str) -> None:
    paper.heading(title, needs=24)
    paper.caption(hint)


def _table(paper: Paper, head: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]) -> None:
    columns = [Column(title, share) for title, share in zip(head, widths, strict=True)]
    paper.listing(columns, list(rows) or [("keine", *[""] * (len(widths) - 1))])


def _write(
    paper: Paper, text: str, *, size: float, bold: bool = False, color: Color = INK, tag: Tag = Tag.TEXT
) -> None:
    paper.write_in(size, bold=bold, color=color)
    with paper.tagged(tag):
        paper.multi_cell(WIDTH, size * 0.5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _exact(at: datetime) -> str:
    """With seconds: two messages of a minute are told apart."""
    return f"{moment(at)}:{at.second:02}"


def _time_of(text: object) -> str:
    return f"{moment(datetime.fromisoformat(text))} Uhr" if isinstance(text, str) else "-"
