"""A PDF that can be read aloud: title and language, bookmarks, and the order and kind of everything in it.

fpdf2 tags figures only, each right below the document. So this says of every text what it is, and of every chart what
it shows, but a table is a sequence of rows, each of which tells its titles with its cells: nested tables cannot be
said. Nothing claims to be PDF/UA.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from fpdf import FPDF
from fpdf.prefs import ViewerPreferences


class Tag(StrEnum):
    """What a piece of content is; standard names of the format."""

    TITLE = "H1"
    HEADING = "H2"
    TEXT = "P"
    CHART = "Figure"


class TaggedPDF(FPDF):
    """A document in German whose content is tagged."""

    def __init__(self, title: str) -> None:
        super().__init__(format="A4")
        self.set_title(title)
        self.set_lang("de-DE")
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self._pieces: Counter[int] = Counter()

    @contextmanager
    def tagged(self, tag: Tag, *, alt: str | None = None) -> Iterator[None]:
        """What is drawn inside is one piece, read after what was tagged before; all of it is on one page.

        Args:
            alt: what is read in place of it.
        """
        page, number = self.page, self._pieces[self.page]
        self._pieces[page] += 1
        self._add_marked_content(struct_type=f"/{tag}", mcid=number, alt_text=alt)
        self._out(f"/{tag} <</MCID {number}>> BDC")
        yield
        assert self.page == page, "a piece of content lies on one page"
        self._out("EMC")

    @contextmanager
    def decoration(self) -> Iterator[None]:
        """What is drawn inside is not read: page numbers, repeated titles."""
        self._out("/Artifact BMC")
        yield
        self._out("EMC")
