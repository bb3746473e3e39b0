"""Reads documents back: what text a PDF shows where, and what a page of HTML says."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from html.parser import HTMLParser

_STREAM = re.compile(rb"<<([^<>]*)>>\nstream\n(.*?)\nendstream", re.DOTALL)
_TEXT = re.compile(rb"BT ([0-9.]+) ([0-9.]+) Td \(((?:[^\\()]|\\.)*)\) Tj ET", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_VOID = {"meta"}
POINTS_A_MM = 72 / 25.4


def pdf_pages(data: bytes) -> list[list[list[str]]]:
    """The texts of a PDF: of each page its rows from top to bottom, of each row its texts from left to right."""
    assert data.startswith(b"%PDF-")
    assert data.endswith(b"%%EOF\n")
    return [_rows(content) for content in _contents(data)]


def _contents(data: bytes) -> list[bytes]:
    streams = [zlib.decompress(stream) if b"/FlateDecode" in head else stream for head, stream in _STREAM.findall(data)]
    return [content for content in streams if b" Tj ET" in content]


def pdf_places(data: bytes) -> list[list[tuple[float, str]]]:
    """The rows of all pages of a PDF: of each text where it begins, in mm from the left edge."""
    return [row for content in _contents(data) for row in _placed(content)]


def _rows(content: bytes) -> list[list[str]]:
    return [[text for _, text in row] for row in _placed(content)]


def _placed(content: bytes) -> list[list[tuple[float, str]]]:
    placed: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in _TEXT.findall(content):
        placed.setdefault(float(y), []).append((float(x) / POINTS_A_MM, _ESCAPED.sub(r"\1", text.decode("cp1252"))))
    return [sorted(placed[y]) for y in sorted(placed, reverse=True)]


@dataclass
class Page(HTMLParser):
    """A page of HTML: its elements balance, and its texts are in `facts`, `rows` and `totals`."""

    tags: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note an element, and begin a row or a cell of one."""
        self.seen.add(tag)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag in ("dt", "dd"):
            self.facts.append("")

    def handle_endtag(self, tag: str) -> None:
        """End an element, which has to be the one that was begun last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Add text to the cell or the fact that it is in."""
        if self._open and self._open[-1] in ("th", "td"):
            self.rows[-1][-1] += data
        elif self._open and self._open[-1] in ("dt", "dd"):
            self.facts[-1] += data

    @property
    def is_complete(self) -> bool:
        """Whether every element was ended."""
        return not self._open


def html_page(data: bytes) -> Page:
    """Read a page of HTML."""
    text = data.decode("utf-8")
    assert text.startswith("<!DOCTYPE html>\n")
    page = Page()
    page.feed(text)
    page.close()
    assert page.is_complete
    return page
