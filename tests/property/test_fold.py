"""Any permutation, duplication and split into messages and batches gives the facts that the oracle gives."""

import lifecycles
import pytest
import yaml
from cases import Driver, body_of, budget_s, describe, differences, events_of, expected_rows, seeded, shrink, until

# Large enough to be quick, small enough that one failure is soon found in it.
TASKS = 40


@pytest.fixture
def driver(tmp_path):
    config = tmp_path / "taskbridge.yaml"
    config.write_text(yaml.safe_dump({"tasks": lifecycles.RULES}, allow_unicode=True), encoding="utf-8")
    started = Driver(config)
    yield started
    started.close()


def complaints_of(driver, messages, cuts=()):
    found, _ = driver.fold([body_of(message) for message in messages], cuts)
    return differences(expected_rows(messages, lifecycles.RULES), found)


def a_case(lives, tasks):
    events = events_of(lives.tasks(tasks))
    events += [lives.noise() for _ in range(lives.random.randrange(4))]
    events += [lives.rubbish() for _ in range(lives.random.randrange(4))]
    return lifecycles.arrivals(lives.random, events)


def test_any_arrival_gives_the_facts_of_the_oracle(driver):
    random = seeded()
    for _ in until(budget_s() / 2):
        messages = a_case(lifecycles.Lives(random), TASKS)
        cuts = {number for number in range(len(messages)) if random.random() < 0.2}
        complaints = complaints_of(driver, messages, cuts)
        assert not complaints, describe(complaints, messages, lambda less: complaints_of(driver, less))


def test_what_cannot_be_used_is_counted_and_costs_its_neighbours_nothing(driver):
    random = seeded()
    lives = lifecycles.Lives(random)
    for _ in range(30):
        rubbish = [lives.rubbish() for _ in range(random.randrange(1, 10))]
        unknown = [lives.event("task-custom", uuid="x") for _ in range(random.randrange(3))]
        messages = lifecycles.arrivals(random, events_of(lives.tasks(5)) + rubbish + unknown, duplicated=0)
        found, counts = driver.fold([body_of(message) for message in messages])
        assert counts == {"dead": len(rubbish), "unknown": len(unknown)}
        assert not differences(expected_rows(messages, lifecycles.RULES), found)


def test_a_failing_case_is_shrunk_to_what_makes_it_fail():
    """The tool itself: of many events the two that matter are left, with nothing but what matters."""
    lives = lifecycles.Lives(seeded())
    events = events_of(lives.tasks(20)) + [
        lives.event("task-started", uuid="culprit", why="this"), lives.event("task-failed", uuid="culprit")]
    lives.random.shuffle(events)

    def fails(messages):
        kinds = {event["type"] for event in messages if event["uuid"] == "culprit" and event.get("why", "this") == "this"}
        return {"task-started", "task-failed"} <= kinds and any("why" in event for event in messages)

    minimal = shrink(events, fails)
    assert sorted(event["type"] for event in minimal) == ["task-failed", "task-started"]
    assert sorted(name for event in minimal for name in event) == sorted(["type", "uuid", "timestamp"] * 2 + ["why"])
