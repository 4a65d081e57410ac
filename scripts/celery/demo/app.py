"""The Celery application of the demonstration.

It is configured like a product that taskbridge is put beside: events on, no
result backend, an ordinary queue.  The environment gives the rest:

``TASKBRIDGE_AMQP_URL``  the broker (required by whoever connects)
``DEMO_SPEED``           how many times faster than life the tasks run (1)
``DEMO_QUEUE``           the queue to send to and to consume ("celery")
``DEMO_EVENTS``          "off": a worker without -E sends no task events
"""

import os

from celery import Celery
from taskbridge_celery import TrackedTask, install

app = Celery(
    "demo", broker=os.environ.get("TASKBRIDGE_AMQP_URL"), task_cls=TrackedTask
)
install(app)
app.conf.update(
    task_default_queue=os.environ.get("DEMO_QUEUE", "celery"),
    task_ignore_result=True,
    result_backend=None,
    task_send_sent_event=True,
    worker_send_task_events=os.environ.get("DEMO_EVENTS") != "off",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=5,
    timezone="America/Santiago",
    imports=("demo.tasks", "demo.faults"),
)


def speed():
    """How many times faster than life the demonstration runs."""
    value = float(os.environ.get("DEMO_SPEED", "1"))
    if not 0 < value < float("inf"):
        raise ValueError("DEMO_SPEED must be a number above 0, not %s." % value)
    return value
