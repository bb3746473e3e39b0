"""Runs inventory_svc: `python -m inventory_svc [serve|relay|consume|timers|all|migrate]`."""

from __future__ import annotations

import sys

from chassis import process
from inventory_svc import app, settings

if __name__ == "__main__":
    sys.exit(process.main(app.blueprint(), settings.load(), sys.argv[1:]))
