"""Workers that beat fast, a daemon that judges fast, and what became of tasks."""

import contextlib
import os
import signal

from celery import Celery

from harness import wait_until
from harness.site import CELERY

# Celery's command line knows only whole seconds between heartbeats. Ten of these are less than SILENT_AFTER_S.
FREQUENCY_S = 0.4
SILENT_AFTER_S = 5
QUICK = {"TASKBRIDGE_MAINTENANCE_SILENT_AFTER_S": SILENT_AFTER_S, "TASKBRIDGE_MAINTENANCE_STATUSES_EVERY_S": 1,
         "TASKBRIDGE_MAINTENANCE_ASK_APART_S": 1}
# From a worker's last sign to the verdict: the silence, a run's period, the time for answers, and a slow machine's.
BOUND_S = SILENT_AFTER_S + 25

GONE = "outcome unknown: the worker no longer has it and its last event never came"

APP = f"""
import os
from celery.worker import heartbeat
from demo.app import app

plain = heartbeat.Heart.__init__

def beat_fast(self, timer, eventer, interval=None):
    plain(self, timer, eventer, {FREQUENCY_S})

heartbeat.Heart.__init__ = beat_fast
app.conf.task_annotations = {{"faults.progress_text": {{"rate_limit": "1/h"}}}}
app.conf.task_serializer = os.environ.get("SERIALIZER", "json")
app.conf.worker_send_task_events = not os.environ.get("MUTE")
"""


def start_judge(site, **variables):
    """A daemon that judges within seconds."""
    return site.start_daemon(**{**QUICK, **variables})


def start_worker(site, name, *arguments, pool="prefork", concurrency=2, **variables):
    """A worker with a queue of its own, both named so; its attribute hostname is how events name it. Several may start
    at once: each is ready once it is waited for with await_workers."""
    (site.directory / "quick.py").write_text(APP, encoding="utf-8")
    worker = site.start_worker("quick", pool, "-Q", name, *arguments, concurrency=concurrency, name=name, wait=False,
                               PYTHONPATH=f"{CELERY}:{site.directory}", DEMO_QUEUE=name, **variables)
    worker.queue = name
    worker.hostname = f"{name}@{os.uname().nodename}"
    return worker


def await_workers(*workers):
    for worker in workers:
        worker.wait_for(" ready.", 60)


def send(site, queue, task, *args, **options):
    """A task of faults.py for the worker of that queue; its id."""
    with Celery("sender", broker=site.amqp_url, set_as_current=False) as app:
        return app.send_task(f"faults.{task}", args, queue=queue, **options).id


def state(site, task_id):
    return (site.database.row(task_id) or {"celery_state": None})["celery_state"]


def wait_for(site, wanted, timeout=30):
    """Until each of these tasks is in its state; wanted has the states by the tasks' ids."""

    def states():
        return {task_id: state(site, task_id) for task_id in wanted}

    with contextlib.suppress(AssertionError):
        wait_until(lambda: states() == wanted, timeout)
    now = states()
    assert now == wanted, f"{now}, not {wanted}"


def wait_for_loss(site, task_id, reason, timeout=BOUND_S):
    wait_for(site, {task_id: "LOST"}, timeout)
    row = site.database.row(task_id)
    assert (row["status"], row["error_message"]) == ("failed", reason)
    assert row["completed_at"] is not None


def last_run(site):
    return site.database.value("SELECT coalesce(max(id), 0) FROM maintenance_runs")


def await_runs(site, count, asking=True, timeout=60):
    """Until the job has run so often again, and asked workers each time."""
    before = last_run(site)
    wait_until(lambda: site.database.value(
        "SELECT count(*) FROM maintenance_runs WHERE job = 'update_task_statuses' AND outcome = 'done' AND id > %s "
        "AND detail ~ %s", (before, "^[1-9][0-9]* asked for" if asking else "")) >= count,
        timeout, f"{count} more runs")


def lost_of(daemon, *tasks):
    """Which of these the daemon ever called lost."""
    lines = [line for line in daemon.output().splitlines() if " event=task_lost " in line]
    return [task for task in tasks if any(task in line for line in lines)]


def freeze(worker):
    """The worker and its pool."""
    os.killpg(worker.pid, signal.SIGSTOP)


def thaw(worker):
    os.killpg(worker.pid, signal.SIGCONT)


def cut_questions(site):
    """Has the broker close the connections over which workers are asked; how many there were."""
    return site.stack.evaluate_json(f"""
        length([rabbit_networking:close_connection(Pid, "cut by a test") || Pid <- rabbit_networking:connections(),
            [{{vhost, <<"{site.name}">>}}, {{client_properties, Properties}}] <-
                [catch rabbit_networking:connection_info(Pid, [vhost, client_properties])],
            is_list(Properties),
            {{_, _, Name}} <- [lists:keyfind(<<"connection_name">>, 1, Properties)],
            binary:match(Name, <<"asking workers">>) =/= nomatch]).""")
