"""Fixtures of the tests that need PostgreSQL alone."""

import itertools
import os

import psycopg2
import pytest

from harness import Database
from harness.database import create_database, drop_database, with_database

NUMBERS = itertools.count(1)


TABLES = ("background_task_trackers", "flow_companies", "failures", "task_stats",
          "celery_workers", "worker_incarnations", "dead_letters", "dead_letter_kinds", "bridge_instances",
          "event_types", "companies", "companies_removed", "company_members", "access_denied", "api_tokens",
          "maintenance_runs", "commands")


@pytest.fixture(scope="module")
def shared_database(stack, admin, template):
    """A migrated database for a module's tests."""
    name = f"database-{os.getpid()}-{next(NUMBERS)}"
    create_database(admin, name, template)
    # What these tests write need not survive a crash.
    settings = "-csynchronous_commit%3Doff%20-clock_timeout%3D20s%20-csearch_path%3Dtaskbridge"
    place = Database(with_database(stack.database_url, name) + f"?options={settings}")
    yield place
    place.close()
    drop_database(admin, name)


@pytest.fixture
def database(shared_database):
    """The same, with empty tables."""
    for table in TABLES:
        shared_database.execute(f"DELETE FROM {table}")
    return shared_database


@pytest.fixture
def empty_database(stack, admin):
    """A database without any table."""
    name = f"empty-{os.getpid()}-{next(NUMBERS)}"
    create_database(admin, name)
    place = Database(with_database(stack.database_url, name))
    yield place
    place.close()
    drop_database(admin, name)


@pytest.fixture
def listener(database):
    """A function that gives the companies notified since it was called last."""
    connection = psycopg2.connect(database.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("LISTEN taskbridge_company")

    def heard():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.poll()
        companies = sorted(notify.payload for notify in connection.notifies)
        connection.notifies.clear()
        return companies

    yield heard
    connection.close()
