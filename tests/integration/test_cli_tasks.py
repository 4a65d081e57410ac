"""taskbridge tasks, task and explain: what an operator sees of the rows, and that its words agree with the rows."""

import json

import pytest

from events import publish_lines, lines_of, wait_until_settled
from harness.statements import text

CAPTURE = "celery-5.6-lifecycles.ndjson"


@pytest.fixture
def lived(site):
    """Tasks of many lives, as a real worker told them."""
    site.config["maintenance"] = {"enabled": False}
    site.start_daemon()
    publish_lines(site, lines_of(CAPTURE))
    wait_until_settled(site)
    return site


def test_tasks_are_listed_and_filtered(lived):
    rows = lived.database.rows()
    listed = json.loads(lived.cli("tasks", "--json", "--limit", 1000).stdout)
    assert {task["task_id"]: (task["celery_state"], task["progress"]) for task in listed} == {
        task_id: (row["celery_state"], row["progress"]) for task_id, row in rows.items()}
    assert [task["id"] for task in listed] == sorted((task["id"] for task in listed), reverse=True)
    for status in ("success", "failed", "FAILURE", "revoked"):
        expected = {task_id for task_id, row in rows.items() if status.lower() == row["status"]
                    or status.upper() == row["celery_state"]}
        found = json.loads(lived.cli("tasks", "--status", status, "--json", "--limit", 1000).stdout)
        assert {task["task_id"] for task in found} == expected and expected
    first = json.loads(lived.cli("tasks", "--limit", 1, "--json").stdout)
    second = json.loads(lived.cli("tasks", "--limit", 1, "--before", first[0]["id"], "--json").stdout)
    assert [first[0]["id"], second[0]["id"]] == [task["id"] for task in listed[:2]]
    some = next(task for task in listed if task["worker"])
    assert lived.cli("tasks", "--worker", some["worker"]).stdout.count("\n") > 1
    assert json.loads(lived.cli("tasks", "--worker", "nobody", "--json").stdout) == []
    assert "no task is like that" in lived.cli("tasks", "--company", 999).stdout
    lived.cli("tasks", "--limit", "many", check=2)


def test_one_task_is_shown_whole(lived):
    task_id, row = next((key, row) for key, row in lived.database.rows().items() if row["celery_state"] == "FAILURE")
    shown = json.loads(lived.cli("task", task_id, "--json").stdout)
    assert shown["task_id"] == task_id and shown["error"] == row["error"] and shown["celery_state"] == "FAILURE"
    assert "succeeded_at" not in shown
    assert f"error_message           {row['error_message'].splitlines()[0]}"[:60] in lived.cli("task", task_id).stdout
    assert "there is no task nowhere" in lived.cli("task", "nowhere", check=1).stderr


def test_every_state_is_explained_by_its_rule(lived):
    """Also those that no capture has: rows made of facts, whose state the table decides."""
    insert = "INSERT INTO background_task_trackers (task_id, {}) VALUES ('{}', {})"
    for name, facts in {"waits": {"sent_at": 1}, "taken": {"sent_at": 1, "received_at": 2}, "retries": {
            "received_at": 1, "began_at": 2, "retried_at": 3}, "back": {"received_at": 1, "began_at": 2, "requeued_at": 3},
            "lives": {"received_at": 1, "alive_at": 2}, "runs": {"received_at": 1, "began_at": 2},
            "lost": {"received_at": 1, "lost_at": 2}, "refused": {"received_at": 1, "rejected_at": 2}}.items():
        stamps = ", ".join(f"to_timestamp({1714564800 + second})" for second in facts.values())
        lived.database.execute(insert.format(", ".join(facts), name, stamps))
    for task_id, row in lived.database.rows().items():
        reasons = json.loads(lived.cli("explain", task_id, "--json").stdout)
        (state,) = [reason for reason in reasons if reason["kind"] == "state"]
        assert state["name"] == row["celery_state"] and state["told"]
        facts = [reason for reason in reasons if reason["kind"] == "fact"]
        assert [fact["at"] for fact in facts] == sorted(fact["at"] for fact in facts) and facts
        named = {fact["name"] for fact in facts}
        for column, name in (("succeeded_at", "task-succeeded"), ("failed_at", "task-failed"), ("began_at", "task-started"),
                             ("retried_at", "task-retried"), ("lost_at", "called lost by the bridge")):
            assert (row[column] is not None) == (name in named)
        (company,) = [reason for reason in reasons if reason["kind"] == "company"]
        assert company["name"] == (f"company {row['company_key']}" if row["company_key"] else "no company")
    assert "it waits for its next attempt" in lived.cli("explain", "retries").stdout
    assert "it was given back to its queue" in lived.cli("explain", "back").stdout
    lived.cli("explain", "nowhere", check=1)


def test_explain_names_every_state_that_there_is(database):
    """A state that the table learns must be told of, too."""
    states = set(database.query("SELECT regexp_matches(pg_get_functiondef('tracker_celery_state'::regproc), "
                                "'THEN ''([A-Z]+)''', 'g') AS state")[0]["state"])
    told = text("task_explain")
    for row in database.query("SELECT (regexp_matches(pg_get_functiondef('tracker_celery_state'::regproc), "
                              "'THEN ''([A-Z]+)''', 'g'))[1] AS state"):
        states.add(row["state"])
    assert len(states) >= 9
    assert all(f"'{state}'" in told for state in states)
