"""The whole way: any arrival, through RabbitMQ and one to four daemons, gives the rows of the oracle in PostgreSQL, the
same facts as the fold alone, and exactly the dead letters that were sent."""

import collections
import itertools

import lifecycles
import oracle
import pytest
import yaml
from cases import (Driver, body_of, budget_s, describe, differences, events_of, expected_rows, from_sql,
                   is_rubbish, seeded, until)
from harness import wait_until

TASKS = 300


class Bridge:
    """A site with daemons, whose number may grow, and the fold alone beside them."""

    def __init__(self, site):
        self.site = site
        # Whose events these are lived long ago: maintenance would delete and suspect them.
        site.config.update(tasks=lifecycles.RULES, maintenance={"enabled": False})
        site.write_config()
        fold_config = site.directory / "fold.yaml"
        fold_config.write_text(yaml.safe_dump({"tasks": lifecycles.RULES}, allow_unicode=True), encoding="utf-8")
        self.driver = Driver(fold_config)
        self.copies = itertools.count(1)
        self.dead = collections.Counter()
        self.told = []

    def carry(self, messages):
        """Publishes them all and waits until the queue has nothing left of them."""
        self.site.broker.publish_all([body_of(message) for message in messages])
        wait_until(lambda: self.site.broker.unsettled() == 0, 60, "every delivery is acked")
        self.told += [event for event in events_of(messages) if isinstance(event, dict)]
        self.dead.update(body_of(event) for event in events_of(messages) if is_dead_letter(event))

    def rows(self, task_ids):
        found = self.site.database.query("SELECT * FROM background_task_trackers WHERE task_id = ANY(%s)",
                                         (list(task_ids),))
        return {row["task_id"]: from_sql(row) for row in found}

    def workers(self):
        """Those that spoke for themselves, not only through their tasks."""
        found = self.site.database.query("SELECT * FROM celery_workers WHERE seen_at IS NOT NULL")
        return {row["hostname"]: from_sql(row) for row in found}

    def dead_letters(self):
        found = self.site.database.query("SELECT body FROM dead_letters")
        return collections.Counter(bytes(row["body"]).decode("utf-8") for row in found)

    def fails(self, messages):
        """The same once more, as tasks that nobody has seen yet."""
        suffix = f" copy {next(self.copies)}"
        renamed = [[with_suffix(event, suffix) for event in message] if isinstance(message, list)
                   else with_suffix(message, suffix) for message in messages]
        self.carry(renamed)
        expected = expected_rows(renamed, lifecycles.RULES)
        return complaints_of(expected, self.rows(expected))

    def close(self):
        self.driver.close()


def with_suffix(event, suffix):
    if isinstance(event, dict) and isinstance(event.get("uuid"), str) and 0 < len(event["uuid"]) < 200:
        return {**event, "uuid": event["uuid"] + suffix}
    return event


def is_dead_letter(event):
    known = isinstance(event, dict) and event.get("type") in (*oracle.TASK_TYPES, None)
    return is_rubbish(event) and (known or not isinstance(event, dict))


def complaints_of(expected, actual):
    return differences(expected, actual, next(iter(expected.values()), {}).keys())


@pytest.fixture
def bridge(site):
    opened = Bridge(site)
    yield opened
    opened.close()


def test_any_arrival_through_daemons_gives_the_rows_of_the_oracle(bridge):
    lives = lifecycles.Lives(seeded())
    for daemons in (1, 2, 3, 4):
        bridge.site.start_daemon()
        for _ in until(budget_s() / 4 / 4):
            events = events_of(lives.tasks(TASKS))
            events += [lives.noise() for _ in range(20)] + [lives.rubbish() for _ in range(5)]
            messages = lifecycles.arrivals(lives.random, events)
            bridge.carry(messages)
            expected = expected_rows(messages, lifecycles.RULES)
            complaints = complaints_of(expected, bridge.rows(expected))
            assert not complaints, f"{daemons} daemons: " + describe(complaints, messages, bridge.fails)
            folded, _ = bridge.driver.fold([body_of(message) for message in messages])
            assert not differences(bridge.rows(folded), folded)
    assert bridge.dead_letters() == bridge.dead
    assert not complaints_of(oracle.workers(bridge.told), bridge.workers())
