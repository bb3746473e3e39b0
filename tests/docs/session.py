"""Runs the ```sh blocks of a page as its reader does: one after the other in one shell, against a running stack."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.docs.pages import Block, Page

SECONDS = 150.0
_END = "-- end of block --"
_ANSWER = re.compile(r"^HTTP/1\.1 ", re.MULTILINE)
_ANSWER_AFTER_BODY = re.compile(r"(?<=[}>])(HTTP/1\.1 [0-9]{3} )")


@dataclass(frozen=True, slots=True)
class Step:
    """A block that was run, what it printed, and what the page says it prints."""

    block: Block
    output: str
    documented: tuple[Block, ...]

    @property
    def answers(self) -> list[str]:
        """The HTTP answers in the output."""
        text = _ANSWER_AFTER_BODY.sub(r"\n\1", self.output)
        places = [match.start() for match in _ANSWER.finditer(text)] + [len(text)]
        return [text[start:end].replace("\r\n", "\n").strip() for start, end in pairwise(places)]


def run(page: Page, home: Path) -> list[Step]:
    """Run a page. A command that fails ends it: AssertionError with what it printed."""
    blocks = page.blocks("sh")
    script = "\n".join(f"set -euo pipefail\n{block.text}\necho '{_END}'" for block in blocks)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment(home), timeout=SECONDS)
    outputs = done.stdout.split(f"{_END}\n")
    where = f"{page}, the block at line {blocks[min(len(outputs), len(blocks)) - 1].line}"
    assert done.returncode == 0, f"{where} failed: {outputs[-1]}{done.stderr}"
    return [Step(block, outputs[number], _documented(page, block)) for number, block in enumerate(blocks)]


def _documented(page: Page, block: Block) -> tuple[Block, ...]:
    """The ```http and ```text blocks between this block and the next that is run."""
    later = [other for other in page.blocks() if other.line > block.line]
    until = next((other.line for other in later if other.language == "sh"), sys.maxsize)
    return tuple(other for other in later if other.line < until and other.language in ("http", "text"))


def environment(home: Path) -> dict[str, str]:
    """A shell that finds `atlas` and the stack, and nothing else of Atlas."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": programs, "ATLAS_HOME": str(home), "COLUMNS": "160"}
