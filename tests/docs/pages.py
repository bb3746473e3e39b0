"""The Markdown pages of the repository, and what can be read out of them: fenced blocks, links, code spans.

In a page that is executed, the fence says what is done with a block: ```sh is run against the stack of the test run, and the
```http and ```text blocks below it are compared with what it printed; ```bash is for the reader only.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is where its text begins, from 1."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """It without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[Block]:
        """Its fenced blocks of these languages, of all when none is named."""
        found = [
            Block(match[1], match[2], self.text.count("\n", 0, match.start(2)) + 1) for match in _FENCE.finditer(self.text)
        ]
        return [block for block in found if not languages or block.language in languages]

    def links(self) -> Iterator[str]:
        """Where its links and pictures lead within the repository."""
        for match in _LINK.finditer(self.prose):
            target = match[1] or match[2]
            if not re.match(r"[a-z]+:", target):
                yield target

    def spans(self) -> list[str]:
        """Its inline code."""
        return _SPAN.findall(self.prose)

    def anchors(self) -> set[str]:
        """What a link to one of its headings ends with."""
        return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in _HEADING.findall(self.prose)}


@cache
def all_pages() -> tuple[Page, ...]:
    """Every Markdown file that is in the repository or about to be; not what is vendored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return tuple(Page(ROOT / name) for name in sorted(names) if not name.startswith("third_party/") and (ROOT / name).is_file())


def page(name: str) -> Page:
    """The page at this path of the repository."""
    return Page(ROOT / name)
