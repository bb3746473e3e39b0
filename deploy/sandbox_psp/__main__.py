"""python -m deploy.sandbox_psp --port N --home DIR [options]: run the sandbox payment provider on 127.0.0.1."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from pydantic import SecretStr

from chassis import telemetry
from deploy.sandbox_psp.app import Provider, build
from deploy.sandbox_psp.deliverer import Deliverer
from deploy.sandbox_psp.settings import DEFAULT_SECRETS, SECRETS_VARIABLE
from deploy.sandbox_psp.signatures import Signer
from deploy.sandbox_psp.store import Store


def main() -> None:
    """Serve until SIGTERM."""
    arguments = parser().parse_args()
    telemetry.configure_logging("sandbox-psp", os.environ.get("ATLAS_LOG_LEVEL", "INFO"))
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # the deliverer says the same with the message's id
    store = _open(arguments)
    key = SecretStr(os.environ.get("ATLAS_PSP_KEY", "sandbox-key"))
    provider = Provider(
        store, key, arguments.slow_seconds, time.time, hang_seconds=arguments.hang_seconds, late_seconds=arguments.late_seconds
    )
    app = build(provider, _deliverer(store, arguments.webhook_url) if arguments.webhook_url else None)
    # uvicorn finishes what is running and then raises the signal again: that ends the process well, not by a signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, http="httptools", loop="uvloop", log_config=None, access_log=False)


def _open(arguments: argparse.Namespace) -> Store:
    try:
        return Store(arguments.home, keeps_webhooks=bool(arguments.webhook_url))
    except (OSError, sqlite3.Error) as error:
        sys.exit(f"sandbox-psp: cannot use {arguments.home}: {error}; name another --home or remove it")


def _deliverer(store: Store, url: str) -> Deliverer:
    try:
        signer = Signer(SecretStr(os.environ.get(SECRETS_VARIABLE, DEFAULT_SECRETS)))
    except ValueError as error:
        sys.exit(f"sandbox-psp: cannot use {SECRETS_VARIABLE}: {error}")
    return Deliverer(store, url, signer, time.time)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = argparse.ArgumentParser(prog="python -m deploy.sandbox_psp", description="The sandbox payment provider.")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--home", type=Path, required=True, help="where everything is kept")
    options.add_argument("--webhook-url", type=_url, help="where webhooks are sent; without it, there are none")
    options.add_argument("--slow-seconds", type=float, default=1.5, help="how long what is slow is PENDING")
    options.add_argument("--hang-seconds", type=float, default=6.0, help="how long a call hangs that times out")
    options.add_argument("--late-seconds", type=float, default=8.0, help="how late a lost call or a wrong report comes")
    return options


def _url(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is no http or https URL")
    return text


if __name__ == "__main__":
    main()
