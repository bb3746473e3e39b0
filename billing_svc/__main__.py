"""python -m billing_svc [serve|relay|consume|timers|all|migrate]"""

from __future__ import annotations

import sys

from billing_svc import app, settings
from chassis import process

if __name__ == "__main__":
    loaded = settings.load()
    sys.exit(process.main(app.blueprint(app.provider(loaded), loaded.dunning_offsets), loaded, sys.argv[1:]))
