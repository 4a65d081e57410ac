"""Roles of least privilege, and the isolation of companies that the database itself keeps."""

import hashlib

import psycopg2
import pytest

from harness.database import with_database
from harness.statements import prepared

WRITES = "UPDATE background_task_trackers SET lost_reason = 'x'"


class As:
    """A connection of the superuser's that acts as a role."""

    def __init__(self, url, role):
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute(f"SET ROLE {role}")

    def run(self, *statements):
        """The rows of the last."""
        for statement in statements:
            self.cursor.execute(statement)
        return self.cursor.fetchall() if self.cursor.description else []

    def refused(self, statement):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            self.cursor.execute(statement)
        return True


@pytest.fixture
def act_as(database, admin):
    """A function that acts as a role on the test's database."""
    name = database.value("SELECT current_database() AS name")
    opened = []

    def act(role):
        opened.append(As(with_database(admin.url, name), role))
        return opened[-1]

    yield act
    for one in opened:
        one.connection.close()


@pytest.fixture
def rows(database):
    """Tasks of two companies and of none."""
    database.query("SELECT tracker_register(1, 'of one', 'n'), tracker_register(2, 'of two', 'n')")
    database.execute("INSERT INTO background_task_trackers (task_id) VALUES ('of nobody')")


SELECT = "SELECT task_id FROM background_task_trackers ORDER BY task_id"


def test_a_reader_sees_no_row_by_itself(act_as, rows):
    assert act_as("taskbridge_reader").run(SELECT) == []


def test_a_reader_sees_the_company_that_its_transaction_names(act_as, rows):
    reader = act_as("taskbridge_reader")
    assert reader.run("BEGIN", "SELECT set_config('taskbridge.company', '1', true)", SELECT) == [("of one",)]
    assert reader.run("COMMIT", SELECT) == []


def test_a_reader_sees_attempts_of_the_tasks_that_it_sees(act_as, rows, database):
    database.execute("INSERT INTO task_attempts (task_id, ended_at, kind) "
                     "SELECT task_id, now(), 'retried' FROM background_task_trackers")
    reader = act_as("taskbridge_reader")
    attempts = "SELECT task_id FROM task_attempts ORDER BY task_id"
    assert reader.run(attempts) == []
    assert reader.run("BEGIN", "SELECT set_config('taskbridge.company', '1', true)", attempts) == [("of one",)]
    reader.run("ROLLBACK")
    assert reader.run("BEGIN", "SELECT set_config('taskbridge.operator', 'on', true)", attempts) == [
        ("of nobody",), ("of one",), ("of two",)]
    reader.run("ROLLBACK")
    # A view would read with its owner's eyes.
    assert reader.refused("SELECT task_id FROM task_attempts_seen")
    assert len(act_as("taskbridge_writer").run(attempts)) == 3


def test_an_operator_sees_all(act_as, rows):
    reader = act_as("taskbridge_reader")
    assert reader.run("BEGIN", "SELECT set_config('taskbridge.operator', 'on', true)", SELECT) == [
        ("of nobody",), ("of one",), ("of two",)]


def test_a_reader_changes_nothing(act_as, rows):
    reader = act_as("taskbridge_reader")
    for statement in (WRITES, "DELETE FROM background_task_trackers", "DELETE FROM dead_letters",
                      "INSERT INTO companies (id, name) VALUES ('1', 'x')", "UPDATE api_tokens SET user_name = 'x'",
                      "SELECT tracker_register(1, 't', 'n')"):
        assert reader.refused(statement)


def test_a_reader_reads_no_body_and_no_hash(act_as, key):
    reader = act_as("taskbridge_reader")
    reader.run("SELECT id, reason, headers, routing_key FROM dead_letters")
    reader.run("SELECT id, user_name, scope, expires_at, revoked_at FROM api_tokens")
    reader.run("UPDATE api_tokens SET last_used_at = now() WHERE id = 1")
    for statement in ("SELECT body FROM dead_letters", "SELECT * FROM dead_letters",
                      "SELECT token_sha256 FROM api_tokens",
                      "SELECT * FROM api_tokens", "UPDATE api_tokens SET scope = 'admin'",
                      "SELECT id FROM api_tokens WHERE token_sha256 = 'x'"):
        assert reader.refused(statement)
    # Whoever has a key is found by it all the same.
    reader.cursor.execute("SELECT user_name, scope FROM token_find(%s)", (key,))
    assert reader.cursor.fetchall() == [("ana", "companies")]


def test_a_command_has_the_author_that_the_http_module_vouches_for(act_as, database):
    reader = act_as("taskbridge_reader")
    ask = "SELECT command_ask('revoke', 'task-1', '{\"terminate\": true}')"
    for setting in ([], ["SELECT set_config('taskbridge.user', 'ana', true)"],
                    ["SELECT set_config('taskbridge.user', 'ana', true), set_config('taskbridge.rights', 'viewer', true)"]):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            reader.run("BEGIN", *setting, ask)
        reader.run("ROLLBACK")
    reader.run("BEGIN",
               "SELECT set_config('taskbridge.user', 'ana', true), set_config('taskbridge.rights', 'operator', true)",
               ask, "COMMIT")
    (command,) = database.query("SELECT who, what, target, arguments, outcome FROM commands")
    assert command == {"who": "ana", "what": "revoke", "target": "task-1", "arguments": {"terminate": True},
                       "outcome": "requested"}
    assert reader.refused("INSERT INTO commands (who, what) VALUES ('bob', 'x')")
    assert reader.refused("UPDATE commands SET who = 'bob'")


def test_a_writer_sees_and_writes_every_row(act_as, rows):
    writer = act_as("taskbridge_writer")
    assert len(writer.run(SELECT)) == 3
    writer.run(WRITES)
    assert writer.cursor.rowcount == 3


def test_a_writer_learns_nothing_of_tokens(act_as):
    assert act_as("taskbridge_writer").refused("SELECT * FROM api_tokens")


def test_the_product_registers_reads_tasks_and_does_nothing_else(act_as, database):
    app = act_as("taskbridge_app")
    app.run("SELECT tracker_register(1, 't', 'n')", "SELECT tracker_register('2', 'u', 'n', 'd', '{}')")
    assert set(database.rows()) == {"t", "u"}
    assert app.run(SELECT) == [("t",), ("u",)]
    for statement in (WRITES, "SELECT tracker_inherit(ARRAY['t'], '{}', '{}', '{}')",
                      "SELECT tracker_remove(ARRAY['1'], 1)",
                      "SELECT * FROM companies", "SELECT * FROM api_tokens", "SELECT * FROM company_members",
                      "INSERT INTO companies_removed (id) VALUES ('1')", "SELECT token_find('x')",
                      "SELECT command_ask('revoke')", "SELECT body FROM dead_letters"):
        assert app.refused(statement)


def test_registering_looks_nothing_up_in_the_callers_schemas(act_as, admin, database):
    app = act_as("taskbridge_app")
    app.run("CREATE TEMP TABLE background_task_trackers (LIKE pg_class)", "SELECT tracker_register(1, 't', 'n')")
    assert database.row("t")["company_id"] == 1


@pytest.fixture
def key(database):
    """A token's hash, of somebody who may see company 1."""
    hashed = hashlib.sha256(b"key").digest()
    database.execute("INSERT INTO api_tokens (user_name, scope, token_sha256) VALUES ('ana', 'companies', %s)",
                     (hashed,))
    database.execute("INSERT INTO company_members (user_name, company_id) VALUES ('ana', '1')")
    return hashed


@pytest.mark.parametrize("company, visible", [("1", [("of one",)]), ("100", []), (None, [])])
def test_a_request_sees_no_more_than_its_company(database, rows, company, visible):
    # The role that migrated owns the table, and is not bound, until it acts as a reader.
    connection = psycopg2.connect(database.url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(prepared("http_see", 3), (company, False, "1500"))
            cursor.execute(SELECT)
            assert cursor.fetchall() == visible
            cursor.execute("SELECT current_user")
            assert cursor.fetchall() == [("taskbridge_reader",)]
        connection.rollback()
        with connection.cursor() as cursor:
            cursor.execute(SELECT)
            assert len(cursor.fetchall()) == 3
    finally:
        connection.close()
