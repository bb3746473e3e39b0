"""`python -m tests.brokers.member BOOTSTRAP PROVIDER GROUP TOPIC`: a member that takes partitions, says so, and is killed."""

from __future__ import annotations

import sys

from chassis.kafka import KafkaBroker


def main() -> None:
    """Poll without ever committing; print a line for each record."""
    bootstrap, provider, group, topic = sys.argv[1:]
    subscription = KafkaBroker(bootstrap, provider).subscribe(group, [topic])
    while True:
        for record in subscription.poll(100, 0.1):
            print(record.key, flush=True)


if __name__ == "__main__":
    main()
