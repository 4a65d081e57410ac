"""Everything is broken at random while numbered lives of tasks are published; then all is repaired, and every row must be
the oracle's, the dead letters exactly what was bad, and no delivery left.

TASKBRIDGE_CHAOS_SECONDS bounds it (60), TASKBRIDGE_SEED repeats it. The same seed gives the same lives and the same
faults, not the same instants.
"""

import os
import time

import lifecycles
import oracle
from cases import body_of, differences, events_of, expected_rows, from_sql, is_rubbish, seeded
from crew import Daemon, Publisher
from faults import Faults
from harness import wait_until

DAEMONS = 3
TASKS = 120
FAULT_SECONDS = 20
RECOVERY_SECONDS = 90


def is_dead_letter(event):
    known = isinstance(event, dict) and event.get("type") in (*oracle.TASK_TYPES, None)
    return is_rubbish(event) and (known or not isinstance(event, dict))


class Chaos:
    def __init__(self, site, random):
        self.site = site
        self.random = random
        site.config["tasks"] = lifecycles.RULES
        self.crew = [Daemon(site, number) for number in range(DAEMONS)]
        for daemon in self.crew:
            daemon.start()
        wait_until(lambda: site.broker.consumers() == DAEMONS, 30, "all daemons consume")
        self.faults = Faults(site, self.crew, random)
        self.lives = lifecycles.Lives(random)
        self.dead = set()
        self.events = self.deliveries = self.tasks = 0
        self.slowest = 0.0

    def round(self):
        events = events_of(self.lives.tasks(TASKS))
        events += [self.lives.noise() for _ in range(10)] + [self.lives.rubbish() for _ in range(5)]
        messages = lifecycles.arrivals(self.random, events)
        bodies = [body_of(message) for message in messages]
        publisher = Publisher(self.site.amqp_url, bodies, FAULT_SECONDS / 2 / (len(bodies) / 50))
        self.faults.queue_was_deleted = False
        publisher.start()
        self.wreak(publisher)
        self.recover(publisher, bodies)
        self.judge(messages)
        self.events += len(events_of(messages))
        self.deliveries += len(bodies)

    def wreak(self, publisher):
        """Begins faults and ends them again until the messages are out."""
        ends = {}
        until = time.monotonic() + FAULT_SECONDS
        while time.monotonic() < until or publisher.is_alive() and time.monotonic() < until + FAULT_SECONDS:
            begun = self.faults.begin() if len(ends) < 4 else None
            if begun:
                print(f"  {begun[1]} ({begun[0]})", flush=True)
                ends[begun[0]] = time.monotonic() + self.random.uniform(0.2, 3)
            time.sleep(self.random.uniform(0.05, 0.5))
            for place in [place for place, at in ends.items() if at <= time.monotonic()]:
                self.faults.end(place)
                del ends[place]

    def recover(self, publisher, bodies):
        self.faults.end_all()
        for daemon in self.crew:
            daemon.restore()
        began = time.monotonic()
        publisher.join(60)
        assert not publisher.is_alive(), "the publisher can't get its messages confirmed"
        wait_until(lambda: self.site.broker.consumers() >= 1, RECOVERY_SECONDS, "the queue is consumed again")
        if self.faults.queue_was_deleted:
            # Its messages went with it; the events come again.
            again = Publisher(self.site.amqp_url, bodies, 0)
            again.start()
            again.join(60)
            assert not again.is_alive()
        wait_until(lambda: self.site.broker.unsettled() == 0, RECOVERY_SECONDS, "every delivery is settled")
        self.slowest = max(self.slowest, time.monotonic() - began)

    def judge(self, messages):
        expected = expected_rows(messages, lifecycles.RULES)
        found = self.site.database.query("SELECT * FROM background_task_trackers WHERE task_id = ANY(%s)",
                                         (list(expected),))
        actual = {row["task_id"]: from_sql(row) for row in found}
        complaints = differences(expected, actual, next(iter(expected.values())).keys())
        assert not complaints, "\n".join(complaints[:20])
        self.dead |= {body_of(event) for event in events_of(messages) if is_dead_letter(event)}
        letters = self.site.database.query("SELECT body, reason FROM dead_letters")
        assert {bytes(row["body"]).decode("utf-8") for row in letters} == self.dead
        self.tasks += len(expected)

    def close(self):
        for daemon in self.crew:
            daemon.terminate()


def test_nothing_is_lost_and_no_row_is_wrong_whatever_breaks(site):
    chaos = Chaos(site, seeded())
    seconds = float(os.environ.get("TASKBRIDGE_CHAOS_SECONDS", "60"))
    until, rounds = time.monotonic() + seconds, 0
    while rounds == 0 or time.monotonic() < until:
        rounds += 1
        print(f"round {rounds}", flush=True)
        chaos.round()
    chaos.close()
    total = sum(chaos.faults.counts.values())
    print(f"{rounds} rounds: {chaos.deliveries} deliveries, {chaos.events} events, {chaos.tasks} tasks, {total} faults; "
          f"slowest recovery {chaos.slowest:.1f} s; no row wrong, nothing lost")
    for name, count in sorted(chaos.faults.counts.items()):
        print(f"{count:6} {name}")
