"""The statements of sql/queries/, run as the programs run them: prepared, with their parameters bound."""

import re

from .stack import ROOT

SQL = ROOT / "sql"


def text(name, directory="queries"):
    return (SQL / directory / f"{name}.sql").read_text(encoding="utf-8")


def session_setup(schema="taskbridge"):
    """What each session of the programs begins with."""
    setup = text("session_setup", "session").replace("$1::text", f"'{schema}'")
    return setup.replace("$2::text", "'120000'").replace("$3::bool", "false")


def array(values):
    """A list as PostgreSQL's array literal, of whatever type it is cast to; None stays NULL."""
    if values is None:
        return None

    def element(value):
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "t" if value else "f"
        if isinstance(value, bytes):
            value = "\\x" + value.hex()
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    return "{" + ",".join(element(value) for value in values) + "}"


def execute(database, name, *parameters):
    """One statement; its rows, if it gives any. Lists go as arrays."""
    bound = [array(value) if isinstance(value, (list, tuple)) else value for value in parameters]

    def run(cursor):
        # Columns have no names of their own here, so rows are tuples.
        with cursor.connection.cursor() as plain:
            plain.execute(prepared(name, len(bound)), bound)
            return plain.fetchall() if plain.description else []

    return database.run("SELECT 1", None, run)


def prepared(name, count):
    """SQL that runs it once; a text without %s for each parameter is what psycopg2 wants."""
    body = text(name).replace("%", "%%")
    values = f"({', '.join(['%s'] * count)})" if count else ""
    return f"DEALLOCATE ALL; PREPARE statement AS {body}; EXECUTE statement{values}"


def columns(name):
    """What the arrays of a statement hold, in the order of its parameters."""
    names = re.search(r"AS e \(([^)]*)\)", text(name)).group(1)
    return [column.strip() for column in names.split(",")]


def write_rows(database, *rows):
    """One batch of upsert_trackers.sql: each row a dict of its facts, in the order of their task ids."""
    names = columns("upsert_trackers")
    rows = sorted(rows, key=lambda row: row["task_id"].encode())
    lists = [[row.get(name) for row in rows] for name in names]
    return execute(database, "upsert_trackers",
                   *[None if all(value is None for value in values) else values for values in lists])
