"""The tasks whose events are captured. What really happened to each is written into CAPTURE_TRUTH, apart from any event:
that file is what the rows in tests/integration/captured.py were worked out of, together with the events."""

import json
import os
import time

from celery import Celery
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

app = Celery("capapp", broker=os.environ.get("CAPTURE_URL"))
app.conf.update(
    task_default_queue=os.environ.get("CAPTURE_QUEUE", "captures"),
    task_ignore_result=True,
    result_backend=None,
    task_send_sent_event=True,
    worker_send_task_events=True,
    worker_prefetch_multiplier=2,
    worker_hijack_root_logger=False,
    worker_soft_shutdown_timeout=float(os.environ.get("CAPTURE_SOFT_SECONDS", "0")),
    broker_connection_retry_on_startup=True,
    broker_heartbeat=0,
)
if os.environ.get("CAPTURE_QUEUE_TYPE") == "quorum":
    app.conf.update(task_default_queue_type="quorum", task_default_exchange_type="topic",
                    broker_native_delayed_delivery_queue_type="quorum")


def tell(task, what):
    line = {"id": task.request.id, "what": what, "retries": task.request.retries, "at": time.time()}
    with open(os.environ["CAPTURE_TRUTH"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def told(task, what):
    """How often; also by a worker that is gone."""
    try:
        with open(os.environ["CAPTURE_TRUTH"], encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    except FileNotFoundError:
        return 0
    return sum((line["id"], line["what"]) == (task.request.id, what) for line in lines)


@app.task(bind=True)
def add(self, x, y=0):
    tell(self, "began")
    tell(self, "succeeded")
    return x + y


@app.task(bind=True)
def fail(self, company_id=None):
    tell(self, "failed")
    raise ValueError("no se pudo: ñ")


@app.task(bind=True)
def ignore(self):
    tell(self, "ignored")
    raise Ignore()


@app.task(bind=True, acks_late=True)
def reject(self):
    tell(self, "rejected")
    raise Reject("not wanted", requeue=False)


@app.task(bind=True, acks_late=True)
def reject_once(self):
    if told(self, "requeued"):
        tell(self, "succeeded")
        return "second"
    tell(self, "requeued")
    raise Reject("not now", requeue=True)


@app.task(bind=True)
def replace(self, x, y):
    tell(self, "replaced")
    raise self.replace(add.s(x, y))


@app.task(bind=True, max_retries=None)
def retry(self, times, countdown=1):
    if self.request.retries < times:
        tell(self, "retried")
        raise self.retry(exc=ConnectionError(f"attempt {self.request.retries}"), countdown=countdown)
    tell(self, "succeeded")
    return self.request.retries


@app.task(bind=True, max_retries=1)
def give_up(self):
    tell(self, "failed once")
    raise self.retry(exc=ConnectionError("never works"), countdown=1)


@app.task(bind=True)
def steps(self, seconds, count=4):
    """A task that reports as a product's own code does, and never through the package."""
    for step in range(count):
        self.send_event("task-progress", progress=100 * step // count, message=f"paso {step + 1}", retries=0)
        time.sleep(seconds / count)
    tell(self, "succeeded")


@app.task(bind=True)
def sleep(self, seconds):
    tell(self, "began")
    time.sleep(seconds)
    tell(self, "succeeded")


@app.task(bind=True, acks_late=True)
def sleep_late(self, seconds):
    """The second time, after its first worker went, it takes no time."""
    again = told(self, "began")
    tell(self, "began")
    time.sleep(0.2 if again else seconds)
    tell(self, "succeeded")


@app.task(bind=True, soft_time_limit=1)
def soft_limit(self):
    tell(self, "began")
    time.sleep(20)


@app.task(bind=True, soft_time_limit=1)
def soft_limit_caught(self):
    try:
        time.sleep(20)
    except SoftTimeLimitExceeded:
        tell(self, "succeeded")
        return "in time"


@app.task(bind=True, time_limit=1)
def hard_limit(self):
    tell(self, "began")
    time.sleep(20)


@app.task(bind=True, rate_limit="2/s")
def limited(self):
    tell(self, "succeeded")
