"""The statements behind a poll: which rows they read, and with which rights."""

import json
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from harness.database import TRACKERS
from harness.statements import session_setup, text
from http_facts import add_company, add_task, allow, serve, status_path

COMPANIES = 400
ROWS = 20000


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


WEEK = 7 * 86400
NO_FILTER = "NULL, NULL, NULL, NULL, NULL, NULL"
STATEMENTS = (("http_active", f"1000, {NO_FILTER}"), ("http_recent", f"21, {NO_FILTER}, {WEEK}, NULL, NULL"),
              ("http_totals", f"{NO_FILTER}, {WEEK}"))


@pytest.fixture
def poll(site):
    """A function that runs the statements of a document in one transaction, as the module's own session does; it returns
    the nodes of their plans by the statement's name."""
    connection = psycopg2.connect(site.database_url)

    def run(company):
        plans = {}
        with connection.cursor() as cursor:
            cursor.execute(session_setup())
            connection.commit()
            cursor.execute("PREPARE see AS " + text("http_see"))
            cursor.execute("EXECUTE see(%s, false, '1500')", (company,))
            for name, parameters in STATEMENTS:
                cursor.execute(f"PREPARE {name} AS " + text(name))
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) EXECUTE {name}({parameters})")
                found = cursor.fetchone()[0]
                plans[name] = list(nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))
            cursor.execute("DEALLOCATE ALL")
        connection.rollback()
        return plans

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
    for name, plan in poll("7").items():
        assert not [node for node in plan if node["Node Type"] == "Seq Scan"], name
        assert 0 < rows_read(plan) <= 4 * ROWS / COMPANIES, name


def test_nothing_is_read_where_no_company_is_named(full, poll):
    for company in (None, "", "100000"):
        assert [rows_read(plan) for plan in poll(company).values()] == [0, 0, 0], company


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
