"""One database: questions to it, and the making of fresh ones out of a template."""

from urllib.parse import urlsplit, urlunsplit

import psycopg2
import psycopg2.extras

TRACKERS = "background_task_trackers"


def with_database(url, name):
    """The URL, for another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def with_address(url, port):
    """The URL, by way of another port of this machine: a proxy's."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))


class Database:
    """Each statement is a transaction of its own. A server that was started again is connected to anew."""

    def __init__(self, url):
        self.url = url
        self.connection = None

    def query(self, sql, parameters=None):
        """The rows, each a dict."""
        return self.run(sql, parameters, lambda cursor: [dict(row) for row in cursor.fetchall()])

    def execute(self, sql, parameters=None):
        """How many rows it touched."""
        return self.run(sql, parameters, lambda cursor: cursor.rowcount)

    def value(self, sql, parameters=None):
        """The first column of the only row."""
        (row,) = self.query(sql, parameters)
        return next(iter(row.values()))

    def row(self, task_id):
        """What is known of a task, or None."""
        rows = self.query(f"SELECT * FROM {TRACKERS} WHERE task_id = %s", (task_id,))
        return rows[0] if rows else None

    def rows(self):
        """Every task's row, by its id."""
        return {row["task_id"]: row for row in self.query(f"SELECT * FROM {TRACKERS}")}

    def run(self, sql, parameters, take):
        try:
            return self.run_once(sql, parameters, take)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if self.connection is not None and not self.connection.closed:
                raise
            self.connection = None
            return self.run_once(sql, parameters, take)

    def run_once(self, sql, parameters, take):
        if self.connection is None:
            self.connection = psycopg2.connect(self.url, connect_timeout=10)
            self.connection.autocommit = True
        with self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(sql, parameters)
            return take(cursor)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def create_database(admin, name, template="template1"):
    admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER taskbridge')


def drop_database(admin, name):
    admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
