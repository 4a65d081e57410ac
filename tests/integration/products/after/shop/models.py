"""Companies; the row of a background task is taskbridge's."""

import uuid
from functools import partial

from django.db import models, transaction
from taskbridge_celery.django.models import BackgroundTaskTracker


class Company(models.Model):
    name = models.CharField(max_length=200)

    def finalize(self):
        from .celery import app

        with transaction.atomic():
            task_id = str(uuid.uuid4())
            transaction.on_commit(partial(app.send_task, "shop.sync_documents", kwargs={"company_id": self.pk},
                                          task_id=task_id))
            return BackgroundTaskTracker.create_for_task(
                company=self, task_result=task_id, task_name="shop.sync_documents",
                display_name="Sincronizando documentos", metadata={"source": "shop"})
