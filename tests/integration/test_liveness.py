"""Real workers die, freeze, forget and go on: what of their tasks is called lost, and what never is."""

import os
import signal

from harness import wait_until
from liveness import (GONE, await_runs, await_workers, freeze, lost_of, send, start_judge, start_worker, state, thaw,
                      wait_for, wait_for_loss)


def test_what_a_living_worker_has_is_never_lost_and_what_it_forgot_is(site):
    daemon = start_judge(site)
    worker = start_worker(site, "all", "--prefetch-multiplier=8")
    await_workers(worker)
    ignored = send(site, "all", "ignore")
    replaced = send(site, "all", "replace")
    first, limited = [send(site, "all", "progress_text", "one an hour") for _ in range(2)]
    wait_for(site, {ignored: "STARTED", replaced: "SUCCESS", first: "SUCCESS", limited: "RECEIVED"})
    waiting = send(site, "all", "add", 1, 2, countdown=600)
    running = [send(site, "all", "sleep", 300) for _ in range(2)]
    wait_for(site, {waiting: "RECEIVED", **dict.fromkeys(running, "STARTED")})
    reserved = send(site, "all", "sleep", 300)
    # A worker's last event that never came, and one that says less than what is: this task was taken up again.
    for kind in ("task-received", "task-started"):
        site.broker.publish_event(kind, uuid="forgotten", hostname=worker.hostname, pid=worker.pid)
    site.broker.publish_event("task-retried", uuid=running[1], hostname=worker.hostname, exception="ValueError()")
    wait_for(site, {reserved: "RECEIVED", "forgotten": "STARTED", running[1]: "RETRY"})

    wait_for_loss(site, ignored, GONE)
    wait_for_loss(site, "forgotten", GONE)
    living = {limited: "RECEIVED", waiting: "RECEIVED", reserved: "RECEIVED", running[0]: "STARTED",
              running[1]: "STARTED"}
    wait_for(site, living)
    site.broker.publish_event("task-progress", uuid=ignored, hostname=worker.hostname, progress=40)
    site.broker.publish_event("task-succeeded", uuid="forgotten", hostname=worker.hostname, result="3", runtime=1.0)
    wait_for(site, {ignored: "PROGRESS", "forgotten": "SUCCESS"})
    await_runs(site, 3)
    wait_for(site, living)
    assert lost_of(daemon, *living) == []


def test_a_long_task_outlives_an_hour_without_the_daemon(site):
    daemon = start_judge(site)
    worker = start_worker(site, "long", "--prefetch-multiplier=8", concurrency=1)
    await_workers(worker)
    running = send(site, "long", "sleep", 300)
    wait_for(site, {running: "STARTED"})
    reserved = send(site, "long", "sleep", 300)
    wait_for(site, {reserved: "RECEIVED"})
    daemon.terminate()
    site.database.execute("UPDATE background_task_trackers SET updated_at = updated_at - interval '1 hour'")
    site.database.execute("UPDATE celery_workers SET heard_at = heard_at - interval '1 hour'")
    daemon = start_judge(site)
    await_runs(site, 4)
    wait_for(site, {running: "STARTED", reserved: "RECEIVED"})
    assert lost_of(daemon, running, reserved) == []


def test_workers_that_end_in_every_way_lose_what_they_ran(site):
    daemon = start_judge(site)
    workers = [start_worker(site, name, concurrency=1) for name in ("group", "parent", "cold", "frozen")]
    group, parent, cold, frozen = workers
    await_workers(*workers)
    tasks = {worker.queue: send(site, worker.queue, "sleep", 300) for worker in workers}
    wait_for(site, dict.fromkeys(tasks.values(), "STARTED"))
    group.kill()
    parent.signal(signal.SIGKILL)
    cold.signal(signal.SIGQUIT)
    freeze(frozen)
    for worker in workers:
        wait_for_loss(site, tasks[worker.queue], f"worker {worker.hostname} vanished")
    assert len(lost_of(daemon, *tasks.values())) == 4

    # The one that was only frozen has its task still; the one that comes back under its name has forgotten all.
    site.broker.publish_event("task-received", uuid="reserved", hostname=cold.hostname, name="faults.sleep", retries=0)
    wait_for(site, {"reserved": "RECEIVED"})
    thaw(frozen)
    await_workers(start_worker(site, "cold", concurrency=1))
    wait_for(site, {tasks["frozen"]: "STARTED"})
    wait_for_loss(site, "reserved", GONE)
    assert "task found again" in daemon.output()
    assert state(site, tasks["group"]) == "LOST"
