"""Writes docs/grpc-cheatsheet.md: every RPC with a `buf curl` line, from the contracts and tools/grpc_examples.py.

`python -m tools.grpc_cheatsheet OUT.md`; an RPC without an example, or an example without an RPC, is a ValueError.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto

from atlas.common.v1 import options_pb2
from tools import image
from tools.grpc_examples import EXAMPLES, Example
from tools.image import Element
from tools.rbac import REALM, roles_of

USERS = {"buyer": "Buyer", "ops": "Ops", "approver": "Approver", "finance": "Finance"}
"""Who makes the calls, with his role: each call is made by the first who may."""
ADDRESSES = {
    "orders": "ORDER",
    "inventory": "INVENTORY",
    "billing": "BILLING",
    "workflow": "WORKFLOW",
    "reporting": "REPORTING",
}
ADDRESSES |= {"ops": "BILLING"}
HEAD = """# gRPC cheat sheet

Generated from `proto/` and `tools/grpc_examples.py` by `make proto`; do not edit. Every RPC of every service with a line that
works: `tests/docs/test_grpc_cheatsheet.py` runs this page from top to bottom. It needs a seeded stack of the development
profile (`make up`, `atlas seed`), and a shell in the folder of the repository; ids come from earlier answers, so begin at the
top.

## Addresses and tokens
`atlas env` names the address of each service. `buf` comes with `make setup` (`source .venv/bin/activate`).

```sh
eval "$(atlas env)"
BUYER="authorization: Bearer $(atlas token --user buyer)"
OPS="authorization: Bearer $(atlas token --user ops)"
APPROVER="authorization: Bearer $(atlas token --user approver)"
```

The same without `atlas`, and how this page takes a value out of an answer:

```sh
field() { python3 -c 'import json, sys
found = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    found = found[int(name) if name.isdecimal() else name]
print(found)' "$1" 2>/dev/null; }
TOKEN=$(curl -s "$ATLAS_TOKEN_URL" -d grant_type=password -d client_id=atlas-cli \\
  -d username=finance -d password=finance | field access_token)
FINANCE="authorization: Bearer $TOKEN"
```

## What a service offers
In the development profile each service describes itself by reflection. Where that is off, `--schema` reads the contracts from
the repository.

```sh
buf curl --protocol grpc --http2-prior-knowledge --list-services "http://$ATLAS_GRPC_ORDER_SVC"
buf curl --protocol grpc --http2-prior-knowledge --list-methods "http://$ATLAS_GRPC_ORDER_SVC"
buf curl --protocol grpc --http2-prior-knowledge --schema . -H "$BUYER" -d '{"page_size": 1}' \\
  "http://$ATLAS_GRPC_ORDER_SVC/atlas.orders.v1.OrderService/ListOrders"
```

With grpcurl:

```bash
grpcurl -plaintext "$ATLAS_GRPC_ORDER_SVC" list
grpcurl -plaintext "$ATLAS_GRPC_ORDER_SVC" describe atlas.orders.v1.OrderService.PlaceOrder
grpcurl -plaintext "$ATLAS_GRPC_ORDER_SVC" describe atlas.orders.v1.PlaceOrderRequest
grpcurl -plaintext -H "$BUYER" -d '{"page_size": 1}' "$ATLAS_GRPC_ORDER_SVC" atlas.orders.v1.OrderService/ListOrders
```

Health needs no token:

```sh
buf curl --protocol grpc --http2-prior-knowledge -d '{}' "http://$ATLAS_GRPC_ORDER_SVC/grpc.health.v1.Health/Check"
```

## What to send
- A call with an effect needs the metadata `idempotency-key`, a new one for each intended effect; repeating a call with its key
  is safe.
- `x-wait-seconds: N` (at most 10) lets an order command answer when the order rests.
- A command on something may carry `expected_version`; it is refused when that is not the version now.
- A refusal is a `google.rpc.Status`; the `reason` of its `ErrorInfo` is a code of the [problem pages](problems/README.md).
"""
_VARIABLE = re.compile(r'"\$([A-Z_]+)"')
_METHOD = Element[MethodDescriptorProto]


class Sheet:
    """The page of an image of the contracts, for a realm."""

    def __init__(self, contract: FileDescriptorSet, realm: Mapping[str, Any]) -> None:
        self._methods = {_short(method): method for method in image.methods(contract)}
        self._comments = _service_comments(contract)
        roles = roles_of(realm)
        self._scopes = {user: roles[role] for user, role in USERS.items()}

    def render(self) -> str:
        """Return the whole page as Markdown."""
        shown = [example.rpc for example in EXAMPLES]
        if sorted(shown) != sorted(self._methods):
            raise ValueError(f"not exactly one example: {sorted({*shown} ^ {*self._methods}) or 'one is there twice'}")
        lines = [HEAD]
        for service, examples in groupby(EXAMPLES, lambda example: example.rpc.partition("/")[0]):
            lines += [f"## {service.rpartition('.')[2]}", "", f"`atlas.{service}`. {self._comments[service]}", ""]
            lines += [line for example in examples for line in self._section(example)]
        return "\n".join(lines).rstrip("\n") + "\n"

    def _section(self, example: Example) -> Iterator[str]:
        method = self._methods[example.rpc]
        yield from (f"### {method.proto.name}", "", method.comment)
        yield from ("", " ".join(filter(None, (_policy(method), example.said, _until(example)))))
        yield from ("", "```sh")
        for need in example.needs:
            yield need if isinstance(need, str) else self._call(need)
        yield from (self._call(example), "```", "")

    def _call(self, example: Example) -> str:
        method = self._methods[example.rpc]
        package, _, name = example.rpc.partition(".v1.")
        headers = [f'-H "${self._caller(method).upper()}"'] if image.policy(method).scopes else []
        if image.policy(method).idempotency == options_pb2.IDEMPOTENCY_KEYED:
            headers.append('-H "idempotency-key: $(date +%s%N)"')
        headers += [f"-H {_quoted(header)}" for header in example.headers]
        body = _VARIABLE.sub("\"'$\\1'\"", json.dumps(example.body)).replace(', "lines":', ',\n      "lines":')
        call = (
            f"buf curl --protocol grpc --http2-prior-knowledge {' '.join(headers)} \\\n  -d '{body}' \\\n"
            f'  "http://$ATLAS_GRPC_{ADDRESSES[package]}_SVC/atlas.{package}.v1.{name}"'
        )
        if example.keep:
            call = f"{example.keep[0]}=$({call} | field {example.keep[1]})"
        return f"until {call}; do sleep 0.2; done" if example.until else call

    def _caller(self, method: _METHOD) -> str:
        needed = frozenset(image.policy(method).scopes)
        return next(user for user, scopes in self._scopes.items() if needed <= scopes)


def _quoted(header: str) -> str:
    """Quote a header for the shell, which fills in variables, and for buf, which would take a comma to end it."""
    whole = f'\\"{header}\\"' if "," in header else header
    return f'"{whole}"' if "$" in header else f"'{whole}'"


def _policy(method: _METHOD) -> str:
    scopes = " and ".join(f"`{scope}`" for scope in image.policy(method).scopes)
    return f"REST: `{image.route(method)}`. Needs {scopes or 'a signature'}."


def _until(example: Example) -> str:
    return f"Asked until {example.until}." if example.until else ""


def _short(method: _METHOD) -> str:
    """Name an RPC as the examples do: orders.v1.OrderService/PlaceOrder."""
    service, _, name = method.name.removeprefix("atlas.").rpartition(".")
    return f"{service}/{name}"


def _service_comments(contract: FileDescriptorSet) -> dict[str, str]:
    return {service.name.removeprefix("atlas."): service.comment for service in image.services(contract)}


def main() -> None:
    """Write the page to the path named on the command line."""
    sheet = Sheet(image.build(), json.loads(REALM.read_text("utf-8")))
    Path(sys.argv[1]).write_text(sheet.render(), "utf-8")


if __name__ == "__main__":
    main()
