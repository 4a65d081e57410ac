"""tracker_register: the product says whose a task is, before, between or after its events."""

import datetime
import threading

import psycopg2
import pytest

from harness.statements import execute, write_rows

UTC = datetime.timezone.utc
NOON = datetime.datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
EVENT = {"task_id": "t", "began_at": NOON, "name_at": NOON, "name": "pkg.sync", "event_company_at": NOON,
         "event_company": "9"}
REGISTERED = {"company_id": 73, "company_key": "73", "task_name": "sync", "display_name": "Documentos",
              "metadata": {"a": [1]}, "status": "running", "started_at": NOON, "name": "pkg.sync"}


def register(database):
    return database.value("SELECT tracker_register(73, 't', 'sync', 'Documentos', '{\"a\": [1]}')")


def assert_registered(row):
    assert {name: row[name] for name in REGISTERED} == REGISTERED


def test_before_the_events(database):
    number = register(database)
    row = database.row("t")
    assert (row["id"], row["status"], row["celery_state"], row["company_id"]) == (number, "pending", "PENDING", 73)
    write_rows(database, EVENT)
    assert_registered(database.row("t"))
    assert database.row("t")["id"] == number


def test_after_the_events(database):
    write_rows(database, EVENT)
    register(database)
    assert_registered(database.row("t"))


def test_between_the_events(database):
    write_rows(database, {"task_id": "t", "name_at": NOON, "name": "pkg.sync"})
    register(database)
    write_rows(database, EVENT)
    assert_registered(database.row("t"))


def test_the_last_registration_counts(database):
    register(database)
    database.query("SELECT tracker_register(company_id => '74', task_id => 't', task_name => 'other')")
    row = database.row("t")
    assert (row["company_id"], row["task_name"], row["display_name"], row["metadata"]) == (74, "other", "other", {})


@pytest.fixture
def company_format(database):
    """A function that sets what migrate would have told the database of company.format."""
    def set_to(word):
        database.execute("UPDATE settings SET value = %s WHERE name = 'company.format'", (word,))

    before = database.value("SELECT value FROM settings WHERE name = 'company.format'")
    yield set_to
    set_to(before)


UUID = "0b9e7d1c-3d2b-4f0a-8a54-6f1f6a0f3c11"
COMPANIES = [
    # company.format, as given in SQL, as kept
    ("number", "73", "73"), ("number", "'0073'", "73"), ("number", "-9223372036854775808", "-9223372036854775808"),
    ("number", "9223372036854775807::bigint", "9223372036854775807"), ("number", "73::smallint", "73"),
    ("number", "'-0'", "0"), ("number", "'+7'", "7"),
    ("uuid", f"'{UUID.upper()}'", UUID), ("uuid", f"'{UUID}'::uuid", UUID),
    ("slug", "'acme'", "acme"), ("slug", "'Acme_1.x~-'", "Acme_1.x~-"), ("slug", "73", "73"),
    ("slug", "repeat('x', 255)", "x" * 255),
]


@pytest.mark.parametrize("word, given, kept", COMPANIES)
def test_a_company_is_kept_in_one_spelling(database, company_format, word, given, kept):
    company_format(word)
    database.query(f"SELECT tracker_register({given}, 't', 'sync')")
    assert database.row("t")["company_key"] == kept
    # The same from everywhere.
    assert database.value(f"SELECT company_set({given}, 'Name')") == kept
    assert database.value(f"SELECT company_allow('ana', {given})") is True
    assert database.value("SELECT company_id FROM company_members") == kept
    assert database.value(f"SELECT company_deny('ana', {given})") is True
    assert database.value(f"SELECT company_remove({given})") is True


@pytest.mark.parametrize("word, given", [
    ("number", "'acme'"), ("number", "'7 3'"), ("number", "'9223372036854775808'"), ("number", "'None'"),
    ("number", f"'{UUID}'"),
    ("number", "'7.0'"), ("number", "repeat('9', 1000)"), ("number", "''"), ("number", "NULL::bigint"),
    ("number", "E'7\\n'"), ("uuid", "73"), ("uuid", "'acme'"), ("uuid", "NULL::uuid"), ("uuid", f"'{{{UUID}}}'"),
    ("slug", "'a/b'"), ("slug", "'-a'"), ("slug", "'ñandú'"), ("slug", "''"), ("slug", "repeat('x', 256)"),
    ("slug", "NULL::text"),
])
def test_what_the_format_excludes_is_refused_everywhere(database, company_format, word, given):
    company_format(word)
    for call in (f"tracker_register({given}, 't', 'n')", f"company_set({given}, 'Name')", f"company_remove({given})",
                 f"company_allow('ana', {given})", f"company_deny('ana', {given})", f"token_issue('ana', ARRAY[{given}])"):
        with pytest.raises(psycopg2.DataError) as refused:
            database.query(f"SELECT {call}")
        assert refused.value.pgcode == "22023"
        assert refused.value.diag.message_primary.startswith("company_id is ")
        assert f"company.format: {word}" in refused.value.diag.message_primary
    assert database.rows() == {}


def test_the_company_hears_of_it_when_it_commits(database, listener):
    with psycopg2.connect(database.url) as other, other.cursor() as cursor:
        cursor.execute("SELECT tracker_register(73, 't', 'sync')")
        assert listener() == []
    assert listener() == ["73"]
    database.query("SELECT tracker_register(74, 't', 'sync')")
    assert listener() == ["73", "74"]
    other.close()


def test_what_is_rolled_back_leaves_nothing(database):
    other = psycopg2.connect(database.url)
    other.cursor().execute("SELECT tracker_register(73, 't', 'sync')")
    other.rollback()
    other.close()
    assert database.row("t") is None


@pytest.mark.parametrize("arguments, said", [
    ("NULL::bigint, 't', 'n'", "company_id is a whole number (company.format: number), not NULL"),
    ("'acme', 't', 'n'", "company_id is a whole number (company.format: number), not 'acme'"),
    ("1, NULL, 'n'", "task_id must have 1 to 255 characters, it has none: it is NULL"),
    ("1, '', 'n'", "task_id must have 1 to 255 characters, it has 0"),
    ("1, repeat('ñ', 256), 'n'", "task_id must have 1 to 255 characters, it has 256"),
])
def test_what_can_be_no_id_is_refused(database, arguments, said):
    with pytest.raises(psycopg2.DataError) as refused:
        database.query(f"SELECT tracker_register({arguments})")
    assert refused.value.pgcode == "22023"
    assert refused.value.diag.message_primary == said
    assert database.rows() == {}


def test_ids_of_255_characters_are_taken(database):
    database.query("SELECT tracker_register(1, repeat('ñ', 255), 'n')")
    assert database.row("ñ" * 255)["company_id"] == 1


def test_registrations_and_events_at_once_lose_nothing(database):
    def many(action):
        connection = psycopg2.connect(database.url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for number in range(100):
                action(cursor, number)
        connection.close()

    def registers(cursor, number):
        cursor.execute("SELECT tracker_register(73, %s, 'sync')", (f"t{number}",))

    def writes(cursor, number):
        cursor.execute("INSERT INTO background_task_trackers AS t (task_id, began_at) VALUES (%s, %s) "
                       "ON CONFLICT (task_id) DO UPDATE SET began_at = greatest(t.began_at, excluded.began_at)",
                       (f"t{number}", NOON))

    threads = [threading.Thread(target=many, args=(action,)) for action in (registers, writes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    rows = database.rows()
    assert len(rows) == 100
    assert all((row["status"], row["company_id"]) == ("running", 73) for row in rows.values())


CHILD = {"task_id": "child", "root_at": NOON, "root_id": "root", "inherits_company": True}


def test_a_child_inherits_from_a_root_that_was_there(database, listener):
    write_rows(database, {"task_id": "root", "rule_company_at": NOON, "rule_company": "5"})
    write_rows(database, CHILD)
    listener()
    execute(database, "inherit_companies", ["child"], None, None, None)
    assert database.row("child")["company_key"] == "5"
    assert listener() == ["5"]


def test_a_child_inherits_from_a_root_that_comes_later(database):
    write_rows(database, CHILD, {"task_id": "other child", **{k: v for k, v in CHILD.items() if k != "task_id"}})
    execute(database, "inherit_companies", ["child", "other child"], None, None, None)
    assert database.row("child")["company_key"] is None
    write_rows(database, {"task_id": "root", "event_company_at": NOON, "event_company": "6"})
    execute(database, "inherit_companies", None, ["root"], None, None)
    assert {database.row(name)["company_key"] for name in ("child", "other child")} == {"6"}


def test_a_child_inherits_from_a_root_that_is_registered_later(database, listener):
    write_rows(database, CHILD, {"task_id": "root", "rule_company_at": NOON, "rule_company": "5"})
    execute(database, "inherit_companies", ["child"], ["root"], None, None)
    assert database.row("child")["company_key"] == "5"
    listener()
    database.query("SELECT tracker_register(73, 'root', 'sync')")
    assert database.row("child")["company_key"] == "73"
    assert listener() == ["5", "73"]


def test_only_who_is_told_to_inherits(database):
    write_rows(database, {**CHILD, "inherits_company": False},
               {"task_id": "root", "rule_company_at": NOON, "rule_company": "5"})
    execute(database, "inherit_companies", ["child"], ["root"], None, None)
    assert database.row("child")["company_key"] is None


def test_what_a_child_has_itself_counts_more(database):
    write_rows(database, {**CHILD, "event_company_at": NOON, "event_company": "8"},
               {"task_id": "root", "rule_company_at": NOON, "rule_company": "5"})
    execute(database, "inherit_companies", ["child"], ["root"], None, None)
    assert database.row("child")["company_key"] == "8"


def test_two_that_name_each_other_their_root_do_not_hand_a_company_round(database):
    write_rows(database, CHILD, {"task_id": "root", "root_at": NOON, "root_id": "child", "inherits_company": True})
    database.execute("UPDATE background_task_trackers SET inherited_company = '3' WHERE task_id = 'root'")
    execute(database, "inherit_companies", ["child", "root"], ["child", "root"], None, None)
    assert database.row("child")["company_key"] is None


def test_a_row_that_was_held_inherits_at_the_next_look(database):
    write_rows(database, CHILD, {"task_id": "root", "rule_company_at": NOON, "rule_company": "5"})
    holder = psycopg2.connect(database.url)
    holder.cursor().execute("SELECT 1 FROM background_task_trackers WHERE task_id = 'child' FOR UPDATE")
    execute(database, "inherit_companies", ["child"], ["root"], None, None)
    assert database.row("child")["company_key"] is None
    holder.rollback()
    holder.close()
    assert execute(database, "inherit_waiting", 100)[0][0] == 1
    assert database.row("child")["company_key"] == "5"
    assert execute(database, "inherit_waiting", 100)[0][0] == 0
