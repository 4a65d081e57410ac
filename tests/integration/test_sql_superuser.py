"""Roles without a superuser: on a server that has none of ours yet, migrated by owners of all kinds; and a dump of it."""

import json
import os
import subprocess

import psycopg2
import pytest

from harness import Database
from harness.database import with_database
from harness.process import base_environment, program
from harness.stack import ROOT
from upgrade import tool, version_of

ROLES = ["taskbridge_app", "taskbridge_reader", "taskbridge_writer"]
LINES = [f'CREATE ROLE {role} NOLOGIN ROLE "Shop owner";' for role in
         ("taskbridge_writer", "taskbridge_reader", "taskbridge_app")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A PostgreSQL of its own: the superuser's URL."""
    environment = {**os.environ, "TASKBRIDGE_STACK_DIR": str(tmp_path_factory.mktemp("stack"))}
    environment.pop("PYTEST_XDIST_WORKER", None)

    def stack(*arguments):
        return subprocess.run([ROOT / "scripts" / "stack", *arguments], env=environment, text=True, check=True,
                              timeout=240,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout

    stack("start", "postgresql")
    try:
        (line,) = [line for line in stack("env").splitlines() if "ADMIN_URL" in line]
        yield line.split("ADMIN_URL=")[1]
    finally:
        stack("remove")


@pytest.fixture
def boss(server):
    database = Database(server)
    yield database
    for row in database.query("SELECT datname FROM pg_database WHERE datname LIKE 'shop%'"):
        database.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
    for row in database.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'taskbridge\\_%' OR rolname LIKE 'Shop%' "
                              "OR rolname = 'web'"):
        database.execute(f'DROP ROLE "{row["rolname"]}"')
    database.close()


def url_of(server, user, database="shop"):
    return psycopg2.extensions.make_dsn(with_database(server, database), user=user, password="secret")


@pytest.fixture
def owner(server, boss):
    """A function that makes the database's owner, with these attributes; its URL."""
    def make(attributes=""):
        boss.execute(f"CREATE ROLE \"Shop owner\" LOGIN PASSWORD 'secret' {attributes}")
        boss.execute('CREATE DATABASE shop OWNER "Shop owner"')
        return url_of(server, "Shop owner")

    return make


def run(url, *arguments, code=0):
    done = subprocess.run([*program("taskbridge"), *arguments], text=True, timeout=120, capture_output=True,
                          check=False,
                          env=base_environment(TASKBRIDGE_DATABASE_URL=url))
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


def doctor(url):
    done = run(url, "doctor", "--json", code=None)
    return {line["check"]: line for line in json.loads(done.stdout)}


def roles(boss):
    return [row["rolname"] for row in boss.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'taskbridge\\_%' ORDER BY 1")
            if row["rolname"] != "taskbridge"]


def test_an_owner_without_createrole_is_told_three_lines_and_goes_on(server, boss, owner):
    url = owner("NOCREATEROLE")
    first = run(url, "migrate", code=1)
    assert [line for line in first.stderr.splitlines() if line.endswith(";")] == LINES
    assert "roles are missing that this role may not create" in first.stderr.splitlines()[-1]
    assert roles(boss) == []
    # The tables are there, and nobody is told otherwise.
    assert "applied 0001_trackers" in first.stdout
    assert [line for line in run(url, "migrate", code=1).stderr.splitlines() if line.endswith(";")] == LINES
    said = json.loads(run(url, "migrate", "--json", code=1).stdout)
    assert said["for_a_superuser"] == LINES and said["applied"] == []
    found = doctor(url)["roles"]
    assert (found["verdict"], found["remedy"]) == ("bad",
                                                   "Run `taskbridge migrate`; it tells if somebody else has to help.")
    assert "the role taskbridge_app is missing" in found["found"]
    for line in LINES[:2]:
        boss.execute(line)
    assert [line for line in run(url, "migrate", code=1).stderr.splitlines() if line.endswith(";")] == LINES[2:]
    boss.execute(LINES[2])
    # What is missing is applied by a later run: rights are what it is about.
    run(url, "migrate")
    assert run(url, "migrate").stdout.startswith("nothing to do")
    lines = doctor(url)
    assert {lines[name]["verdict"] for name in ("schema", "database rights", "roles", "reading")} == {"good"}


def test_an_owner_with_createrole_needs_nobody(server, boss, owner):
    url = owner("CREATEROLE")
    assert run(url, "migrate").stderr == ""
    assert roles(boss) == ROLES
    lines = doctor(url)
    assert {lines[name]["verdict"] for name in ("schema", "database rights", "roles", "reading")} == {"good"}
    # It may serve people as a reader, and did not have to be told how.
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET ROLE taskbridge_reader; SELECT count(*) FROM taskbridge.background_task_trackers")
    connection.close()


def test_an_owner_who_may_make_no_schema_is_told_all_lines_at_once(server, boss):
    boss.execute("CREATE ROLE \"Shop owner\" LOGIN PASSWORD 'secret'")
    boss.execute("CREATE DATABASE shop")
    url = url_of(server, "Shop owner")
    told = [line for line in run(url, "migrate", code=1).stderr.splitlines() if line.endswith(";")]
    assert told == ['CREATE SCHEMA taskbridge AUTHORIZATION "Shop owner";', *LINES]
    place = Database(with_database(server, "shop"))
    for line in told:
        place.execute(line)
    place.close()
    run(url, "migrate")
    assert doctor(url)["roles"]["verdict"] == "good"


def test_a_second_database_finds_the_roles_of_the_first(server, boss, owner):
    run(owner("CREATEROLE"), "migrate")
    boss.execute("CREATE ROLE \"Shop two\" LOGIN PASSWORD 'secret'")
    boss.execute('CREATE DATABASE shop2 OWNER "Shop two"')
    url = url_of(server, "Shop two", "shop2")
    assert run(url, "migrate").stderr == ""
    lines = doctor(url)
    assert lines["roles"]["verdict"] == "good"
    # It may not act as a reader, so row security would not bind it: told, with the line that helps.
    assert lines["reading"]["verdict"] == "warning"
    assert lines["reading"]["remedy"] == 'GRANT taskbridge_reader TO "Shop two";'
    boss.execute(lines["reading"]["remedy"])
    assert doctor(url)["reading"]["verdict"] == "good"


def test_two_logins_do_what_they_are_for(server, boss, owner):
    run(owner("CREATEROLE"), "migrate")
    boss.execute("CREATE ROLE web LOGIN PASSWORD 'secret' IN ROLE taskbridge_reader")
    lines = doctor(url_of(server, "web"))
    assert lines["reading"]["verdict"] == "good"
    assert "lacks" in lines["database rights"]["found"]
    assert "the tables belong to Shop owner, whom this role may not act for" in run(
        url_of(server, "web"), "migrate", code=1).stderr
    boss.execute("ALTER ROLE web NOINHERIT")
    if boss.value("SELECT current_setting('server_version_num')::int") >= 160000:
        boss.execute("GRANT taskbridge_reader TO web WITH INHERIT FALSE")
    line = doctor(url_of(server, "web"))["reading"]
    assert (line["verdict"], "does not inherit its rights" in line["found"]) == ("bad", True)


def dump(server, boss, database):
    return subprocess.run([tool("pg_dump", version_of(boss)), "-d", with_database(server, database)], check=True,
                          capture_output=True, timeout=120).stdout


def test_a_dump_is_restored_and_goes_on(server, boss, owner):
    url = owner("CREATEROLE")
    run(url, "migrate")
    place = Database(with_database(server, "shop"))
    place.execute("SET search_path = public")
    place.query("SELECT taskbridge.tracker_register(73, 't', 'pkg.sync', 'Documentos', '{\"a\": 1}'), "
                "taskbridge.company_set(73, 'Example'), taskbridge.token_issue('ana', ARRAY[73])")
    place.execute("UPDATE taskbridge.background_task_trackers SET began_at = '2024-05-01', succeeded_at = '2024-05-02'")
    place.execute("INSERT INTO taskbridge.dead_letters (instance, body, reason, headers) "
                  "VALUES ('d', '\\x00ff', 'r', taskbridge.dead_letter_headers('{\"a\": 1}'))")
    before = place.query("SELECT * FROM taskbridge.background_task_trackers")
    place.close()
    boss.execute('CREATE DATABASE "shop restored" OWNER "Shop owner"')
    done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", with_database(server, "shop%20restored")],
                          input=dump(server, boss, "shop"), capture_output=True, timeout=120, check=False,
                          env={**os.environ, "PGOPTIONS": ""})
    assert done.returncode == 0, done.stderr
    place = Database(with_database(server, "shop%20restored"))
    place.execute("SET search_path = public")
    assert place.query("SELECT * FROM taskbridge.background_task_trackers") == before
    assert before[0]["status"] == "success"
    restored = url_of(server, "Shop owner", "shop%20restored")
    assert run(restored, "migrate").stdout.startswith("nothing to do")
    assert place.value("SELECT taskbridge.tracker_register(73, 'next', 'n')") > before[0]["id"]
    lines = doctor(restored)
    assert {lines[name]["verdict"] for name in ("schema", "database rights", "roles", "reading")} == {"good"}
    place.close()
