"""Reads docs/api/atlas.http (the format of Visual Studio Code's REST Client) and sends it from top to bottom."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

PATIENCE_SECONDS = 10.0
_TITLE = re.compile(r"^### (.+)$", re.MULTILINE)
_REFERENCE = re.compile(r"\{\{([^{}]+)\}\}")
_STEP = re.compile(r"([A-Za-z_]+)|\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the collection, with its references not yet filled in."""

    title: str
    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: str

    @property
    def path(self) -> str:
        """The path without query; variables stand in it as references."""
        return self.url.removeprefix("{{base}}").partition("?")[0]

    @property
    def statuses(self) -> set[int]:
        """What the title promises."""
        return {int(number) for number in re.findall(r"\b[0-9]{3}\b", self.title[self.title.rindex("(") :])}


def read(text: str) -> list[Call]:
    """The calls of a collection."""
    titles, parts = _TITLE.findall(text), _TITLE.split(text)[2::2]
    return [_call(title, part.strip()) for title, part in zip(titles, parts, strict=True)]


def _call(title: str, text: str) -> Call:
    head, _, body = text.partition("\n\n")
    lines = head.splitlines()
    name = lines.pop(0).removeprefix("# @name ") if lines[0].startswith("# @name ") else ""
    method, _, url = lines[0].partition(" ")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return Call(title, name, method, url, headers, body)


def send(calls: list[Call], variables: Mapping[str, str]) -> Iterator[tuple[Call, httpx2.Response]]:
    """Send each call, its references filled in from the answers to those before it."""
    answers: dict[str, Any] = {}

    def filled(text: str) -> str:
        return _REFERENCE.sub(lambda match: _value(match[1], variables, answers), text)

    with httpx2.Client(timeout=30, trust_env=False) as client:
        for call in calls:
            headers = {name: filled(value) for name, value in call.headers.items()}
            response = _sent(
                client, call, httpx2.Request(call.method, filled(call.url), headers=headers, content=filled(call.body))
            )
            if call.name:
                answers[call.name] = json.loads(response.text)
            yield call, response


def _sent(client: httpx2.Client, call: Call, request: httpx2.Request) -> httpx2.Response:
    """Send it as a person would: again when what it is about has not happened yet. A refused command uses up no key."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        response = client.send(request)
        if response.status_code in call.statuses or response.status_code not in (404, 409) or time.monotonic() > deadline:
            return response
        time.sleep(0.1)


def _value(reference: str, variables: Mapping[str, str], answers: Mapping[str, Any]) -> str:
    if reference == "$guid":
        return str(uuid.uuid4())
    if reference in variables:
        return variables[reference]
    name, _, path = reference.partition(".response.body.$.")
    found = answers[name]
    for member, number in _STEP.findall(path):
        found = found[member] if member else found[int(number)]
    return str(found)
