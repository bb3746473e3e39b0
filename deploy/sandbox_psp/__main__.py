"""python -m deploy.sandbox_psp --port N --home DIR [--slow-seconds S]: run the sandbox payment provider on 127.0.0.1."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from chassis import telemetry
from deploy.sandbox_psp.app import Provider, build
from deploy.sandbox_psp.store import Store


def main() -> None:
    """Serve until SIGTERM."""
    arguments = _arguments()
    telemetry.configure_logging("sandbox-psp", os.environ.get("ATLAS_LOG_LEVEL", "INFO"))
    try:
        store = Store(arguments.home)
    except (OSError, sqlite3.Error) as error:
        sys.exit(f"sandbox-psp: cannot use {arguments.home}: {error}; name another --home or remove it")
    key = SecretStr(os.environ.get("ATLAS_PSP_KEY", "sandbox-key"))
    app = build(Provider(store, key, arguments.slow_seconds, time.time))
    # uvicorn finishes what is running and then raises the signal again: that ends the process well, not by a signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, http="httptools", loop="uvloop", log_config=None, access_log=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox_psp", description="The sandbox payment provider.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True, help="where intents and refunds are kept")
    parser.add_argument("--slow-seconds", type=float, default=1.5, help="how long pm_slow is PENDING")
    return parser.parse_args()


if __name__ == "__main__":
    main()
