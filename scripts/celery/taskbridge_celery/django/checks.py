"""``manage.py check``: whether the product can reach what it needs of taskbridge.

The database is asked only where that was asked for: by ``manage.py check``, or with
``--database``. Other commands run the same checks before they start, and must not
need a database for it; ``migrate``, which has one, only warns, for it may well be
the first to run. In a test run there is nothing to find.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Iterable

from django.core import checks
from django.db import Error as DatabaseError
from django.db import connections, router

from . import conf, standin

APP_ROLE = "taskbridge_app"
FUNCTIONS = ("tracker_register",)

# In one question, for every part of it may be missing.
QUESTION = """
WITH here AS (
    SELECT n.oid AS schema, c.oid AS tracker, r.oid AS role
    FROM (VALUES (1)) always
    LEFT JOIN pg_namespace n ON n.nspname = %(schema)s
    LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = %(table)s
    LEFT JOIN pg_roles r ON r.rolname = %(role)s
)
SELECT tracker IS NOT NULL, role IS NOT NULL,
    coalesce(pg_has_role(role, 'USAGE'), false),
    coalesce(has_schema_privilege(schema, 'USAGE'), false),
    coalesce(has_table_privilege(tracker, 'SELECT'), false),
    coalesce(row_security_active(tracker), false),
    ARRAY(SELECT p.proname::text FROM pg_proc p WHERE p.pronamespace = schema),
    ARRAY(SELECT p.proname::text FROM pg_proc p
          WHERE p.pronamespace = schema AND has_function_privilege(p.oid, 'EXECUTE')),
    current_user::text, current_database()::text, current_schema()::text
FROM here
"""


@checks.register("taskbridge")
def check_database(
    app_configs: Any, databases: Iterable[str] | None = None, **_: Any
) -> list[checks.CheckMessage]:
    from .models import BackgroundTaskTracker

    alias = router.db_for_write(BackgroundTaskTracker)
    if standin.in_test_run() or not (is_asked_for() or alias in (databases or ())):
        return []
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return [
            checks.Warning(
                "taskbridge's rows are in PostgreSQL; this database is %s."
                % connection.display_name,
                id="taskbridge.W001",
            )
        ]
    found = ask(connection)
    if not is_asked_for():
        for message in found:
            message.level = min(message.level, checks.WARNING)
    return found


def ask(connection: Any) -> list[checks.CheckMessage]:
    names = {"schema": conf.schema(), "table": conf.TABLE, "role": APP_ROLE}
    try:
        with connection.cursor() as cursor:
            cursor.execute(QUESTION, names)
            return list(findings(cursor.fetchone()))
    except DatabaseError as error:
        return [
            checks.Warning(
                "The database could not be asked about taskbridge: %s"
                % str(error).strip(),
                id="taskbridge.W002",
            )
        ]


def is_asked_for() -> bool:
    program = os.path.basename(sys.argv[0]) if sys.argv else ""
    if program in ("manage.py", "django-admin", "__main__.py", "django-admin.py"):
        return sys.argv[1:2] == ["check"]
    return False


def findings(answer: Any) -> Iterable[checks.CheckMessage]:
    (
        has_table,
        has_role,
        is_member,
        may_use,
        may_read,
        is_filtered,
        functions,
        may_call,
        user,
        database,
        own_schema,
    ) = answer
    if own_schema == conf.schema():
        yield checks.Error(
            "The product's own tables would be made in taskbridge's schema %s."
            % own_schema,
            hint="Its login is called so, or its search_path names it first: use"
            ' another login, or OPTIONS = {"options": "-c search_path=public"}.',
            id="taskbridge.E006",
        )
    if not has_table:
        yield checks.Error(
            "Database %s has no taskbridge in the schema %s." % (database, conf.schema()),
            hint="Run `taskbridge migrate` on it; TASKBRIDGE_SCHEMA names another schema.",
            id="taskbridge.E001",
        )
        return
    for name in FUNCTIONS:
        if name not in functions:
            yield checks.Error(
                "The function %s.%s is missing." % (conf.schema(), name),
                hint="Run `taskbridge migrate`: it puts back what is missing.",
                id="taskbridge.E002",
            )
    if not has_role:
        yield checks.Error(
            "The role %s is missing." % APP_ROLE,
            hint="Run `taskbridge migrate` and do what it says.",
            id="taskbridge.E003",
        )
    lacking = [name for name in FUNCTIONS if name in functions and name not in may_call]
    grant = "GRANT %s TO %s;" % (APP_ROLE, quoted(user))
    if has_role and (not may_use or lacking):
        yield checks.Error(
            "%s may not register tasks." % user,
            hint="As a superuser, in psql: " + grant,
            id="taskbridge.E004",
        )
    if has_role and not (may_use and may_read):
        yield checks.Error(
            "%s may not read the rows: admin, views and queries fail." % user,
            hint="As a superuser, in psql: " + grant,
            id="taskbridge.E005",
        )
    if has_role and may_use and may_read and is_filtered and not is_member:
        yield checks.Warning(
            "%s sees only rows of the company that its session names." % user,
            hint="As a superuser, in psql: " + grant,
            id="taskbridge.W003",
        )


def quoted(name: str) -> str:
    return '"%s"' % name.replace('"', '""')
