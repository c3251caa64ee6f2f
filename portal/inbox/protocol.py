"""The Vorgangsprotokoll as PDF: A4, German, one column of what, when and by whom, with the head of the hash chain.

The fonts are the ones that every PDF reader has; what they cannot show is replaced.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from alerts.evidence import Document
from portal.inbox import story, words
from portal.inbox.entries import Entry
from portal.times import clock, duration, moment

_TEXT: Final = (22, 35, 42)
_MUTED: Final = (82, 98, 106)
_ACCENT: Final = (11, 93, 102)
_LINE: Final = (200, 208, 206)
_HEAD: Final = FontFace(emphasis="BOLD", color=_MUTED, fill_color=(240, 242, 240))
_REPLACED: Final = str.maketrans(
    {"–": "-", "—": "-", "„": '"', "“": '"', "”": '"', "‚": "'", "‘": "'", "’": "'", "…": "...", "≥": ">=", "−": "-"}
)


class _Paper(FPDF):
    """A4 with the case's number and page numbers at the foot."""

    def __init__(self, number: str) -> None:
        super().__init__(format="A4")
        self.number = number
        self.set_margins(20, 18)
        self.set_auto_page_break(True, margin=22)
        self.set_title(f"Vorgangsprotokoll {number}")
        self.set_lang("de-DE")
        self.set_creator("Stadtfunk")
        self.add_page()

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("helvetica", size=8)
        self.set_text_color(*_MUTED)
        self.cell(0, 5, f"Vorgang {self.number}")
        self.set_x(20)
        self.cell(0, 5, f"Seite {self.page_no()} von {{nb}}", align="R")


def protocol(entry: Entry, found: Document) -> bytes:
    """The PDF of a case."""
    paper = _Paper(entry.number)
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


def _title(paper: _Paper, entry: Entry, found: Document) -> None:
    paper.set_text_color(*_ACCENT)
    _write(paper, "Vorgangsprotokoll", size=10, bold=True)
    paper.set_text_color(*_TEXT)
    _write(paper, f"{entry.street}, Platz {entry.bay}" if entry.bay else entry.street, size=18, bold=True, height=9)
    _write(paper, entry.what, size=13, height=7)
    paper.set_text_color(*_MUTED)
    made = datetime.fromisoformat(found["exported_at"])
    _write(paper, f"Vorgang {entry.number}, erstellt am {moment(made)} Uhr", size=9)
    paper.ln(2)
    _write(paper, found["notice"], size=9)
    paper.ln(3)


def _facts(paper: _Paper, entry: Entry, found: Document) -> None:
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
    _table(paper, None, (50, 120), rows)


def _confidence(paper: _Paper, entry: Entry) -> None:
    parts = entry.facts.get("confidence_parts")
    _section(paper, "Sicherheit", "Ausgangswert 100; jeder Zweifel senkt ihn.")
    rows = [(words.DOUBTS.get(part["reason"], part["reason"]), f"{part['change']:+d}") for part in parts or ()]
    _table(paper, ("Grund", "Änderung"), (130, 40), [*rows, ("Ergebnis", str(entry.confidence))])


def _evidence(paper: _Paper, bay: story.Bay, heard: Mapping[str, str]) -> None:
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


def _seal(paper: _Paper, found: Document) -> None:
    _section(paper, "Prüfsumme", "Kopf der Hash-Kette (SHA-256) über alle Ereignisse dieses Vorgangs.")
    paper.set_font("courier", size=9)
    paper.multi_cell(0, 5, found["head"] or "-", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_text_color(*_MUTED)
    _write(paper, "Prüfen: stadtfunk evidence verify DATEI.json --head PRÜFSUMME", size=9)


def _line(line: story.Line) -> Sequence[str]:
    late = f"nachgetragen {clock(line.late)} Uhr" if line.late else ""
    who = line.actor or ("(Name gelöscht)" if line.person else "")
    return _exact(line.at), line.what, who, "; ".join(filter(None, (line.reason, line.note, late)))


def _section(paper: _Paper, title: str, hint: str) -> None:
    paper.ln(5)
    if paper.will_page_break(30):
        paper.add_page()
    paper.set_text_color(*_TEXT)
    _write(paper, title, size=12, bold=True, height=7)
    paper.set_text_color(*_MUTED)
    _write(paper, hint, size=8)
    paper.ln(1)


def _table(paper: _Paper, head: Sequence[str] | None, widths: Sequence[int], rows: Iterable[Sequence[str]]) -> None:
    paper.set_font("helvetica", size=9)
    paper.set_text_color(*_TEXT)
    paper.set_draw_color(*_LINE)
    found = [tuple(map(_shown, row)) for row in rows] or [("keine", *[""] * (len(widths) - 1))]
    with paper.table(
        col_widths=tuple(widths),
        headings_style=_HEAD,
        borders_layout="HORIZONTAL_LINES",
        first_row_as_headings=head is not None,
        line_height=5,
        padding=1,
        text_align="LEFT",
    ) as table:
        for row in [*([tuple(map(_shown, head))] if head else []), *found]:
            table.row(row)


def _write(paper: _Paper, text: str, *, size: float, bold: bool = False, height: float = 5) -> None:
    paper.set_font("helvetica", style="B" if bold else "", size=size)
    paper.multi_cell(0, height, _shown(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _shown(text: object) -> str:
    return str(text).translate(_REPLACED).encode("latin-1", "replace").decode("latin-1")


def _exact(at: datetime) -> str:
    """With seconds: two messages of a minute are told apart."""
    return f"{moment(at)}:{at.second:02}"


def _time_of(text: object) -> str:
    return f"{moment(datetime.fromisoformat(text))} Uhr" if isinstance(text, str) else "-"
