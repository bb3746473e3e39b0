"""The clock, the rewind and the invariants, as operators ask for them over real gRPC."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from chassis.tables import dead_letter, outbox, parked_event, sandbox_clock
from tests.chassis.bench import Bench, new_key
from tests.chassis.served import Served
from tests.chassis.test_ops import ask, refused, waiting


async def test_the_clock_goes_ahead_and_never_back(served: Served) -> None:
    assert (await ask(served, "GetClock")).clock.offset_seconds == 0
    moved = (await ask(served, "AdvanceClock", seconds=3_600)).clock
    assert moved.offset_seconds == 3_600
    moved = (await ask(served, "AdvanceClock", seconds=60, expected_version=moved.version)).clock
    assert moved.offset_seconds == 3_660
    assert served.clock.offset == timedelta(seconds=3_660)
    seen = (await ask(served, "GetClock")).clock
    assert (seen.offset_seconds, seen.version) == (3_660, moved.version)
    assert abs(seen.now.ToSeconds() - int(served.clock.now().timestamp())) <= 2
    assert (await refused(served, "AdvanceClock", seconds=1, expected_version=1)).reason == "VERSION_MISMATCH"
    assert (await refused(served, "AdvanceClock", seconds=-5)).reason == "VALIDATION_FAILED"


async def test_one_advance_repeated_moves_the_clock_once(served: Served) -> None:
    for _ in range(3):
        await ask(served, "AdvanceClock", seconds=60, key="k")
    assert [row.offset_seconds for row in served.bench.rows(sandbox_clock)] == [60]


async def test_the_consumer_is_rewound(served: Served) -> None:
    bench, one = served.bench, new_key()
    bench.send(bench.record(one, "a"), bench.record(one, "b"))
    bench.settle()
    group = (await ask(served, "RewindConsumer")).consumer_group
    assert (group.group_id, list(group.topics)) == ("order-svc", ["test.in.v1"])
    assert bench.app.consumer.step() == 2
    assert bench.labels(one) == ["a", "b"]


async def test_clock_and_rewind_exist_in_the_dev_profile_only(database_url: str) -> None:
    bench = Bench(database_url, settings_changes={"profile": "production"})
    served = await Served(bench).start()
    assert (await refused(served, "AdvanceClock", seconds=60)).reason == "NOT_FOUND"
    assert (await refused(served, "RewindConsumer")).reason == "NOT_FOUND"
    assert (await ask(served, "GetClock")).clock.offset_seconds == 0
    assert bench.rows(sandbox_clock) == []
    await served.stop()
    bench.app.close()


async def _broken(served: Served) -> dict[str, list[str]]:
    answer = await ask(served, "CheckInvariants")
    assert answer.holds == all(invariant.holds for invariant in answer.invariants)
    assert {invariant.name for invariant in answer.invariants} == {"C1", "I3", "I5", "I11a", "I11b"}
    return {invariant.name: list(invariant.findings) for invariant in answer.invariants if not invariant.holds}


async def test_the_invariants_of_a_healthy_service_hold(served: Served) -> None:
    one = new_key()
    for _ in range(3):
        served.bench.count(one)
    waiting(served.bench)
    assert await _broken(served) == {}


def _change(bench: Bench, statement: sa.Executable) -> None:
    with bench.app.database.begin() as connection:
        connection.execute(statement)


async def test_each_invariant_notices_what_breaks_it(served: Served) -> None:
    bench, one = served.bench, new_key()
    for _ in range(3):
        bench.count(one)
    _change(bench, sa.text("update counter set value = value + 1"))
    _change(bench, sa.delete(outbox).where(outbox.c.stream_sequence == 2))
    _change(bench, sa.update(outbox).values(occur_time=bench.clock.now() - timedelta(seconds=61)))
    waiting(bench)
    _change(bench, sa.update(parked_event).values(next_time=sa.func.now() - timedelta(seconds=121)))
    bench.events.handle([bench.raw(b"\xff", key="k")])
    broken = await _broken(served)
    assert set(broken) == {"C1", "I3", "I5", "I11a", "I11b"}
    assert broken["I5"] == [f"test.out.v1 {one} holds 2 events from 1 to 3"]
    assert len(broken["I11a"]) == 1
    assert "waits for a person" in broken["I11b"][0]
    assert len(bench.rows(dead_letter)) == 1
