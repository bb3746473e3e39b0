"""Every `make X` and `atlas X` that a page names exists, with the options it is shown with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from cli.main import make_app
from tests.docs.pages import ROOT, Page, all_pages

_MAKE = re.compile(r"(?:^|[\s`($=])make(?: [A-Z_]+=\S+)* ([a-z][a-z-]*)")
_ATLAS = re.compile(r"(?:^|[|;(]\s*)atlas (.*)")
_CUT = re.compile(r"\s+(?:#|[|>&;)]).*|[)|>;].*")
ATLAS = typer.main.get_command(make_app())


@pytest.mark.parametrize("page", all_pages(), ids=str)
def test_make_targets_exist(page: Page) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for text in _code(page) for target in _MAKE.findall(text)}
    assert named <= targets


@pytest.mark.parametrize("page", all_pages(), ids=str)
def test_atlas_commands_exist_with_their_options(page: Page) -> None:
    assert [text for text in _atlas_commands(page) if _fault(text.split())] == []


def _code(page: Page) -> Iterator[str]:
    """Its inline code, and the lines of its shell blocks."""
    yield from page.spans()
    for block in page.blocks("sh", "bash"):
        yield from block.text.splitlines()


def _atlas_commands(page: Page) -> Iterator[str]:
    for text in _code(page):
        for found in _ATLAS.findall(text):
            yield _CUT.sub("", found)


def _fault(words: list[str]) -> str:
    """Why a command cannot be as it is written; empty when it can."""
    command: Any = ATLAS  # typer carries its own click, whose classes are not public
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("-") and word not in options]
    return f"no option {unknown[0]}" if unknown else ""


def test_the_parser_of_commands_finds_faults() -> None:
    assert _fault(["demo", "happy"]) == _fault(["saga", "show", "ID", "--follow"]) == ""
    assert _fault(["demos"]) == "no command demos"
    assert _fault(["saga", "watch"]) == "no command watch"
    assert _fault(["up", "--ports", "1"]) == "no option --ports"
