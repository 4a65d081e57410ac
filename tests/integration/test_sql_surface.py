"""What the product calls beside tracker_register: companies, who sees them, tokens; from any search_path, in its own
transaction."""

import hashlib

import psycopg2
import pytest

from harness.database import with_database
from harness.statements import execute


@pytest.fixture
def app(database, admin):
    """A function that runs a statement as the product's role, with a search_path of its own."""
    name = database.value("SELECT current_database() AS name")
    connection = psycopg2.connect(with_database(admin.url, name))
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET ROLE taskbridge_app; SET search_path = public, pg_temp")

    def run(sql, parameters=None):
        cursor.execute(sql, parameters)
        (row,) = cursor.fetchall()
        return row[0]

    run.cursor = cursor
    yield run
    connection.close()


@pytest.fixture
def heard(database):
    """A function that gives what was notified on taskbridge_access since it was called last."""
    connection = psycopg2.connect(database.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("LISTEN taskbridge_access")

    def payloads():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.poll()
        found = sorted({notify.payload for notify in connection.notifies})
        connection.notifies.clear()
        return found

    yield payloads
    connection.close()


def found(database, key):
    """The token's row, as the HTTP module finds it, or None."""
    rows = database.query("SELECT * FROM token_find(%s)", (hashlib.sha256(key.encode()).digest(),))
    return rows[0] if rows else None


def sees(database, key, company):
    token = found(database, key)
    return bool(token) and database.value("SELECT token_may_see(%s, %s, %s, %s)", (
        token["user_name"], token["scope"], token["companies"], company))


def test_a_company_is_named_and_renamed(app, database, listener):
    assert app("SELECT taskbridge.company_set(73, 'Example')") == "73"
    assert app("SELECT taskbridge.company_set('73', 'Ñandú SpA')") == "73"
    assert database.query("SELECT id, name FROM companies") == [{"id": "73", "name": "Ñandú SpA"}]
    assert listener() == ["73", "73"]
    app("SELECT taskbridge.company_set(73, 'Ñandú SpA')")
    assert listener() == []


@pytest.mark.parametrize("call, said", [
    ("company_set(73, NULL)", "name must have 1 to 1000 characters, it has none: it is NULL"),
    ("company_set(73, '')", "name must have 1 to 1000 characters, it has 0"),
    ("company_allow(NULL, 73)", "user_name must have 1 to 255 characters, it has none: it is NULL"),
    ("company_allow(repeat('x', 256), 73)", "user_name must have 1 to 255 characters, it has 256"),
    ("token_issue('', ARRAY[73])", "user_name must have 1 to 255 characters, it has 0"),
    ("token_issue('ana', ARRAY[]::bigint[])",
     "companies must name one at least: a token without any would see nothing"),
    ("token_issue('ana', NULL::text[])", "companies must name one at least: a token without any would see nothing"),
    ("token_issue('ana', ARRAY[73], NULL)", "ttl must be more than nothing and at most 10 years, it is NULL"),
    ("token_issue('ana', ARRAY[73], '0 s')", "ttl must be more than nothing and at most 10 years, it is 00:00:00"),
    ("token_issue('ana', ARRAY[73], '-1 s')", "ttl must be more than nothing and at most 10 years, it is -00:00:01"),
])
def test_what_makes_no_sense_is_refused(app, database, call, said):
    with pytest.raises(psycopg2.DataError) as refused:
        app(f"SELECT taskbridge.{call}")
    assert (refused.value.pgcode, refused.value.diag.message_primary) == ("22023", said)
    assert database.value("SELECT (SELECT count(*) FROM companies) + (SELECT count(*) FROM api_tokens)") == 0


def test_access_is_given_and_taken(app, database, heard):
    assert app("SELECT taskbridge.company_allow('ana', 73)") is True
    assert heard() == ["user:ana"]
    assert app("SELECT taskbridge.company_allow('ana', 73)") is False
    assert heard() == []
    assert database.query("SELECT user_name, company_id FROM company_members") == [
        {"user_name": "ana", "company_id": "73"}]
    assert app("SELECT taskbridge.company_deny('ana', 73)") is True
    assert heard() == ["user:ana"]
    assert app("SELECT taskbridge.company_deny('ana', 73)") is False


def test_a_token_sees_its_companies_and_no_others_for_its_while(app, database):
    key = app("SELECT taskbridge.token_issue('ana', ARRAY[73, 74])")
    assert len(key) == 64
    token = found(database, key)
    assert (token["user_name"], token["scope"], token["companies"]) == ("ana", "companies", ["73", "74"])
    assert [sees(database, key, company) for company in ("73", "74", "75", None)] == [True, True, False, False]
    assert key not in str(database.query("SELECT * FROM api_tokens"))
    # A membership gives such a token no more than it has.
    app("SELECT taskbridge.company_allow('ana', 75)")
    assert not sees(database, key, "75")
    life = database.value("SELECT extract(epoch FROM expires_at - created_at)::int FROM api_tokens")
    assert life == 900
    database.execute("UPDATE api_tokens SET expires_at = now()")
    assert found(database, key) is None


def test_keys_are_never_the_same(app):
    assert len({app("SELECT taskbridge.token_issue('ana', ARRAY[73], '1 day')") for _ in range(50)}) == 50


def test_a_token_is_revoked_by_its_key(app, database, heard):
    key = app("SELECT taskbridge.token_issue('ana', ARRAY['73'])")
    assert app("SELECT taskbridge.token_revoke(%s)", (key,)) is True
    number = database.value("SELECT id FROM api_tokens")
    assert heard() == [f"token:{number}"]
    assert found(database, key) is None
    assert app("SELECT taskbridge.token_revoke(%s)", (key,)) is False
    assert app("SELECT taskbridge.token_revoke('nonsense')") is False


def test_who_is_denied_sees_nothing_by_a_token_either(app, database, heard):
    key = app("SELECT taskbridge.token_issue('ana', ARRAY[73, 74])")
    other = app("SELECT taskbridge.token_issue('bob', ARRAY[73])")
    heard()
    assert app("SELECT taskbridge.company_deny('ana', 73)") is True
    assert sorted(payload.split(":")[0] for payload in heard()) == ["token", "user"]
    assert (sees(database, key, "73"), sees(database, key, "74"), sees(database, other, "73")) == (False, True, True)


def test_what_was_signed_before_a_denial_is_worth_nothing(app, database):
    def sees_signed(user, company, issued="now() - interval '1 s'"):
        return database.value(f"SELECT signature_may_see(%s, %s, {issued})", (user, company))

    assert sees_signed("ana", "73") and sees_signed("", "73")
    # Nobody need have heard of the user.
    assert app("SELECT taskbridge.company_deny('ana', 73)") is False
    assert not sees_signed("ana", "73")
    assert sees_signed("ana", "74") and sees_signed("bob", "73") and sees_signed("", "73")
    assert sees_signed("ana", "73", "now()")
    app("SELECT taskbridge.company_allow('ana', 73)")
    assert sees_signed("ana", "73")
    app("SELECT taskbridge.user_remove('ana')")
    assert not sees_signed("ana", "73") and not sees_signed("ana", "74") and sees_signed("bob", "73")
    app("SELECT taskbridge.company_remove(73)")
    assert not sees_signed("bob", "73") and not sees_signed("", "73")


def test_denials_that_no_token_outlives_make_room(app, database):
    database.execute("INSERT INTO access_denied SELECT 'user-' || n, '73', now() - interval '3 days' "
                     "FROM generate_series(1, 5) n")
    app("SELECT taskbridge.company_deny('ana', 73)")
    assert [row["user_name"] for row in database.query("SELECT user_name FROM access_denied")] == ["ana"]


def test_a_user_that_is_removed_sees_nothing(app, database):
    keys = [app("SELECT taskbridge.token_issue('ana', ARRAY[73])") for _ in range(2)]
    app("SELECT taskbridge.company_allow('ana', 73)")
    bob = app("SELECT taskbridge.token_issue('bob', ARRAY[73])")
    assert app("SELECT taskbridge.user_remove('ana')") == 2
    assert [found(database, key) for key in keys] == [None, None]
    assert sees(database, bob, "73")
    assert database.value("SELECT count(*) FROM company_members") == 0
    assert app("SELECT taskbridge.user_remove('ana')") == 0


def test_tokens_that_expired_make_room(app, database):
    for _ in range(5):
        app("SELECT taskbridge.token_issue('ana', ARRAY[73], '1 s')")
    database.execute("INSERT INTO api_tokens (user_name, scope, token_sha256, expires_at) VALUES "
                     "('op', 'operator', sha256('x'), now() - interval '1 year')")
    database.execute("UPDATE api_tokens SET expires_at = now() - interval '2 days' WHERE companies IS NOT NULL")
    app("SELECT taskbridge.token_issue('ana', ARRAY[73])")
    assert database.query("SELECT user_name FROM api_tokens ORDER BY id") == [{"user_name": "op"}, {"user_name": "ana"}]


# ---- a company that goes ----

@pytest.fixture
def company(app):
    """Of everything one that there may be of it."""
    app("SELECT taskbridge.company_set(73, 'Example')")
    app("SELECT taskbridge.company_allow('ana', 73)")
    app("SELECT taskbridge.tracker_register(73, 't', 'n')")
    app("SELECT taskbridge.tracker_register(74, 'other', 'n')")
    return app("SELECT taskbridge.token_issue('bob', ARRAY[73])")


def as_reader(database, admin, company):
    """The task ids that a reader sees of it."""
    connection = psycopg2.connect(with_database(admin.url, database.value("SELECT current_database() AS name")))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE taskbridge_reader; SET search_path = taskbridge")
            cursor.execute("SELECT set_config('taskbridge.company', %s, true)", (company,))
            cursor.execute("SELECT task_id FROM background_task_trackers")
            return [row[0] for row in cursor.fetchall()]
    finally:
        connection.close()


def test_nothing_of_a_removed_company_is_left(app, company, database, heard, listener):
    heard(), listener()
    assert app("SELECT taskbridge.company_remove(73)") is True
    assert set(database.rows()) == {"other"}
    assert database.query("SELECT * FROM companies") == database.query("SELECT * FROM company_members") == []
    assert not sees(database, company, "73")
    assert "company:73" in heard() and "73" in listener()
    assert app("SELECT taskbridge.company_remove(73)") is False
    assert app("SELECT taskbridge.company_remove(99)") is False


def test_removing_is_the_products_transaction(app, company, database):
    app.cursor.execute("BEGIN")
    app("SELECT taskbridge.company_remove(73)")
    app.cursor.execute("ROLLBACK")
    assert set(database.rows()) == {"t", "other"}
    assert sees(database, company, "73")


def test_what_comes_later_of_a_removed_company_is_seen_by_nobody(app, company, database, admin):
    app("SELECT taskbridge.company_remove(73)")
    # A task of its own, still at work, starts the next one.
    app("SELECT taskbridge.tracker_register(73, 'late', 'n')")
    database.execute("INSERT INTO background_task_trackers (task_id, event_company_at, event_company) VALUES ('event', now(), '73')")
    assert as_reader(database, admin, "73") == []
    assert as_reader(database, admin, "74") == ["other"]
    assert app("SELECT count(*) FROM taskbridge.background_task_trackers") == 1
    with pytest.raises(psycopg2.DataError, match="company 73 was removed: company_set makes it anew"):
        app("SELECT taskbridge.company_allow('ana', 73)")
    assert not sees(database, app("SELECT taskbridge.token_issue('ana', ARRAY[73])"), "73")
    # An operator may vouch for nobody there either.
    assert database.value("SELECT token_may_see('root', 'operator', NULL, '73')") is False
    app("SELECT taskbridge.company_set(73, 'Again')")
    assert as_reader(database, admin, "73") == ["late", "event"]
    assert app("SELECT taskbridge.company_allow('ana', 73)") is True


def test_a_large_company_goes_by_and_by(app, database, admin):
    database.execute("INSERT INTO background_task_trackers (task_id, registered_company) "
                     "SELECT 't' || n, '73' FROM generate_series(1, 2500) n")
    assert app("SELECT taskbridge.company_remove(73)") is True
    assert database.value("SELECT count(*) FROM background_task_trackers") == 1500
    assert as_reader(database, admin, "73") == []
    app("SELECT taskbridge.tracker_register(74, 'other', 'n')")
    database.execute("UPDATE background_task_trackers SET failed_at = now() WHERE task_id LIKE %s", ("t1%",))
    while execute(database, "cleanup_completed", 3600, 400)[0][0]:
        pass
    assert set(database.rows()) == {"other"}


def test_removing_waits_for_no_row_that_a_daemon_holds(app, company, database):
    holder = psycopg2.connect(database.url)
    holder.cursor().execute("SELECT 1 FROM background_task_trackers WHERE task_id = 't' FOR UPDATE")
    try:
        app.cursor.execute("SET lock_timeout = '2s'")
        assert app("SELECT taskbridge.company_remove(73)") is True
        assert set(database.rows()) == {"t", "other"}
    finally:
        holder.rollback()
        holder.close()
