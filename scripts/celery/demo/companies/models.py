"""Companies and their people."""

import functools
import uuid

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from taskbridge_celery.django.models import BackgroundTaskTracker

from ..onboard import ONBOARDING


class Company(models.Model):
    """A customer."""

    name = models.CharField(max_length=200)
    users = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="companies")
    finalized_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "companies"
        ordering = ["name"]

    def __str__(self):
        return self.name

    def finalize(self):
        """End the registration and start the onboarding; the four rows.

        All or nothing: a task is sent only when what was registered is committed.
        """
        with transaction.atomic():
            self.finalized_at = timezone.now()
            self.save(update_fields=["finalized_at"])
            return [
                self.start(task_name, display_name)
                for task_name, display_name in ONBOARDING
            ]

    def start(self, task_name, display_name):
        from ..app import app

        task_id = str(uuid.uuid4())
        transaction.on_commit(
            functools.partial(
                app.send_task,
                task_name,
                kwargs={"company_id": self.pk},
                task_id=task_id,
            )
        )
        return BackgroundTaskTracker.create_for_task(
            company=self,
            task_result=task_id,
            task_name=task_name,
            display_name=display_name,
            metadata={"source": "onboarding"},
        )
