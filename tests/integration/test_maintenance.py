"""What the daemons delete and who may have them do it: on schedule, on demand, in turn, and interrupted anywhere."""

import json
import signal
import subprocess

import psycopg2
import pytest

from harness import wait_until
from harness.process import program

COMPLETED, ORPHANED, STATUSES = ("cleanup_old_completed_tasks", "cleanup_orphaned_trackers", "update_task_statuses")
# The jobs that a test does not want are an hour away.
HOURLY = {"TASKBRIDGE_MAINTENANCE_COMPLETED_EVERY_S": 3600, "TASKBRIDGE_MAINTENANCE_ORPHANED_EVERY_S": 3600,
          "TASKBRIDGE_MAINTENANCE_STATUSES_EVERY_S": 3600, "TASKBRIDGE_MAINTENANCE_SILENT_AFTER_S": 5}
EVERY_SECOND = {**HOURLY, "TASKBRIDGE_MAINTENANCE_COMPLETED_EVERY_S": 1, "TASKBRIDGE_MAINTENANCE_ORPHANED_EVERY_S": 1}

# What these tests call old.
AGES = {"TASKBRIDGE_MAINTENANCE_HISTORY_AFTER_S": 3600, "TASKBRIDGE_MAINTENANCE_ORPHANED_AFTER_S": 86400}


@pytest.fixture(autouse=True)
def short_lives(site):
    site.variables.update(AGES)


# Writes down each statement that deletes: its transaction, and how many rows it took.
WITNESS = """
    CREATE TABLE deletes (transaction bigint, rows bigint);
    CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO deletes SELECT txid_current(), count(*) FROM gone;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness AFTER DELETE ON background_task_trackers REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION witness();
"""


def complete(site, count, age="2 hours", name="done", company=None):
    """Rows of tasks that ended so long ago."""
    site.database.execute(
        "INSERT INTO background_task_trackers (task_id, succeeded_at, registered_company, registered_at) "
        "SELECT %s || n, now() - %s::interval, %s, now() FROM generate_series(1, %s) n", (name, age, company, count))


def orphan(site, count, age="2 days"):
    site.database.execute(
        "INSERT INTO background_task_trackers (task_id, began_at, updated_at) "
        "SELECT 'orphan' || n, now() - %s::interval, now() - %s::interval FROM generate_series(1, %s) n",
        (age, age, count))


def left(site):
    return site.database.value("SELECT count(*) FROM background_task_trackers")


def ended(site):
    """How many orphans were ended."""
    return site.database.value("SELECT count(*) FROM background_task_trackers WHERE celery_state = 'LOST'")


def runs(site, job):
    return site.database.query("SELECT * FROM maintenance_runs WHERE job = %s ORDER BY id", (job,))


def await_done(site, job, count=1):
    """The job's runs that are done, once there are so many."""

    def done():
        found = [run for run in runs(site, job) if run["outcome"] == "done"]
        return len(found) >= count and found

    return wait_until(done, 20, f"{count} runs of {job}")


def listen(site):
    """A connection that hears of companies."""
    connection = psycopg2.connect(site.database_url)
    connection.autocommit = True
    connection.cursor().execute("LISTEN taskbridge_company")
    return connection


def heard(connection):
    connection.cursor().execute("SELECT 1")
    connection.poll()
    return {notify.payload for notify in connection.notifies}


def test_old_rows_go_on_schedule_in_small_batches(site):
    site.database.execute(WITNESS)
    complete(site, 95, company="7")
    complete(site, 5, age="30 minutes", name="young", company="8")
    orphan(site, 25)
    ear = listen(site)
    daemon = site.start_daemon(**EVERY_SECOND, TASKBRIDGE_MAINTENANCE_DELETE_BATCH_ROWS=10,
                               TASKBRIDGE_DAEMON_INSTANCE="cleaner")
    wait_until(lambda: left(site) == 5 + 25 and ended(site) == 25, 20, "the young are left, and the orphans have ended")
    assert heard(ear) == {"7"}
    ear.close()
    assert site.database.value("SELECT max(rows) FROM deletes") == 10
    assert site.database.value("SELECT count(DISTINCT transaction) = count(*) FROM deletes")
    first = await_done(site, COMPLETED)[0]
    assert (first["rows"], first["detail"], first["manual"]) == (95, "95 rows deleted in 10 batches", False)
    assert first["instance"] == "cleaner"
    assert first["finished_at"] > first["started_at"]
    taken = await_done(site, ORPHANED)[0]
    assert (taken["rows"], taken["detail"]) == (25, "25 rows ended in 3 batches")
    daemon.wait_for_event("job_ended", job=COMPLETED, outcome="done", rows=95, detail="95 rows deleted in 10 batches")
    daemon.wait_for_event("job_ended", job=ORPHANED, outcome="done", rows=25)
    # And again, a second later.
    complete(site, 3, name="more")
    wait_until(lambda: left(site) == 5 + 25, 20, "those that came later are gone")


def test_rows_that_somebody_writes_are_passed_over(site):
    complete(site, 20)
    holder = psycopg2.connect(site.database_url)
    holder.cursor().execute("SELECT FROM background_task_trackers WHERE task_id = 'done7' FOR UPDATE")
    site.start_daemon(**EVERY_SECOND)
    wait_until(lambda: left(site) == 1, 20, "all but the row in use are gone")
    await_done(site, COMPLETED, 2)
    assert list(site.database.rows()) == ["done7"]
    holder.rollback()
    holder.close()
    wait_until(lambda: left(site) == 0, 20, "the last row is gone")


def test_daemons_and_people_do_a_job_one_at_a_time(site):
    complete(site, 300)
    for number in (1, 2):
        site.start_daemon(**EVERY_SECOND, TASKBRIDGE_DAEMON_INSTANCE=f"daemon-{number}",
                          TASKBRIDGE_MAINTENANCE_DELETE_BATCH_ROWS=2)
    codes = set()

    def all_gone():
        codes.add(site.cli("cleanup", "completed", check=False).returncode)
        return left(site) == 0

    wait_until(all_gone, 40, "all rows are gone")
    assert codes <= {0, 1}
    wait_until(lambda: all(run["finished_at"] for run in runs(site, COMPLETED)), 20, "the end of all runs")
    done = runs(site, COMPLETED)
    assert sum(run["rows"] for run in done) == 300
    assert {run["outcome"] for run in done} == {"done"}
    for earlier, later in zip(done, done[1:]):
        assert earlier["finished_at"] <= later["started_at"]


def test_while_another_has_the_lock_nothing_is_done(site):
    complete(site, 3)
    holder = psycopg2.connect(site.database_url)
    holder.autocommit = True
    holder.cursor().execute("SELECT pg_advisory_lock(hashtextextended('taskbridge.maintenance.' || %s, 0))", (COMPLETED,))
    daemon = site.start_daemon(**EVERY_SECOND)
    daemon.wait_for_event("job_skipped", job=COMPLETED)
    refused = site.cli("cleanup", "completed", check=1)
    assert f"{COMPLETED} is running already, in a daemon or of another person" in refused.stderr
    assert (left(site), runs(site, COMPLETED)) == (3, [])
    holder.close()
    wait_until(lambda: left(site) == 0, 20, "the rows are gone")


def start_long_job(site, rows=4000):
    """A daemon in the middle of a job of many small batches."""
    complete(site, rows)
    daemon = site.start_daemon(**EVERY_SECOND, TASKBRIDGE_MAINTENANCE_DELETE_BATCH_ROWS=1)
    wait_until(lambda: left(site) < rows, 20, "the first rows are gone")
    return daemon


def test_a_run_whose_daemon_was_killed_is_abandoned_and_the_next_goes_on(site, admin):
    daemon = start_long_job(site)
    daemon.kill()
    # What it asked for last may still be carried out.
    wait_until(lambda: admin.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name "
                                   "LIKE 'taskbridged%%'", (site.name,)) == 0, 20, "the database misses the daemon")
    remaining = left(site)
    assert 0 < remaining < 4000
    (run,) = runs(site, COMPLETED)
    assert (run["outcome"], run["finished_at"]) == ("running", None)
    wait_until(lambda: site.broker.consumers() == 0, 20, "the broker misses the daemon")
    site.start_daemon(**EVERY_SECOND)
    wait_until(lambda: left(site) == 0, 20, "all rows are gone")
    first, second = wait_until(lambda: len(runs(site, COMPLETED)) > 1 and runs(site, COMPLETED), 20, "the runs")[:2]
    assert (first["outcome"], first["detail"]) == ("abandoned", "its daemon ended or lost the database")
    wait_until(lambda: runs(site, COMPLETED)[1]["outcome"] == "done", 20, "the end of the second run")
    assert runs(site, COMPLETED)[1]["rows"] == remaining
    assert second["id"] > first["id"]


def test_a_run_ends_with_its_daemon(site):
    daemon = start_long_job(site)
    daemon.terminate(timeout=10)
    (run,) = runs(site, COMPLETED)
    assert run["outcome"] == "stopped"
    assert run["rows"] == 4000 - left(site) > 0
    assert run["detail"] == f"{run['rows']} rows deleted in {run['rows']} batches: the daemon stops"


def test_a_run_that_loses_the_database_is_abandoned_and_the_next_goes_on(site, admin):
    daemon = start_long_job(site, 400)
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                  "WHERE datname = %s AND application_name = 'taskbridged maintenance'", (site.name,))
    daemon.wait_for_event("job_ended", job=COMPLETED, outcome="failed")
    wait_until(lambda: left(site) == 0, 30, "all rows are gone")
    wait_until(lambda: all(run["finished_at"] for run in runs(site, COMPLETED)), 20, "the end of all runs")
    first, *later = runs(site, COMPLETED)
    assert first["outcome"] == "abandoned"
    assert {run["outcome"] for run in later} == {"done"}


def test_a_person_deletes_with_another_age_or_only_counts(site):
    complete(site, 4)
    complete(site, 3, age="30 minutes", name="young")
    orphan(site, 2, age="3 hours")
    counted = json.loads(site.cli("cleanup", "completed", "--dry-run", "--json").stdout)
    assert counted == {"job": COMPLETED, "outcome": "would touch", "rows": 4}
    assert site.cli("cleanup", "orphaned", "--older-than", "2h", "--dry-run").stdout == \
        f"{ORPHANED} would touch: 2 rows\n"
    assert (left(site), runs(site, COMPLETED)) == (9, [])
    done = json.loads(site.cli("cleanup", "completed", "--json").stdout)
    assert done == {"job": COMPLETED, "outcome": "done", "rows": 4}
    assert site.cli("cleanup", "completed", "--older-than", "20m").stdout == f"{COMPLETED} done: 3 rows\n"
    assert site.cli("cleanup", "orphaned").stdout == f"{ORPHANED} done: 0 rows\n"
    assert site.cli("cleanup", "orphaned", "--older-than", "2h").stdout == f"{ORPHANED} done: 2 rows\n"
    assert (left(site), ended(site)) == (2, 2)
    listed = json.loads(site.cli("cleanup", "--json").stdout)
    assert [(run["job"], run["outcome"], run["rows"]) for run in listed] == [
        (ORPHANED, "done", 2), (ORPHANED, "done", 0), (COMPLETED, "done", 3), (COMPLETED, "done", 4)]
    assert all(run["detail"] == "asked for by a person" for run in listed)
    assert all(run["instance"].startswith("taskbridge cleanup, ") for run in listed)


def test_a_person_who_interrupts_is_told_how_far_it_came(site):
    complete(site, 4000)
    site.config["maintenance"] = {"delete_batch_rows": 1}
    site.write_config()
    command = site.spawn("cleanup", [*program("taskbridge"), "--config", str(site.config_file), "cleanup", "completed"],
                         site.environment())
    wait_until(lambda: left(site) < 4000, 20, "the first rows are gone")
    command.signal(signal.SIGINT)
    assert command.wait() == 1
    (run,) = runs(site, COMPLETED)
    assert (run["outcome"], run["rows"]) == ("stopped", 4000 - left(site))
    assert f"{COMPLETED} stopped: {run['rows']} rows" in command.output()


def test_what_the_configuration_says_of_maintenance_takes_effect_on_sighup(site):
    complete(site, 3)
    site.variables.clear()
    site.config["maintenance"] = {"enabled": False, "history_after_s": 3600, "completed_every_s": 3600,
                                  "orphaned_every_s": 3600,
                                  "statuses_every_s": 3600}
    daemon = site.start_daemon()

    def reload(count, **changes):
        site.config["maintenance"].update(changes)
        site.write_config()
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_event("configuration_read", count=count)

    reload(1, completed_every_s=1)
    site.broker.publish_event("task-started", uuid="a while later")
    wait_until(lambda: left(site) == 4, 20, "an event's row")
    assert runs(site, COMPLETED) == []
    reload(2, enabled=True)
    wait_until(lambda: left(site) == 1, 20, "the rows are gone")
    reload(3, enabled=False)
    complete(site, 3, name="more")
    before = len(runs(site, COMPLETED))
    reload(4, enabled=True, history_after_s="3h")
    wait_until(lambda: len(runs(site, COMPLETED)) > before + 1, 20, "more runs")
    assert left(site) == 4
    reload(5, history_after_s="1h")
    wait_until(lambda: left(site) == 1, 20, "these rows are gone")


# ---- cleanup statuses: a person asks, one of the daemons does it at once ----

def test_a_lost_task_is_found_when_a_person_asks(site):
    site.start_daemon(**HOURLY, TASKBRIDGE_DAEMON_INSTANCE="judge")
    site.broker.publish_event("worker-heartbeat", hostname="w1@gone", freq=0.1, processed=0, active=1, pid=7)
    site.broker.publish_event("task-started", uuid="orphan", hostname="w1@gone", pid=7)
    wait_until(lambda: site.database.row("orphan"), 20, "the task's row")
    # The first look tells since when everything is heard, and the silence has to last.
    found = wait_until(lambda: [run for run in [json.loads(site.cli("cleanup", "statuses", "--json").stdout)]
                                if run["rows"]], 30, "a run that finds it")[0]
    assert (found["job"], found["outcome"], found["rows"]) == (STATUSES, "done", 1)
    assert found["detail"].startswith("1 asked for, 1 lost, ")
    assert found["instance"] == "judge"
    row = site.database.row("orphan")
    assert (row["celery_state"], row["error_message"]) == ("LOST", "worker w1@gone vanished")
    again = site.cli("cleanup", "statuses").stdout
    assert again.startswith(f"{STATUSES} done by judge: 0 asked for, 0 lost, ")


def test_all_who_ask_at_once_get_an_answer_of_two_daemons(site):
    for number in (1, 2):
        site.start_daemon(**HOURLY, TASKBRIDGE_DAEMON_INSTANCE=f"daemon-{number}")
    asking = [subprocess.Popen([*program("taskbridge"), "--config", str(site.config_file), "cleanup", "statuses", "--json"],
                               env=site.environment(), stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [process.communicate(timeout=60)[0] for process in asking]
    assert [process.returncode for process in asking] == [0, 0, 0, 0]
    assert [json.loads(answer)["outcome"] for answer in answers] == ["done"] * 4
    assert [run["outcome"] for run in runs(site, STATUSES) if run["manual"]] == ["done"] * 4


def test_without_a_daemon_the_request_is_taken_back(site):
    refused = site.cli("cleanup", "statuses", "--wait", "1s", check=1)
    assert refused.stdout == ""
    assert f"no daemon began {STATUSES} within 1 s: is taskbridged running" in refused.stderr
    assert runs(site, STATUSES) == []


@pytest.mark.parametrize("arguments, right", [
    (("statuses", "--older-than", "1h"), "statuses takes neither --older-than nor --dry-run"),
    (("statuses", "--dry-run"), "statuses takes neither --older-than nor --dry-run"),
    (("statuses", "--wait", "long"), "90s"),
    (("completed", "--older-than", "soon"), "90s"),
    (("everything",), "right would be completed, orphaned, dead-letters or statuses"),
])
def test_what_cleanup_does_not_take_is_refused(site, arguments, right):
    refused = site.cli("cleanup", *arguments, check=2)
    assert (refused.stdout, right in refused.stderr) == ("", True)
