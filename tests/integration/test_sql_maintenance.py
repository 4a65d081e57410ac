"""Maintenance's statements: deletes in batches, the book of runs, silent tasks found and recorded."""

import datetime

import psycopg2
import pytest

from harness.statements import execute, write_rows

UTC = datetime.timezone.utc
HOUR = 3600
DAY = 24 * HOUR


def ago(seconds):
    return datetime.datetime.now(UTC) - datetime.timedelta(seconds=seconds)


def heard_ago(database, task_id, seconds):
    database.execute("UPDATE background_task_trackers SET updated_at = now() - %s * interval '1 second' "
                     "WHERE task_id = %s", (seconds, task_id))


# ---- deletes ----

def test_rows_that_ended_long_ago_go(database, listener):
    write_rows(database,
               {"task_id": "old", "succeeded_at": ago(2 * HOUR), "event_company_at": ago(9), "event_company": "1"},
               {"task_id": "old failure", "failed_at": ago(2 * HOUR)},
               {"task_id": "new", "succeeded_at": ago(HOUR - 60), "event_company_at": ago(9), "event_company": "2"},
               {"task_id": "running", "began_at": ago(2 * HOUR)})
    listener()
    assert execute(database, "cleanup_completed_count", HOUR) == [(2,)]
    assert execute(database, "cleanup_completed", HOUR, 100)[0][0] == 2
    assert set(database.rows()) == {"new", "running"}
    assert listener() == ["1"]


def test_deletes_are_bounded_the_oldest_first(database):
    write_rows(database, *[{"task_id": f"t{hours}", "succeeded_at": ago(hours * HOUR)} for hours in (2, 5, 3, 4)])
    assert execute(database, "cleanup_completed", HOUR, 2)[0][0] == 2
    assert set(database.rows()) == {"t2", "t3"}
    assert execute(database, "cleanup_completed", HOUR, 3)[0][0] == 2


def test_a_row_in_use_is_left_for_the_next_time(database):
    write_rows(database, {"task_id": "held", "succeeded_at": ago(2 * HOUR)},
               {"task_id": "free", "succeeded_at": ago(2 * HOUR)})
    holder = psycopg2.connect(database.url)
    try:
        holder.cursor().execute("SELECT 1 FROM background_task_trackers WHERE task_id = 'held' FOR UPDATE")
        assert execute(database, "cleanup_completed", HOUR, 100)[0][0] == 1
        holder.rollback()
    finally:
        holder.close()
    assert set(database.rows()) == {"held"}
    assert execute(database, "cleanup_completed", HOUR, 100)[0][0] == 1


def test_the_root_of_a_flow_stays_as_long_as_its_steps(database):
    write_rows(database, {"task_id": "root", "succeeded_at": ago(9 * DAY)},
               {"task_id": "step", "succeeded_at": ago(9 * DAY), "root_at": ago(9 * DAY), "root_id": "root"},
               {"task_id": "last", "began_at": ago(60), "root_at": ago(60), "root_id": "root"})
    assert execute(database, "cleanup_completed_count", DAY) == [(1,)]
    assert execute(database, "cleanup_completed", DAY, 100)[0][0] == 1
    assert set(database.rows()) == {"root", "last"}
    write_rows(database, {"task_id": "last", "succeeded_at": ago(30)})
    assert execute(database, "cleanup_completed", DAY, 100)[0][0] == 0
    write_rows(database, {"task_id": "alone", "succeeded_at": ago(9 * DAY), "root_at": ago(9 * DAY), "root_id": "alone"})
    assert execute(database, "cleanup_completed", DAY, 100)[0][0] == 1
    assert set(database.rows()) == {"root", "last"}


def test_rows_not_heard_of_are_ended_unless_they_are_due_later_or_at_a_living_worker(database, listener):
    database.execute("INSERT INTO celery_workers (hostname, heard_at) VALUES ('alive', now()), "
                     "('gone', now() - interval '1 hour')")
    due = {"eta_at": ago(2 * DAY)}
    write_rows(database,
               {"task_id": "silent", "began_at": ago(2 * DAY), "event_company_at": ago(9), "event_company": "1"},
               {"task_id": "heard", "began_at": ago(2 * DAY)}, {"task_id": "ended", "succeeded_at": ago(60)},
               {"task_id": "later", "sent_at": ago(2 * DAY), **due, "eta": (ago(-DAY)).isoformat()},
               {"task_id": "no time", "sent_at": ago(2 * DAY), **due, "eta": "2026-13-45T99:00:00"},
               {"task_id": "retries later", "received_at": ago(2 * DAY), "retried_at": ago(2 * DAY), **due,
                "eta": ago(-3 * DAY).isoformat().replace("+00:00", "Z")},
               {"task_id": "long run", "began_at": ago(2 * DAY), "worker_at": ago(2 * DAY), "worker": "alive"},
               {"task_id": "long gone", "began_at": ago(2 * DAY), "worker_at": ago(2 * DAY), "worker": "gone"})
    database.query("SELECT tracker_register(1, 'registered', 'n'), tracker_register(1, 'just now', 'n')")
    for task_id in ("silent", "ended", "later", "no time", "retries later", "long run", "long gone", "registered"):
        heard_ago(database, task_id, DAY + 60)
    heard_ago(database, "heard", DAY - 60)
    listener()
    gone = {"silent", "no time", "long gone", "registered"}
    assert execute(database, "cleanup_orphaned_count", DAY) == [(len(gone),)]
    assert execute(database, "cleanup_orphaned", DAY, 2)[0][0] == 2
    assert execute(database, "cleanup_orphaned", DAY, 100)[0][0] == 2
    rows = database.rows()
    assert {task_id for task_id, row in rows.items() if row["celery_state"] == "LOST"} == gone
    assert {rows[task_id]["error_message"] for task_id in gone} == {
        "outcome unknown: nothing was heard of it for 1441 minutes"}
    assert rows["registered"]["company_id"] == 1 and rows["registered"]["completed_at"] is not None
    assert set(listener()) == {"1"}
    # Whoever hears of one again has it back.
    write_rows(database, {"task_id": "registered", "began_at": ago(-1)})
    assert (database.row("registered")["status"], database.row("registered")["company_id"]) == ("running", 1)


def test_what_expired_before_a_worker_took_it_is_ended_when_it_expired(database, listener):
    told = {"expires_at": ago(HOUR), "expires": ago(300).isoformat()}
    write_rows(database, {"task_id": "dropped", "sent_at": ago(HOUR), **told, "event_company_at": ago(HOUR),
                          "event_company": "1"},
               {"task_id": "taken", "sent_at": ago(HOUR), "received_at": ago(HOUR), **told},
               {"task_id": "runs", "sent_at": ago(HOUR), "alive_at": ago(HOUR), **told},
               {"task_id": "a moment ago", "sent_at": ago(HOUR), "expires_at": ago(HOUR), "expires": ago(5).isoformat()},
               {"task_id": "later", "sent_at": ago(HOUR), "expires_at": ago(HOUR), "expires": ago(-300).isoformat()},
               {"task_id": "never", "sent_at": ago(HOUR), "expires_at": ago(HOUR), "expires": "None"})
    assert execute(database, "statuses_expire", 60 * 10**6, 100)[0][0] == 0
    database.execute("UPDATE background_task_trackers SET updated_at = now() - interval '1 hour'")
    listener()
    assert execute(database, "statuses_expire", 60 * 10**6, 100)[0][0] == 1
    row = database.row("dropped")
    assert (row["status"], row["celery_state"], row["error_message"]) == (
        "failed", "LOST", "expired before a worker took it")
    assert abs((row["completed_at"] - ago(300)).total_seconds()) < 5
    assert {row["celery_state"] for task_id, row in database.rows().items() if task_id != "dropped"} == {
        "PENDING", "RECEIVED", "PROGRESS"}
    assert listener() == ["1"]


# ---- runs ----

JOB = "cleanup_old_completed_tasks"


def test_one_connection_has_a_jobs_lock(database):
    other = psycopg2.connect(database.url)
    other.autocommit = True
    try:
        assert execute(database, "maintenance_lock", JOB) == [(1,)]
        with other.cursor() as cursor:
            ask = "SELECT pg_try_advisory_lock(hashtextextended('taskbridge.maintenance.' || %s, 0))"
            cursor.execute(ask, (JOB,))
            assert cursor.fetchall() == [(False,)]
            cursor.execute(ask, ("another job",))
            assert cursor.fetchall() == [(True,)]
    finally:
        assert execute(database, "maintenance_unlock", JOB) == [(1,)]
        other.close()


def outcomes(database):
    return [row["outcome"] for row in database.query("SELECT outcome FROM maintenance_runs ORDER BY id")]


def begin(database, period=HOUR, instance="one", anyway=False):
    """The run's id, seconds until the next, further requests."""
    ((run, due_us, more),) = execute(database, "maintenance_begin", JOB, instance, period, anyway)
    return run, due_us / 1e6, more


def test_a_run_is_begun_once_a_period_by_whichever_daemon(database):
    run, due, _ = begin(database)
    assert run is not None and due == 0
    execute(database, "maintenance_finish", run, "done", 5, "5 rows")
    again, due, _ = begin(database, instance="two")
    assert again is None and HOUR - 60 < due <= HOUR
    assert begin(database, period=0, instance="two")[0] is not None


def test_a_run_whose_daemon_ended_is_called_abandoned(database):
    begin(database)
    assert begin(database)[0] is not None
    assert outcomes(database) == ["abandoned", "running"]


def test_a_persons_run_begins_anyway_and_does_not_count_for_the_period(database):
    run, _, _ = begin(database, anyway=True)
    execute(database, "maintenance_finish", run, "done", 0, "")
    assert begin(database)[0] is not None


def test_what_was_asked_for_becomes_the_run(database):
    ((first, _),) = execute(database, "maintenance_request", JOB, "somebody")
    ((second, _),) = execute(database, "maintenance_request", JOB, "somebody else")
    run, _, more = begin(database)
    assert (run, more) == (first, 1)
    execute(database, "maintenance_finish", run, "done", 3, "3 rows")
    job, instance, _, outcome, detail, rows, _ = execute(database, "maintenance_run", first)[0]
    assert (job, instance, outcome, detail, rows) == (JOB, "one", "done", "3 rows", 3)
    assert execute(database, "maintenance_withdraw", first) == []
    assert execute(database, "maintenance_withdraw", second) == [(second,)]
    assert outcomes(database) == ["done"]


# ---- silent tasks ----

SILENT_US = 60 * 10**6
NOW = ago(0)


def find(database, limit=100):
    """By task id: state, worker, seconds missing, whether the worker came back, is lost, is shared."""
    rows = execute(database, "statuses_find", None, 0, SILENT_US, limit, "")
    return {row[1]: {"id": row[0], "updated_at": row[4], "state": row[2], "worker": row[3], "missing": row[6],
                     "came_back": row[9], "lost": row[10], "shared": row[11]} for row in rows}


def record(database, found, missing=False, reason=None, again=False, stalled=False):
    """(lost, found again)"""
    stamp = datetime.datetime.fromtimestamp(0, UTC) + datetime.timedelta(microseconds=found["updated_at"])
    return execute(database, "statuses_record", [found["id"]], [stamp], [missing], [reason], [again], [stalled])[0][:2]


def write_silent(database, task_id, **facts):
    write_rows(database, {"task_id": task_id, "worker_at": ago(900), "worker": "w1", **facts})
    heard_ago(database, task_id, 600)


def test_only_tasks_that_a_worker_has_are_found(database):
    write_silent(database, "received", received_at=ago(900))
    write_silent(database, "started", began_at=ago(900))
    write_silent(database, "progress", alive_at=ago(900))
    write_silent(database, "retry", began_at=ago(900), retried_at=ago(800))
    write_silent(database, "sent", sent_at=ago(900))
    write_silent(database, "given back", received_at=ago(900), began_at=ago(899), requeued_at=ago(800))
    write_silent(database, "ended", began_at=ago(900), failed_at=ago(800))
    write_rows(database, {"task_id": "loud", "began_at": ago(900), "worker_at": ago(900), "worker": "w1"})
    write_rows(database, {"task_id": "nobody's", "began_at": ago(900)})
    heard_ago(database, "nobody's", 600)
    assert {task_id: row["state"] for task_id, row in find(database).items()} == {
        "received": "RECEIVED", "started": "STARTED", "progress": "PROGRESS", "retry": "RETRY"}


def test_pages_go_from_the_longest_silence_on(database):
    for number, seconds in enumerate((300, 900, 600)):
        write_silent(database, f"t{number}", began_at=ago(1000))
        heard_ago(database, f"t{number}", seconds)
    first = execute(database, "statuses_find", None, 0, SILENT_US, 2, "")
    assert [row[1] for row in first] == ["t1", "t2"]
    after = datetime.datetime.fromtimestamp(0, UTC) + datetime.timedelta(microseconds=first[-1][4])
    assert [row[1] for row in execute(database, "statuses_find", after, first[-1][0], SILENT_US, 2, "")] == ["t0"]


def test_a_lost_task_is_recorded_and_its_company_told(database, listener):
    write_silent(database, "t", began_at=ago(900), event_company_at=ago(900), event_company="73")
    listener()
    assert record(database, find(database)["t"], reason="worker w1 vanished") == (1, 0)
    row = database.row("t")
    assert (row["status"], row["celery_state"], row["error_message"]) == ("failed", "LOST", "worker w1 vanished")
    assert abs((row["lost_at"] - row["began_at"]).total_seconds() - 600) < 30
    assert listener() == ["73"]


@pytest.mark.parametrize("ahead", [3600, -3600])
def test_a_loss_stands_on_the_workers_own_time_line(database, ahead):
    # The worker's clock is an hour ahead of ours, or behind: its next event takes the loss back all the same.
    write_silent(database, "t", began_at=ago(900 - ahead))
    record(database, find(database)["t"], reason="worker w1 vanished")
    assert database.row("t")["celery_state"] == "LOST"
    write_rows(database, {"task_id": "t", "alive_at": ago(-ahead)})
    assert database.row("t")["celery_state"] == "PROGRESS"


def test_a_row_that_changed_meanwhile_keeps_its_change(database):
    write_silent(database, "t", began_at=ago(900))
    found = find(database)["t"]
    write_rows(database, {"task_id": "t", "alive_at": ago(0)})
    assert record(database, found, reason="worker w1 vanished") == (0, 0)
    assert database.row("t")["celery_state"] == "PROGRESS"


def test_the_first_no_is_remembered_and_a_yes_forgets_it(database):
    write_silent(database, "t", began_at=ago(900))
    assert find(database)["t"]["missing"] == -1
    assert record(database, find(database)["t"], missing=True) == (0, 0)
    since = database.row("t")["missing_since"]
    assert find(database)["t"]["missing"] >= 0
    record(database, find(database)["t"], missing=True)
    assert database.row("t")["missing_since"] == since
    record(database, find(database)["t"])
    assert find(database)["t"]["missing"] == -1


def test_a_lost_task_is_asked_for_again_once_its_worker_is_heard(database):
    write_silent(database, "t", began_at=ago(900))
    record(database, find(database)["t"], reason="worker w1 vanished")
    assert find(database) == {}
    database.execute("INSERT INTO celery_workers (hostname, heard_at) VALUES ('w1', now() + interval '1 second')")
    found = find(database)["t"]
    assert (found["state"], found["lost"]) == ("STARTED", 1)
    assert record(database, found, again=True) == (0, 1)
    row = database.row("t")
    assert (row["celery_state"], row["lost_at"], row["lost_reason"]) == ("STARTED", None, None)


def test_a_task_in_retry_that_runs_began(database):
    write_silent(database, "t", received_at=ago(850), began_at=ago(900), retried_at=ago(800))
    found = find(database)["t"]
    assert found["state"] == "RETRY"
    assert record(database, found, again=True) == (0, 1)
    row = database.row("t")
    assert (row["celery_state"], row["began_at"]) == ("STARTED", row["retried_at"])


def test_a_worker_that_came_back_or_shares_its_name_is_seen(database):
    write_silent(database, "t", received_at=ago(900))
    database.execute("INSERT INTO celery_workers (hostname, heard_at, heartbeat_at, online_at) "
                     "VALUES ('w1', now(), now(), now() - interval '100 seconds')")
    found = find(database)["t"]
    assert (found["came_back"], found["shared"]) == (1, 0)
    for pid in (1, 2):
        database.execute("INSERT INTO worker_incarnations (hostname, pid, first_heartbeat_at, last_heartbeat_at) "
                         "VALUES ('w1', %s, now(), now())", (pid,))
    assert find(database)["t"]["shared"] == 1
    database.execute("UPDATE worker_incarnations SET last_heartbeat_at = now() - interval '10 minutes' WHERE pid = 1")
    assert find(database)["t"]["shared"] == 0


# ---- instances ----

def beat(database, instance="one", run="first", source="here/", queue="events"):
    return execute(database, "instance_beat", instance, run, "0.1.0", ago(10), True, ago(9), ago(1), 5, 4096, 2**31, 1500,
                   2**24, '{"threads": 1}', source, queue, 15)


def count(database, number, run="first", instance="one"):
    execute(database, "count_batch", instance, run, number, 3, 1, 10, 8, 1, 1, 0, 999, 4, ["odd"], [1], 512)


def instance(database, name="one"):
    return database.query("SELECT * FROM bridge_instances WHERE instance = %s", (name,))[0]


def test_a_heartbeat_leaves_the_counters_alone(database):
    count(database, 1)
    beat(database)
    row = instance(database)
    assert (row["deliveries"], row["batch_number"], row["queue_messages"], row["details"]) == (3, 1, 5, {"threads": 1})
    assert row["stopped_at"] is None
    execute(database, "instance_stop", "one", "another run")
    assert instance(database)["stopped_at"] is None
    execute(database, "instance_stop", "one", "first")
    assert instance(database)["stopped_at"] is not None


def test_a_heartbeat_hears_of_another_run(database):
    assert [beat(database, run=run) for run in ("first", "first", "second", "second", "first")] == [
        [(False, 1)], [(False, 1)], [(True, 1)], [(False, 1)], [(True, 1)]]


def test_a_heartbeat_hears_of_the_others_that_consume_the_same_queue(database):
    beat(database, "two")
    beat(database, "elsewhere", source="there/")
    beat(database, "another", queue="others")
    assert beat(database) == [(False, 2)]
    assert execute(database, "instances_heard", "here/", "events", 15)[0][0] == 2
    database.execute("UPDATE bridge_instances SET heartbeat_at = now() - interval '16 seconds' WHERE instance = 'two'")
    assert beat(database) == [(False, 1)]
    execute(database, "instance_stop", "one", "first")
    assert beat(database, "two") == [(False, 1)]


def test_of_all_daemons_the_one_that_heard_least_counts(database):
    beat(database)
    beat(database, "two")
    database.execute("UPDATE bridge_instances SET listening_since = '2026-01-01 00:00:01Z', heard_until = "
                     "'2026-01-01 00:00:09Z' WHERE instance = 'two'")
    ((daemons, since, until),) = execute(database, "instances_heard", "here/", "events", 15)
    assert (daemons, until) == (2, 1767225609000000) and since > until
    database.execute("UPDATE bridge_instances SET listening_since = NULL WHERE instance = 'two'")
    assert execute(database, "instances_heard", "here/", "events", 15) == [(2, None, None)]


def test_a_batch_is_counted_once_in_a_run(database):
    for number in (1, 1, 2, 2, 1):
        count(database, number)
    assert (instance(database)["batches"], instance(database)["deliveries"]) == (2, 6)
    assert database.query("SELECT type, count FROM event_types") == [{"type": "odd", "count": 2}]


def test_another_run_counts_from_its_own_first_batch_on(database):
    for number in (1, 2, 3):
        count(database, number)
    beat(database, run="second")
    count(database, 1, run="second")
    count(database, 1, run="second")
    assert (instance(database)["batches"], instance(database)["batch_number"]) == (4, 1)


def test_instances_that_are_long_gone_are_forgotten(database):
    count(database, 1)
    count(database, 1, instance="two")
    database.execute("UPDATE bridge_instances SET heartbeat_at = now() - interval '2 days' WHERE instance = 'two'")
    for hostname, days in (("w1", 0), ("w2", 2)):
        database.execute("INSERT INTO celery_workers (hostname, heard_at) VALUES (%s, now() - make_interval(days => %s))",
                         (hostname, days))
    assert execute(database, "instances_forget", DAY) == [(1,)]
    assert database.query("SELECT hostname FROM celery_workers") == [{"hostname": "w1"}]
    assert [row["instance"] for row in database.query("SELECT instance FROM bridge_instances")] == ["one"]
    assert [row["instance"] for row in database.query("SELECT instance FROM event_types")] == ["one"]


# ---- dead letters ----

def bury(database, number, reasons, rows=3, size=10**6, body=b"0123456789", content_type="application/x-msgpack"):
    """A batch of letters."""
    count = len(reasons)
    execute(database, "insert_dead_letters", "one", "run", number, [NOW] * count, ["worker.heartbeat"] * count,
            [content_type] * count, None, None, [body] * count, reasons, [False] * count, [False] * count, rows,
            size)


def kinds(database):
    return {row["kind"]: (row["kept"], row["dropped"]) for row in database.query("SELECT * FROM dead_letter_kinds")}


def test_of_one_kind_so_many_letters_are_kept_and_the_rest_counted(database):
    bury(database, 1, ["no JSON at byte 7", "no JSON at byte 1", "other"])
    bury(database, 2, ["no JSON at byte 99", "no JSON at byte 5", "no JSON at byte 6", "other"])
    assert kinds(database) == {"no JSON at byte #": (3, 2), "other": (2, 0)}
    assert database.value("SELECT count(*) FROM dead_letters") == 5
    bury(database, 3, ["no JSON at byte 99"], content_type="application/yaml")
    assert database.value("SELECT count(*) FROM dead_letters") == 6
    # Whatever deletes them makes room.
    database.execute("DELETE FROM dead_letters WHERE kind = 'no JSON at byte #' AND content_type <> 'application/yaml'")
    bury(database, 4, ["no JSON at byte 3"])
    assert database.value("SELECT kept FROM dead_letter_kinds WHERE content_type = 'application/x-msgpack' "
                          "AND kind LIKE 'no JSON%%'") == 1


def test_of_one_kind_so_many_bytes_of_letters_are_kept(database):
    bury(database, 1, ["a", "a", "b"], rows=100, size=15)
    assert kinds(database) == {"a": (1, 1), "b": (1, 0)}


def test_kinds_themselves_have_a_ceiling(database):
    letters = ["".join(chr(97 + int(digit)) for digit in str(number)) for number in range(1100)]
    bury(database, 1, letters, rows=100)
    assert database.value("SELECT count(*) FROM dead_letter_kinds") == 1001
    assert kinds(database)[""] == (0, 100)


def test_old_letters_go_in_small_batches(database):
    bury(database, 1, ["a"] * 5, rows=100)
    database.execute("UPDATE dead_letters SET created_at = now() - interval '31 days' WHERE id < "
                     "(SELECT max(id) FROM dead_letters)")
    assert execute(database, "cleanup_dead_letters_count", 30 * DAY) == [(4,)]
    assert execute(database, "cleanup_dead_letters", 30 * DAY, 3) == [(3,)]
    assert execute(database, "cleanup_dead_letters", 30 * DAY, 3) == [(1,)]
    assert kinds(database) == {"a": (1, 0)}


def test_headers_that_jsonb_refuses_are_kept_as_text(database):
    for headers in ('{"a": 1}', '{"a": "\\u0000"}', "{broken", None):
        execute(database, "insert_dead_letters", "one", "run", 1, [NOW], ["task.multi"], None, None, [headers],
                [b"\x00\xff"], ["why"], [False], [False], 10, 1000)
    rows = database.query("SELECT headers, body FROM dead_letters ORDER BY id")
    assert [row["headers"] for row in rows] == [{"a": 1}, '{"a": "\\u0000"}', "{broken", None]
    assert all(bytes(row["body"]) == b"\x00\xff" for row in rows)


# ---- two brokers ----

def hear(database, source, processed):
    """A heartbeat and a task's start of a worker w@host, heard at that broker."""
    database.execute("SELECT set_config('taskbridge.source', %s, false)", (source,))
    rows = [{"task_id": f"at {source}", "began_at": ago(900), "worker_at": ago(900), "worker": "w@host"}]
    write_rows(database, *rows)
    database.execute("INSERT INTO celery_workers (hostname, heard_at, processed) VALUES ('w@host', now(), %s)", (processed,))
    database.execute("SELECT set_config('taskbridge.source', '', false)")


def test_workers_of_one_name_at_two_brokers_are_two(database):
    hear(database, "here/", 1)
    hear(database, "there/app", 2)
    heard_ago(database, "at here/", 600)
    heard_ago(database, "at there/app", 600)
    for source in ("here/", "there/app"):
        assert [row[1] for row in execute(database, "statuses_find", None, 0, SILENT_US, 10, source)] == [f"at {source}"]
    assert [row[0] for row in execute(database, "status_workers")] == ["w@host at here/", "w@host at there/app"]
    database.execute("DELETE FROM celery_workers WHERE source = 'here/'")
    assert [row[0] for row in execute(database, "status_workers")] == ["w@host"]


def test_a_task_that_a_worker_claims_after_it_lost_the_broker_is_stalled_until_it_is_heard_of(database, listener):
    write_silent(database, "t", began_at=ago(900), event_company_at=ago(900), event_company="7")
    listener()

    def worry():
        database.execute("SELECT set_config('taskbridge.company', '7', false)")
        (row,) = execute(database, "http_active", 10, None, None, None, None, None, None)
        return row[14]

    assert worry() is None
    for _ in range(2):
        record(database, find(database)["t"], stalled=True)
    assert worry() == "stalled"
    assert listener() == ["7"]
    write_rows(database, {"task_id": "t", "alive_at": ago(0)})
    assert worry() is None
