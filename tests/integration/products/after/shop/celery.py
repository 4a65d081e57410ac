"""The product's tasks; the beat jobs are gone."""

import os
import time

from celery import Celery
from taskbridge_celery import TrackedTask, install

app = Celery("shop", broker=os.environ.get("TASKBRIDGE_AMQP_URL"), task_cls=TrackedTask)
install(app)
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False,
                imports=("shop.celery",))


@app.task(bind=True, name="shop.sync_documents")
def sync_documents(self, company_id):
    for progress in (0, 50):
        self.update_state(state="PROGRESS", meta={"progress": progress, "status": "working"})
        time.sleep(0.1)
