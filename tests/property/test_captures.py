"""What real workers sent, in any order, often twice, in other messages and batches, gives the rows of the oracle."""

import json
import math

import oracle
import pytest
import yaml
from cases import Driver, body_of, describe, differences, events_of, expected_rows, seeded
from harness.stack import ROOT
from lifecycles import arrivals

CAPTURES = sorted((ROOT / "tests" / "fixtures" / "events").glob("celery-*.ndjson"))
RULES = [{"match": "*", "type": "any", "company": {"kwarg": "company_id"}}]
ROUNDS = 60


def bodies_in(capture):
    return [json.loads(line)["body"] for line in capture.read_text(encoding="utf-8").splitlines()]


def events_in(capture):
    return events_of([json.loads(body) for body in bodies_in(capture)])


@pytest.fixture
def driver(tmp_path):
    config = tmp_path / "taskbridge.yaml"
    config.write_text(yaml.safe_dump({"tasks": RULES}), encoding="utf-8")
    started = Driver(config)
    yield started
    started.close()


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_as_it_came_gives_the_rows_of_the_oracle(driver, capture):
    found, counts = driver.fold(bodies_in(capture))
    assert counts["dead"] == 0
    assert not differences(oracle.rows(events_in(capture), RULES), found)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_shuffled_doubled_and_cut_anew_gives_the_rows_of_the_oracle(driver, capture):
    random = seeded()
    events = events_in(capture)
    expected = oracle.rows(events, RULES)

    def fails(messages, cuts=()):
        found, _ = driver.fold([body_of(message) for message in messages], cuts)
        return differences(expected_rows(messages, RULES), found)

    for _ in range(ROUNDS):
        messages = arrivals(random, events)
        cuts = {number for number in range(len(messages)) if random.random() < 0.2}
        found, _ = driver.fold([body_of(message) for message in messages], cuts)
        complaints = differences(expected, found)
        assert not complaints, describe(complaints, messages, fails)


def test_the_captures_hold_what_is_hard():
    """Else the tests above would say little."""
    events = events_of([events_in(capture) for capture in CAPTURES])
    kinds = {event["type"] for event in events}
    assert {"task-sent", "task-received", "task-started", "task-progress", "task-succeeded", "task-failed",
            "task-retried", "task-rejected", "task-revoked"} <= kinds
    numbers = [event.get("progress") for event in events if event["type"] == "task-progress"]
    assert any(isinstance(number, float) and math.isnan(number) for number in numbers)
    assert any("\0" in str(event.get("message")) for event in events)
