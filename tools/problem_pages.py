"""Writes docs/problems: a page for every error reason and an index, from the contracts and the code that refuses.

`python -m tools.problem_pages FOLDER`; a reason without an example is a KeyError.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import code_pb2

from chassis.contracts import REASON_PREFIX, error_options
from chassis.rest.openapi.responses import reasons_of
from chassis.rest.problem import reasons
from chassis.rest.routes import Route
from gateway.services import all_routes
from tools import image
from tools.problem_examples import Example, examples

INDEX = "README.md"
GATEWAY_ONLY = frozenset(
    {
        *("METHOD_NOT_ALLOWED", "MALFORMED_JSON", "UNKNOWN_FIELD", "INVALID_HEADER", "PAYLOAD_TOO_LARGE"),
        *("UNSUPPORTED_MEDIA_TYPE", "HEADERS_TOO_LARGE", "RATE_LIMITED"),
    }
)
"""What the gateway refuses before any service is asked: no RPC is answered so."""
_HEAD = """# Problems

Generated from `proto/` by `make proto`; do not edit. Why a request may be refused: the `code` of a problem document (RFC 9457),
and the `reason` of the `ErrorInfo` of a gRPC status. The gateway serves these pages at `/docs/problems`, where the `type` of
each problem document leads.

| code | HTTP | gRPC | says | the same request, later |
|---|---|---|---|---|
"""
_AGAIN = {True: "may succeed", False: "fails again unless something changes"}
_FEW = 3


def render(contract: FileDescriptorSet) -> dict[str, str]:
    """Return every page by its file name."""
    comments = _comments(contract)
    shown = examples()
    pages = {f"{reason}.md": _page(reason, comments[reason], shown[reason]) for reason in reasons()}
    return {INDEX: _HEAD + "".join(f"{_row(reason)}\n" for reason in reasons()), **pages}


def _comments(contract: FileDescriptorSet) -> dict[str, str]:
    enum = next(enum for enum in image.enums(contract) if enum.proto.name == "ErrorReason")
    return {value.proto.name.removeprefix(REASON_PREFIX): value.comment for value in image.values(enum)}


def _grpc(reason: str) -> str:
    return code_pb2.Code.Name(error_options(reason).grpc_code)


def _row(reason: str) -> str:
    options = error_options(reason)
    cells = (f"[`{reason}`]({reason}.md)", options.http_status, f"`{_grpc(reason)}`", options.title, _AGAIN[options.retryable])
    return f"| {' | '.join(map(str, cells))} |"


def _page(reason: str, comment: str, example: Example) -> str:
    options = error_options(reason)
    lines = [f"# {reason}", "", f"{options.title}. {comment}", "", "| HTTP status | gRPC code | the same request, later |"]
    lines += ["|---|---|---|", f"| {options.http_status} | `{_grpc(reason)}` | {_AGAIN[options.retryable]} |", ""]
    lines += ["## What to do", options.remedy, "", "## What it looks like", f"`{example.request}` is answered:", ""]
    lines += ["```http", *_answer(example), "```", "", *_over_grpc(reason), "## What may answer it", *_calls(reason), ""]
    return "\n".join([*lines, f"[All problems]({INDEX})"]) + "\n"


def _answer(example: Example) -> Iterator[str]:
    yield f"HTTP/1.1 {example.problem.status}"
    yield from (f"{name.decode()}: {value.decode()}" for name, value in example.problem.all_headers())
    yield from ("", example.document)


def _over_grpc(reason: str) -> Iterator[str]:
    if reason in GATEWAY_ONLY:
        return
    if reason == "DEADLINE_EXCEEDED":
        yield f"By gRPC the client itself ends the call with the code `{_grpc(reason)}`; there are no details."
    else:
        yield f"By gRPC the code is `{_grpc(reason)}`, with an `ErrorInfo` of the domain `atlas` and the reason `{reason}`."
    yield ""


def _calls(reason: str) -> Iterable[str]:
    every = all_routes()
    found = [route for route in every if reason in reasons_of(route)]
    if reason in GATEWAY_ONLY:
        scope = "Every route" if found == list(every) else "Every route with a body"
        return [f"{scope}. The gateway refuses before it asks a service, so no RPC is answered so."]
    missing = [f"`{_name(route)}`" for route in every if route not in found]
    if len(missing) <= _FEW:
        return [f"Every RPC and its route{', but for ' if missing else ''}{', '.join(missing)}."]
    return ["| RPC | route |", "|---|---|", *(_call(route) for route in found)]


def _call(route: Route) -> str:
    return f"| `{_name(route)}` | `{route.method} {route.path}` |"


def _name(route: Route) -> str:
    return route.full_method.lstrip("/").removeprefix("atlas.")


def main() -> None:
    """Write the pages into the folder named on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render(image.build()).items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
