"""What lives as long as the process is not scanned again and again."""

from __future__ import annotations

import gc

from chassis import collector


def test_what_is_made_at_start_is_left_out_of_collections_and_garbage_still_goes() -> None:
    before = gc.get_threshold()
    try:
        collector.spare_start_up()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == (collector.YOUNG, collector.MIDDLE, collector.OLD)
        ring: list[object] = []
        ring.append(ring)
        del ring
        assert gc.collect() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
