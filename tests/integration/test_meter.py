"""The meter of events that never came, and the lag: real workers whose events go astray, and every way to count twice."""

import json
import time

import psycopg2

from harness import EVENTS_QUEUE, wait_until
from liveness import await_workers, send, start_worker, wait_for

HOUR = {"TASKBRIDGE_MAINTENANCE_STATUSES_EVERY_S": 3600}


def incarnations(site):
    """Of each worker's process: how many tasks it took up, how many starts were seen, how many missed."""
    return [(row["processed"], row["starts_seen"], row["missed"]) for row in site.database.query(
        "SELECT * FROM worker_missed_events ORDER BY first_heartbeat_at")]


def wait_for_meter(site, *wanted):
    last = []

    def reached():
        last[:] = incarnations(site)
        return last == list(wanted)

    wait_until(reached, 30, f"the meter shows {wanted}")


def run_tasks(site, worker, count):
    """So many tasks, to their end as the worker tells it."""
    done = worker.output().count("] succeeded in")
    for _ in range(count):
        send(site, worker.queue, "add", 1, 2)
    worker.wait_until(lambda: worker.output().count("] succeeded in") == done + count, 30, f"{count} tasks are done")


def status_of(site, worker):
    (found,) = [row for row in json.loads(site.cli("status", "--json").stdout)["workers"]
                if row["hostname"] == worker.hostname]
    return found


def test_events_that_never_came_are_counted_for_each_process_of_a_worker(site):
    site.start_daemon(**HOUR)
    worker = start_worker(site, "meter")
    await_workers(worker)
    wait_for_meter(site, (0, 0, 0))
    run_tasks(site, worker, 4)
    wait_for_meter(site, (4, 4, 0))
    channel = site.broker.channel()
    channel.queue_unbind(EVENTS_QUEUE, "celeryev", "#")
    run_tasks(site, worker, 7)
    channel.queue_bind(EVENTS_QUEUE, "celeryev", "#")
    wait_for_meter(site, (11, 4, 7))
    run_tasks(site, worker, 2)
    wait_for_meter(site, (13, 6, 7))
    shown = status_of(site, worker)
    assert (shown["processes"], shown["processed_seen"], shown["started_seen"], shown["missed"]) == (1, 13, 6, 7)
    assert (shown["processed"], shown["state"]) == (13, "online")
    worker.kill()
    again = start_worker(site, "meter")
    await_workers(again)
    wait_for_meter(site, (13, 6, 7), (0, 0, 0))
    run_tasks(site, again, 3)
    wait_for_meter(site, (13, 6, 7), (3, 3, 0))
    shown = status_of(site, again)
    assert (shown["processes"], shown["processed_seen"], shown["missed"], shown["processed"]) == (2, 16, 7, 3)
    assert [line.split()[5] for line in site.cli("status").stdout.splitlines() if line.startswith(again.hostname)] == ["7"]


class Tasks:
    """Heartbeats and starts by hand, of one process; one row is in use, so that a batch with its start waits."""

    def __init__(self, site):
        self.site = site
        self.began = time.time() - 60

    def beat(self, processed, after):
        self.site.broker.publish_event("worker-heartbeat", hostname="w@meter", pid=7, freq=2.0, active=0,
                                       processed=processed, timestamp=self.began + after)

    def hold(self):
        self.site.broker.publish_event("task-received", uuid="held", hostname="w@meter", pid=7, timestamp=self.began)
        wait_for(self.site, {"held": "RECEIVED"})
        self.holder = psycopg2.connect(self.site.database_url)
        self.holder.cursor().execute("SELECT FROM background_task_trackers WHERE task_id = 'held' FOR UPDATE")

    def start_five(self):
        """One message; on return its batch waits for the row."""
        self.site.broker.publish([self.site.broker.event("task-started", uuid=uuid, hostname="w@meter", pid=7,
                                                         timestamp=self.began + 10 + number)
                                  for number, uuid in enumerate(("a", "b", "held", "c", "d"))])
        wait_until(lambda: self.site.database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"),
            20, "a batch that waits")

    def release(self):
        self.holder.rollback()
        self.holder.close()
        wait_for(self.site, dict.fromkeys(("a", "b", "held", "c", "d"), "STARTED"))


def test_starts_that_come_again_after_a_kill_between_commit_and_ack_count_once(site):
    proxy = site.proxy_to(site.amqp_url)
    daemon = site.start_daemon(**HOUR, TASKBRIDGE_AMQP_URL=proxy.url(site.amqp_url))
    tasks = Tasks(site)
    tasks.beat(100, after=1)
    tasks.hold()
    tasks.start_five()
    proxy.stall()
    tasks.release()
    assert site.broker.queue()["unacked"] > 0
    daemon.kill()
    proxy.reset()
    wait_until(lambda: site.broker.consumers() == 0, 20, "the broker misses the daemon")
    site.start_daemon(**HOUR)
    tasks.beat(106, after=30)
    wait_for_meter(site, (6, 5, 1))
    wait_until(lambda: site.broker.unsettled() == 0, 20, "all is acknowledged")
    assert site.database.value("SELECT sum(redelivered) FROM bridge_instances") > 0
    assert incarnations(site) == [(6, 5, 1)]


def test_a_batch_that_is_written_again_since_its_commit_was_not_heard_of_counts_once(site):
    proxy = site.proxy_to(site.database_url)
    daemon = site.start_daemon(**HOUR, TASKBRIDGE_DATABASE_URL=proxy.url(site.database_url))
    tasks = Tasks(site)
    tasks.beat(100, after=1)
    tasks.hold()
    tasks.start_five()
    proxy.stall()
    tasks.release()
    proxy.reset()
    proxy.restore()
    tasks.beat(106, after=30)
    wait_for_meter(site, (6, 5, 1))
    assert daemon.events("batch_failed")
    # Deliveries: the first heartbeat, the row in use, the starts, the last heartbeat.
    assert site.database.value("SELECT sum(task_events) FROM bridge_instances") == 6
    assert site.database.value("SELECT sum(deliveries) FROM bridge_instances") == 4


def test_the_lag_is_the_time_from_a_tasks_stamp_to_its_commit(site):
    site.start_daemon(**HOUR)
    site.broker.publish_event("worker-heartbeat", hostname="w@lag", pid=7, freq=2.0, active=0, processed=0)
    wait_until(lambda: site.database.query("SELECT * FROM celery_workers"), 20, "the worker's row")
    site.broker.publish_event("task-started", uuid="late", hostname="w@lag", timestamp=time.time() - 100)
    lag = wait_until(lambda: site.database.value("SELECT lag_us FROM bridge_instances"), 20, "the lag")
    assert 100_000_000 <= lag < 130_000_000
    (shown,) = json.loads(site.cli("status", "--json").stdout)["daemons"]
    assert shown["lag_us"] == lag
    for number in range(3):
        site.broker.publish_event("task-started", uuid=f"timely {number}", hostname="w@lag")
        wait_for(site, {f"timely {number}": "STARTED"})
    wait_until(lambda: site.database.value("SELECT lag_us FROM bridge_instances") < 20_000_000, 20, "a smaller lag")
