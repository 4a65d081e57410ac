"""taskbridge migrate against databases as they are found: empty, the product's own, somebody else's, newer, changed."""

import os
import subprocess

import psycopg2

from harness.process import base_environment, program


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
    empty_database.execute("CREATE SCHEMA taskbridge")
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


def test_a_role_without_rights_is_told(empty_database, admin):
    name = f"plain-{os.getpid()}"
    admin.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'plain'")
    try:
        url = psycopg2.extensions.make_dsn(empty_database.url, user=name, password="plain")
        process = subprocess.run([*program("taskbridge"), "migrate"], text=True, capture_output=True, timeout=60,
                                 env=base_environment(TASKBRIDGE_DATABASE_URL=url), check=False)
        assert process.returncode == 1
        assert "permission denied for database" in process.stderr
    finally:
        admin.execute(f'DROP ROLE "{name}"')
