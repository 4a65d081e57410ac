"""PostgreSQL with a standby: what is wrong is named, sessions that wait for one do not grow, and the HTTP module serves
from one."""

import json
import pathlib

import pytest

from events import wait_until_settled
from harness import wait_until
from harness.standby import Standby
from test_dead_letters import started


@pytest.fixture(autouse=True)
def without_maintenance(site):
    """These tasks lived in another year, and their worker beats no heart."""
    site.config["maintenance"] = {"enabled": False}


@pytest.fixture
def standby(stack):
    place = Standby(stack, "s1")
    yield place
    place.close()


@pytest.fixture
def synchronous(admin, standby):
    """Commits wait for it."""
    set_on_server(admin, "synchronous_standby_names", "s1")
    yield standby
    set_on_server(admin, "synchronous_standby_names", "")


def set_on_server(admin, name, value):
    # This very statement must not wait for the standby.
    admin.execute("SET synchronous_commit = local")
    admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    admin.execute("SELECT pg_reload_conf()")
    wait_until(lambda: admin.value("SELECT reset_val FROM pg_settings WHERE name = %s", (name,)) == value, 20,
               f"{name} is {value}")


def found(site, check):
    lines = {line["check"]: line for line in json.loads(site.cli("doctor", "--json", check=False).stdout)}
    return lines[check]["verdict"], lines[check]["found"]


def test_asynchronous_replication_is_named(site, standby):
    site.start_daemon()
    verdict, text = found(site, "replication")
    assert verdict == "warning" and "asynchronous: a failover can lose" in text


def waiting(admin):
    return admin.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' "
                       "AND application_name LIKE 'taskbridge%%'")


def test_commits_that_wait_for_a_standby_are_named_and_do_not_grow(site, admin, synchronous):
    site.config["database"] = {"response_timeout_s": 2}
    daemon = site.start_daemon()
    site.broker.publish(started(uuid="before"), "task.started")
    wait_until_settled(site)
    assert found(site, "replication") == ("good", "synchronous (s1); standbys connected: 1")
    synchronous.stop()
    site.broker.publish(started(uuid="during"), "task.started")
    wait_until(lambda: "commits wait for a synchronous standby" in found(site, "replication")[1], 60, "the doctor says so")
    # Each connection that gave up a session has ended it: one a connection may wait, and no more.
    daemon.wait_until(lambda: daemon.output().count("no answer within 2 s") >= 8, 90, "sessions are given up")
    assert waiting(admin) <= 4
    assert site.broker.unsettled() == 1
    synchronous.start()
    wait_until_settled(site)
    assert set(site.database.rows()) == {"before", "during"}
    assert found(site, "daemons")[0] == "good"


def test_the_http_module_serves_from_a_standby(site, standby):
    site.cli("company", "add", 73, "Example Company")
    token = json.loads(site.cli("token", "create", "--user", "ana", "--company", 73, "--json").stdout)["token"]
    http = site.start_http(TASKBRIDGE_DATABASE_URL=standby.url(site.database_url))

    def answer():
        return http.http.get("/api/v1/companies/73/task_status/", token=token)

    wait_until(lambda: answer().status == 200, 30, "the standby has it")
    assert [answer().json()["company_name"] for _ in range(5)] == ["Example Company"] * 5
    assert "error" not in http.output()
    log = pathlib.Path(f"{standby.place}.log").read_text(encoding="utf-8")
    assert "read-only transaction" not in log
    assert "ERROR" not in log


def test_a_stronger_commit_of_the_servers_is_kept(site, admin, synchronous):
    set_on_server(admin, "synchronous_commit", "remote_apply")
    try:
        site.database.execute("""
            CREATE TABLE told (value text);
            CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                INSERT INTO told VALUES (current_setting('synchronous_commit'));
                RETURN NULL;
            END $$;
            CREATE TRIGGER tell AFTER INSERT ON background_task_trackers FOR EACH ROW EXECUTE FUNCTION tell()""")
        site.start_daemon()
        site.broker.publish(started(uuid="t1"), "task.started")
        wait_until_settled(site)
        assert site.database.value("SELECT value FROM told") == "remote_apply"
    finally:
        admin.execute("SET synchronous_commit = local")
        admin.execute("ALTER SYSTEM RESET synchronous_commit")
        admin.execute("SELECT pg_reload_conf()")
