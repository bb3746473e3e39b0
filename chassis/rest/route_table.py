"""Finds the routes of a path: literal segments win over variables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from chassis.rest.routes import ContractError, Route


@dataclass(frozen=True, slots=True)
class Match:
    """A path that exists: its routes by HTTP method, and the values of its variables as they were sent."""

    routes: dict[str, Route]
    values: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class RouteTable:
    """All routes as a tree of path segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def find(self, raw_path: str) -> Match | None:
        """Find what a path, still percent-encoded, leads to. UnicodeDecodeError when a variable is not valid UTF-8."""
        found = _walk(self._root, raw_path.removeprefix("/").split("/"), ())
        if found is None or "%" not in raw_path:
            return found
        return Match(found.routes, tuple(unquote_to_bytes(value).decode("utf-8") for value in found.values))

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.segments:
            if segment.startswith("{"):
                node.variable = node = node.variable or _Node()
            else:
                node = node.literal.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ContractError(f"{route.method} {route.path} belongs to two RPCs")
        node.routes[route.method] = route


def _walk(node: _Node, segments: list[str], values: tuple[str, ...]) -> Match | None:
    if not segments:
        return Match(node.routes, values) if node.routes else None
    head, rest = segments[0], segments[1:]
    if (literal := node.literal.get(head)) and (found := _walk(literal, rest, values)):
        return found
    return _walk(node.variable, rest, (*values, head)) if node.variable and head else None
