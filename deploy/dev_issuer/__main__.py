"""`python -m deploy.dev_issuer --realm FILE --port N --home DIR` serves the realm on 127.0.0.1 until it is stopped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvicorn

from deploy.dev_issuer.app import build
from deploy.dev_issuer.keys import KeyRing
from deploy.dev_issuer.realm import RealmError, load

HOST = "127.0.0.1"


def main() -> int:
    """Read the realm and the keys, then serve; exit 2 with one line when the realm cannot be served."""
    parser = argparse.ArgumentParser(prog="dev_issuer", description=__doc__)
    parser.add_argument("--realm", type=Path, required=True, metavar="FILE", help="the realm export to serve")
    parser.add_argument("--port", type=int, required=True, metavar="N")
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="where the signing keys are kept")
    arguments = parser.parse_args()
    try:
        realm, keys = load(arguments.realm), KeyRing(arguments.home)
    except (RealmError, OSError, ValueError) as error:
        print(f"dev_issuer: {error}", file=sys.stderr)
        return 2
    app = build(realm, keys, f"http://{HOST}:{arguments.port}")
    uvicorn.run(
        app,
        host=HOST,
        port=arguments.port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
