"""The product's tasks; the beat jobs polled the result backend and swept the table."""

import os
import time

from celery import Celery

app = Celery("shop", broker=os.environ.get("TASKBRIDGE_AMQP_URL"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False,
                imports=("shop.celery",))


@app.task(bind=True, name="shop.sync_documents")
def sync_documents(self, company_id):
    for progress in (0, 50):
        self.update_state(state="PROGRESS", meta={"progress": progress, "status": "working"})
        time.sleep(0.1)


@app.task(name="shop.update_task_statuses")
def update_task_statuses():
    """Every two minutes."""


@app.task(name="shop.cleanup_completed_trackers")
def cleanup_completed_trackers():
    """Every hour."""
