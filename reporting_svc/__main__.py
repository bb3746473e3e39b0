"""Runs reporting_svc: `python -m reporting_svc [serve|relay|consume|timers|all|migrate]`."""

from __future__ import annotations

import sys

from chassis import process
from reporting_svc import app, settings

if __name__ == "__main__":
    sys.exit(process.main(app.blueprint(), settings.load(), sys.argv[1:]))
