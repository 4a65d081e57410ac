"""Captures of real 5.5 and 5.6 workers, made by tests/captures/make.py, against rows that were worked out by hand.

A row's stamps are told by the event that they come of: the last one of that type, in the capture, of that task.
"""

import json

import pytest

from events import CAPTURES, at, letters, lines_of, publish_lines, wait_until_settled

pytestmark = pytest.mark.sanitized

VERSIONS = ("5.5", "5.6")
RULES = [{"match": "*", "company": {"kwarg": "company_id"}}]
HOST_A, HOST_B, HOST_C = "w1@host-a", "w2@host-b", "w3@host-c"
HARD = "billiard.exceptions.TimeLimitExceeded: TimeLimitExceeded(1,)"


def row(celery_state, name, completed=None, error=None, started="task-started", worker=HOST_A, **others):
    """completed and started are the types of the events that tell when."""
    return {"celery_state": celery_state, "task_name": f"capapp.{name}", "completed_at": completed,
            "error_message": error, "started_at": started, "worker": worker, "retries": 0, **others}


def success(name, **others):
    return row("SUCCESS", name, "task-succeeded", progress=100, status="success", **others)


def failure(name, error, **others):
    return row("FAILURE", name, "task-failed", error, status="failed", **others)


def revoked(name, error, **others):
    return row("REVOKED", name, "task-revoked", error, status="failed", **others)


def waiting(name, **others):
    """Cancelled: nobody has it. Whether anybody will is not in the events."""
    return {"status": "pending", "task_name": f"capapp.{name}", "completed_at": None, "error_message": None, **others}


LIVES = {
    "plain": success("add", result="5"),
    "stamped": success("add", result="9"),
    "map": success("map", task_name="celery.map", result="[1, 2, 3]"),
    "starmap": success("starmap", task_name="celery.starmap", result="[3, 7]"),
    "chain-1": success("add", root_id="chain-1", parent_id=None),
    "chain-2": success("add", root_id="chain-1", parent_id="chain-1"),
    "chain-3": success("add", root_id="chain-1", parent_id="chain-2"),
    "fails": failure("fail", "ValueError('no se pudo: ñ')", company_id=73),
    # Ignore: no last event.
    "ignored": row("STARTED", "ignore", status="running"),
    "rejected": row("REJECTED", "reject", "task-rejected", "rejected", status="failed"),
    "requeued": success("reject_once", result="'second'"),
    # What took its place runs under its id.
    "replaced": success("add", result="23"),
    "retried": success("retry", retries=2, result="2"),
    "given-up": failure("give_up", "ConnectionError('never works')", retries=1),
    "steps": success("steps", progress_text="paso 4"),
    "soft-limit": failure("soft_limit", "SoftTimeLimitExceeded()"),
    "soft-limit-caught": success("soft_limit_caught", result="'in time'"),
    "hard-limit": failure("hard_limit", HARD),
    "limited-0": success("limited"), "limited-1": success("limited"), "limited-2": success("limited"),
    "later": success("add", result="3"),
    "expired": revoked("add", "expired", started=None),
    "revoked": revoked("add", "revoked", started=None),
    "terminated": revoked("sleep", "terminated (SIGTERM)"),
    "unregistered": failure("unregistered", "NotRegistered('no.such.task')", started=None, task_name="no.such.task"),
}

DELAYED = {
    "at-once": success("add"),
    "delayed": success("add", result="3"),
    "retried-delayed": success("retry", retries=2),
    # Both were dropped by the worker when the broker handed them over.
    "expired-delayed": revoked("add", "expired", started=None),
    "revoked-delayed": revoked("add", "revoked", started=None),
}

SHUTDOWN = {
    # Acknowledged before it ran, and stopped: it never comes back.
    "cold-early": waiting("sleep"),
    "cold-late": success("sleep_late", worker=HOST_B),
    "cold-waiting": success("add", worker=HOST_B),
    "soft-early": waiting("sleep"),
    "soft-late": success("sleep_late", worker=HOST_C),
    # It was done within the time that was left to it; that it was cancelled was said of all three.
    "soft-quick": success("sleep", worker=HOST_B),
    "warm": success("sleep", worker=HOST_C),
    "warm-eta": success("add"),
}

OUTAGE = {
    # It succeeded, and said so into the connection that was gone.
    "cut-early": row("STARTED", "sleep", status="running"),
    "cut-late": success("sleep_late"),
    "cut-retry": success("retry", retries=1),
    "after": success("add"),
}

SCENARIOS = {"lives": LIVES, "delayed": DELAYED, "shutdown": SHUTDOWN, "outage": OUTAGE}
# Two chunks of three, which Celery named itself.
CHUNKS = {"[0, 2, 4]", "[6, 8, 10]"}


def events_of(lines):
    bodies = [json.loads(line["body"]) for line in lines]
    return [event for body in bodies for event in (body if isinstance(body, list) else [body])]


def last(events, task_id, kind):
    """The stamp of the last such event of the task."""
    return at(max(event["timestamp"] for event in events if (event["type"], event.get("uuid")) == (kind, task_id)))


def complaints(events, found, task_id, wanted):
    for name, value in wanted.items():
        if name in ("started_at", "completed_at") and value:
            value = last(events, task_id, value)
        if found[name] != value:
            yield f"{task_id}: {name} is {found[name]!r}, not {value!r}"


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_workers_of_today_send_gives_the_rows_worked_out_by_hand(site, version, scenario):
    site.config["tasks"] = RULES
    site.config["maintenance"] = {"enabled": False}
    lines = lines_of(f"celery-{version}-{scenario}.ndjson")
    site.start_daemon()
    publish_lines(site, lines)
    wait_until_settled(site)
    assert letters(site) == []
    rows, events = site.database.rows(), events_of(lines)
    found = [complaint for task_id, wanted in SCENARIOS[scenario].items()
             for complaint in complaints(events, rows.pop(task_id), task_id, wanted)]
    assert found == []
    assert {other["result"] for other in rows.values()} == (CHUNKS if scenario == "lives" else set())
    assert all(other["celery_state"] == "SUCCESS" for other in rows.values())


def test_there_is_a_capture_of_each_scenario_and_version():
    names = {path.name for path in CAPTURES.glob("*.ndjson")}
    assert names >= {f"celery-{version}-{scenario}.ndjson" for version in VERSIONS for scenario in SCENARIOS}
