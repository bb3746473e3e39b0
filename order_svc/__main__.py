"""python -m order_svc [serve|relay|consume|timers|all|migrate]"""

from __future__ import annotations

import sys

from chassis import process
from order_svc import app, settings

if __name__ == "__main__":
    loaded = settings.load()
    sys.exit(process.main(app.blueprint(loaded.deadlines), loaded, sys.argv[1:]))
