"""The statements behind a poll: which rows they read, and with which rights."""

import hashlib
import json
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from harness.database import TRACKERS
from harness.statements import session_setup, text
from http_facts import add_company, add_task, add_token, allow, serve, status_path

COMPANIES = 400
ROWS = 20000


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.fixture
def poll(site):
    """A function that runs the statements of a poll in one transaction, as the module's own session does; it returns what
    http_caller.sql answers and the nodes of the others' plans by the statement's name."""
    connection = psycopg2.connect(site.database_url)

    def run(key, company):
        digest = hashlib.sha256(key.encode()).digest()
        plans = {}
        with connection.cursor() as cursor:
            cursor.execute(session_setup())
            connection.commit()
            cursor.execute("PREPARE caller AS " + text("http_see"))
            cursor.execute("EXECUTE caller(%s, %s)", (digest, company))
            caller = cursor.fetchone()
            for name, limit in (("http_active", "(1000)"), ("http_recent", "(20)"), ("http_totals", "")):
                cursor.execute(f"PREPARE {name} AS " + text(name))
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) EXECUTE {name}{limit}")
                found = cursor.fetchone()[0]
                plans[name] = list(nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))
            cursor.execute("DEALLOCATE ALL")
        connection.rollback()
        return caller, plans

    yield run
    connection.close()


@pytest.fixture
def full(site):
    """Many companies with many rows; most have ended, as is usual."""
    site.database.execute(f"""
        INSERT INTO {TRACKERS} (task_id, created_at, registered_company, began_at, succeeded_at)
        SELECT 't' || n, now() - n * interval '1 second', (n %% %s)::text, now() - n * interval '1 second',
            CASE WHEN n / 400 %% 5 > 0 THEN now() - n * interval '0.5 second' END
        FROM generate_series(1, %s) n""", (COMPANIES, ROWS))
    site.database.execute(f"VACUUM ANALYZE {TRACKERS}")
    add_company(site, 7, "Seven")
    allow(site, "ana", 7)
    return site


def rows_read(plan):
    return sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in plan
               if "Scan" in node["Node Type"] and node.get("Relation Name") == TRACKERS)


def test_a_poll_reads_the_rows_of_its_company_alone_by_index(full, poll):
    caller, plans = poll(add_token(full, "ana"), "7")
    assert caller[1:5] == ("ana", False, True, True)
    for name, plan in plans.items():
        assert not [node for node in plan if node["Node Type"] == "Seq Scan"], name
        assert 0 < rows_read(plan) <= 2 * ROWS / COMPANIES, name


def test_nothing_is_read_for_whom_the_company_is_not(full, poll):
    for key, company in ((add_token(full, "ana"), "8"), (add_token(full, "ana"), "100000"), ("wrong", "7")):
        caller, plans = poll(key, company)
        assert not caller[3]
        assert [rows_read(plan) for plan in plans.values()] == [0, 0, 0], (key, company)


def test_the_role_of_a_reader_is_enough(site, admin):
    admin.execute(f"CREATE ROLE \"reader-{site.name}\" LOGIN PASSWORD 'secret' IN ROLE taskbridge_reader")
    try:
        parts = urlsplit(site.database_url)
        url = urlunsplit(parts._replace(netloc=f"reader-{site.name}:secret@{parts.hostname}:{parts.port}"))
        server = serve(site, TASKBRIDGE_DATABASE_URL=url)
        add_task(site, "ours", 73)
        add_task(site, "theirs", 74)
        assert [task["task_id"] for task in server.ask().json()["active_tasks"]] == ["ours"]
        assert server.ask(status_path(74)).status == 404
        assert server.http.get("/readyz").status == 200
        assert site.database.value("SELECT last_used_at IS NOT NULL FROM api_tokens")
        server.terminate()
    finally:
        admin.execute(f"DROP ROLE \"reader-{site.name}\"")
