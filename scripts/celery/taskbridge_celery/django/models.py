"""The rows that taskbridge keeps, as Django sees them.

The table belongs to taskbridge (``taskbridge migrate`` creates it), hence
``managed = False``.  Django reads it and registers tasks; it never writes a row
itself, because status, progress and times are computed from Celery's events.

A database role that may only register (``taskbridge_app``) is enough for
``create_for_task``.  One that reads through ``taskbridge_reader`` sees a company's
rows after ``SET taskbridge.company = '73'``, all of them, as the admin needs, with
``"OPTIONS": {"options": "-c taskbridge.operator=on"}`` in ``DATABASES``.
"""

import json

from django.db import connections, models, router


class BackgroundTaskTracker(models.Model):
    """One background task of one company."""

    STATUS_CHOICES = [
        ("pending", "Pendiente"),
        ("running", "En curso"),
        ("success", "Completada"),
        ("failed", "Fallida"),
    ]

    id = models.BigAutoField(primary_key=True)
    company_id = models.BigIntegerField(null=True)  # of a company that has a number
    company_key = models.TextField(null=True)
    task_id = models.CharField(max_length=255, unique=True)
    task_name = models.CharField(max_length=255, null=True)
    display_name = models.CharField(max_length=255, null=True)
    status = models.CharField(max_length=20, choices=STATUS_CHOICES)
    celery_state = models.CharField(max_length=20)
    progress = models.IntegerField()
    progress_text = models.TextField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    error_message = models.TextField(null=True)
    metadata = models.JSONField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = 'taskbridge"."background_task_trackers'
        ordering = ["-created_at"]

    def __str__(self):
        return "%s (%s)" % (self.display_name or self.task_name, self.status)

    @classmethod
    def create_for_task(
        cls, company, task_result, task_name, display_name, metadata=None
    ):
        """Say which company a task belongs to; return its row.

        ``company`` is a company or its id, ``task_result`` what ``delay()``
        returned or a task id.  It may be called before, between or after the
        task's events, and more than once; the last call counts.  Of the row only
        ``id`` and ``task_id`` are known here; the rest is read when it is asked for.
        """
        company_id = getattr(company, "pk", company)
        if not isinstance(company_id, int):
            company_id = str(company_id)
        task_id = str(getattr(task_result, "id", task_result))
        database = router.db_for_write(cls)
        with connections[database].cursor() as cursor:
            cursor.execute(
                "SELECT taskbridge.tracker_register(%s, %s, %s, %s, %s::jsonb)",
                [
                    company_id,
                    task_id,
                    task_name,
                    display_name,
                    json.dumps(metadata or {}),
                ],
            )
            (row_id,) = cursor.fetchone()
        return cls.from_db(database, ["id", "task_id"], [row_id, task_id])
