"""Nothing is lost, no row is wrong and nothing is counted twice, whoever dies in the middle of a load."""

import json
import re
import signal

import pytest

from events import counters, letters, wait_until_settled
from harness import wait_until
from load import Publisher, check_rows, messages

pytestmark = pytest.mark.sanitized

MIB = 1 << 20


def committed(site):
    return site.database.value("SELECT coalesce(sum(deliveries), 0)::int8 FROM bridge_instances")


def small_batches(site):
    """So that there are many commits to die between."""
    site.config["maintenance"] = {"enabled": False}
    site.config["amqp"] = {"prefetch": 400}


def fill(site, bodies):
    """The queue, before any daemon runs."""
    site.broker.declare_queue()
    site.broker.publish_all(bodies)
    return len(bodies)


def is_sanitized(daemon):
    with open(f"/proc/{daemon.pid}/maps", encoding="utf-8") as maps:
        return "libasan" in maps.read()


def peak_rss(daemon):
    with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) * 1024


def test_a_daemon_killed_again_and_again_within_100000_events_leaves_every_row_right(site):
    small_batches(site)
    count = fill(site, messages(20_000))
    for part in range(1, 6):
        daemon = site.start_daemon(wait=False)
        daemon.wait_until(lambda: committed(site) > part * count // 10, 60, f"{part}/10 are committed")
        daemon.kill()
    assert committed(site) < count
    site.start_daemon(wait=False)
    wait_until_settled(site)
    check_rows(site, 20_000)
    found = counters(site)
    # What was committed and not acknowledged came again, and that is told.
    assert found["deliveries"] - found["redelivered"] <= count <= found["deliveries"]
    assert letters(site) == []


def test_sigterm_under_load_commits_what_it_acknowledges_and_nothing_else(site):
    small_batches(site)
    bodies = messages(6400)
    daemon = site.start_daemon()
    publisher = Publisher(site, bodies)
    daemon.wait_until(lambda: committed(site) > 500, 60, "some are committed")
    daemon.terminate()
    assert daemon.events("daemon_stopped")
    publisher.finish()
    assert committed(site) + site.broker.unsettled() == len(bodies)
    site.start_daemon()
    wait_until_settled(site)
    check_rows(site, 6400)
    # Some were on their way to the first daemon when it stopped; none was taken twice.
    found = counters(site)
    assert (found["deliveries"], found["task_events"]) == (len(bodies), 5 * 6400)


def test_both_servers_restarted_under_load(site, stack):
    small_batches(site)
    bodies = messages(9600)
    fill(site, bodies[:4000])
    daemon = site.start_daemon(wait=False)
    daemon.wait_until(lambda: committed(site) > 500, 60, "some are committed")
    stack.restart("postgresql")
    daemon.wait_for_event("database_lost")
    site.broker.publish_all(bodies[4000:5000])
    wait_until(lambda: committed(site) > 1000, 60, "it commits again")
    stack.restart("rabbitmq")
    daemon.wait_for_event("broker_lost")
    site.broker.publish_all(bodies[5000:])
    wait_until_settled(site)
    check_rows(site, 9600)
    assert letters(site) == []


def test_a_daemon_that_is_there_before_broker_database_and_tables(bare_site):
    site = bare_site
    site.broker.declare_queue()
    site.broker.publish_all(messages(32))
    broker, database = site.proxy_to(site.amqp_url), site.proxy_to(site.database_url)
    broker.refuse()
    database.refuse()
    site.config["maintenance"] = {"enabled": False}
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=broker.url(site.amqp_url),
                               TASKBRIDGE_DATABASE_URL=database.url(site.database_url))
    daemon.wait_for_event("broker_lost")
    daemon.wait_for_event("database_lost")
    broker.restore()
    daemon.wait_until(lambda: site.broker.consumers() == 1, 30, "it consumes")
    database.restore()
    daemon.wait_for("taskbridge migrate", 30)
    assert site.broker.unsettled() == 20
    site.cli("migrate")
    wait_until_settled(site)
    check_rows(site, 32)


def test_a_batch_that_was_committed_without_an_answer_is_counted_once(site):
    """The commit takes a second; meanwhile the daemon loses its connection, and then writes the batch again."""
    site.config["maintenance"] = {"enabled": False}
    site.database.execute("""
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON background_task_trackers DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.task_id = 'slow') EXECUTE FUNCTION wait()""")
    proxy = site.proxy_to(site.database_url)
    daemon = site.start_daemon(TASKBRIDGE_DATABASE_URL=proxy.url(site.database_url))
    daemon.wait_for_event("database_connected")
    site.broker.publish([site.broker.event("task-started", uuid="slow"), site.broker.event("task-odd", uuid="x"), 1])
    wait_until(lambda: site.database.query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), 20,
               "the commit sleeps")
    proxy.cut()
    daemon.wait_for_event("database_lost")
    wait_until_settled(site)
    found = counters(site)
    assert (found["deliveries"], found["redelivered"], found["task_events"], found["unknown_events"],
            found["dead"]) == (1, 0, 1, 1, 1)
    assert site.database.query("SELECT type, count FROM event_types") == [{"type": "task-odd", "count": 1}]
    assert [letter["body"] for letter in letters(site)] == [b"1"]


def test_what_comes_again_after_a_crash_is_counted_apart(site):
    site.config["maintenance"] = {"enabled": False}
    proxy = site.proxy_to(site.database_url)
    daemon = site.start_daemon(TASKBRIDGE_DATABASE_URL=proxy.url(site.database_url))
    daemon.wait_for_event("database_connected")
    proxy.stall()
    bodies = messages(64)
    site.broker.publish_all(bodies)
    wait_until(lambda: site.broker.queue()["unacked"] == len(bodies), 20, "all are handed out")
    daemon.kill()
    site.start_daemon()
    wait_until_settled(site)
    check_rows(site, 64)
    found = counters(site)
    assert (found["deliveries"], found["redelivered"], found["task_events"]) == (len(bodies), len(bodies), 5 * 64)


def test_a_backlog_of_100000_events_drains_in_little_memory(site):
    site.config["maintenance"] = {"enabled": False}
    fill(site, messages(20_000))
    daemon = site.start_daemon(wait=False)
    wait_until_settled(site)
    check_rows(site, 20_000)
    peak = peak_rss(daemon)
    print(f"peak RSS {peak / MIB:.1f} MiB")
    assert peak < 32 * MIB or is_sanitized(daemon)


def test_no_more_is_handed_out_than_the_prefetch(site):
    site.config["amqp"] = {"prefetch": 7}
    proxy = site.proxy_to(site.database_url)
    daemon = site.start_daemon(TASKBRIDGE_DATABASE_URL=proxy.url(site.database_url))
    daemon.wait_for_event("database_connected")
    proxy.stall()
    site.broker.publish_all(messages(80))
    wait_until(lambda: site.broker.queue() == {"ready": 43, "unacked": 7, "consumers": 1}, 20, "seven are handed out")
    proxy.restore()
    wait_until_settled(site)


def test_several_daemons_share_a_load(site):
    site.config["maintenance"] = {"enabled": False}
    site.config["amqp"] = {"prefetch": 50}
    names = ["one", "three", "two"]
    for name in names:
        site.start_daemon(TASKBRIDGE_DAEMON_INSTANCE=name)
    bodies = messages(6400)
    site.broker.publish_all(bodies)
    wait_until_settled(site)
    check_rows(site, 6400)
    shares = site.database.query("SELECT instance, deliveries, redelivered FROM bridge_instances ORDER BY instance")
    print(json.dumps(shares))
    assert [share["instance"] for share in shares] == names
    assert all(share["deliveries"] > 0 and share["redelivered"] == 0 for share in shares)
    assert sum(share["deliveries"] for share in shares) == len(bodies)


def test_a_daemon_that_cannot_write_stops_in_its_time_and_leaves_all_in_the_queue(site):
    site.config["daemon"] = {"shutdown_timeout_s": 1}
    proxy = site.proxy_to(site.database_url)
    daemon = site.start_daemon(TASKBRIDGE_DATABASE_URL=proxy.url(site.database_url))
    daemon.wait_for_event("database_connected")
    proxy.stall()
    bodies = messages(64)
    site.broker.publish_all(bodies)
    wait_until(lambda: site.broker.queue()["unacked"] == len(bodies), 20, "all are handed out")
    daemon.terminate(timeout=10)
    assert daemon.events("daemon_stopped_unwritten")
    wait_until(lambda: site.broker.queue()["ready"] == len(bodies), 20, "all are back in the queue")


def test_a_second_signal_ends_a_daemon_that_waits_for_the_database(site):
    proxy = site.proxy_to(site.database_url)
    daemon = site.start_daemon(TASKBRIDGE_DATABASE_URL=proxy.url(site.database_url))
    daemon.wait_for_event("database_connected")
    proxy.stall()
    site.broker.publish(messages(16)[0])
    wait_until(lambda: site.broker.queue()["unacked"] == 1, 20, "it is handed out")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_event("daemon_stopping", signal="SIGTERM")
    assert daemon.is_running()
    daemon.terminate(timeout=10)
    assert daemon.events("daemon_stopped_at_once")
    wait_until(lambda: site.broker.queue()["ready"] == 1, 20, "it is back in the queue")


def test_a_daemon_without_any_server_stops_at_once(site):
    servers = [site.proxy_to(site.amqp_url), site.proxy_to(site.database_url)]
    for server in servers:
        server.refuse()
    daemon = site.start_daemon(wait=False, TASKBRIDGE_AMQP_URL=servers[0].url(site.amqp_url),
                               TASKBRIDGE_DATABASE_URL=servers[1].url(site.database_url))
    daemon.wait_for_event("broker_lost")
    daemon.wait_for_event("database_lost")
    daemon.terminate(timeout=5)
