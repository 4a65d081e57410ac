"""upsert_trackers.sql: every fact has its own join, and neither order nor repetition matters."""

import datetime
import itertools
import random

import pytest

from harness.statements import write_rows

UTC = datetime.timezone.utc


def at(seconds):
    """A stamp, that many seconds after one that all tests share."""
    return datetime.datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC) + datetime.timedelta(seconds=seconds)


def joined(database, *rows, task_id="t"):
    """The row after each of these was written in a batch of its own."""
    for row in rows:
        write_rows(database, {"task_id": task_id, **row})
    return database.row(task_id)


@pytest.mark.parametrize("fact", ["received_at", "began_at", "retried_at", "requeued_at", "cancelled_at", "rejected_at", "alive_at",
                                  "succeeded_at", "failed_at", "revoked_at"])
def test_the_greatest_stamp_stays(database, fact):
    assert joined(database, {fact: at(5)}, {fact: at(9)}, {fact: at(7)}, {})[fact] == at(9)


def test_the_least_time_of_sending_stays(database):
    assert joined(database, {}, {"sent_at": at(5)}, {"sent_at": at(3)}, {"sent_at": at(4)})["sent_at"] == at(3)


def test_microseconds_count(database):
    stamp = datetime.datetime(2024, 5, 1, 12, 0, 0, 123457, tzinfo=UTC)
    row = joined(database, {"began_at": stamp}, {"began_at": stamp - datetime.timedelta(microseconds=1)})
    assert row["began_at"] == stamp


STAMPED = [("worker_at", "worker"), ("queue_at", "queue"), ("root_at", "root_id"), ("parent_at", "parent_id"),
           ("args_at", "args"), ("kwargs_at", "kwargs"), ("eta_at", "eta"), ("expires_at", "expires"),
           ("text_at", "progress_note"), ("name_at", "name")]


@pytest.mark.parametrize("stamp, value", STAMPED)
def test_a_value_travels_with_its_greatest_stamp(database, stamp, value):
    row = joined(database, {stamp: at(2), value: "two"}, {stamp: at(3), value: "three"}, {stamp: at(1), value: "zzz"})
    assert (row[stamp], row[value]) == (at(3), "three")


@pytest.mark.parametrize("stamp, value", STAMPED)
def test_silence_never_erases_a_value(database, stamp, value):
    row = joined(database, {stamp: at(2), value: "two"}, {"began_at": at(9)})
    assert (row[stamp], row[value]) == (at(2), "two")


@pytest.mark.parametrize("stamp, value", STAMPED)
def test_of_equal_stamps_the_greatest_text_by_bytes_stays(database, stamp, value):
    # By a dictionary "Z" comes after "a"; by bytes before. "ä" is two bytes, both beyond ASCII.
    for order in itertools.permutations(["a", "Z", "ä", "b"]):
        database.execute("DELETE FROM background_task_trackers")
        row = joined(database, *[{stamp: at(1), value: text} for text in order])
        assert row[value] == "ä", order


def test_retries_travel_as_numbers(database):
    row = joined(database, {"retries_at": at(1), "retries": 9}, {"retries_at": at(1), "retries": 10})
    assert row["retries"] == 10
    row = joined(database, {"retries_at": at(2), "retries": 0})
    assert row["retries"] == 0


def test_of_equal_stamps_the_greatest_progress_stays_infinite_ones_too(database):
    row = joined(database, {"progress_at": at(1), "progress_value": 9.5}, {"progress_at": at(1), "progress_value": 10},
                 {"progress_at": at(1), "progress_value": "-Infinity"})
    assert row["progress_value"] == 10
    row = joined(database, {"progress_at": at(1), "progress_value": "Infinity"})
    assert row["progress_value"] == float("inf")
    row = joined(database, {"progress_at": at(2), "progress_value": -3})
    assert row["progress_value"] == -3


SUCCESSES = [(None, None), (None, 1.5), ("", None), ("'a'", None), ("'a'", 0.5), ("'b'", 0.25)]


@pytest.mark.parametrize("less, more", itertools.combinations(SUCCESSES, 2))
def test_of_equal_successes_the_greater_stays_absent_before_empty(database, less, more):
    def success(pair):
        return {"succeeded_at": at(1), "result": pair[0], "runtime_s": pair[1]}

    for order in ((less, more), (more, less)):
        database.execute("DELETE FROM background_task_trackers")
        row = joined(database, *map(success, order))
        assert (row["result"], row["runtime_s"]) == more


FAILURES = [(None, None), (None, "t"), ("", None), ("E", None), ("E", ""), ("E", "t"), ("F", None)]


@pytest.mark.parametrize("less, more", itertools.combinations(FAILURES, 2))
def test_of_equal_failures_the_greater_stays_absent_before_empty(database, less, more):
    def failure(pair):
        return {"failed_at": at(1), "error": pair[0], "traceback": pair[1]}

    for order in ((less, more), (more, less)):
        database.execute("DELETE FROM background_task_trackers")
        row = joined(database, *map(failure, order))
        assert (row["error"], row["traceback"]) == more


def test_a_later_failure_takes_its_own_text_even_none(database):
    row = joined(database, {"failed_at": at(1), "error": "first", "traceback": "long"},
                 {"failed_at": at(2), "error": None, "traceback": None})
    assert (row["failed_at"], row["error"], row["traceback"]) == (at(2), None, None)


def test_a_revocation_travels_with_its_text(database):
    row = joined(database, {"revoked_at": at(1), "revoke_text": "revoked"},
                 {"revoked_at": at(1), "revoke_text": "terminated (SIGTERM)"},
                 {"revoked_at": at(1), "revoke_text": "expired"})
    assert row["revoke_text"] == "terminated (SIGTERM)"


def test_the_rule_of_the_name_counts_before_that_of_the_shadow_and_then_the_latest(database):
    def rule(row):
        return row["rule_is_of_name"], row["rule_at"], row["rule_type"], row["rule_display_name"]

    row = joined(database, {"rule_is_of_name": False, "rule_at": at(4), "rule_type": "shadow", "rule_display_name": "S"})
    assert rule(row) == (False, at(4), "shadow", "S")
    row = joined(database, {"rule_is_of_name": True, "rule_at": at(2), "rule_type": "two", "rule_display_name": "Dos"},
                 {"rule_is_of_name": True, "rule_at": at(1), "rule_type": "one", "rule_display_name": "Uno"}, {})
    assert rule(row) == (True, at(2), "two", "Dos")
    row = joined(database, {"rule_is_of_name": True, "rule_at": at(3), "rule_type": "three"})
    assert rule(row) == (True, at(3), "three", None)


def test_of_signs_of_life_the_first_and_the_last_stay(database):
    row = joined(database, {"first_alive_at": at(2), "alive_at": at(2)}, {"first_alive_at": at(1), "alive_at": at(1)},
                 {"first_alive_at": at(3), "alive_at": at(3)})
    assert (row["first_alive_at"], row["alive_at"]) == (at(1), at(3))


@pytest.mark.parametrize("stamp, value", [("event_company_at", "event_company"), ("rule_company_at", "rule_company")])
def test_the_first_company_stays_of_equal_ones_the_least(database, stamp, value):
    row = joined(database, {stamp: at(3), value: "1"}, {stamp: at(2), value: "9"}, {stamp: at(4), value: "0"})
    assert (row[stamp], row[value]) == (at(2), "9")
    row = joined(database, {stamp: at(2), value: "73"}, {stamp: at(2), value: "8"})
    assert (row[stamp], row[value]) == (at(2), "73")


def test_that_a_task_inherits_is_never_forgotten(database):
    assert joined(database, {})["inherits_company"] is False
    assert joined(database, {"inherits_company": True}, {"inherits_company": False})["inherits_company"] is True


def test_a_row_says_when_it_was_last_heard_of(database):
    before = joined(database, {"began_at": at(1)})
    after = joined(database, {"began_at": at(1)})
    assert after["updated_at"] > before["updated_at"]
    assert after["created_at"] == before["created_at"]


def random_facts(chance):
    """What one event might bring, with few stamps and values, so that ties are frequent."""
    def stamp():
        return at(chance.randint(1, 3))

    def text():
        return chance.choice(["", "a", "B", "ñ"])

    facts = {}
    for name in ("sent_at", "received_at", "began_at", "retried_at", "requeued_at", "cancelled_at", "rejected_at", "alive_at",
                 "first_alive_at"):
        if chance.random() < 0.2:
            facts[name] = stamp()
    for stamp_name, value in STAMPED:
        if chance.random() < 0.3:
            facts.update({stamp_name: stamp(), value: text()})
    if chance.random() < 0.3:
        facts.update(rule_at=stamp(), rule_is_of_name=chance.random() < 0.5, rule_type=chance.choice([None, "x", "y"]),
                     rule_display_name=chance.choice([None, "", "d"]))
    if chance.random() < 0.3:
        facts.update(succeeded_at=stamp(), result=chance.choice([None, "", "r"]),
                     runtime_s=chance.choice([None, 0, 1.5]))
    if chance.random() < 0.3:
        facts.update(failed_at=stamp(), error=chance.choice([None, "", "e"]), traceback=chance.choice([None, "", "t"]))
    if chance.random() < 0.3:
        facts.update(revoked_at=stamp(), revoke_text=chance.choice([None, "revoked", "expired"]))
    if chance.random() < 0.3:
        facts.update(progress_at=stamp(), progress_value=chance.choice([0, 50.5, "Infinity", "-Infinity"]))
    if chance.random() < 0.3:
        facts.update(retries_at=stamp(), retries=chance.randint(0, 2))
    for company in ("event_company", "rule_company"):
        if chance.random() < 0.3:
            facts.update({f"{company}_at": stamp(), company: chance.choice(["1", "2"])})
    facts["inherits_company"] = chance.random() < 0.1
    return facts


def without_bookkeeping(row):
    return {name: value for name, value in row.items()
            if name not in ("id", "task_id", "created_at", "updated_at", "first_at", "company_before",
                            "counted_before")}


def test_neither_order_nor_repetition_matters(database):
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for lifecycle in range(15):
        events = [random_facts(chance) for _ in range(6)]
        seen = []
        for attempt in range(4):
            task_id = f"{lifecycle}-{attempt}"
            order = events + chance.sample(events, 3 if attempt else 0)
            if attempt:
                chance.shuffle(order)
            seen.append(without_bookkeeping(joined(database, *order, task_id=task_id)))
        assert all(row == seen[0] for row in seen), (seed, events)


def test_a_batch_of_many_rows_lands_whole(database):
    write_rows(database, *[{"task_id": f"task {number}", "began_at": at(number), "worker_at": at(number),
                            "worker": f"w{number % 3}"} for number in range(1000)])
    rows = database.rows()
    assert len(rows) == 1000
    assert rows["task 999"]["began_at"] == at(999)
    assert rows["task 7"]["worker"] == "w1"


def test_each_company_that_changed_is_notified_once(database, listener):
    write_rows(database, *[{"task_id": f"t{number}", "event_company_at": at(1), "event_company": str(number % 2)}
                           for number in range(10)], {"task_id": "nobody's", "began_at": at(1)})
    assert listener() == ["0", "1"]
    write_rows(database, {"task_id": "t3", "began_at": at(2)})
    assert listener() == ["1"]


def test_a_company_that_a_row_leaves_is_notified_too(database, listener):
    write_rows(database, {"task_id": "t", "rule_company_at": at(1), "rule_company": "7"})
    assert listener() == ["7"]
    write_rows(database, {"task_id": "t", "event_company_at": at(2), "event_company": "8"})
    assert listener() == ["7", "8"]
    assert database.row("t")["company_key"] == "8"
