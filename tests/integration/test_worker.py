"""Real Celery workers, the real daemon: each way in which a task ends gives the right row."""

import json
import re

from harness import wait_until

ONBOARDING = {
    "companies.create_processes_from_taxpayer_settings":
        ("Creando procesos tributarios", "create_processes_from_taxpayer_settings", 0),
    "sii.sync_sii_documents_task": ("Sincronizando documentos SII", "sync_sii_documents_task", 0),
    "sii.sync_sii_documents_full_history_task":
        ("Sincronizando historial completo de documentos", "sync_sii_documents_full_history_task", 1),
    "forms.sync_all_historical_forms_task":
        ("Sincronizando formularios históricos", "sync_all_historical_forms_task", 0),
}

# Of a task in faults.py: what it is called with, and of its row celery_state, status, progress, retries and a pattern
# of the error message. {} in an argument becomes the path of a file that does not exist.
ENDINGS = [
    ("add", [1, 2], "SUCCESS", "success", 100, 0, None),
    ("fail", [], "FAILURE", "failed", 0, 0, r"ValueError\('boom'\)"),
    ("fail_after_progress", [40], "FAILURE", "failed", 40, 0, r"RuntimeError\('failed at 40'\)"),
    ("replace", [], "SUCCESS", "success", 100, 0, None),
    ("die", [], "FAILURE", "failed", 0, 0, r".*WorkerLostError.*SIGKILL.*"),
    ("die_once", ["{}"], "SUCCESS", "success", 100, 0, None),
    ("soft_limit", [], "FAILURE", "failed", 0, 0, r"SoftTimeLimitExceeded\(\)"),
    ("soft_limit_caught", [], "SUCCESS", "success", 100, 0, None),
    ("hard_limit", [], "FAILURE", "failed", 0, 0, r".*TimeLimitExceeded.*1.*"),
    ("reject", [], "REJECTED", "failed", 0, 0, ".*"),
    ("reject_requeue_once", ["{}"], "SUCCESS", "success", 100, 0, None),
    ("retry_times", [2], "SUCCESS", "success", 100, 2, None),
    ("retry_until_given_up", [], "FAILURE", "failed", 0, 2, r"ConnectionError\('never works'\)"),
    ("odd_events", [], "SUCCESS", "success", 100, 0, None),
    ("huge_traceback", [50, 100000], "FAILURE", "failed", 0, 0, r"RuntimeError\('x{100,}.*"),
    ("unserialisable_exception", [], "FAILURE", "failed", 0, 0, ".+"),
    ("unserialisable_progress", [], "SUCCESS", "success", 100, 0, None),
    ("unserialisable_result", [], "SUCCESS", "success", 100, 0, None),
    ("system_exit", [], "FAILURE", "failed", 0, 0, r".*WorkerLostError: Worker exited prematurely.*"),
    ("no_such_task", [], "FAILURE", "failed", 0, 0, r"NotRegistered\('faults.no_such_task'\)"),
]

SEND = """
import json, sys
from demo.app import app
print(json.dumps([app.send_task("faults." + name, args).id for name, args in json.loads(sys.argv[1])]))
"""


def send(site, tasks):
    """Their ids, in order."""
    return json.loads(site.python("-c", SEND, json.dumps(tasks)))


def wait_for_state(site, task_id, *states, timeout=30):
    """The task's row, once it is in one of these."""
    last = {}

    def arrived():
        last["row"] = site.database.row(task_id)
        return last["row"] and last["row"]["celery_state"] in states and last["row"]

    return wait_until(arrived, timeout, f"{task_id} is {' or '.join(states)}")


def test_onboarding_ends_in_four_successful_rows_of_its_company(site):
    site.start_daemon()
    site.start_worker(concurrency=4)
    for name, task_id in site.onboard(73).items():
        row = wait_for_state(site, task_id, "SUCCESS")
        display_name, task_type, retries = ONBOARDING[name]
        assert row["task_name"] == name
        assert row["display_name"] == display_name
        assert row["task_type"] == task_type
        assert row["company_id"] == 73
        assert row["event_company"] == "73"
        assert row["rule_company"] == "73"
        assert (row["status"], row["progress"], row["retries"]) == ("success", 100, retries)
        assert row["error_message"] is None
        assert row["queue"] == "celery"
        assert row["started_at"] < row["completed_at"]
    assert site.database.value("SELECT count(*) FROM dead_letters") == 0


def test_registered_tasks_keep_what_was_registered(site):
    site.start_daemon()
    site.start_worker(concurrency=4)
    for name, task_id in site.onboard(73, "--register").items():
        row = wait_for_state(site, task_id, "SUCCESS")
        assert row["registered_company"] == "73"
        assert row["metadata"] == {"source": "onboarding"}
        assert row["display_name"] == ONBOARDING[name][0]


def test_every_ending_gives_the_right_row(site, tmp_path):
    site.start_daemon()
    site.start_worker(concurrency=4)
    tasks = [[name, [str(tmp_path / name) if argument == "{}" else argument for argument in arguments]]
             for name, arguments, *_ in ENDINGS]
    ids = send(site, tasks)
    wrong = []
    for task_id, (name, _, state, status, progress, retries, error) in zip(ids, ENDINGS):
        try:
            row = wait_for_state(site, task_id, state)
        except AssertionError as late:
            wrong.append(f"{name}: {late}")
            continue
        seen = (row["status"], row["progress"], row["retries"] or 0)
        if seen != (status, progress, retries):
            wrong.append(f"{name}: {seen}, not {(status, progress, retries)}")
        message = row["error_message"]
        if (error is None) != (message is None) or error and not re.fullmatch(error, message, re.DOTALL):
            wrong.append(f"{name}: the error is {message!r:.300}, not {error!r}")
    assert wrong == []


def test_revoked_tasks_are_told_from_failed_ones(site):
    site.start_daemon()
    site.start_worker(concurrency=1)
    running, waiting = send(site, [["sleep", [60]], ["sleep", [60]]])
    wait_for_state(site, running, "STARTED")
    wait_for_state(site, waiting, "RECEIVED")
    site.python("-c", f"from demo.app import app\n"
                      f"app.control.revoke({waiting!r})\n"
                      f"app.control.revoke({running!r}, terminate=True, signal='SIGTERM')")
    row = wait_for_state(site, running, "REVOKED")
    assert (row["status"], row["error_message"]) == ("failed", "terminated (SIGTERM)")
    row = wait_for_state(site, waiting, "REVOKED")
    assert (row["status"], row["error_message"]) == ("failed", "revoked")


def test_ignored_task_stays_running_until_somebody_asks_for_it(site):
    site.start_daemon()
    site.start_worker(concurrency=1)
    ignored, marker = send(site, [["ignore", []], ["add", [1, 2]]])
    wait_for_state(site, marker, "SUCCESS")
    assert site.database.row(ignored)["celery_state"] == "STARTED"


def test_broker_that_dies_neither_breaks_nor_slows_a_running_task(site, stack):
    site.start_daemon()
    worker = site.start_worker(concurrency=1)
    (task_id,) = send(site, [["sleep_with_progress", [6, 60]]])
    wait_for_state(site, task_id, "PROGRESS")
    stack.kill("rabbitmq")
    worker.wait_for(f"[{task_id}] succeeded in", 40)
    seconds = float(re.search(rf"{task_id}\] succeeded in ([0-9.]+)s", worker.output()).group(1))
    assert seconds < 12
    assert "could not be sent; the task goes on" in worker.output()
    stack.start("rabbitmq")
    # Celery itself would tell nobody: there was no broker then.
    wait_for_state(site, task_id, "SUCCESS", timeout=60)
    (other,) = send(site, [["add", [1, 2]]])
    wait_for_state(site, other, "SUCCESS", timeout=60)
