"""taskbridge migrate against databases as they are found: empty, the product's own, somebody else's, newer, changed."""

import datetime
import os
import subprocess

import psycopg2
import pytest

from harness.process import base_environment, program

UTC = datetime.timezone.utc
PRODUCT = """
    CREATE TABLE background_task_trackers (
        id bigserial PRIMARY KEY, company_id bigint NOT NULL, task_id varchar(255) NOT NULL UNIQUE,
        task_name varchar(255) NOT NULL, display_name varchar(255) NOT NULL, status varchar(20) NOT NULL,
        progress integer NOT NULL DEFAULT 0, started_at timestamptz, completed_at timestamptz,
        error_message text NOT NULL DEFAULT '', metadata jsonb NOT NULL DEFAULT '{}', created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL);
    CREATE INDEX background_task_trackers_status ON background_task_trackers (status)"""


def at(minute, second=0):
    return datetime.datetime(2024, 5, 1, 12, minute, second, 123456, tzinfo=UTC)


def start(database, *arguments):
    return subprocess.Popen([*program("taskbridge"), "migrate", *arguments],
                            env=base_environment(TASKBRIDGE_DATABASE_URL=database.url), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def migrate(database, code=0):
    """What it said: on stdout when good, on stderr when not."""
    process = start(database)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, out + err
    return out if code == 0 else err


def applied(database):
    return [row["name"] for row in database.query("SELECT name FROM taskbridge_migrations ORDER BY number")]


STEPS = ["0001_trackers", "0002_bridge", "0003_access", "0004_register", "0005_roles"]


def test_an_empty_database_gets_every_step_once(empty_database):
    assert [line for line in migrate(empty_database).splitlines() if line.startswith("applied")] == [
        f"applied {name}" for name in STEPS]
    first = empty_database.query("SELECT * FROM taskbridge_migrations ORDER BY number")
    assert [row["number"] for row in first] == [1, 2, 3, 4, 5]
    assert "applied" not in migrate(empty_database)
    assert empty_database.query("SELECT * FROM taskbridge_migrations ORDER BY number") == first


def test_many_at_once_apply_every_step_once(empty_database):
    processes = [start(empty_database) for _ in range(3)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    steps = [line for out, _ in outputs for line in out.splitlines() if line.startswith("applied")]
    assert sorted(steps) == [f"applied {name}" for name in STEPS]


def test_a_database_that_is_newer_is_left_alone(empty_database):
    migrate(empty_database)
    empty_database.execute("INSERT INTO taskbridge_migrations (number, name, sha256) VALUES (6, '0006_later', 'x')")
    assert "the database has step 6 (0006_later), this program knows 5: use a newer taskbridge" in migrate(
        empty_database, code=1)


def test_a_step_of_another_text_is_told(empty_database):
    migrate(empty_database)
    empty_database.execute("UPDATE taskbridge_migrations SET sha256 = repeat('0', 64) WHERE number = 2")
    assert "step 2 (0002_bridge) was applied with another text" in migrate(empty_database, code=1)


def test_a_step_that_fails_leaves_nothing_and_can_be_repeated(empty_database):
    empty_database.execute("CREATE FUNCTION tracker_status(sent_at timestamptz, received_at timestamptz, "
                           "began_at timestamptz, retried_at timestamptz, requeued_at timestamptz, "
                           "succeeded_at timestamptz, failed_at timestamptz, revoked_at timestamptz, "
                           "rejected_at timestamptz, alive_at timestamptz, lost_at timestamptz) RETURNS text "
                           "LANGUAGE sql AS 'SELECT $1::text'")
    said = migrate(empty_database, code=1)
    assert 'migration 0001_trackers: function "tracker_status" already exists with same argument types' in said
    assert len(said.splitlines()) == 1
    assert applied(empty_database) == []
    assert empty_database.value("SELECT to_regclass('background_task_trackers') AS name") is None
    empty_database.execute("DROP FUNCTION tracker_status")
    migrate(empty_database)
    assert applied(empty_database) == STEPS


def test_other_tables_with_our_names_are_told_and_left_alone(empty_database):
    empty_database.execute("CREATE TABLE companies (id bigint, title text); CREATE TABLE api_tokens (token text)")
    said = migrate(empty_database, code=1)
    assert ("the database already has other tables named api_tokens, companies; rename them, or give taskbridge a "
            "database of its own in database.url") in said
    empty_database.execute("ALTER TABLE companies RENAME TO firms; ALTER TABLE api_tokens RENAME TO tokens")
    migrate(empty_database)
    assert empty_database.query("SELECT * FROM firms") == []


def test_a_role_without_rights_is_told(empty_database, admin):
    name = f"plain-{os.getpid()}"
    admin.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'plain'")
    try:
        url = psycopg2.extensions.make_dsn(empty_database.url, user=name, password="plain")
        process = subprocess.run([*program("taskbridge"), "migrate"], text=True, capture_output=True, timeout=60,
                                 env=base_environment(TASKBRIDGE_DATABASE_URL=url), check=False)
        assert process.returncode == 1
        assert "permission denied for schema public" in process.stderr
    finally:
        admin.execute(f'DROP ROLE "{name}"')


# ---- the product's own table ----

ADOPTED = [
    # task_id, status, progress, started_at, completed_at, error_message, celery_state
    ("waits", "pending", 0, None, None, "", "PENDING"),
    ("waits again", "pending", 30, at(1), None, "", "RETRY"),
    ("runs", "running", 42, at(2), None, "", "STARTED"),
    ("done", "success", 100, at(3), at(4), "", "SUCCESS"),
    ("done unseen", "success", 100, None, at(4), "", "SUCCESS"),
    ("done in no time", "success", 100, at(4), at(4), "", "SUCCESS"),
    ("bad", "failed", 17, at(5), at(6), "ValueError('no')", "FAILURE"),
    ("bad from the start", "failed", 0, None, at(7), "NotRegistered('x')", "FAILURE"),
    ("bad without a word", "failed", 0, at(5), at(8), "", "FAILURE"),
]


def insert(database, task_id, status, progress, started_at, completed_at, error_message, **other):
    values = {"company_id": 73, "task_id": task_id, "task_name": "sync", "display_name": "Documentos",
              "status": status, "progress": progress, "started_at": started_at, "completed_at": completed_at,
              "error_message": error_message, "metadata": '{"onboarding": true}', "created_at": at(0),
              "updated_at": at(9), **other}
    names = ", ".join(values)
    database.execute(f"INSERT INTO background_task_trackers ({names}) VALUES "
                     f"({', '.join(['%s'] * len(values))})", list(values.values()))


@pytest.fixture
def product_database(empty_database):
    empty_database.execute(PRODUCT)
    return empty_database


def test_the_products_rows_are_kept_as_they_were(product_database):
    for row in ADOPTED:
        insert(product_database, *row[:-1])
    ids = {row["task_id"]: row["id"] for row in product_database.query("SELECT * FROM background_task_trackers")}
    migrate(product_database)
    rows = product_database.rows()
    assert set(rows) == {row[0] for row in ADOPTED}
    for task_id, status, progress, started_at, completed_at, error_message, celery_state in ADOPTED:
        row = rows[task_id]
        assert {name: row[name] for name in (
            "id", "status", "progress", "started_at", "completed_at", "error_message", "celery_state", "company_id",
            "task_name", "display_name", "metadata", "created_at", "updated_at")} == {
                "id": ids[task_id], "status": status, "progress": progress, "started_at": started_at,
                "completed_at": completed_at, "error_message": error_message or None, "celery_state": celery_state,
                "company_id": 73, "task_name": "sync", "display_name": "Documentos", "metadata": {"onboarding": True},
                "created_at": at(0), "updated_at": at(9)}, task_id


def test_new_rows_get_ids_behind_the_adopted(product_database):
    insert(product_database, "old", "pending", 0, None, None, "", id=4711)
    migrate(product_database)
    assert product_database.value("SELECT tracker_register(1, 'new', 'n')") == 4712


def test_adopted_rows_go_on_with_their_events(product_database):
    insert(product_database, "runs", "running", 42, at(2), None, "")
    migrate(product_database)
    product_database.execute("UPDATE background_task_trackers SET succeeded_at = %s", (at(20),))
    row = product_database.row("runs")
    assert (row["status"], row["progress"], row["completed_at"]) == ("success", 100, at(20))


UNFIT = [
    (("t", "cancelled", 0, None, None, ""), "cancelled", "status"),
    (("t", "success", 80, at(1), at(2), ""), "success", "progress"),
    (("t", "success", 100, at(1), None, ""), "success", "status"),
    (("t", "running", 5, None, None, ""), "running", "status"),
    (("t", "running", 5, at(1), at(2), ""), "running", "completed_at"),
    (("t", "failed", 5, at(3), at(2), "x"), "failed", "status, completed_at, error_message"),
    (("t", "failed", 250, at(1), at(2), "x"), "failed", "progress"),
    (("t", "success", 100, at(1), at(2), "but"), "success", "error_message"),
]


@pytest.mark.parametrize("row, status, differs", UNFIT)
def test_a_row_that_cannot_be_taken_over_is_told(product_database, row, status, differs):
    insert(product_database, "good", "pending", 0, None, None, "")
    insert(product_database, *row)
    said = migrate(product_database, code=1)
    assert (f"the row with task_id 't' (status {status}) of the product's background_task_trackers can't be taken over: "
            f"its {differs} would change; correct or delete it (1 such in all)") in said
    # The product goes on with its table as if nothing had been tried.
    assert product_database.execute("DELETE FROM background_task_trackers WHERE task_id = 't'") == 1
    migrate(product_database)
    assert set(product_database.rows()) == {"good"}


def test_a_table_of_another_make_is_told(empty_database):
    empty_database.execute("CREATE TABLE background_task_trackers (id bigint, task_id text)")
    assert ("the table background_task_trackers is not the product's: it has no column company_id, task_name, "
            "display_name, status, progress, started_at, completed_at, error_message, metadata, created_at, updated_at"
            ) in migrate(empty_database, code=1)


def test_companies_with_a_uuid_are_adopted(empty_database):
    empty_database.execute(PRODUCT.replace("company_id bigint", "company_id uuid"))
    insert(empty_database, "t", "pending", 0, None, None, "", company_id="0b9e7d1c-3d2b-4f0a-8a54-6f1f6a0f3c11")
    migrate(empty_database)
    row = empty_database.row("t")
    assert (row["company_key"], row["company_id"]) == ("0b9e7d1c-3d2b-4f0a-8a54-6f1f6a0f3c11", None)
