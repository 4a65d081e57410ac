"""What is said of whom: workers by themselves alone, starts that were never told, numbers that no worker can have."""

import datetime
import json

from events import letters, wait_until_settled


def test_progress_under_any_host_name_makes_and_names_no_worker(site):
    site.start_daemon()
    site.broker.publish_event("task-received", uuid="t", name="a.b", hostname="w1@host")
    site.broker.publish_event("task-started", uuid="t", hostname="w1@host")
    site.broker.publish_event("task-progress", uuid="t", hostname="gen31100@vm", progress=10)
    site.broker.publish_event("task-tracked", uuid="t", hostname="gen5@vm", company_id=7)
    site.broker.publish_event("task-sent", uuid="t2", name="a.b", hostname="gen6@vm")
    wait_until_settled(site)
    assert site.database.row("t")["worker"] == "w1@host" and site.database.row("t2")["worker"] is None
    assert [row["hostname"] for row in site.database.query("SELECT hostname FROM celery_workers")] == ["w1@host"]


def test_a_start_that_was_never_told_is_what_the_end_tells(site):
    site.start_daemon()
    end = site.broker.publish_event("task-succeeded", uuid="t", result="None", runtime=20.154)["timestamp"]
    site.broker.publish_event("task-progress", uuid="alive", progress=1, timestamp=end + 1)
    site.broker.publish_event("task-progress", uuid="alive", progress=2, timestamp=end + 9)
    wait_until_settled(site)
    row = site.database.row("t")
    assert row["completed_at"] - row["started_at"] == datetime.timedelta(seconds=20.154)
    assert abs(site.database.row("alive")["started_at"].timestamp() - (end + 1)) < 1e-5


def test_numbers_that_no_worker_can_have_are_not_taken_and_break_nothing(site):
    site.start_daemon()
    for processed in (-2**63, 2**63 - 1, 10**30, 5):
        site.broker.publish_event("worker-heartbeat", freq=2.0, active=1, processed=processed, loadavg=[-1, 0, 0])
    for stamp in (float("inf"), float("nan"), 0, 7258118401.0):
        site.broker.publish_event("task-started", uuid="t", timestamp=stamp)
    wait_until_settled(site)
    (worker,) = site.database.query("SELECT * FROM celery_workers")
    assert worker["processed"] == 5
    assert len(letters(site)) == 4 and site.database.rows() == {}
    # Rows of another time.
    site.database.execute("UPDATE worker_incarnations SET first_processed = -9223372036854775808, "
                          "last_processed = 9223372036854775807, former_processed = 9223372036854775807")
    assert json.loads(site.cli("status", "--json").stdout)["workers"]
    assert site.cli("doctor", "--json", check=False).returncode in (0, 1)
