"""What stands in for taskbridge's table where the product's tests run.

Django makes a database of its own for tests, and there is no taskbridge in it. So
that the product's tests run unchanged, the model gets a plain table there, which
registering writes into and tests may write into as well. Nothing of this happens
outside of a test run: it takes ``setup_test_environment``, which every test runner
calls, and a database without taskbridge.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import utils

from . import conf

# Whether the table stands in, by alias and the database's name; never asked twice.
KNOWN: dict[tuple[str, str], bool] = {}


def in_test_run() -> bool:
    """Whether a test runner has set its environment up."""
    return hasattr(utils._TestState, "saved_data")


def stands_in(alias: str) -> bool:
    """Whether this database is one of a test run, without taskbridge."""
    if not in_test_run():
        return False
    connection = connections[alias]
    key = (alias, str(connection.settings_dict["NAME"]))
    if key not in KNOWN:
        KNOWN[key] = not has_taskbridge(connection)
    return KNOWN[key]


def has_taskbridge(connection: BaseDatabaseWrapper) -> bool:
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n"
            " ON n.oid = p.pronamespace WHERE n.nspname = %s"
            " AND p.proname = 'tracker_register')",
            [conf.schema()],
        )
        return bool(cursor.fetchone()[0])


def make(model: Any, alias: str) -> None:
    """Make the table, unless it is there or is none of ours to make."""
    if router.db_for_write(model) != alias or not stands_in(alias):
        return
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute('CREATE SCHEMA IF NOT EXISTS "%s"' % conf.schema())
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [model._meta.db_table])
            exists = cursor.fetchone()[0]
        else:
            exists = model._meta.db_table in connection.introspection.table_names(
                cursor
            )
    if not exists:
        with connection.schema_editor() as editor:
            editor.create_model(model)


def clear(model: Any, alias: str) -> None:
    """Empty the table as Django empties those that it manages."""
    if router.db_for_write(model) == alias and stands_in(alias):
        model._base_manager.using(alias).all().delete()


def register(model: Any, alias: str, values: dict[str, Any]) -> int:
    """Do what tracker_register does, in one statement as it does; the row's id."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    columns, given = [], []
    for name, value in values.items():
        field = model._meta.get_field(name)
        columns.append(quote(field.column))
        if name == "metadata":
            given.append(json.dumps(value))
        else:
            given.append(field.get_db_prep_save(value, connection))
    names = ("task_name", "display_name", "metadata", "updated_at")
    kept = [quote(model._meta.get_field(name).column) for name in names]
    kept += [column for column in columns if "company" in column]
    sql = "INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (task_id) DO UPDATE SET %s" % (
        quote(model._meta.db_table),
        ", ".join(columns),
        ", ".join(["%s"] * len(columns)),
        ", ".join("%s = excluded.%s" % (name, name) for name in kept),
    )
    with connection.cursor() as cursor:
        if can_return(connection):
            cursor.execute(sql + " RETURNING id", given)
        else:
            cursor.execute(sql, given)
            cursor.execute(
                "SELECT id FROM %s WHERE task_id = %%s" % quote(model._meta.db_table),
                [values["task_id"]],
            )
        return int(cursor.fetchone()[0])


def can_return(connection: BaseDatabaseWrapper) -> bool:
    """Whether an INSERT tells the row's id; Django is late in using it."""
    if connection.vendor == "sqlite":
        return sqlite3.sqlite_version_info >= (3, 35)
    return bool(connection.features.can_return_columns_from_insert)
