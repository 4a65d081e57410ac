"""taskbridge migrate against databases as they are found: empty, newer, changed, damaged, in any schema."""

import json
import os
import subprocess

import psycopg2
import pytest

from harness.process import base_environment, program
from harness.stack import ROOT

STEPS = sorted(path.stem for path in (ROOT / "sql" / "migrations").glob("*.sql"))
NOTHING = f"nothing to do: the database is at version {len(STEPS)}\n"


def start(database, *arguments, **variables):
    return subprocess.Popen([*program("taskbridge"), "migrate", *arguments],
                            env=base_environment(**{"TASKBRIDGE_DATABASE_URL": database.url, **variables}), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def migrate(database, *arguments, code=0, **variables):
    """What it said: on stdout when good, on both when not."""
    process = start(database, *arguments, **variables)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, out + err
    return out if code == 0 else out + err


def applied(database):
    return [row["name"] for row in database.query(
        "SELECT name FROM taskbridge_migrations WHERE number > 0 ORDER BY number")]


def test_an_empty_database_gets_every_step_once(empty_database):
    assert [line for line in migrate(empty_database).splitlines() if line.startswith("applied")] == [
        f"applied {name}" for name in STEPS]
    first = empty_database.query("SELECT * FROM taskbridge_migrations ORDER BY number")
    assert [row["number"] for row in first] == list(range(len(STEPS) + 1))
    assert migrate(empty_database) == NOTHING
    assert empty_database.query("SELECT * FROM taskbridge_migrations ORDER BY number") == first


def test_many_at_once_apply_every_step_once(empty_database):
    processes = [start(empty_database) for _ in range(3)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    steps = [line for out, _ in outputs for line in out.splitlines() if line.startswith("applied")]
    assert sorted(steps) == [f"applied {name}" for name in STEPS]


def test_a_database_that_is_newer_is_left_alone(empty_database):
    migrate(empty_database)
    empty_database.execute("INSERT INTO taskbridge_migrations (number, name, sha256) VALUES (%s, 'later', 'x')",
                           (len(STEPS) + 1,))
    assert (f"the database has step {len(STEPS) + 1} (later), this program knows {len(STEPS)}: use a newer taskbridge"
            in migrate(empty_database, code=1))


def test_a_step_of_another_text_is_told(empty_database):
    migrate(empty_database)
    empty_database.execute("UPDATE taskbridge_migrations SET sha256 = repeat('0', 64) WHERE number = 2")
    assert "step 2 (0002_bridge) was applied with another text" in migrate(empty_database, code=1)


def test_a_step_that_fails_leaves_nothing_and_can_be_repeated(empty_database):
    empty_database.execute("CREATE SCHEMA taskbridge; "
                           "CREATE FUNCTION tracker_company_id(key text) RETURNS text LANGUAGE sql AS 'SELECT $1'")
    said = migrate(empty_database, code=1)
    assert "migration 0001_trackers: cannot change" in said
    assert len(said.splitlines()) == 1
    assert applied(empty_database) == []
    assert empty_database.value("SELECT to_regclass('background_task_trackers') AS name") is None
    empty_database.execute("DROP FUNCTION tracker_company_id")
    migrate(empty_database)
    assert applied(empty_database) == STEPS


def test_a_role_without_any_right_is_told_what_somebody_else_must_run(empty_database, admin):
    name = f"plain-{os.getpid()}"
    admin.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'plain'")
    try:
        url = psycopg2.extensions.make_dsn(empty_database.url, user=name, password="plain")
        said = migrate(empty_database, code=1, TASKBRIDGE_DATABASE_URL=url)
        assert f'CREATE SCHEMA taskbridge AUTHORIZATION "{name}";\n' in said
        assert "this role may not create the schema" in said
        assert empty_database.value("SELECT to_regnamespace('taskbridge')::text AS name") is None
    finally:
        admin.execute(f'DROP ROLE "{name}"')


# ---- beside the product ----

def test_tables_of_the_products_neither_clash_nor_are_touched(empty_database):
    empty_database.execute("CREATE TABLE public.companies (id bigint); CREATE TABLE public.commands (x text); "
                           "CREATE TABLE public.background_task_trackers (id bigint); "
                           "INSERT INTO public.companies VALUES (73)")
    migrate(empty_database)
    assert empty_database.query("SELECT * FROM public.companies") == [{"id": 73}]
    # What the product's own migrations do to what is theirs is no matter of ours.
    empty_database.execute("DROP TABLE public.background_task_trackers CASCADE; DROP TABLE public.companies CASCADE")
    assert migrate(empty_database) == NOTHING
    assert empty_database.query("SELECT * FROM background_task_trackers") == []


def test_a_schema_with_tables_of_somebody_elses_is_refused(empty_database):
    empty_database.execute("CREATE TABLE public.companies (id bigint)")
    said = migrate(empty_database, code=1, TASKBRIDGE_DATABASE_SCHEMA="public")
    assert ("the schema has tables of somebody else (companies): name one of taskbridge's own in database.schema"
            in said)
    migrate(empty_database)
    assert applied(empty_database) == STEPS


@pytest.mark.parametrize("name", ["Tasks", "with space", 'quo"ted', "it's", "ñandú", "select", "a.b", "x" * 63,
                                  "%I%s", "$x"])
def test_any_name_is_a_schema(empty_database, name):
    assert migrate(empty_database, TASKBRIDGE_DATABASE_SCHEMA=name).splitlines()[-1].startswith("the database is at")
    assert migrate(empty_database, TASKBRIDGE_DATABASE_SCHEMA=name) == NOTHING
    quoted = '"' + name.replace('"', '""') + '"'
    empty_database.execute("SET search_path = pg_catalog")
    assert empty_database.value(f"SELECT {quoted}.tracker_register(73, 't', 'n')") == 1
    assert empty_database.value(f"SELECT {quoted}.company_set(73, 'Example')") == "73"
    empty_database.execute(f"DROP FUNCTION {quoted}.tracker_inherit; DROP INDEX {quoted}.trackers_lost")
    assert len(migrate(empty_database, TASKBRIDGE_DATABASE_SCHEMA=name).splitlines()) == 3


def test_two_installations_in_one_database(empty_database):
    migrate(empty_database)
    migrate(empty_database, TASKBRIDGE_DATABASE_SCHEMA="other")
    empty_database.execute("DROP SCHEMA other CASCADE")
    assert migrate(empty_database) == NOTHING


# ---- what became of it ----

DAMAGES = [
    # the statement, what is said of it
    ("DROP FUNCTION token_revoke(text)", "function token_revoke(text), which is missing"),
    ("CREATE OR REPLACE FUNCTION tracker_company_id(company_key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint'",
     "function tracker_company_id(text), which is altered"),
    ("ALTER FUNCTION tracker_register(text, text, text, text, jsonb) RESET search_path",
     "function tracker_register(text,text,text,text,jsonb), which is altered"),
    ("ALTER FUNCTION company_remove(text) SECURITY INVOKER", "function company_remove(text), which is altered"),
    ("DROP INDEX trackers_company_active", "index trackers_company_active, which is missing"),
    ("DROP INDEX trackers_lost; CREATE INDEX trackers_lost ON background_task_trackers (task_id)",
     "index trackers_lost, which is altered"),
    ("DROP VIEW worker_missed_events", "view worker_missed_events, which is missing"),
    ("DROP POLICY trackers_of_company ON background_task_trackers",
     "policy background_task_trackers.trackers_of_company, which is missing"),
    ("ALTER POLICY trackers_of_company ON background_task_trackers USING (true)",
     "policy background_task_trackers.trackers_of_company, which is altered"),
    ("CREATE POLICY everybody ON background_task_trackers USING (true)",
     "policy background_task_trackers.everybody, which is foreign"),
    ("ALTER TABLE background_task_trackers DISABLE ROW LEVEL SECURITY",
     "table background_task_trackers, which is altered"),
    ("DROP TRIGGER company_members_changed ON company_members",
     "trigger company_members.company_members_changed, which is missing"),
    ("ALTER TABLE company_members DISABLE TRIGGER company_members_changed",
     "trigger company_members.company_members_changed, which is altered"),
    ("CREATE RULE nothing AS ON INSERT TO dead_letters DO INSTEAD NOTHING",
     "rule dead_letters.nothing, which is foreign"),
    ("ALTER TABLE companies DROP CONSTRAINT companies_name_check",
     "constraint companies.companies_name_check, which is missing"),
    ("ALTER TABLE background_task_trackers DROP CONSTRAINT trackers_task_id_key",
     "constraint background_task_trackers.trackers_task_id_key, which is missing"),
    ("REVOKE INSERT ON dead_letters FROM taskbridge_writer", "taskbridge_writer lacks INSERT on dead_letters"),
    ("REVOKE USAGE ON SCHEMA taskbridge FROM taskbridge_app", "taskbridge_app lacks USAGE on schema taskbridge"),
    ("REVOKE ALL ON FUNCTION company_set(bigint, text) FROM taskbridge_app",
     "taskbridge_app lacks EXECUTE on company_set"),
    ("GRANT SELECT ON api_tokens TO taskbridge_reader",
     "taskbridge_reader may SELECT token_sha256 of api_tokens, and should not"),
    ("GRANT SELECT (body) ON dead_letters TO taskbridge_reader",
     "taskbridge_reader may SELECT body of dead_letters, and should not"),
]


def catalogue(database):
    """All that is there, and who may what."""
    return (database.query("SELECT * FROM taskbridge_catalogue ORDER BY kind, name"),
            database.query("SELECT relname, relacl::text, (SELECT array_agg(attname || attacl::text ORDER BY attname) "
                           "FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL) FROM pg_class c "
                           "WHERE relnamespace = 'taskbridge'::regnamespace ORDER BY 1"),
            database.query("SELECT oid::regprocedure::text, proacl::text FROM pg_proc "
                           "WHERE pronamespace = 'taskbridge'::regnamespace ORDER BY 1"))


@pytest.fixture(scope="module")
def damaged(stack, admin):
    """A migrated database that each test damages and mends."""
    from harness import Database
    from harness.database import create_database, drop_database, with_database
    name = f"damaged-{os.getpid()}"
    create_database(admin, name)
    place = Database(with_database(stack.database_url, name))
    migrate(place)
    place.sound = catalogue(place)
    yield place
    place.close()
    drop_database(admin, name)


@pytest.mark.parametrize("damage, said", DAMAGES)
def test_what_is_missing_or_altered_is_told_and_put_right(damaged, damage, said):
    damaged.query("SELECT tracker_register(73, 'kept', 'n')")
    damaged.execute(damage)
    lines = migrate(damaged).splitlines()
    assert any(line.startswith("putting right") and line.endswith(said) for line in lines[:-1]), lines
    assert catalogue(damaged) == damaged.sound
    assert migrate(damaged) == NOTHING
    assert damaged.value("SELECT company_id FROM background_task_trackers") == 73


def test_what_is_somebody_elses_and_harms_nobody_is_left(damaged):
    damaged.execute("CREATE INDEX mine ON background_task_trackers (task_name); CREATE TABLE mine_too (x int)")
    try:
        assert migrate(damaged) == NOTHING
        assert damaged.value("SELECT count(*) FROM mine_too") == 0
    finally:
        damaged.execute("DROP INDEX mine; DROP TABLE mine_too")


@pytest.mark.parametrize("table", ["background_task_trackers", "dead_letters", "api_tokens", "settings"])
def test_a_table_that_is_gone_is_made_anew_only_when_told_to(empty_database, table):
    migrate(empty_database)
    sound = catalogue(empty_database)
    empty_database.execute(f"DROP TABLE {table} CASCADE")
    said = migrate(empty_database, code=1)
    assert f"found table {table}, which is missing\n" in said
    assert "its rows are gone: restore it from a backup, or make it anew, empty: taskbridge migrate --recreate" in said
    assert empty_database.value(f"SELECT to_regclass('{table}')::text AS name") is None
    found = json.loads(migrate(empty_database, "--recreate", "--json"))
    assert {"kind": "table", "name": table, "how": "missing", "fate": "lost"} in found["findings"]
    assert catalogue(empty_database) == sound
    assert migrate(empty_database) == NOTHING


@pytest.mark.parametrize("damage, said", [
    ("ALTER TABLE background_task_trackers DROP COLUMN worker", "column background_task_trackers.worker is missing"),
    ("ALTER TABLE dead_letters ALTER reason TYPE varchar(10)", "column dead_letters.reason is altered"),
    ("ALTER TABLE companies ALTER name DROP NOT NULL", "column companies.name is altered"),
    ("ALTER TABLE background_task_trackers SET UNLOGGED", "table background_task_trackers is altered"),
])
def test_what_only_a_person_can_put_right_is_told(empty_database, damage, said):
    migrate(empty_database)
    empty_database.execute(damage)
    assert f"{said}: put it back by hand" in migrate(empty_database, code=1)
    assert f"{said}: put it back by hand" in migrate(empty_database, "--recreate", code=1)


def test_a_superuser_migrates_without_leaving_tables_of_its_own(empty_database, admin):
    migrate(empty_database)
    empty_database.execute("DROP TABLE dead_letters; DROP FUNCTION company_remove(text)")
    name = empty_database.value("SELECT current_database() AS name")
    parts = psycopg2.extensions.parse_dsn(admin.url)
    migrate(empty_database, "--recreate",
            TASKBRIDGE_DATABASE_URL=psycopg2.extensions.make_dsn(**{**parts, "dbname": name}))
    assert empty_database.query("SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class "
                                "WHERE relnamespace = 'taskbridge'::regnamespace") == [{"owner": "taskbridge"}]
    assert migrate(empty_database) == NOTHING


def test_the_functions_learn_the_format_of_companies(empty_database):
    migrate(empty_database, TASKBRIDGE_COMPANY_FORMAT="uuid")
    with pytest.raises(psycopg2.DataError):
        empty_database.query("SELECT tracker_register(73, 't', 'n')")
    migrate(empty_database, TASKBRIDGE_COMPANY_FORMAT="number")
    assert empty_database.value("SELECT tracker_register(73, 't', 'n')") == 1
