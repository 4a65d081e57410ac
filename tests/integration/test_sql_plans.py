"""The statements that run often find their rows by an index, however many rows there are."""

import json

import psycopg2
import pytest

from harness.statements import execute, session_setup, text

COMPANIES = 400
ROWS = 20000


@pytest.fixture(scope="module")
def full_database(shared_database):
    """Many companies with many rows; most have ended, as is usual."""
    shared_database.execute("DELETE FROM background_task_trackers")
    shared_database.execute("""
        INSERT INTO background_task_trackers (task_id, created_at, registered_company, began_at, succeeded_at, parent_id,
                                              root_id, inherits_company)
        SELECT 't' || n, now() - n * interval '1 second', (n %% %s)::text, now() - n * interval '1 second',
            CASE WHEN n %% 50 > 0 THEN now() - n * interval '0.5 second' END,
            CASE WHEN n %% 100 = 7 THEN 't' || n / 100 END, CASE WHEN n %% 100 = 7 THEN 't' || n / 100 END, n %% 100 = 7
        FROM generate_series(1, %s) n""", (COMPANIES, ROWS))
    shared_database.execute("VACUUM ANALYZE background_task_trackers")
    return shared_database


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def plan(database, name, *parameters):
    """The nodes of the plan that the programs' own sessions would use, with what it read."""
    database.query(session_setup())
    database.query("SELECT set_config('taskbridge.company', '7', false)")
    values = f"({', '.join(['%s'] * len(parameters))})" if parameters else ""
    body = text(name).replace("%", "%%")
    (row,) = database.query(f"DEALLOCATE ALL; PREPARE statement AS {body}; "
                            f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) EXECUTE statement{values}", parameters)
    found = row["QUERY PLAN"]
    return list(nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))


NO_FILTER = (None,) * 6
A_WEEK = 7 * 86400

CHECKED = [
    ("http_active", (100, *NO_FILTER), {"trackers_company_active"}),
    ("http_recent", (21, *NO_FILTER, A_WEEK, None, None), {"trackers_company_completed"}),
    ("http_recent", (21, *NO_FILTER, A_WEEK, "2030-01-01", 5), {"trackers_company_completed"}),
    ("http_totals", (*NO_FILTER, A_WEEK),
     {"trackers_company_active", "trackers_company_completed", "trackers_company_failed", "companies_pkey"}),
    ("http_count", (A_WEEK,), {"trackers_company_active", "trackers_company_completed", "trackers_company_failed"}),
    ("http_task", ("t7", None, A_WEEK, False), {"trackers_task_id_key"}),
    ("http_task", (None, "t1", A_WEEK, False), {"trackers_task_id_key", "trackers_flow"}),
    ("http_children", ("t1", A_WEEK, False), {"trackers_flow"}),
    ("cleanup_completed", (3600, 100), {"trackers_completed"}),
    ("cleanup_orphaned", (86400, 100), {"trackers_company_active"}),
    ("doctor_tasks", (), {"trackers_pkey", "trackers_lost"}),
    ("doctor_dead", (), {"dead_letters_pkey"}),
    ("mark_starts", ("{t1}", "{2024-01-01}", "{1}"), {"trackers_task_id_key"}),
]


@pytest.mark.parametrize("name, parameters, indexes", CHECKED, ids=[f"{case[0]}-{number}" for number, case in enumerate(CHECKED)])
def test_no_table_is_read_whole(full_database, name, parameters, indexes):
    found = plan(full_database, name, *parameters)
    assert not [node for node in found if node["Node Type"] == "Seq Scan"]
    assert indexes <= {node.get("Index Name") for node in found}


def test_a_companys_document_reads_no_other_companys_rows(full_database):
    for name, parameters in (("http_active", (100, *NO_FILTER)),
                             ("http_recent", (21, *NO_FILTER, A_WEEK, None, None)),
                             ("http_totals", (*NO_FILTER, A_WEEK))):
        for node in plan(full_database, name, *parameters):
            read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            assert read <= ROWS / COMPANIES, (name, node)


def test_the_newest_of_many_that_ended_are_found_without_sorting_them(full_database):
    found = plan(full_database, "http_recent", 21, *NO_FILTER, A_WEEK, None, None)
    assert not [node for node in found if node["Node Type"] in ("Sort", "Bitmap Heap Scan", "Incremental Sort")]
    assert max(node["Actual Rows"] for node in found) <= 21


def test_an_update_in_the_middle_of_a_life_touches_no_index(full_database):
    connection = psycopg2.connect(full_database.url)
    try:
        with connection.cursor() as cursor:
            # Row 50 has not ended. A transaction's own counts are at hand at once.
            for number in range(3):
                cursor.execute("UPDATE background_task_trackers SET alive_at = now() + %s * interval '1 second', "
                               "progress_value = 5, progress_at = now(), updated_at = now(), retried_at = NULL "
                               "WHERE task_id = 't50'", (number,))
            cursor.execute("SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_xact_user_tables "
                           "WHERE relname = 'background_task_trackers'")
            assert cursor.fetchone() == (3, 3)
    finally:
        connection.rollback()
        connection.close()
