"""What an operator does first: migrate, check, companies, tokens, status."""

import concurrent.futures
import datetime
import hashlib
import json
import subprocess

import pytest

from harness import wait_until
from harness.process import program
from harness.stack import ROOT
from harness.statements import execute

MIGRATIONS = "SELECT count(*) FROM taskbridge_migrations WHERE number > 0"


def test_migrate_brings_an_empty_database_up_and_again_does_nothing(bare_site):
    first = bare_site.cli("migrate")
    applied = bare_site.database.value(MIGRATIONS)
    assert applied == len(list((ROOT / "sql" / "migrations").glob("*.sql"))) > 0
    lines = first.stdout.splitlines()
    assert lines[0] == "applied 0001_trackers"
    assert len(lines) == applied + 1
    assert lines[-1] == f"the database is at version {applied}"
    again = bare_site.cli("migrate")
    assert again.stdout == f"nothing to do: the database is at version {applied}\n"
    assert json.loads(bare_site.cli("migrate", "--json").stdout) == {
        "findings": [], "rights": [], "applied": [], "for_a_superuser": [], "version": applied}
    assert bare_site.database.value(MIGRATIONS) == applied


def test_several_migrate_at_once_and_each_step_is_applied_once(bare_site):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outputs = [done.stdout for done in pool.map(lambda _: bare_site.cli("migrate"), range(4))]
    assert sum(output.count("applied 0001_trackers") for output in outputs) == 1
    assert all(output.splitlines()[-1].endswith("the database is at version %d" % bare_site.database.value(MIGRATIONS))
               for output in outputs)


def test_migrate_fails_where_no_database_is(bare_site):
    done = bare_site.cli("migrate", check=1, TASKBRIDGE_DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x")
    assert done.stdout == ""
    assert done.stderr.startswith("taskbridge migrate: database: ")
    assert "hunter2" not in done.stderr


def test_check_prints_what_is_in_effect_without_passwords(bare_site):
    bare_site.config["amqp"] = {"prefetch": 7}
    done = bare_site.cli("check", TASKBRIDGE_HTTP_LISTEN="127.0.0.1:1234",
                         TASKBRIDGE_DATABASE_URL="host=db password='a b' user=u")
    assert "  prefetch: 7 # from the file\n" in done.stdout
    assert '  listen: "127.0.0.1:1234" # from the environment\n' in done.stdout
    assert '  url: "host=db password=*** user=u" # from the environment\n' in done.stdout
    assert "tasks: # from the file\n" in done.stdout
    options = json.loads(bare_site.cli("check", "--json").stdout)["options"]
    assert options["amqp.prefetch"] == 7
    assert ":***@" in options["amqp.url"]
    assert options["tasks"][0]["company"] == {"kwarg": "company_id"}
    # What is printed is a configuration itself.
    printed = bare_site.directory / "printed.yaml"
    printed.write_text(done.stdout, encoding="utf-8")
    again = bare_site.cli("check", "--json", TASKBRIDGE_HTTP_LISTEN="127.0.0.1:1234").stdout
    assert json.loads(again)["options"]["tasks"] == options["tasks"]


def test_check_says_where_the_file_is_wrong(bare_site):
    bare_site.config = {"amqp": {"heartbeats": 3}}
    done = bare_site.cli("check", check=2)
    assert done.stdout == ""
    assert done.stderr == (f"taskbridge check: {bare_site.config_file}:2:3: amqp.heartbeats: there is no such option; "
                           "did you mean amqp.heartbeat_s?\n")
    found = json.loads(bare_site.cli("check", "--json", check=2).stdout)
    assert (found["ok"], found["line"], found["column"]) == (False, 2, 3)


def test_check_reads_the_urls_as_the_libraries_will(bare_site):
    broker = bare_site.cli("check", check=2, TASKBRIDGE_AMQP_URL="amqp://u:hunter2@h:port/x")
    assert "taskbridge check: amqp: the broker's URL has a port that is no number" in broker.stderr
    database = bare_site.cli("check", "--json", check=2, TASKBRIDGE_DATABASE_URL="host=h password=hunter2 x=1")
    assert "database.url is not understood" in json.loads(database.stdout)["error"]
    assert "hunter2" not in broker.stderr + broker.stdout + database.stderr + database.stdout
    assert bare_site.cli("capture", "-", check=2, TASKBRIDGE_AMQP_URL="amqp://u@h:port/x").stdout == ""


@pytest.mark.parametrize("command", ["migrate", "check", "status", "capture x", "token list"])
def test_every_command_refuses_a_wrong_configuration(bare_site, command):
    done = bare_site.cli(*command.split(), check=2, TASKBRIDGE_AMQP_PREFETCH="many")
    assert "TASKBRIDGE_AMQP_PREFETCH: amqp.prefetch" in done.stderr


def test_a_wrong_command_line_is_a_usage_error(bare_site):
    assert "no such command: migrat;" in bare_site.cli("migrat", check=2).stderr
    assert "no such option: --force;" in bare_site.cli("migrate", "--force", check=2).stderr
    assert "this is needed: ID NAME;" in bare_site.cli("company", "add", "73", check=2).stderr
    assert "usage: taskbridge [--config FILE] dead drop" in bare_site.cli("dead", "drop", "--help").stdout


def test_companies_are_added_renamed_and_listed(site):
    assert site.cli("company", "add", 73, "Example Company").stdout == "company 73 is called Example Company\n"
    site.cli("company", "add", "0073", "Ñandú SpA")
    site.cli("company", "add", 74, "Other")
    listed = json.loads(site.cli("company", "list", "--json").stdout)
    assert [(row["id"], row["name"], row["members"], row["tasks"]) for row in listed] == [
        ("73", "Ñandú SpA", 0, 0), ("74", "Other", 0, 0)]
    lines = site.cli("company", "list").stdout.splitlines()
    assert lines[0].split() == ["ID", "NAME", "USERS", "TASKS", "ADDED"]
    assert lines[1].startswith("73  Ñandú SpA      0      0  20")
    assert len({len(line) for line in lines[1:]}) == 1


def test_a_company_that_no_task_could_have_is_refused(site):
    assert "a company's id is a number" in site.cli("company", "add", "acme", "Acme", check=2).stderr
    site.config["company"] = {"format": "uuid"}
    site.cli("company", "add", "A2C3F8E0-0000-4000-8000-000000000001", "Acme")
    assert site.database.value("SELECT id FROM companies") == "a2c3f8e0-0000-4000-8000-000000000001"


def test_a_users_access_is_given_and_taken(site):
    assert site.cli("company", "allow", "ana", 73).stdout == "ana sees company 73\n"
    assert site.cli("company", "allow", "ana", 73).stdout == "ana sees company 73, as before\n"
    assert site.database.query("SELECT user_name, company_id FROM company_members") == [
        {"user_name": "ana", "company_id": "73"}]
    assert site.cli("company", "deny", "ana", 73).stdout == "ana does not see company 73\n"
    assert site.cli("company", "deny", "ana", 73).stdout == "ana does not see company 73, as before\n"
    assert json.loads(site.cli("company", "deny", "ana", 73, "--json").stdout) == {
        "user": "ana", "company": "73", "allowed": False, "changed": False}
    assert site.database.query("SELECT * FROM company_members") == []


def test_a_tokens_key_is_printed_alone_and_only_its_hash_stored(site):
    done = site.cli("token", "create", "--user", "ana", "--company", 73, "--company", "74", "--expires", "30d")
    key = done.stdout.strip()
    assert done.stdout == key + "\n" and len(key) == 64
    assert "not shown again" in done.stderr and key not in done.stderr
    (row,) = site.database.query("SELECT *, expires_at - created_at AS life FROM api_tokens")
    assert bytes(row["token_sha256"]) == hashlib.sha256(key.encode()).digest()
    assert (row["user_name"], row["scope"]) == ("ana", "companies")
    assert abs(row["life"] - datetime.timedelta(days=30)) < datetime.timedelta(minutes=1)
    members = site.database.query("SELECT company_id FROM company_members WHERE user_name = 'ana' ORDER BY 1")
    assert [member["company_id"] for member in members] == ["73", "74"]


def test_an_operators_token_as_json_listed_and_revoked(site):
    made = json.loads(site.cli("token", "create", "--user", "bob", "--operator", "--json").stdout)
    assert (made["user"], made["scope"], made["companies"], made["expires_at"]) == ("bob", "operator", [], None)
    (listed,) = json.loads(site.cli("token", "list", "--json").stdout)
    assert (listed["id"], listed["state"], listed["last_used_at"]) == (made["id"], "valid", None)
    assert made["token"] not in site.cli("token", "list").stdout
    assert site.cli("token", "revoke", made["id"]).stdout == f"token {made['id']} is revoked\n"
    assert "there is no valid token" in site.cli("token", "revoke", made["id"], check=1).stderr
    assert json.loads(site.cli("token", "list", "--json").stdout)[0]["state"] == "revoked"


def test_a_token_needs_exactly_one_scope(site):
    for arguments in ([], ["--operator", "--company", "73"], ["--viewer", "--admin"]):
        done = site.cli("token", "create", "--user", "ana", *arguments, check=2)
        assert "either --company ID, once or more, or one of --viewer, --operator and --admin" in done.stderr
    assert "is a duration such as" in site.cli("token", "create", "--user", "a", "--operator", "--expires", "30",
                                               check=2).stderr
    assert site.database.value("SELECT count(*) FROM api_tokens") == 0


def test_status_of_a_bridge_that_never_ran(site):
    found = json.loads(site.cli("status", "--json").stdout)
    assert found["tasks"]["running"] == 0
    assert found["broker"]["reachable"] is True
    assert found["daemons"] == [] and found["workers"] == []
    text = site.cli("status").stdout
    assert "no daemon has run yet" in text and "the queue is not there yet" in text


def test_status_says_that_migrate_is_needed(bare_site):
    assert "run `taskbridge migrate`" in bare_site.cli("status", check=1).stderr


def test_status_tells_of_the_database_when_the_broker_is_away(site):
    done = site.cli("status", check=1, TASKBRIDGE_AMQP_URL="amqp://u:hunter2@127.0.0.1:1/x")
    assert "broker    cannot be asked: " in done.stdout
    assert "tasks     0 pending" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_status_tells_of_daemons_workers_tasks_and_queue(site):
    daemon = site.start_daemon()
    site.broker.publish_event("worker-heartbeat", hostname="w1@a", freq=2.0, active=1, processed=3,
                              loadavg=[0.1, 0.2, 0.3], sw_ident="py-celery", sw_ver="5.6.2", sw_sys="Linux")
    site.broker.publish_event("task-received", hostname="w1@a", uuid="one", name="a.b", args="()", kwargs="{}")
    site.broker.publish_event("task-started", hostname="w1@a", uuid="one")
    site.broker.publish("not JSON", "task.sent")

    seen = set()

    def status():
        found = json.loads(site.cli("status", "--json").stdout)
        seen.update(instance["state"] for instance in found["daemons"])
        return found

    wait_until(lambda: status()["tasks"]["running"] == 1 and status()["dead_letters"]["total"] == 1, 20)
    wait_until(lambda: status() and "running" in seen, 20, "the daemon says that it has a broker")
    assert seen <= {"starting", "running"}
    found = status()
    assert found["broker"]["queue_consumers"] == 1
    (worker,) = found["workers"]
    assert (worker["hostname"], worker["state"], worker["active"], worker["processed"]) == ("w1@a", "online", 1, 3)
    (instance,) = found["daemons"]
    assert instance["state"] == "running"
    text = site.cli("status").stdout
    assert "tasks     0 pending, 1 running, 0 success, 0 failed" in text
    assert "dead      1 letters, 1 of them not sent again" in text
    assert all(len(line) <= 130 for line in text.splitlines())
    daemon.terminate()
    wait_until(lambda: status()["daemons"][0]["state"] == "stopped", 20)


def test_a_daemon_that_has_not_yet_said_how_it_is_is_starting_and_nothing_worse(site):
    """Its first batch may be written before its first heartbeat, be it over the row of the run before."""
    daemon = site.start_daemon()

    def seen():
        (instance,) = json.loads(site.cli("status", "--json").stdout)["daemons"]
        return instance["state"], instance["broker_connected"]

    wait_until(lambda: site.database.query("SELECT 1 FROM bridge_instances WHERE broker_connected"), 20)
    daemon.terminate()
    assert seen() == ("stopped", False)
    name = site.database.value("SELECT instance FROM bridge_instances")
    execute(site.database, "count_batch", name, "the next run", 1, 1, 0, 1, 1, 0, 0, 0, 100, 1, [], [], 100)
    assert seen() == ("starting", None)
    line = next(line for line in json.loads(site.cli("doctor", "--json", check=False).stdout)
                if line["check"] == "daemons")
    assert (line["verdict"], line["found"]) == ("good", f"1 running: {name}; just starting: 1")


def test_check_tells_all_that_is_wrong(bare_site, tmp_path):
    file = tmp_path / "several.yaml"
    file.write_text("""amqp:
  urll: x
  prefetch: many
  queue: [a, { b: c }]
log:
  level: loud
  format: json
unknown: { a: [1, 2], b: { c: d } }
http:
  listen: nowhere
""", encoding="utf-8")
    variables = {"TASKBRIDGE_LOG_FORMATT": "x", "TASKBRIDGE_HTTP_IDLE_TIMEOUT_S": "soon"}
    done = run_check(bare_site, file, **variables)
    lines = done.stderr.splitlines()
    places = [line.split(" ")[2].rstrip(":") for line in lines]
    assert [place.rsplit("/", 1)[-1] for place in places[:6]] == [
        "several.yaml:2:3", "several.yaml:3:13", "several.yaml:4:10", "several.yaml:6:10", "several.yaml:8:1",
        "several.yaml:10:11"]
    assert sorted(line.split(": ")[2] for line in lines[6:]) == ["TASKBRIDGE_HTTP_IDLE_TIMEOUT_S",
                                                                 "TASKBRIDGE_LOG_FORMATT"]
    found = json.loads(run_check(bare_site, file, "--json", **variables).stdout)
    assert found["ok"] is False and len(found["errors"]) == 8
    assert (found["line"], found["column"], found["errors"][0]) == (2, 3, found["error"])


def run_check(site, file, *arguments, **variables):
    """taskbridge check of this file, which is wrong."""
    done = subprocess.run([*program("taskbridge"), "check", "--config", str(file), *arguments], text=True, check=False,
                          env=site.environment(**variables), timeout=60, capture_output=True)
    assert done.returncode == 2, done
    return done


def test_what_is_not_there_is_said(site):
    assert "NAME" in site.cli("company", "add", 5, "", check=2).stderr
    assert "NAME" in site.cli("company", "add", 5, "  ", check=2).stderr
    for command in (("company", "allow", "ana", 77), ("token", "create", "--user", "ana", "--company", 77),
                    ("company", "deny", "ana", 77)):
        assert "there is no company 77 yet" in site.cli(*command).stderr
    site.cli("company", "add", 77, "Seventy-seven")
    assert "no company" not in site.cli("company", "allow", "bob", 77).stderr


def test_a_groups_help_is_its_own(site):
    shown = site.cli("company", "--help").stdout
    assert "company allow" in shown and "Let a user see a company" in shown
    assert "dead list" not in shown


def test_status_shows_events_that_mean_nothing_here(site):
    site.start_daemon()
    for kind in ("task-odd", "task-odd", "worker-strange"):
        site.broker.publish(json.dumps({"type": kind, "uuid": "x", "hostname": "w", "timestamp": 1714564800}), "x.y")
    wait_until(lambda: site.broker.unsettled() == 0, 20, "they are written")
    assert json.loads(site.cli("status", "--json").stdout)["other_events"] == [
        {"type": "task-odd", "count": 2}, {"type": "worker-strange", "count": 1}]
    assert "OTHER EVENT     COUNT" in site.cli("status").stdout
