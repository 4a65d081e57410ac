"""Tasks that wait in a queue, and those that wait in none any more: what is called lost of them, and what never is."""

import datetime
import signal

from celery import Celery

from harness import wait_until
from liveness import (await_workers, lost_of, send, start_judge, start_worker, state, wait_for, wait_for_loss)

NO_LONGER = "outcome unknown: it is in its queue no longer, and no worker has it"
CANCELLED = ("outcome unknown: it was cancelled when its worker stopped or lost the broker, and nobody has taken it up "
             "again")
GIVEN_BACK = "outcome unknown: it was given back to its queue, is there no longer, and no worker has it"


def await_waiting_runs(site, count, detail="%", timeout=60):
    """Until the job has run so often again, with such a detail."""
    before = site.database.value("SELECT coalesce(max(id), 0) FROM maintenance_runs")
    wait_until(lambda: site.database.value(
        "SELECT count(*) FROM maintenance_runs WHERE job = 'update_waiting_tasks' AND outcome = 'done' AND id > %s "
        "AND detail LIKE %s", (before, detail)) >= count, timeout, f"{count} runs with {detail}")


def send_seen(site, queue, **options):
    """A task whose client tells that it was sent."""
    with Celery("sender", broker=site.amqp_url, set_as_current=False) as app:
        app.conf.task_send_sent_event = True
        return app.send_task("faults.add", (1, 2), queue=queue, **options).id


def test_a_task_that_was_purged_is_lost_and_one_that_waits_is_not(site):
    daemon = start_judge(site)
    worker = start_worker(site, "busy", concurrency=1)
    await_workers(worker)
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)).isoformat()
    purged, waits = send_seen(site, "purged"), send_seen(site, "waits")
    delayed = send_seen(site, "elsewhere", eta=later)
    wait_for(site, dict.fromkeys((purged, waits, delayed), "PENDING"))
    # Sent two days ahead, and no queue holds it: where delays are native it lies in queues of the broker's own.
    channel = site.broker.channel()
    channel.queue_purge("elsewhere")
    await_waiting_runs(site, 3, "2 looked for, 0 lost%")
    channel.queue_purge("purged")
    wait_for_loss(site, purged, NO_LONGER)
    await_waiting_runs(site, 3, "1 looked for, 0 lost%")
    channel.queue_delete("waits")
    wait_for_loss(site, waits, NO_LONGER)
    assert lost_of(daemon, delayed) == []
    assert state(site, delayed) == "PENDING"


def test_an_expired_task_is_ended_and_a_taken_one_is_not(site):
    start_judge(site)
    expired = send_seen(site, "nobody", expires=1)
    wait_for_loss(site, expired, "expired before a worker took it")


def test_what_workers_gave_back_or_cancelled_waits_or_is_lost(site):
    daemon = start_judge(site)
    taker = start_worker(site, "taker", concurrency=1)
    other = start_worker(site, "other", concurrency=1)
    await_workers(taker, other)
    # Which queues it takes from is asked for while it lives.
    wait_until(lambda: site.database.value("SELECT queues FROM celery_workers WHERE hostname = %s", (taker.hostname,))
               == ["taker"], 30, "the worker's queues")
    channel = site.broker.channel()
    for kind in ("task-received", "task-started"):
        for task in ("cancelled", "given back"):
            site.broker.publish_event(kind, uuid=task, hostname=taker.hostname, pid=taker.pid, name="n", args="()",
                                      kwargs="{}")
    taker.signal(signal.SIGTERM)
    taker.wait()
    # Something waits in that queue: it may be these.
    held = send(site, "taker", "sleep", 300)
    site.broker.publish_event("task-cancelled", uuid="cancelled", hostname=taker.hostname, pid=taker.pid)
    site.broker.publish_event("task-rejected", uuid="given back", hostname=taker.hostname, pid=taker.pid, requeue=True)
    wait_for(site, {"cancelled": "RECEIVED", "given back": "RECEIVED"})
    await_waiting_runs(site, 3, "2 looked for, 0 lost%")
    assert lost_of(daemon, "cancelled", "given back", held) == []
    channel.queue_purge("taker")
    wait_for_loss(site, "cancelled", CANCELLED)
    wait_for_loss(site, "given back", GIVEN_BACK)
    # A worker that takes it up again takes the verdict back.
    site.broker.publish_event("task-received", uuid="given back", hostname=other.hostname, pid=other.pid, name="n",
                              args="()", kwargs="{}")
    wait_for(site, {"given back": "RECEIVED"})


def test_while_a_worker_runs_tasks_without_a_word_nothing_that_waits_is_judged(site):
    daemon = start_judge(site)
    mute = start_worker(site, "mute", concurrency=1, events=False, MUTE="1")
    await_workers(mute)
    before = [send_seen(site, "mute") for _ in range(3)]
    for task in before:
        mute.wait_for(f"[{task}] succeeded", 30)
    await_waiting_runs(site, 4, "%without sending their events%")
    assert lost_of(daemon, *before) == []
    assert {state(site, task) for task in before} == {"PENDING"}
