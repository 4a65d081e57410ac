"""Companies, and a row a background task, written by the product itself."""

import uuid
from functools import partial

from django.db import models, transaction


class TimeStampedModel(models.Model):
    created = models.DateTimeField(auto_now_add=True)
    modified = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


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


class BackgroundTaskTracker(TimeStampedModel):
    STATUS_CHOICES = [("pending", "Pending"), ("running", "Running"), ("success", "Success"), ("failed", "Failed")]

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="background_tasks")
    task_id = models.CharField(max_length=255, unique=True)
    task_name = models.CharField(max_length=255)
    display_name = models.CharField(max_length=255)
    status = models.CharField(max_length=20, choices=STATUS_CHOICES, default="pending")
    progress = models.IntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)

    class Meta:
        db_table = "background_task_trackers"
        ordering = ["-created"]

    @classmethod
    def create_for_task(cls, company, task_result, task_name, display_name, metadata=None):
        return cls.objects.create(company=company, task_id=getattr(task_result, "id", task_result),
                                  task_name=task_name, display_name=display_name, metadata=metadata or {})
