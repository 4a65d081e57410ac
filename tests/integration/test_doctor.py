"""taskbridge doctor against real servers and workers: what it finds, in which words, and that it ends."""

import base64
import http.server
import json
import os
import pathlib
import re
import shlex
import threading
import time
from urllib.parse import quote

import pytest

from harness import EVENTS_QUEUE, wait_until
from harness.database import with_database
from harness.stack import ROOT
from harness.standby import Standby
from harness.tls import Authority, listen_with_tls

CHECKS = ["configuration", "broker", "broker TLS", "broker alarm", "broker rights", "exchange", "queue", "policies",
          "binding",
          "consumers", "queue depth", "asking workers", "database", "database TLS", "writable", "schema",
          "database rights", "roles", "reading", "durability", "autovacuum", "connections", "replication", "daemons", "lag",
          "workers", "worker events", "sent events", "clocks", "serializers", "missed events", "dead letters", "maintenance",
          "lost tasks", "companies", "access", "versions"]


def examine(site, check=False, **variables):
    """Every check's line by its name, out of --json."""
    done = site.cli("doctor", "--json", check=check, **variables)
    lines = json.loads(done.stdout)
    assert [line["check"] for line in lines] == CHECKS
    assert all(set(line) == {"check", "verdict", "found", "remedy"} for line in lines)
    assert done.returncode == (1 if any(line["verdict"] == "bad" for line in lines) else 0)
    return {line["check"]: line for line in lines}


def verdicts(lines, *without):
    """The checks that are not good."""
    return {name: line["verdict"] for name, line in lines.items()
            if line["verdict"] != "good" and name not in (*without, "policies")}


def start_working(site):
    """Daemon, worker and an onboarding that is over."""
    site.start_daemon()
    site.start_worker()
    ids = site.onboard(73)
    wait_until(lambda: site.database.value("SELECT count(*) FROM background_task_trackers WHERE status = 'success'")
               == len(ids), 60, "the onboarding is over")
    wait_until(lambda: site.database.value("SELECT coalesce(sum(processed), 0) FROM worker_missed_events") >= len(ids),
               30, "a heartbeat that counts them")


def test_all_is_good_where_everything_works(site):
    start_working(site)
    lines = examine(site, True)
    assert verdicts(lines) == {}
    # Policies are what AMQP does not tell.
    assert lines["policies"]["verdict"] == "unknown"
    assert all(line["remedy"] is None for name, line in lines.items() if name != "policies")
    text = site.cli("doctor").stdout.splitlines()
    assert [line[:8].strip() for line in text if line[:8].strip() == "good"] == ["good"] * (len(CHECKS) - 1)
    # A path is not broken.
    assert all(len(line) <= 80 or " " not in line[24:] for line in text)
    assert text[-1] == f"{len(CHECKS) - 1} good, 1 unknown"


# ---- the configuration ----

def test_a_wrong_configuration_is_the_only_line(site):
    site.config["amqp"] = {"prefech": 5}
    (line,) = json.loads(site.cli("doctor", "--json", check=2).stdout)
    assert (line["check"], line["verdict"]) == ("configuration", "bad")
    assert "prefech" in line["found"] and "prefetch" in line["found"]
    assert site.cli("doctor", check=2).stdout.startswith("bad     configuration   ")
    assert "amqp" in site.cli("doctor", check=2, TASKBRIDGE_AMQP_URL="http://localhost/").stdout


# ---- the broker ----

BROKER = ["broker TLS", "broker alarm", "broker rights", "exchange", "queue", "policies", "binding", "consumers", "queue depth",
          "asking workers"]


def url_as(site, user, password="secret"):
    return site.amqp_url.replace(site.amqp_url.split("//")[1].split("@")[0], f"{user}:{password}")


def test_a_broker_that_is_down_leaves_the_database_to_be_looked_at(site):
    proxy = site.proxy_to(site.amqp_url)
    url = proxy.url(site.amqp_url)
    proxy.close()
    lines = examine(site, 1, TASKBRIDGE_AMQP_URL=url)
    assert lines["broker"]["verdict"] == "bad"
    assert f"no connection to the broker 127.0.0.1:{proxy.port}: check that it runs" in lines["broker"]["found"]
    assert {lines[name]["found"] for name in BROKER} == {"not looked at: the broker was not reached"}
    assert {lines[name]["verdict"] for name in ("database", "schema", "database rights", "roles", "reading",
                                                "durability")} == {"good"}


def examine_through(site, mode):
    """With both servers behind proxies in that mode; it must not take long."""
    proxies = [site.proxy_to(site.amqp_url), site.proxy_to(site.database_url)]
    for proxy in proxies:
        getattr(proxy, mode)()
    start = time.monotonic()
    lines = examine(site, TASKBRIDGE_AMQP_URL=proxies[0].url(site.amqp_url),
                    TASKBRIDGE_DATABASE_URL=proxies[1].url(site.database_url))
    assert time.monotonic() - start < 20
    return lines


@pytest.mark.parametrize("mode", ["half_open", "stall"])
def test_servers_that_never_answer_are_not_waited_for(site, mode):
    lines = examine_through(site, mode)
    assert lines["broker"]["verdict"] == lines["database"]["verdict"] == "bad"
    assert "within 3 s" in lines["database"]["found"]


def test_a_slow_network_makes_nothing_wrong(site):
    """One byte at a time: what came is judged, what did not is unknown."""
    site.start_daemon()
    lines = examine_through(site, "trickle")
    assert lines["configuration"]["verdict"] == "good"
    assert lines["queue"]["verdict"] in ("good", "unknown")
    assert lines["durability"]["verdict"] in ("good", "unknown")


def test_a_wrong_password_is_told_and_not_shown(site):
    lines = examine(site, 1, TASKBRIDGE_AMQP_URL=url_as(site, "taskbridge", "wr0ng-one"))
    assert "refuses user taskbridge: check user and password in amqp.url" in lines["broker"]["found"]
    assert "wr0ng-one" not in json.dumps(lines)
    lines = examine(site, 1, TASKBRIDGE_DATABASE_URL=site.database_url.replace(site.database_url.split(":")[2].split("@")[0],
                                                                              "wr0ng-one"))
    assert "password authentication failed" in lines["database"]["found"]
    assert "wr0ng-one" not in json.dumps(lines)


def test_tls_is_told_and_a_wrong_authority_explained(site, stack, tmp_path):
    authority, stranger = Authority(tmp_path / "authority"), Authority(tmp_path / "stranger")
    port = listen_with_tls(stack, authority, *authority.issue("server", "DNS:localhost", "IP:127.0.0.1"))
    url = re.sub(r"^amqp://([^@]*)@[^/]*/", rf"amqps://\1@localhost:{port}/", site.amqp_url)
    site.config["amqp"] = {"tls": {"ca_file": str(authority.certificate)}}
    assert examine(site, TASKBRIDGE_AMQP_URL=url)["broker TLS"]["found"] == "TLSv1.3, and the certificate is verified"
    site.config["amqp"] = {"tls": {"ca_file": str(stranger.certificate)}}
    line = examine(site, 1, TASKBRIDGE_AMQP_URL=url)["broker"]
    assert line["verdict"] == "bad" and "check amqp.tls.ca_file" in line["found"]
    site.config["amqp"] = {"tls": {"verify": False}}
    line = examine(site, TASKBRIDGE_AMQP_URL=url)["broker TLS"]
    assert line["verdict"] == "warning" and "amqp.tls.verify" in line["remedy"]


PERMISSIONS = re.compile(r"rabbitmqctl set_permissions -p (\S+) (\S+) '([^']*)' '([^']*)' '([^']*)'")


# What is enough to consume, without asking workers.
CONSUMING = (r"^(taskbridge\..*)$", r"^(taskbridge\..*)$", r"^(taskbridge\..*|celeryev)$")


def readme_rights():
    """The patterns of README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    (match,) = PERMISSIONS.finditer(re.sub(r" +", " ", text))
    return match.groups()[2:]


@pytest.fixture
def user(site, stack):
    """A function that makes the user of the test, or gives it other rights; its URL."""
    name = f"least-{site.name}"
    made = []

    def permit(*patterns):
        if made:
            stack.permit(name, site.name, *patterns)
        else:
            stack.add_user(name, site.name, *patterns)
            made.append(name)
        return url_as(site, name)

    yield permit
    stack.delete_user(name)


def test_the_rights_of_the_readme_suffice(site, user):
    asking = readme_rights()
    url = user(*CONSUMING)
    site.start_daemon(TASKBRIDGE_AMQP_URL=url)
    site.start_worker()
    site.onboard(73)
    wait_until(lambda: site.database.value("SELECT count(*) FROM background_task_trackers WHERE status = 'success'")
               == 4, 60, "the onboarding is over")
    lines = examine(site, 0, TASKBRIDGE_AMQP_URL=url)
    assert verdicts(lines) == {"asking workers": "warning"}
    assert "workers can't be asked: user" in lines["asking workers"]["found"]
    # What is advised is what README.md says, to the letter, and helps.
    vhost, name, *advised = PERMISSIONS.search(lines["asking workers"]["remedy"]).groups()
    assert (vhost, name) == (f"'{site.name}'", f"'least-{site.name}'")
    assert tuple(advised) == asking
    lines = examine(site, 0, TASKBRIDGE_AMQP_URL=user(*advised))
    assert verdicts(lines) == {}
    assert lines["asking workers"]["found"] == "1 asked, and answered"


def test_a_command_is_broken_so_that_a_shell_takes_it(site, user):
    lines = site.cli("doctor", check=False, TASKBRIDGE_AMQP_URL=user("^$", "^$", "^$")).stdout.splitlines()
    (start,) = [number for number, line in enumerate(lines) if "$ rabbitmqctl set_permissions" in line]
    command = "\n".join(lines[start:start + 5]).replace("\\\n", " ")
    assert PERMISSIONS.search(re.sub(r" +", " ", command)).groups()[2:] == readme_rights()


def test_a_user_without_rights_is_told_which_it_needs(site, user):
    site.broker.declare_queue()
    lines = examine(site, 1, TASKBRIDGE_AMQP_URL=user("^$", "^$", "^$"))
    assert lines["broker rights"]["verdict"] == "bad"
    assert "rabbitmqctl set_permissions" in lines["broker rights"]["remedy"]


def test_a_classic_queue_is_bad_another_bound_is_not(site):
    site.broker.declare_queue(arguments={"x-queue-type": "classic"})
    line = examine(site, 1)["queue"]
    assert line["verdict"] == "bad" and "x-queue-type" in line["found"]
    assert "another amqp.queue.name" in line["remedy"]
    site.broker.delete_queue()
    site.broker.declare_queue(arguments={"x-queue-type": "quorum", "x-max-length-bytes": 1 << 20,
                                         "x-overflow": "drop-head"})
    line = examine(site)["queue"]
    assert line["verdict"] == "warning" and "x-max-length-bytes" in line["found"]


def test_what_is_not_there_yet_is_told(site):
    site.broker.channel().exchange_delete("celeryev")
    lines = examine(site, 1)
    assert lines["exchange"]["verdict"] == "warning" and "-E" in lines["exchange"]["remedy"]
    assert lines["queue"]["verdict"] == "bad" and "Start taskbridged" in lines["queue"]["remedy"]
    assert site.broker.queue() is None
    site.broker.channel().exchange_declare("celeryev", "fanout", durable=True, auto_delete=False)
    line = examine(site, 1)["exchange"]
    assert line["verdict"] == "bad" and "durable topic" in line["found"]


def test_a_queue_that_nobody_consumes(site):
    site.broker.declare_queue()
    site.broker.publish_event("task-sent", uuid="a", name="a")
    lines = examine(site, 1)
    assert lines["consumers"]["verdict"] == lines["daemons"]["verdict"] == "bad"
    assert lines["binding"]["verdict"] == "good"
    assert lines["queue depth"]["found"].startswith("1 waiting, about ")
    assert lines["lag"]["found"] == "1 waiting, and none was ever written"


def test_two_daemons_of_one_name(site):
    for _ in range(2):
        site.start_daemon(TASKBRIDGE_DAEMON_INSTANCE="same")
    wait_until(lambda: site.database.value("SELECT count(*) FROM bridge_instances") == 1, 30, "the daemon's sign")
    line = examine(site)["consumers"]
    assert line["verdict"] == "warning" and "a daemon.instance of its own" in line["remedy"]


def test_a_queue_that_is_not_bound(site):
    site.start_daemon()
    site.start_worker()
    wait_until(lambda: site.database.value("SELECT count(*) FROM celery_workers") == 1, 30, "the worker is heard")
    assert examine(site)["binding"]["verdict"] == "good"
    site.broker.channel().queue_unbind(EVENTS_QUEUE, "celeryev", "#")
    wait_until(lambda: site.broker.unsettled() == 0, 20, "what came before is written")
    line = examine(site, 1)["binding"]
    assert line["verdict"] == "bad" and "do not arrive" in line["found"]


@pytest.fixture
def disk_alarm(stack):
    """A broker whose disk is low."""
    limit = stack.evaluate_json("rabbit_disk_monitor:get_disk_free_limit().")
    stack.evaluate("rabbit_disk_monitor:set_disk_free_limit(1000000000000000).")
    try:
        wait_until(lambda: stack.evaluate_json("rabbit_alarm:get_local_alarms() =/= []."), 20, "the alarm")
        yield
    finally:
        stack.evaluate(f"rabbit_disk_monitor:set_disk_free_limit({limit}).")
        wait_until(lambda: stack.evaluate_json("rabbit_alarm:get_local_alarms() == []."), 20, "the alarm's end")


def test_an_alarm_of_the_broker(site, disk_alarm):
    line = examine(site, 1)["broker alarm"]
    assert line["verdict"] == "bad" and "low on disk" in line["found"] and "Free memory or disk" in line["remedy"]


def test_who_publishes_during_an_alarm_is_told_so(site, tmp_path, disk_alarm):
    site.database.execute("INSERT INTO dead_letters (instance, routing_key, body, reason) VALUES ('d', 'a', '{}', 'b')")
    done = site.cli("dead", "retry", "--all", check=1)
    assert "takes no messages at present, an alarm is on: low on disk" in done.stderr
    assert done.stdout == "0 sent again\n"
    assert site.database.value("SELECT count(*) FROM dead_letters WHERE retried_at IS NULL") == 1
    (tmp_path / "events").write_text('{"routing_key": "a", "body": "{}"}\n', encoding="ascii")
    site.broker.connection = None
    done = site.cli("replay", tmp_path / "events", check=1)
    assert "takes no messages at present, an alarm is on: low on disk" in done.stderr


# ---- the database ----

DATABASE = ["database TLS", "writable", "schema", "database rights", "roles", "reading", "durability", "autovacuum",
            "connections", "replication", "daemons", "lag", "workers", "worker events", "sent events", "clocks", "serializers", "missed events",
            "dead letters", "maintenance", "lost tasks", "companies", "access"]


def test_a_database_that_is_down_leaves_the_broker_to_be_looked_at(site):
    proxy = site.proxy_to(site.database_url)
    url = proxy.url(site.database_url)
    proxy.close()
    lines = examine(site, 1, TASKBRIDGE_DATABASE_URL=url)
    assert lines["database"]["verdict"] == "bad"
    assert {lines[name]["found"] for name in DATABASE} == {"not looked at: the database was not reached"}
    assert {lines[name]["verdict"] for name in ("broker", "broker TLS", "broker alarm", "broker rights")} == {"good"}


def test_a_database_that_was_not_migrated(bare_site):
    lines = examine(bare_site, 1)
    assert lines["schema"]["verdict"] == "bad" and "taskbridge migrate" in lines["schema"]["remedy"]
    assert lines["workers"]["found"] == "not looked at: the database has no tables yet"
    bare_site.cli("migrate")
    assert examine(bare_site)["schema"]["verdict"] == "good"


def test_a_program_older_than_the_database(site):
    known = site.database.value("SELECT max(number) FROM taskbridge_migrations")
    site.database.execute("INSERT INTO taskbridge_migrations VALUES (%s, 'later', 'x')", (known + 1,))
    line = examine(site, 1)["schema"]
    assert line["verdict"] == "bad" and "newer than this program's" in line["found"]
    site.database.execute("DELETE FROM taskbridge_migrations WHERE name = 'later'")
    site.database.execute("UPDATE taskbridge_migrations SET sha256 = 'x' WHERE number = 2")
    line = examine(site, 1)["schema"]
    assert line["verdict"] == "bad" and "step 2 (0002_bridge) was applied with another text" in line["found"]


def test_settings_without_which_nothing_is_promised(site, admin):
    try:
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
        wait_until(lambda: admin.value("SHOW fsync") == "off" and admin.value("SHOW autovacuum") == "off", 20, "off")
        lines = examine(site, 1)
        assert lines["durability"]["verdict"] == "bad"
        assert lines["durability"]["found"].startswith("fsync and full_page_writes are off")
        assert lines["autovacuum"]["verdict"] == "warning"
    finally:
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            admin.execute(f"ALTER SYSTEM RESET {setting}")
        admin.execute("SELECT pg_reload_conf()")
        wait_until(lambda: admin.value("SHOW fsync") == "on" and admin.value("SHOW autovacuum") == "on", 20, "on")
    lines = examine(site)
    assert lines["durability"]["verdict"] == lines["autovacuum"]["verdict"] == "good"


@pytest.fixture
def role(site, admin):
    """A role that may log in and nothing else, and the database's URL for it."""
    name = f"role-{site.name}"
    admin.execute(f"""CREATE ROLE "{name}" LOGIN PASSWORD 'secret'""")
    yield name, site.database_url.replace(site.database_url.split("//")[1].split("@")[0], f"{name}:secret")
    admin.execute(f'DROP ROLE "{name}"')


def test_a_role_without_rights_and_one_that_writes(site, admin, role):
    name, url = role
    line = examine(site, 1, TASKBRIDGE_DATABASE_URL=url)["database rights"]
    assert line["verdict"] == "bad" and "lacks the right to look at anything" in line["found"]
    assert line["remedy"] == f'As the tables\' owner: GRANT taskbridge_writer TO "{name}";'
    admin.execute(line["remedy"].split(": ")[1])
    lines = examine(site, TASKBRIDGE_DATABASE_URL=url)
    assert lines["database rights"]["verdict"] == lines["schema"]["verdict"] == "good"


def test_damage_to_the_tables_and_rights_is_told(site):
    site.database.execute("DROP FUNCTION company_remove(text); DROP INDEX trackers_lost; "
                          "REVOKE SELECT ON commands FROM taskbridge_reader")
    lines = examine(site, 1)
    assert lines["schema"]["found"] == "function company_remove(text) is missing; index trackers_lost is missing"
    assert lines["schema"]["remedy"] == "Run `taskbridge migrate`, which puts it right."
    assert "taskbridge_reader lacks SELECT on commands" in lines["roles"]["found"]
    assert "the function company_remove(text) is missing" in site.cli("status", check=1).stderr
    site.cli("migrate")
    lines = examine(site)
    assert lines["schema"]["verdict"] == lines["roles"]["verdict"] == "good"
    site.cli("status")
    site.config["company"] = {"format": "uuid"}
    assert examine(site, 1)["schema"]["remedy"] == "Run `taskbridge migrate` with this configuration."
    site.cli("migrate")
    assert examine(site)["schema"]["verdict"] == "good"
    site.database.execute("DROP TABLE dead_letters CASCADE")
    assert "taskbridge migrate --recreate" in examine(site, 1)["schema"]["remedy"]


def test_a_superuser_is_more_than_is_needed(site, stack):
    line = examine(site, TASKBRIDGE_DATABASE_URL=with_database(stack.admin_url, site.name))["database rights"]
    assert line["verdict"] == "warning" and "superuser" in line["found"]


@pytest.fixture
def standby(stack):
    """Of the stack's server."""
    place = Standby(stack)
    yield place
    place.close()


def test_a_standby(site, standby):
    lines = examine(site, 1, TASKBRIDGE_DATABASE_URL=standby.url(site.database_url))
    assert lines["writable"]["verdict"] == "bad" and "target_session_attrs=read-write" in lines["writable"]["remedy"]
    assert lines["schema"]["verdict"] == "good"


@pytest.fixture
def database_authority(stack, admin, tmp_path):
    """The stack's PostgreSQL with a certificate; the authority's."""
    authority = Authority(tmp_path / "authority")
    home = pathlib.Path(stack.environment["TASKBRIDGE_STACK_POSTGRESQL_DIR"])
    owner = home.stat()
    files = []
    for kind, source in zip(("cert", "key"), authority.issue("database", "DNS:localhost", "IP:127.0.0.1")):
        files.append(home / f"{kind}-{os.getpid()}.pem")
        files[-1].write_bytes(source.read_bytes())
        files[-1].chmod(0o600)
        os.chown(files[-1], owner.st_uid, owner.st_gid)
        admin.execute(f"ALTER SYSTEM SET ssl_{kind}_file = '{files[-1]}'")
    admin.execute("ALTER SYSTEM SET ssl = on")
    admin.execute("SELECT pg_reload_conf()")
    try:
        wait_until(lambda: admin.value("SHOW ssl") == "on", 20, "TLS")
        yield authority.certificate
    finally:
        for setting in ("ssl", "ssl_cert_file", "ssl_key_file"):
            admin.execute(f"ALTER SYSTEM RESET {setting}")
        admin.execute("SELECT pg_reload_conf()")
        wait_until(lambda: admin.value("SHOW ssl") == "off", 20, "the end of TLS")
        for file in files:
            file.unlink()


def test_the_databases_certificate_is_verified_where_that_is_asked_for(site, database_authority, tmp_path):
    stranger = Authority(tmp_path / "stranger").certificate
    url = site.database_url.replace("127.0.0.1", "localhost") + "?sslmode=verify-full&sslrootcert="
    lines = examine(site, TASKBRIDGE_DATABASE_URL=f"{url}{database_authority}")
    assert lines["database TLS"]["found"] == "TLSv1.3, and the certificate is verified"
    assert "used, not verified" in examine(site)["database TLS"]["found"]
    line = examine(site, 1, TASKBRIDGE_DATABASE_URL=f"{url}{stranger}")["database"]
    assert line["verdict"] == "bad" and "certificate verify failed" in line["found"]


# ---- workers and tasks ----

def test_a_worker_without_its_events(site):
    """It sends heartbeats, of itself, and nothing of its tasks."""
    site.start_daemon()
    code = ("from demo.app import app; app.conf.worker_send_task_events = False; "
            "app.worker_main(['worker', '--pool=prefork', '--concurrency=1', '--loglevel=info', '-n', 'mute@tests'])")
    worker = site.spawn("mute", ["/usr/bin/python3", "-c", code], site.python_environment(), killable=True)
    worker.wait_for("mute@tests ready.", 60)
    wait_until(lambda: site.database.value("SELECT count(*) FROM worker_incarnations WHERE first_processed = 0") == 1,
               30, "its first heartbeat")
    site.onboard(73)
    wait_until(lambda: site.database.value("SELECT coalesce(max(processed), 0) FROM worker_missed_events") >= 4, 60,
               "a heartbeat that counts its tasks")
    lines = examine(site, 1)
    assert lines["worker events"]["verdict"] == "bad"
    assert lines["worker events"]["found"] == "workers that run tasks but send no event of them: mute@tests"
    assert "-E" in lines["worker events"]["remedy"]
    assert verdicts(lines) == {"worker events": "bad", "sent events": "unknown"}


@pytest.mark.parametrize("ahead, verdict, words", [(-5, "warning", "behind"), (40, "bad", "ahead"), (1, "good", "off")])
def test_a_clock_that_is_wrong(site, ahead, verdict, words):
    site.start_daemon()
    site.broker.publish_event("worker-heartbeat", timestamp=time.time() + ahead, freq=2, active=0, processed=0,
                              loadavg=[0, 0, 0])
    wait_until(lambda: site.database.value("SELECT count(*) FROM celery_workers") == 1, 30, "the heartbeat")
    line = examine(site)["clocks"]
    assert line["verdict"] == verdict and words in line["found"]


def test_workers_that_went_silent_or_said_goodbye(site):
    site.start_daemon()
    assert examine(site)["workers"]["found"] == "none is heard"
    site.broker.publish_event("worker-heartbeat", hostname="w1@a", freq=2)
    site.broker.publish_event("worker-offline", hostname="w2@a", freq=2)
    wait_until(lambda: site.database.value("SELECT count(*) FROM celery_workers") == 2, 30, "both")
    assert examine(site)["workers"]["found"] == "alive: w1@a"
    site.database.execute("UPDATE celery_workers SET heard_at = now() - interval '2 min'")
    line = examine(site)["workers"]
    assert (line["verdict"], line["found"]) == ("warning", "without a goodbye went silent: w1@a; 0 alive")


def test_messages_of_another_serializer(site):
    site.start_daemon()
    site.broker.publish(b"\x80\x04K\x01.", "task.sent", content_type="application/x-python-serialize")
    site.broker.publish("no json", "task.sent")
    wait_until(lambda: site.database.value("SELECT count(*) FROM dead_letters") == 2, 30, "the dead letters")
    lines = examine(site, 1)
    assert lines["serializers"]["found"] == "1 of a day came as application/x-python-serialize, which is not read"
    assert 'event_serializer = "json"' in lines["serializers"]["remedy"]
    assert lines["dead letters"]["verdict"] == "warning" and lines["dead letters"]["found"].startswith("2 within a day")


def test_tasks_that_nobody_saw_being_sent_and_of_no_company(site):
    site.start_daemon()
    site.broker.publish_event("task-received", uuid="a", name="product.report", args="()", kwargs="{}")
    wait_until(lambda: site.database.row("a"), 30, "the row")
    lines = examine(site)
    assert lines["sent events"]["verdict"] == "warning" and "task_send_sent_event" in lines["sent events"]["remedy"]
    assert lines["companies"]["verdict"] == "good", "a moment later it may be known"
    site.database.execute("UPDATE background_task_trackers SET created_at = now() - interval '1 min'")
    line = examine(site)["companies"]
    assert (line["verdict"], line["found"]) == ("warning", "1 of the 1 newest tasks have none: product.report (1)")


def test_tasks_that_were_lost(site):
    site.database.execute("INSERT INTO background_task_trackers (task_id, received_at, lost_at, lost_reason) VALUES"
                          " ('a', now() - interval '1 hour', now(), 'worker w1 vanished')")
    line = examine(site)["lost tasks"]
    assert (line["verdict"], line["found"]) == ("warning", "1 called lost within a day")


def test_maintenance_that_failed(site):
    site.database.execute("INSERT INTO maintenance_runs (job, instance, outcome, detail, finished_at) VALUES"
                          " ('cleanup_orphaned_trackers', 'd1', 'failed', 'out of shared memory', now())")
    line = examine(site)["maintenance"]
    assert (line["verdict"], line["found"]) == ("bad", "cleanup_orphaned_trackers failed: out of shared memory")


def test_daemons_that_went_silent_or_are_of_another_version(site):
    site.database.execute("INSERT INTO bridge_instances (instance, version, broker_connected, heartbeat_at) VALUES"
                          " ('gone', '0.1.0', true, now() - interval '5 min')")
    line = examine(site)["daemons"]
    assert (line["verdict"], line["found"]) == ("bad", "none runs; without a goodbye went silent: gone")
    site.database.execute("INSERT INTO bridge_instances (instance, version, broker_connected) VALUES"
                          " ('old', '0.0.9', true)")
    line = examine(site)["daemons"]
    assert line["verdict"] == "warning" and "1 of 1 are of another version (0.0.9)" in line["found"]


def test_the_table_of_checks_that_people_read_is_the_programs():
    text = (ROOT / "config" / "doctor.md").read_text(encoding="utf-8")
    table = text.split("| check | bad, or a warning, when |")[1].split("\n\n")[0]
    named = [name.strip() for row in table.splitlines()[2:] for name in row.split("|")[1].split(",")]
    assert named == CHECKS


# ---- numbers that nobody can have ----


@pytest.mark.parametrize("field", ["processed", "active", "freq", "pid"])
def test_mad_heartbeats_break_neither_status_nor_doctor(site, field):
    site.start_daemon()
    for number in (-2**63, 2**63 - 1, 2**70, 1e308, -1, "NaN", None):
        beat = {"type": "worker-heartbeat", "hostname": "mad@x", "timestamp": time.time(), "utcoffset": 0, "pid": 7,
                "clock": 1, "freq": 2.0, "active": 0, "processed": 1, "loadavg": [1, 2, 3], field: number}
        site.broker.publish(json.dumps(beat), "worker.heartbeat")
    wait_until(lambda: site.broker.unsettled() == 0, 20, "all of them are written")
    # As an older bridge may have kept them.
    site.database.execute("UPDATE worker_incarnations SET first_processed = -9223372036854775808, "
                          "last_processed = 9223372036854775807")
    assert "mad@x" in site.cli("status").stdout
    assert json.loads(site.cli("status", "--json").stdout)
    lines = examine(site)
    assert all("out of range" not in line["found"] and "overflow" not in line["found"] for line in lines.values())
    assert lines["missed events"]["verdict"] != "unknown"


# ---- what only the management API tells ----


class Management(http.server.ThreadingHTTPServer):
    """Tells of the bridge's queue what rabbitmqctl told last, in the management API's words."""

    def __init__(self, site, stack):
        super().__init__(("127.0.0.1", 0), ManagementHandler)
        self.site, self.stack = site, stack
        self.place = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def ask(self, what, *columns):
        return json.loads(self.stack.rabbitmqctl(what, "-p", self.site.name, "--formatter", "json", *columns))

    def refresh(self):
        (queue,) = [queue for queue in self.ask("list_queues", "name", "policy") if queue["name"] == EVENTS_QUEUE]
        policies = {policy["name"]: json.loads(policy["definition"]) for policy in self.ask("list_policies")}
        self.answer = {"name": queue["name"], "policy": queue["policy"] or None, "operator_policy": None,
                       "effective_policy_definition": policies.get(queue["policy"], {})}


class ManagementHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        allowed = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"watcher:hush").decode()
        known = self.path == f"/api/queues/{quote(self.server.site.name, safe='')}/{EVENTS_QUEUE}"
        self.send_response(401 if not allowed else 200 if known else 404)
        self.end_headers()
        if allowed and known:
            self.wfile.write(json.dumps(self.server.answer).encode())

    def log_message(self, *arguments):
        pass


def test_a_policy_that_drops_what_waits(site, stack):
    site.start_daemon()
    line = examine(site)["policies"]
    assert line["verdict"] == "unknown" and "rabbitmqctl list_policies" in line["remedy"]
    with Management(site, stack) as management:
        site.config["amqp"] = {"management_url": f"http://watcher:hush@{management.place}/"}
        management.refresh()
        assert examine(site)["policies"] == {"check": "policies", "verdict": "good", "found": "none", "remedy": None}
        stack.rabbitmqctl("set_policy", "-p", site.name, "--apply-to", "queues", "everything", ".*",
                          '{"message-ttl": 60000}')
        management.refresh()
        line = examine(site, 1)["policies"]
        assert line["verdict"] == "bad"
        assert line["found"] == "policy everything drops events that wait in taskbridge.events: message-ttl 60000"
        stack.rabbitmqctl(*shlex.split(line["remedy"].split("$ ")[1])[1:])
        management.refresh()
        assert examine(site)["policies"]["verdict"] == "good"
        site.config["amqp"] = {"management_url": f"http://watcher:wrong@{management.place}"}
        line = examine(site)["policies"]
        assert line["verdict"] == "unknown" and "refuses the user" in line["found"] and "wrong" not in line["found"]
        management.shutdown()
