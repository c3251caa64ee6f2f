"""The paper of a report: A4, two weights of one typeface, a footer with page numbers, tables, tiles and text."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, NamedTuple

from fpdf.enums import XPos, YPos

from alerts.report.tagging import Tag, TaggedPDF

MARGIN: Final = 18.0
WIDTH: Final = 210 - 2 * MARGIN
BOTTOM: Final = 297 - 20.0
PADDING: Final = 1.5
GAP: Final = 2.5
"""Between the texts of two columns."""
LINE: Final = 4.4
ABOVE: Final = 0.9
"""Height of a line of wrapped text, and the room above and below the lines of a row."""

Color = tuple[int, int, int]

INK: Final[Color] = (22, 35, 42)
MUTED: Final[Color] = (82, 98, 106)
RULE: Final[Color] = (218, 223, 221)
PALE: Final[Color] = (241, 244, 243)
PRIMARY: Final[Color] = (11, 93, 102)
AMBER: Final[Color] = (191, 125, 24)
SLATE: Final[Color] = (124, 138, 143)
RUST: Final[Color] = (163, 38, 27)
WHITE: Final[Color] = (255, 255, 255)
RAMP: Final[Sequence[Color]] = (
    (250, 251, 251), (221, 236, 237), (176, 212, 214), (118, 178, 183), (57, 138, 146), (14, 95, 104), (6, 56, 63),
)  # fmt: skip
"""From nothing to the most: one hue, so that it reads in grey, too."""


class Tile(NamedTuple):
    """A number that is to be seen first; `note` says how well it is known or what it was before."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; `share` of the width."""

    title: str
    share: float
    right: bool = False


class Paper(TaggedPDF):
    """An empty report.

    Args:
        title: of the document, and in the header from the second page on.
        footer_text: what stands beside the page number.
    """

    def __init__(self, title: str, footer_text: str) -> None:
        super().__init__(title)
        self._title = title
        self._footer_text = footer_text
        folder = files("font_source_sans_pro") / "files"
        self.add_font("Sans", "", str(folder / "SourceSansPro-Regular.ttf"))
        self.add_font("Sans", "B", str(folder / "SourceSansPro-Semibold.ttf"))
        self.set_margins(MARGIN, MARGIN, MARGIN)
        self.c_margin = 0  # texts begin where lines and bars begin
        self.set_auto_page_break(True, margin=297 - BOTTOM)
        self.set_creator("Stadtfunk")
        self.set_draw_color(RULE)
        self.set_line_width(0.2)
        self.write_in(10)

    def header(self) -> None:
        """The title again, small, from the second page on."""
        if self.page_no() > 1:
            self.write_in(8.5, color=MUTED)
            self.set_xy(MARGIN, 10)
            with self.decoration():
                self.cell(WIDTH, 4, self._title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.set_y(MARGIN + 2)

    def footer(self) -> None:
        """Whose report it is, and the page."""
        self.write_in(8.5, color=MUTED)
        self.set_draw_color(RULE)
        with self.decoration():
            self.line(MARGIN, 297 - 15, 210 - MARGIN, 297 - 15)
            self.set_xy(MARGIN, 297 - 13)
            self.cell(WIDTH * 0.8, 4, self._footer_text)
            self.set_x(210 - MARGIN - self.get_string_width(f"Seite {self.page_no()} von 00"))
            self.cell(0, 4, f"Seite {self.page_no()} von {{nb}}")

    # ---- text ---------------------------------------------------------------------------------------------

    def write_in(self, size: float, *, bold: bool = False, color: Color = INK) -> None:
        """Choose the typeface's size, weight and colour."""
        self.set_font("Sans", "B" if bold else "", size)
        self.set_text_color(color)

    def heading(self, text: str, *, needs: float = 40) -> None:
        """A section's title; begins a page when there is no room for it and `needs` millimetres."""
        self.make_room(needs + 14)
        self.ln(5)
        self.start_section(text)
        self.write_in(13.5, bold=True, color=PRIMARY)
        with self.tagged(Tag.HEADING):
            self.cell(WIDTH, 7, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1)

    def paragraph(self, text: str, *, color: Color = INK, size: float = 10) -> None:
        """Text over the whole width, all of it on one page; `**` makes bold."""
        self.write_in(size, color=color)
        height = size * 0.47
        lines = self.multi_cell(WIDTH, height, text, markdown=True, align="L", dry_run=True, output="LINES")
        assert isinstance(lines, list)
        self.make_room(height * len(lines))
        self.write_in(size, color=color)
        with self.tagged(Tag.TEXT):
            self.multi_cell(WIDTH, height, text, markdown=True, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1.5)

    def caption(self, text: str) -> None:
        """A remark below a figure."""
        self.paragraph(text, color=MUTED, size=8.5)

    def label(self, x: float, y: float, text: str, *, size: float = 8, align: str = "L", color: Color = MUTED) -> None:
        """A short text whose middle line is at `y`; `align` says which of its ends is at `x`."""
        self.write_in(size, color=color)
        width = self.get_string_width(text)
        left = {"L": x, "R": x - width, "C": x - width / 2}[align]
        self.text(left, y + size * 0.12, text)

    def fitting(self, text: str, width: float) -> str:
        """`text`, cut with an ellipsis to what fits."""
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(f"{text}…") > width:
            text = text[:-1]
        return f"{text.rstrip()}…"

    def make_room(self, height: float) -> None:
        """Begin a page unless `height` is left on this one."""
        if self.get_y() + height > BOTTOM:
            self.add_page()

    # ---- tiles and tables ---------------------------------------------------------------------------------

    def tiles(self, tiles: Sequence[Tile], *, in_row: int = 3) -> None:
        """Numbers side by side."""
        gap, height = 4.0, 23.0
        width = (WIDTH - gap * (in_row - 1)) / in_row
        for start in range(0, len(tiles), in_row):
            self.make_room(height + gap)
            top = self.get_y()
            for place, tile in enumerate(tiles[start : start + in_row]):
                with self.tagged(Tag.TEXT, alt=f"{tile.label}: {tile.value}. {tile.note}"):
                    self._tile(MARGIN + place * (width + gap), top, width, height, tile)
            self.set_xy(MARGIN, top + height + gap)

    def _tile(self, x: float, y: float, width: float, height: float, tile: Tile) -> None:
        self.set_fill_color(PALE)
        self.rect(x, y, width, height, style="F", round_corners=True, corner_radius=2)
        for offset, size, bold, color, text in (
            (3.0, 19.0, True, PRIMARY, tile.value),
            (11.5, 9.5, True, INK, tile.label),
            (16.0, 8.5, False, MUTED, tile.note),
        ):
            self.write_in(size, bold=bold, color=color)
            self.set_xy(x + 3, y + offset)
            self.cell(width - 6, size * 0.42, self.fitting(text, width - 6))

    def grid(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, height: float = 6.2) -> None:
        """Rows of short texts; the titles come again on every page."""
        self.make_room(height * 3)
        self._titles(columns, height)
        for number, row in enumerate(rows):
            self._begin_row(columns, height, titles=height)
            with self.tagged(Tag.TEXT, alt=_spoken(columns, row)):
                self._row(columns, row, height, shaded=number % 2 == 1)
        self.ln(2)

    def listing(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Rows of texts of any length, each as high as its longest cell; the titles come again on every page."""
        titles = LINE + 2 * ABOVE
        self.make_room(LINE * 6)
        self._titles(columns, titles)
        self.write_in(9)
        for row in rows:
            cells = [self._lines(text, width) for text, width in zip(row, self._widths(columns), strict=True)]
            needs = LINE * max(map(len, cells)) + 2 * ABOVE
            self._begin_row(columns, needs, titles=titles)
            top = self.get_y()
            with self.tagged(Tag.TEXT, alt=_spoken(columns, row)):
                self._wrapped(columns, cells)
            self.line(MARGIN, top + needs, MARGIN + WIDTH, top + needs)
            self.set_xy(MARGIN, top + needs)
        self.ln(2)

    def _begin_row(self, columns: Sequence[Column], needs: float, *, titles: float) -> None:
        """On the next page, below titles of this height, where it does not fit."""
        if self.get_y() + needs > BOTTOM:
            self.add_page()
            self._titles(columns, titles)
        self.write_in(9)

    def _wrapped(self, columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
        left, top = MARGIN + PADDING, self.get_y() + ABOVE
        for lines, width in zip(cells, self._widths(columns), strict=True):
            for number, line in enumerate(lines):
                self.set_xy(left, top + number * LINE)
                self.cell(width, LINE, line)
            left += width

    def _lines(self, text: str, width: float) -> Sequence[str]:
        lines = self.multi_cell(width - GAP, LINE, text, align="L", dry_run=True, output="LINES")
        assert isinstance(lines, list)
        return lines or [""]

    def _widths(self, columns: Sequence[Column]) -> list[float]:
        whole, room = sum(column.share for column in columns), WIDTH - 2 * PADDING
        return [room * column.share / whole for column in columns]

    def _titles(self, columns: Sequence[Column], height: float) -> None:
        if not any(column.title for column in columns):
            return
        self.write_in(8.5, bold=True, color=MUTED)
        self.set_draw_color(MUTED)
        with self.decoration():  # every row tells its titles
            self._row(columns, [column.title for column in columns], height)
            self.line(MARGIN, self.get_y(), MARGIN + WIDTH, self.get_y())
        self.set_draw_color(RULE)

    def _row(self, columns: Sequence[Column], row: Sequence[str], height: float, *, shaded: bool = False) -> None:
        if shaded:
            self.set_fill_color(PALE)
            self.rect(MARGIN, self.get_y(), WIDTH, height, style="F")
        self.set_x(MARGIN + PADDING)
        for column, text, width in zip(columns, row, self._widths(columns), strict=True):
            self.cell(width, height, self.fitting(text, width - GAP), align="R" if column.right else "L")
        self.ln(height)


def _spoken(columns: Sequence[Column], row: Sequence[str]) -> str:
    """A row of a table as it is read, in full length: its titles with its cells."""
    pairs = zip(columns, row, strict=True)
    return "; ".join(f"{column.title}: {text}" if column.title else text for column, text in pairs)
