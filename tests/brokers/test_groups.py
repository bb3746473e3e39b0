"""Groups: what is committed is not read again, what is not is, and no record is missed when members come, go or die."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

from chassis.broker import BrokerAway, InRecord, Subscription
from deploy.local.site import ROOT
from tests.brokers.wire import Wire, numbers_by_key, polled, read, until

KEYS = [f"key-{number}" for number in range(12)]


class Crew:
    """Members of one group that read and commit in turn, as consumers do, and what each has read."""

    def __init__(self) -> None:
        self.seen: dict[Subscription, list[InRecord]] = {}
        self.order: list[InRecord] = []

    def turn(self) -> bool:
        """Let each member read and commit once; always true."""
        for member, mine in self.seen.items():
            records = polled(member)
            mine += records
            self.order += records
            with contextlib.suppress(BrokerAway):
                member.commit()
        return True


def test_the_next_member_goes_on_behind_the_last_commit(wire: Wire) -> None:
    group, publisher = wire.new_group(), wire.publisher()
    publisher.publish(wire.records(KEYS, range(10)))
    first = wire.member(group)
    assert len(read(first, 120)) == 120
    first.commit()
    publisher.publish(wire.records(KEYS, range(10, 12)))
    read(first, 24)
    wire.close(first)
    again = read(wire.member(group), 24)
    assert numbers_by_key(again) == {key: [10, 11] for key in KEYS}


def test_what_a_commit_covers_is_what_poll_had_returned_and_no_more(wire: Wire) -> None:
    group = wire.new_group()
    wire.publisher().publish(wire.records(["one key"], range(10)))
    first = wire.member(group)
    assert len(read(first, 4, limit=4)) == 4
    first.commit()
    read(first, 3, limit=3)
    wire.close(first)
    assert numbers_by_key(read(wire.member(group), 6)) == {"one key": list(range(4, 10))}


def test_groups_read_without_knowing_of_each_other(wire: Wire) -> None:
    wire.publisher().publish(wire.records(KEYS, range(3)))
    one, other = wire.member(), wire.member()
    assert len(read(one, 36)) == 36
    one.commit()
    assert len(read(other, 36)) == 36


def test_a_rewind_reads_everything_again_and_moves_what_is_committed(wire: Wire) -> None:
    publisher = wire.publisher()
    publisher.publish(wire.records(KEYS, range(3)))
    member = wire.member()
    read(member, 36)
    member.commit()
    member.rewind()
    assert numbers_by_key(read(member, 36)) == {key: [0, 1, 2] for key in KEYS}
    member.commit()
    publisher.publish(wire.records(KEYS, range(3, 4)))
    assert numbers_by_key(read(member, 12)) == {key: [3] for key in KEYS}


def test_members_that_come_and_go_under_load_miss_nothing_and_keep_the_order(wire: Wire) -> None:
    wire.need("groups")
    group, publisher = wire.new_group(), wire.publisher()
    enough = threading.Event()
    sent: list[int] = []

    def publish() -> None:
        while not enough.is_set():
            publisher.publish(wire.records(KEYS, range(len(sent), len(sent) + 1)))
            sent.append(len(sent))

    sending = threading.Thread(target=publish)
    crew = Crew()
    first = wire.member(group)
    crew.seen[first] = []
    until(lambda: crew.turn() and first.is_assigned())
    sending.start()
    until(lambda: crew.turn() and len(crew.order) > 100)
    second = wire.member(group)
    crew.seen[second] = []
    until(lambda: crew.turn() and crew.seen[second])
    del crew.seen[first]
    wire.close(first)
    until(lambda: crew.turn() and len(crew.seen[second]) > 500)
    enough.set()
    sending.join()
    until(lambda: crew.turn() and len({(record.partition, record.offset) for record in crew.order}) == len(sent) * len(KEYS))
    assert numbers_by_key(crew.order) == dict.fromkeys(KEYS, sent)


def test_the_partitions_of_a_member_that_dies_go_to_the_others_with_what_it_had_not_committed(wire: Wire) -> None:
    wire.need("groups", "connections")
    group, publisher = wire.new_group(), wire.publisher()
    publisher.publish(wire.records(KEYS, range(5)))
    command = [sys.executable, "-m", "tests.brokers.member", wire.bootstrap, wire.provider, group, wire.topic]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as doomed:
        assert doomed.stdout is not None
        doomed.stdout.readline()
        doomed.kill()
        doomed.stdout.read()
    publisher.publish(wire.records(KEYS, range(5, 6)))
    assert numbers_by_key(read(wire.member(group), 72)) == {key: list(range(6)) for key in KEYS}
