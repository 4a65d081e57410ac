"""taskbridge adopt: the rows of the product's own table are copied, and its table is only read."""

import datetime
import json
import os
import subprocess
import threading

import psycopg2
import pytest

from harness.process import base_environment, program
from harness.statements import write_rows

UTC = datetime.timezone.utc
# The seed's model: a foreign key to the product's company, and TimeStampedModel's names.
PRODUCT = """
    DROP TABLE IF EXISTS public.background_task_trackers, public.companies;
    CREATE TABLE public.companies (id bigint PRIMARY KEY, name varchar(255) NOT NULL);
    INSERT INTO public.companies VALUES (73, 'Example'), (74, 'Other');
    CREATE TABLE public.background_task_trackers (
        id bigserial PRIMARY KEY, company_id bigint REFERENCES public.companies, task_id varchar(300),
        task_name varchar(255) NOT NULL, display_name varchar(255) NOT NULL, status varchar(20),
        progress integer DEFAULT 0, started_at timestamptz, completed_at timestamptz,
        error_message text DEFAULT '', metadata jsonb DEFAULT '{}', created timestamptz NOT NULL,
        modified timestamptz NOT NULL)"""
TABLE = "public.background_task_trackers"


def at(minute, second=0):
    return datetime.datetime(2024, 5, 1, 12, minute, second, 123456, tzinfo=UTC)


@pytest.fixture
def product(database):
    """The migrated database, with the product's own table beside."""
    database.execute(PRODUCT)
    return database


def insert(database, task_id, status="pending", progress=0, started_at=None, completed_at=None, error_message="",
           **other):
    values = {"company_id": 73, "task_id": task_id, "task_name": "sync", "display_name": "Documentos",
              "status": status, "progress": progress, "started_at": started_at, "completed_at": completed_at,
              "error_message": error_message, "metadata": '{"onboarding": true}', "created": at(0),
              "modified": at(9), **other}
    names = ", ".join(values)
    database.execute(f"INSERT INTO {TABLE} ({names}) VALUES ({', '.join(['%s'] * len(values))})", list(values.values()))


def update(database, task_id, **values):
    names = ", ".join(f"{name} = %s" for name in values)
    database.execute(f"UPDATE {TABLE} SET {names} WHERE task_id = %s", [*values.values(), task_id])


def adopt(database, *arguments, table=TABLE, code=0, **variables):
    """What --json tells, or what was said on standard error."""
    done = subprocess.run([*program("taskbridge"), "adopt", table, *arguments, "--json"], text=True, timeout=120,
                          env=base_environment(**{"TASKBRIDGE_DATABASE_URL": database.url, **variables}),
                          capture_output=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def counts(found):
    return {name: found[name] for name in ("rows", "added", "completed", "unchanged", "left")}


def reasons(found):
    return {row["task_id"]: row["reason"] for row in found["reasons"]}


ADOPTED = [
    # task_id, status, progress, started_at, completed_at, error_message, celery_state
    ("waits", "pending", 0, None, None, "", "PENDING"),
    ("waits with progress", "pending", 7, None, None, "", "PENDING"),
    ("waits again", "pending", 30, at(1), None, "", "RETRY"),
    ("runs", "running", 42, at(2), None, "", "STARTED"),
    ("done", "success", 100, at(3), at(4), "", "SUCCESS"),
    ("done unseen", "success", 100, None, at(4), "", "SUCCESS"),
    ("done in no time", "success", 100, at(4), at(4), "", "SUCCESS"),
    ("bad", "failed", 17, at(5), at(6), "ValueError('no')", "FAILURE"),
    ("bad from the start", "failed", 0, None, at(7), "NotRegistered('x')", "FAILURE"),
    ("bad without a word", "failed", 0, at(5), at(8), "", "FAILURE"),
    ("bad at the end", "failed", 100, at(5), at(8), "late", "FAILURE"),
]
SEEN = ("status", "progress", "started_at", "completed_at", "error_message", "celery_state", "company_id", "task_name",
        "display_name", "metadata", "created_at", "updated_at")


def seen(row):
    return {name: row[name] for name in SEEN}


def test_rows_are_seen_as_they_were(product):
    for row in ADOPTED:
        insert(product, *row[:-1])
    found = adopt(product)
    assert counts(found) == {"rows": 11, "added": 11, "completed": 0, "unchanged": 0, "left": 0}
    rows = product.rows()
    for task_id, status, progress, started_at, completed_at, error_message, celery_state in ADOPTED:
        assert seen(rows[task_id]) == {
            "status": status, "progress": progress, "started_at": started_at, "completed_at": completed_at,
            "error_message": error_message or None, "celery_state": celery_state, "company_id": 73,
            "task_name": "sync", "display_name": "Documentos", "metadata": {"onboarding": True},
            "created_at": at(0), "updated_at": at(9)}, task_id


def test_what_runs_since_nobody_knows_when_runs_all_the_same(product):
    insert(product, "t", "running", 5)
    assert adopt(product)["added"] == 1
    row = product.row("t")
    assert (row["status"], row["progress"], row["started_at"]) == ("running", 5, at(9))


UNFIT = [
    (dict(status="cancelled"), "its status is 'cancelled', none of pending, running, success and failed"),
    (dict(status=None), "its status is NULL, none of pending, running, success and failed"),
    (dict(status="SUCCESS", completed_at=at(2)),
     "its status is 'SUCCESS', none of pending, running, success and failed"),
    (dict(status="success", progress=80, started_at=at(1), completed_at=at(2)), "it is success at 80 %"),
    (dict(status="success", progress=100, started_at=at(1)), "it is success and has no completed_at"),
    (dict(status="failed", progress=10, started_at=at(1)), "it is failed and has no completed_at"),
    (dict(status="running", progress=5, started_at=at(1), completed_at=at(2)), "it is running and has a completed_at"),
    (dict(status="pending", completed_at=at(2)), "it is pending and has a completed_at"),
    (dict(status="failed", started_at=at(3), completed_at=at(2)), "it was completed before it was started"),
    (dict(status="running", progress=250, started_at=at(1)), "its progress is 250"),
    (dict(status="running", progress=-1, started_at=at(1)), "its progress is -1"),
    (dict(status="success", progress=100, completed_at=at(2), error_message="but"),
     "it is success and has an error_message"),
    (dict(status="pending", error_message="but"), "it is pending and has an error_message"),
    (dict(task_id=""), "it has no task_id"),
    (dict(task_id=None), "it has no task_id"),
    (dict(task_id="x" * 256), "its task_id has 256 characters, more than 255"),
    (dict(company_id=None), "it has no company_id"),
    (dict(created=datetime.datetime(1999, 1, 1, tzinfo=UTC)), "a time of it lies outside 2000 to 2200"),
    (dict(started_at=datetime.datetime(2300, 1, 1, tzinfo=UTC)), "a time of it lies outside 2000 to 2200"),
]


@pytest.mark.parametrize("row, reason", UNFIT)
def test_a_row_that_cannot_be_taken_is_left_with_the_reason(product, row, reason):
    insert(product, "good")
    insert(product, **{"task_id": "t", **row})
    found = adopt(product)
    assert counts(found) == {"rows": 2, "added": 1, "completed": 0, "unchanged": 0, "left": 1}
    assert [left["reason"] for left in found["reasons"]] == [reason]
    assert found["reasons"][0]["task_id"] == row.get("task_id", "t")
    assert set(product.rows()) == {"good"}
    # Corrected, it is taken.
    product.execute(f"UPDATE {TABLE} SET task_id = 't', company_id = 73, status = 'pending', progress = 0, error_message = '', "
                    "started_at = NULL, completed_at = NULL, created = %s WHERE task_id IS DISTINCT FROM 'good'", (at(0),))
    assert counts(adopt(product)) == {"rows": 2, "added": 1, "completed": 0, "unchanged": 1, "left": 0}


def test_for_people_each_row_that_is_left_is_a_line(product):
    insert(product, "good")
    insert(product, "half", "success", 80, at(1), at(2))
    insert(product, "odd\n\x1b[31m", "odd")
    done = subprocess.run([*program("taskbridge"), "adopt", TABLE], text=True, timeout=60, capture_output=True,
                          check=True,
                          env=base_environment(TASKBRIDGE_DATABASE_URL=product.url))
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "left  half (id 2): it is success at 80 %"
    assert lines[1].startswith("left  odd??[31m (id 3): its status is 'odd'")
    assert lines[2:] == ["3 rows: 1 added, 0 completed, 0 as before, 2 left"]


def test_a_company_that_the_format_excludes_is_left(product):
    product.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT background_task_trackers_company_id_fkey; "
                    f"ALTER TABLE {TABLE} ALTER company_id TYPE text")
    insert(product, "good", company_id="073")
    insert(product, "bad", company_id="None")
    assert reasons(adopt(product)) == {"bad": "its company_id 'None' is none that company.format (number) allows"}
    assert product.row("good")["company_key"] == "73"


def test_companies_with_a_uuid_are_adopted(product):
    product.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT background_task_trackers_company_id_fkey; "
                    f"ALTER TABLE {TABLE} ALTER company_id TYPE uuid USING NULL; "
                    "UPDATE settings SET value = 'uuid' WHERE name = 'company.format'")
    try:
        insert(product, "t", company_id="0B9E7D1C-3d2b-4f0a-8a54-6f1f6a0f3c11")
        adopt(product)
        assert product.row("t")["company_key"] == "0b9e7d1c-3d2b-4f0a-8a54-6f1f6a0f3c11"
    finally:
        product.execute("UPDATE settings SET value = 'number' WHERE name = 'company.format'")


def test_a_dry_run_tells_the_same_and_writes_nothing(product, listener):
    insert(product, "new")
    insert(product, "known", "success", 100, at(1), at(2))
    insert(product, "half", "success", 80, at(1), at(2))
    product.query("SELECT tracker_register(73, 'known', 'sync')")
    listener()
    before = product.rows()
    dry = adopt(product, "--dry-run")
    assert dry["dry_run"] is True
    assert product.rows() == before
    assert listener() == []
    real = adopt(product)
    assert counts(dry) == counts(real) == {"rows": 3, "added": 1, "completed": 1, "unchanged": 0, "left": 1}
    assert dry["reasons"] == real["reasons"]


def test_again_changes_nothing_and_later_facts_count(product, listener):
    for row in ADOPTED:
        insert(product, *row[:-1])
    adopt(product)
    first = product.rows()
    listener()
    assert counts(adopt(product)) == {"rows": 11, "added": 0, "completed": 0, "unchanged": 11, "left": 0}
    assert product.rows() == first
    assert listener() == []
    update(product, "waits", status="running", started_at=at(10), progress=1, modified=at(10))
    update(product, "waits again", status="running", progress=31, modified=at(10))
    update(product, "runs", status="failed", completed_at=at(11), error_message="no", modified=at(11))
    insert(product, "fresh", company_id=74)
    assert counts(adopt(product)) == {"rows": 12, "added": 1, "completed": 3, "unchanged": 8, "left": 0}
    rows = product.rows()
    assert (rows["waits"]["status"], rows["waits"]["progress"], rows["waits"]["started_at"]) == ("running", 1, at(10))
    assert (rows["waits again"]["status"], rows["waits again"]["progress"]) == ("running", 31)
    assert (rows["runs"]["status"], rows["runs"]["error_message"], rows["runs"]["progress"]) == ("failed", "no", 42)
    assert listener() == ["73", "74"]


def test_how_adopted_tasks_went_is_counted_once(product):
    product.execute("DELETE FROM task_stats")

    def counted():
        return {row["measure"]: int(row["n"]) for row in product.query(
            "SELECT measure, sum(count) AS n FROM task_stats_seen WHERE measure IN ('success', 'failure') GROUP BY measure")}

    for row in ADOPTED:
        insert(product, *row[:-1])
    adopt(product)
    assert counted() == {"success": 3, "failure": 4}
    update(product, "runs", status="success", progress=100, completed_at=at(10), modified=at(10))
    for _ in range(2):
        adopt(product)
    assert counted() == {"success": 4, "failure": 4}


def test_adopted_rows_go_on_with_their_events(product):
    insert(product, "runs", "running", 42, at(2))
    adopt(product)
    write_rows(product, {"task_id": "runs", "succeeded_at": at(20), "worker_at": at(20), "worker": "w1"})
    row = product.row("runs")
    assert (row["status"], row["progress"], row["completed_at"], row["company_id"]) == ("success", 100, at(20), 73)
    # The old table was never told.
    assert counts(adopt(product))["unchanged"] == 1
    assert product.row("runs")["completed_at"] == at(20)


EVENTS = {"name_at": at(1), "name": "pkg.sync", "received_at": at(1), "began_at": at(1), "worker_at": at(1),
          "worker": "w1"}
KNOWN = [
    # what the events told, what the product's table says, what is seen then
    ("runs, and the table is late", {}, dict(status="pending"), dict(status="running", started_at=at(1))),
    ("runs, and the table says since another time", {}, dict(status="running", started_at=at(2)),
     dict(status="running", started_at=at(1))),
    ("succeeded, and the table says when it noticed", dict(succeeded_at=at(5)),
     dict(status="success", progress=100, started_at=at(2), completed_at=at(7)),
     dict(status="success", completed_at=at(5))),
    ("failed with its error, and the table says another", dict(failed_at=at(5), error="ValueError('x')"),
     dict(status="failed", started_at=at(2), completed_at=at(7), error_message="Error"),
     dict(status="failed", completed_at=at(5), error_message="ValueError('x')")),
    ("its success never came", {}, dict(status="success", progress=100, started_at=at(2), completed_at=at(7)),
     dict(status="success", completed_at=at(7), started_at=at(1))),
    ("its failure never came", dict(alive_at=at(3), progress_at=at(3), progress_value=30),
     dict(status="failed", started_at=at(2), completed_at=at(7), error_message="no"),
     dict(status="failed", completed_at=at(7), error_message="no", progress=30)),
    ("failed first, and the table knows of the success since", dict(failed_at=at(5), error="x"),
     dict(status="success", progress=100, started_at=at(2), completed_at=at(7)),
     dict(status="success", completed_at=at(7))),
    ("was called lost, and the table knows better", dict(lost_at=at(6), lost_reason="gone"),
     dict(status="success", progress=100, started_at=at(2), completed_at=at(5)),
     dict(status="success", completed_at=at(5))),
    ("a later attempt runs, and the table has the failure of the one before", dict(began_at=at(8), received_at=at(8)),
     dict(status="failed", started_at=at(2), completed_at=at(7), error_message="no"),
     dict(status="running", started_at=at(8))),
    ("its start never came", dict(began_at=None, alive_at=at(4), progress_at=at(4), progress_value=9),
     dict(status="running", started_at=at(2), progress=20), dict(status="running", started_at=at(2), progress=9)),
    ("has its own progress", dict(alive_at=at(4), progress_at=at(4), progress_value=9),
     dict(status="running", started_at=at(2), progress=20), dict(status="running", progress=9)),
    ("has no progress", {}, dict(status="running", started_at=at(2), progress=20), dict(status="running", progress=20)),
]


@pytest.mark.parametrize("what, events, old, expected", KNOWN, ids=[row[0] for row in KNOWN])
def test_what_events_told_is_not_harmed(product, what, events, old, expected):
    write_rows(product, {key: value for key, value in {"task_id": "t", **EVENTS, **events}.items()
                         if value is not None and not key.startswith("lost")})
    if "lost_at" in events:
        product.execute("UPDATE background_task_trackers SET lost_at = %s, lost_reason = %s",
                        (events["lost_at"], events["lost_reason"]))
    insert(product, "t", **old)
    adopt(product)
    row = product.row("t")
    assert {name: row[name] for name in expected} == expected
    # Whose it is comes from the table in any case.
    assert (row["company_id"], row["display_name"], row["worker"], row["created_at"]) == (73, "Documentos", "w1", at(0))
    assert counts(adopt(product))["unchanged"] == 1


def test_what_was_registered_since_stays(product):
    insert(product, "t", "running", 10, at(2))
    product.query("SELECT tracker_register(74, 't', 'new name', 'Nuevo', '{\"a\": 1}')")
    adopt(product)
    row = product.row("t")
    assert (row["company_id"], row["task_name"], row["display_name"], row["metadata"]) == (
        74, "new name", "Nuevo", {"a": 1})
    assert (row["status"], row["progress"]) == ("running", 10)


def test_of_two_rows_with_one_task_id_the_later_counts(product):
    insert(product, "t", "running", 10, at(2), modified=at(3))
    insert(product, "t", "running", 60, at(2), modified=at(5))
    insert(product, "t", "running", 40, at(2), modified=at(4))
    assert reasons(adopt(product)) == {"t": "another row has the same task_id"}
    assert product.row("t")["progress"] == 60


def test_the_products_table_is_only_read_and_may_go(product):
    insert(product, "t", "running", 10, at(2))
    before = product.query(f"SELECT * FROM {TABLE}")
    adopt(product)
    assert product.query(f"SELECT * FROM {TABLE}") == before
    assert product.query("SELECT count(*) AS n FROM pg_constraint WHERE confrelid = 'public.companies'::regclass") == [{"n": 1}]
    product.execute(f"DELETE FROM {TABLE}; DELETE FROM public.companies WHERE id = 73")
    product.execute(f"DROP TABLE {TABLE} CASCADE; DROP TABLE public.companies CASCADE")
    assert product.row("t")["company_id"] == 73
    assert "there is no table" in adopt(product, code=1)


def test_more_rows_than_a_batch_beside_a_writer(product):
    product.execute(f"INSERT INTO {TABLE} (company_id, task_id, task_name, display_name, status, progress, created, modified) "
                    "SELECT 73, 't' || n, 'sync', 'd', 'pending', 0, now() - interval '1 hour', now() - interval '1 hour' "
                    "FROM generate_series(1, 3500) n")
    stop = threading.Event()
    failures = []

    def write():
        # As a daemon writes: batches in the order of task ids, over the very rows that are adopted.
        connection = psycopg2.connect(product.url)
        connection.autocommit = True
        number = 0
        while not stop.is_set():
            number += 1
            try:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "INSERT INTO background_task_trackers AS t (task_id, began_at, worker_at, worker) "
                        "SELECT 't' || n, now(), now(), 'w1' FROM generate_series(1, 3500, 7) n ORDER BY ('t' || n) COLLATE \"C\" "
                        "ON CONFLICT (task_id) DO UPDATE SET began_at = greatest(t.began_at, excluded.began_at), "
                        "worker_at = greatest(t.worker_at, excluded.worker_at), worker = 'w1'")
            except psycopg2.Error as error:
                failures.append(error)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [adopt(product) for _ in range(2)]
    finally:
        stop.set()
        writer.join(timeout=60)
    assert failures == []
    assert found[0]["rows"] == found[1]["rows"] == 3500 and found[1]["left"] == 0
    rows = product.rows()
    assert len(rows) == 3500
    assert {row["company_id"] for row in rows.values()} == {73}
    assert sum(row["status"] == "running" for row in rows.values()) == 500


# ---- tables of other shapes ----

def test_columns_of_other_names_are_mapped(product):
    product.execute(f"ALTER TABLE {TABLE} RENAME created TO born; ALTER TABLE {TABLE} RENAME task_id TO \"Celery Id\"; "
                    f"ALTER TABLE {TABLE} RENAME modified TO touched; ALTER TABLE {TABLE} DROP metadata; "
                    f"ALTER TABLE {TABLE} DROP display_name")
    product.execute(f"INSERT INTO {TABLE} (company_id, \"Celery Id\", task_name, status, born, touched) "
                    "VALUES (73, 't', 'sync', 'pending', %s, %s)", (at(0), at(9)))
    assert f"{TABLE} has no column task_id; say which has it: --map COLUMN=task_id" in adopt(product, code=1)
    assert "has no column created_at" in adopt(product, "--map", "Celery Id=task_id", code=1)
    adopt(product, "--map", "Celery Id=task_id", "--map", "born=created_at", "--map=touched=updated_at")
    row = product.row("t")
    assert (row["created_at"], row["updated_at"], row["display_name"], row["metadata"]) == (at(0), at(9), "sync", {})


def test_times_without_a_time_zone_need_one(product):
    for column in ("started_at", "created", "modified"):
        product.execute(f"ALTER TABLE {TABLE} ALTER {column} TYPE timestamp")
    insert(product, "t", "running", 10, datetime.datetime(2024, 5, 1, 12), created=datetime.datetime(2024, 5, 1, 11),
           modified=datetime.datetime(2024, 5, 1, 13))
    said = adopt(product, code=1)
    assert f"the column started_at of {TABLE} has no time zone" in said and "--time-zone America/Santiago" in said
    assert "invalid value for parameter" in adopt(product, "--time-zone", "America/Nowhere", code=1)
    adopt(product, "--time-zone", "America/Santiago")
    # In May Santiago is four hours behind.
    assert product.row("t")["started_at"] == datetime.datetime(2024, 5, 1, 16, tzinfo=UTC)
    assert product.row("t")["created_at"] == datetime.datetime(2024, 5, 1, 15, tzinfo=UTC)


def test_what_is_mapped_wrongly_is_told(product):
    assert "is COLUMN=NAME, as created=created_at" in adopt(product, "--map", "created", code=2)
    assert "nothing here is called made_at" in adopt(product, "--map", "created=made_at", code=2)
    assert f"--map born=created_at: {TABLE} has no such column" in adopt(product, "--map", "born=created_at", code=1)
    assert f"the column task_name of {TABLE} is a character varying, not a timestamp" in adopt(
        product, "--map", "task_name=started_at", code=1)


def test_the_seeds_names_and_ours_may_both_be_there(product):
    product.execute(f"ALTER TABLE {TABLE} ADD created_at timestamptz, ADD updated_at timestamptz")
    insert(product, "t", created_at=at(1), updated_at=at(8))
    adopt(product)
    assert (product.row("t")["created_at"], product.row("t")["updated_at"]) == (at(1), at(8))


@pytest.mark.parametrize("name", ["public.\"Old Tracker's\"", "product.trackers", "public.a_view"])
def test_any_table_or_view_is_read(product, name):
    insert(product, "t", "running", 10, at(2))
    if name == "public.a_view":
        product.execute(f"CREATE VIEW public.a_view AS SELECT * FROM {TABLE}")
    else:
        product.execute("DROP SCHEMA IF EXISTS product CASCADE; CREATE SCHEMA product")
        product.execute(f"CREATE TABLE {name} AS SELECT * FROM {TABLE}")
    try:
        assert adopt(product, table=name)["added"] == 1
    finally:
        product.execute(f"DROP {'VIEW' if name == 'public.a_view' else 'TABLE'} {name}")


def test_ids_of_any_type_are_walked_in_their_order(product):
    product.execute(f"CREATE TABLE public.by_uuid AS SELECT * FROM {TABLE}; "
                    "ALTER TABLE public.by_uuid DROP id; ALTER TABLE public.by_uuid ADD id uuid DEFAULT gen_random_uuid()")
    try:
        product.execute("INSERT INTO public.by_uuid (company_id, task_id, task_name, display_name, status, progress, created, "
                        "modified) SELECT 73, 't' || n, 'n', 'd', 'pending', 0, now(), now() FROM generate_series(1, 2500) n")
        assert adopt(product, table="public.by_uuid")["added"] == 2500
    finally:
        product.execute("DROP TABLE public.by_uuid")


def test_what_cannot_be_adopted_is_told(product, admin):
    assert "is a table of taskbridge's own: name the product's with its schema" in adopt(
        product, table="background_task_trackers", code=1)
    assert "there is no table public.nowhere" in adopt(product, table="public.nowhere", code=1)
    # Before PostgreSQL 16 it is told what is wrong with the name.
    said = adopt(product, table='"half', code=1)
    assert "invalid name syntax" in said or 'there is no table "half' in said
    name = f"writer-{os.getpid()}"
    admin.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'secret' IN ROLE taskbridge_writer")
    try:
        url = psycopg2.extensions.make_dsn(product.url, user=name, password="secret")
        assert (f"the role {name} may not read it: GRANT SELECT ON {TABLE} TO \"{name}\";"
                in adopt(product, code=1, TASKBRIDGE_DATABASE_URL=url))
        product.execute(f"GRANT SELECT ON {TABLE} TO \"{name}\"")
        insert(product, "t")
        assert adopt(product, TASKBRIDGE_DATABASE_URL=url)["added"] == 1
        product.execute(f"REVOKE ALL ON {TABLE} FROM \"{name}\"")
    finally:
        admin.execute(f'DROP ROLE "{name}"')


def test_without_our_tables_migrate_is_named(empty_database):
    empty_database.execute(PRODUCT)
    assert "run `taskbridge migrate`" in adopt(empty_database, code=1)


def test_what_maintenance_will_soon_delete_is_counted(product):
    insert(product, "old", "success", 100, at(1), at(2))
    product.execute(f"UPDATE {TABLE} SET created = now(), started_at = now(), completed_at = now(), modified = now()")
    insert(product, "older", "success", 100, at(1), at(2))
    assert adopt(product)["deleted_soon"] == 1
