"""A daemon in the hands of its operator: reloaded, watched by systemd, and read in its log."""

import json
import re
import signal
import socket

import pytest

from events import letters, wait_until_settled
from harness import wait_until

TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info |warning|error) \S.*")


def receive(site, task_id, company):
    """A received event of a task that only a rule knows whose it is; its row."""
    site.broker.publish_event("task-received", uuid=task_id, name="shop.restock", args="()",
                              kwargs=f"{{'shop': {company}}}", retries=0)
    return wait_until(lambda: site.database.row(task_id), 20, f"the row of {task_id}")


def test_sighup_reads_the_rules_again_and_a_broken_file_keeps_the_former(site):
    daemon = site.start_daemon()
    assert receive(site, "before", 5)["company_key"] is None
    site.config["tasks"] = [{"match": "shop.*", "type": "restock", "display_name": "Reponiendo",
                             "company": {"kwarg": "shop"}}]
    site.write_config()
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_event("configuration_read")
    row = receive(site, "after", 5)
    assert (row["company_id"], row["task_type"], row["display_name"]) == (5, "restock", "Reponiendo")
    site.config_file.write_text("tasks:\n  - match: [\n", encoding="utf-8")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_event("configuration_refused")
    assert f"{site.config_file}:" in daemon.output()
    assert receive(site, "with the former", 6)["company_id"] == 6


def test_what_a_reload_cannot_change_is_named(site):
    daemon = site.start_daemon()
    site.config["amqp"] = {"prefetch": 17}
    site.write_config()
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_event("configuration_needs_restart")
    assert "amqp.prefetch" in daemon.output()


def test_reloads_under_load_lose_nothing(site):
    daemon = site.start_daemon()
    for number in range(30):
        site.broker.publish_all([site.broker.event("task-started", uuid=f"t{number}-{n}") for n in range(50)])
        daemon.signal(signal.SIGHUP)
    wait_until_settled(site)
    assert len(site.database.rows()) == 1500


# What workers send, and what PostgreSQL says, must not break a line or be taken for another field.
AWKWARD = ['new\nline', 'quote " and \\ backslash', 'level=error', '\x1b[31mred', 'ñ ☃ \U0001f389', '{"a": 1}']


def provoke(site, daemon):
    """Lines of every level, with awkward texts in them."""
    site.database.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'refused: %', NEW.task_id USING ERRCODE = '22000'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON background_task_trackers FOR EACH ROW EXECUTE FUNCTION refuse()""")
    for text in AWKWARD:
        site.broker.publish_event("task-started", uuid=text)
    wait_until(lambda: len(letters(site)) == len(AWKWARD), 30, "all are dead letters")
    site.broker.close_connections(r'a \"reason\"')
    daemon.wait_for_event("broker_lost")
    daemon.wait_until(lambda: site.broker.consumers() == 1, 30, "it consumes again")
    daemon.terminate()
    assert daemon.output().endswith("\n")
    return daemon.output().splitlines()


@pytest.mark.parametrize("level", ["debug", "info"])
def test_each_line_of_a_text_log_has_its_time_and_level(site, level):
    site.config["log"] = {"format": "text", "level": level}
    for line in provoke(site, site.start_daemon()):
        assert TEXT_LINE.fullmatch(line), line


def test_each_line_of_a_json_log_is_an_object(site):
    site.config["log"] = {"format": "json", "level": "debug"}
    daemon = site.start_daemon(TASKBRIDGE_DAEMON_INSTANCE="fifth")
    lines = [json.loads(line) for line in provoke(site, daemon)]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["level"] in ("debug", "info", "warning", "error")
        assert line["message"]
    assert {line["level"] for line in lines} >= {"debug", "info", "warning"}
    (started,) = [line for line in lines if line["message"] == "started"]
    assert (started["instance"], started["pid"]) == ("fifth", daemon.pid)
    assert lines[-1]["message"] == "stopped: everything in hand is written and acknowledged"
    said = json.dumps(lines)
    assert "secret" not in said and site.amqp_url.split(":")[2].split("@")[0] not in said


@pytest.fixture
def supervisor(tmp_path):
    """systemd's end of the notification socket; a function that gives all that was told so far."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.setblocking(False)
        told = []

        def listen():
            try:
                while True:
                    told.extend(end.recv(4096).decode("utf-8").splitlines())
            except BlockingIOError:
                return told

        listen.path = str(tmp_path / "notify")
        yield listen


def test_systemd_is_told_of_every_change(site, supervisor):
    daemon = site.start_daemon(NOTIFY_SOCKET=supervisor.path, WATCHDOG_USEC=400_000)
    wait_until(lambda: "READY=1" in supervisor(), 20, "it is ready")
    wait_until(lambda: "STATUS=consuming" in supervisor(), 20, "its status")
    wait_until(lambda: supervisor().count("WATCHDOG=1") >= 3, 20, "signs of life")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: supervisor().count("READY=1") == 2, 20, "it is ready again")
    told = supervisor()
    reloading = told.index("RELOADING=1")
    assert told[reloading + 1].startswith("MONOTONIC_USEC=")
    assert "STOPPING=1" not in told
    daemon.terminate()
    assert "STOPPING=1" in supervisor()


def test_the_watchdog_hears_of_a_daemon_that_hangs(site, supervisor):
    daemon = site.start_daemon(NOTIFY_SOCKET=supervisor.path, WATCHDOG_USEC=200_000)
    wait_until(lambda: "WATCHDOG=1" in supervisor(), 20, "a sign of life")
    daemon.stop()
    supervisor().clear()
    # Half a second of silence is more than twice what systemd would wait.
    with pytest.raises(AssertionError):
        wait_until(lambda: "WATCHDOG=1" in supervisor(), 0.5)
    daemon.cont()
    wait_until(lambda: "WATCHDOG=1" in supervisor(), 20, "it lives again")
