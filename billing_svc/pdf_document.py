"""A document as a PDF: A4, the fonts that every reader has, as many pages as it needs.

Those fonts have the characters of Windows-1252 only; each other one is printed as a question mark, and a line says so.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from fpdf import FPDF

from billing_svc.document import Column, Document

FONT: Final = "Helvetica"
CHARSET: Final = "cp1252"
SIZE, TITLE_SIZE = 7.5, 16.0
LINE, LEFT, RIGHT, TOP, BOTTOM = 4.2, 15.0, 195.0, 18.0, 280.0
GAP, FACT_WIDTH = 2.0, 32.0
NOTE: Final = "A question mark may stand for a character that this file cannot show; the HTML document shows it."


def write(document: Document) -> bytes:
    """Return the file: the same bytes for the same document."""
    shown = document.mapped(_shown)
    paper = _Paper(shown.title, is_lossy=shown != document)
    paper.set_creation_date(document.issue_time)
    paper.head(shown)
    paper.lines(shown)
    paper.sums(shown)
    return bytes(paper.output())


def _shown(text: str) -> str:
    return text.encode(CHARSET, "replace").decode(CHARSET)


class _Paper(FPDF):
    """The pages, written from top to bottom; lengths are in mm. `at` is the base line of what was written last."""

    def __init__(self, title: str, *, is_lossy: bool) -> None:
        super().__init__()
        self.core_fonts_encoding = CHARSET
        self.set_auto_page_break(False)
        self.set_title(title)
        self.set_lang("en")
        self._title = title
        self._is_lossy = is_lossy
        self._widths: dict[str, float] = {}
        self._turn()

    def _turn(self) -> None:
        """Begin a page: its number at the bottom, and from the second on its title at the top."""
        self.add_page()
        self.set_font(FONT, size=SIZE)
        self.at = TOP
        self._end_at(RIGHT, BOTTOM + 2 * LINE, f"Page {self.page_no()}")
        if self.page_no() > 1:
            self.text(LEFT, self.at, self._title)
            self.at += LINE

    def _end_at(self, right: float, base: float, text: str) -> None:
        self.text(right - self._width(text), base, text)

    def _width(self, text: str) -> float:
        """Return the width of a text in the small font, which has no kerning: that of its characters, each measured once."""
        for character in set(text) - self._widths.keys():
            self._widths[character] = self.get_string_width(character)
        return sum(map(self._widths.__getitem__, text))

    def _down(self, lines: float = 1) -> None:
        """Go down, onto a new page where this one is full."""
        if self.at + lines * LINE > BOTTOM:
            self._turn()
        else:
            self.at += lines * LINE

    def head(self, document: Document) -> None:
        """Write the title and the facts."""
        self.set_font(FONT, "B", TITLE_SIZE)
        self.text(LEFT, self.at, document.title)
        self.set_font(FONT, size=SIZE)
        self._down(2)
        for name, text in document.facts:
            self.text(LEFT, self.at, name)
            for part in self._wrapped(text, RIGHT - LEFT - FACT_WIDTH):
                self.text(LEFT + FACT_WIDTH, self.at, part)
                self._down()
        if self._is_lossy:
            self.text(LEFT, self.at, NOTE)
            self._down()

    def lines(self, document: Document) -> None:
        """Write the lines, each page with the headings of their columns."""
        edges = self._edges(document)
        self._headings(document.columns, edges)
        for row in document.rows:
            parts = [
                self._wrapped(text, right - left - GAP) if column.is_words else [text]
                for column, text, (left, right) in zip(document.columns, row, pairwise(edges), strict=True)
            ]
            height = max(len(part) for part in parts)
            if self.at + height * LINE > BOTTOM:
                self._turn()
                self._headings(document.columns, edges)
            for column, cell, (left, right) in zip(document.columns, parts, pairwise(edges), strict=True):
                self._cell(column, cell, left, right)
            self.at += height * LINE

    def _headings(self, columns: tuple[Column, ...], edges: list[float]) -> None:
        self._down()
        for column, (left, right) in zip(columns, pairwise(edges), strict=True):
            self._cell(column, [column.heading], left, right)
        self.line(LEFT, self.at + 1, RIGHT, self.at + 1)
        self.at += 1.5 * LINE

    def _cell(self, column: Column, parts: list[str], left: float, right: float) -> None:
        for number, part in enumerate(parts):
            base = self.at + number * LINE
            if column.is_words:
                self.text(left + GAP, base, part)
            else:
                self._end_at(right, base, part)

    def _edges(self, document: Document) -> list[float]:
        """Give each column of figures the width that it needs, and share what remains among those of words."""
        texts = zip(*((column.heading for column in document.columns), *document.rows), strict=True)
        widths = [
            0.0 if column.is_words else GAP + max(self._width(text) for text in of_column)
            for column, of_column in zip(document.columns, texts, strict=True)
        ]
        rest = (RIGHT - LEFT - sum(widths)) / sum(column.is_words for column in document.columns)
        edges = [LEFT]
        for column, width in zip(document.columns, widths, strict=True):
            edges.append(edges[-1] + (rest if column.is_words else width))
        return edges

    def sums(self, document: Document) -> None:
        """Write the totals under the last column, never apart from each other."""
        height = len(document.totals) + 1
        if self.at + height * LINE > BOTTOM:
            self._turn()
        self.line(LEFT, self.at - LINE + 1.5, RIGHT, self.at - LINE + 1.5)
        for name, text in document.totals:
            self.at += LINE
            self._end_at(RIGHT - 40, self.at, name)
            self._end_at(RIGHT, self.at, text)

    def _wrapped(self, text: str, width: float) -> list[str]:
        """Break a text where it would be wider, after a space where there is one."""
        parts = []
        while len(text) > 1 and self._width(text) > width:
            fits = self._fitting(text, width)
            after_space = text.rfind(" ", 0, fits) + 1
            parts.append(text[: after_space or fits])
            text = text[after_space or fits :]
        return [*parts, text]

    def _fitting(self, text: str, width: float) -> int:
        """Return how many characters fit, at least one."""
        used = 0.0
        for number, character in enumerate(text):
            used += self._width(character)
            if used > width:
                return max(number, 1)
        return len(text)
