"""An embedded broker that is killed comes back as another cluster: those who knew the old one lose and break nothing there."""

from __future__ import annotations

import threading
import uuid

import pytest

from chassis.broker import BrokerAway
from chassis.kafka import KafkaBroker
from deploy.local import StackRequest, free_base, start, stop
from deploy.local.topics import Topic, ensure_topics
from tests.brokers.wire import PARTITIONS, Wire, numbers_by_key, read
from tests.infra import leader

OLD, NEW = ([f"{name}-{number}" for number in range(60)] for name in ("old", "new"))


@pytest.mark.timeout(180)
def test_a_publisher_that_knew_the_old_cluster_asks_for_the_new_one_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("embedded")
    bootstrap = start(StackRequest(home, free_base(), ("kafka",), stop_with=leader()))["kafka"]
    topic = Topic(f"test.{uuid.uuid4().hex[:12]}.v1", PARTITIONS, -1)
    wire = Wire(KafkaBroker(bootstrap, "embedded"), topic.name, "embedded", {}, bootstrap, home)
    try:
        ensure_topics(bootstrap, [topic])
        old = wire.publisher()
        old.publish(wire.records(OLD[:1], range(1)))
        wire.kill()
        ensure_topics(bootstrap, [topic])
        new = wire.publisher()
        acknowledged: list[bool] = []
        with pytest.raises(BrokerAway):
            old.publish(wire.records(OLD, range(1, 2)))
        assert old.cluster_id() == new.cluster_id()
        late = threading.Thread(target=lambda: acknowledged.extend(old.publish(wire.records(OLD, range(2, 5)))))
        late.start()
        acknowledged += new.publish(wire.records(NEW, range(2, 5)))
        late.join()
        assert acknowledged == [True] * 360
        assert numbers_by_key(read(wire.member(), 360)) == {key: [2, 3, 4] for key in (*OLD, *NEW)}
    finally:
        for each in wire.opened:
            each.close()
        stop(home)
