"""The rows that taskbridge keeps, as Django sees them.

The table belongs to taskbridge (``taskbridge migrate`` makes it, in a schema of its
own), hence ``managed = False``: no migration of the product's touches it. Django
reads it and registers tasks; it never writes a row itself, because status, progress
and times are computed from Celery's events. The product's login needs the role
``taskbridge_app`` for both.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import NotSupportedError, connections, models, router
from django.db.models.fields import related_lookups
from django.utils import timezone

from ..tokens import company_text, task_text
from . import conf, standin


class TextCompany(models.ForeignKey):  # type: ignore[type-arg]
    """A relation to companies whose key is a UUID or a text: kept as text."""

    def db_type(self, connection: Any) -> str:
        return str(models.TextField().db_type(connection))

    def rel_db_type(self, connection: Any) -> str:
        return self.db_type(connection)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return None if value is None else str(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return self.get_db_prep_value(value, connection)

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return None if value is None else self.target_field.to_python(value)


class AsText:
    """Django compares a relation with what the company's own column takes."""

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        sql, values = super().get_db_prep_lookup(value, connection)  # type: ignore[misc]
        key = self.lhs.output_field.target_field  # type: ignore[attr-defined]
        return sql, [one if one is None else str(key.to_python(one)) for one in values]


@TextCompany.register_lookup
class TextExact(AsText, related_lookups.RelatedExact):
    pass


@TextCompany.register_lookup
class TextIn(AsText, related_lookups.RelatedIn):
    pass


class Name(models.CharField):  # type: ignore[type-arg]
    """A name that may not be known yet: then it is empty, as code expects of names."""

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return "" if value is None else value


class Trackers(models.Manager):  # type: ignore[type-arg]
    """Rows are also found by the names that TimeStampedModel gives its stamps."""

    def get_queryset(self) -> Any:
        return (
            super()
            .get_queryset()
            .annotate(created=models.F("created_at"), modified=models.F("updated_at"))
        )


class BackgroundTaskTracker(models.Model):
    """One background task of one company."""

    STATUS_CHOICES = [
        ("pending", "Pendiente"),
        ("running", "En curso"),
        ("success", "Completada"),
        ("failed", "Fallida"),
    ]

    id = models.BigAutoField(primary_key=True)
    # The defaults matter where a test makes a row; taskbridge's own rows have them
    # from Celery's events.
    task_id = models.CharField(max_length=255, unique=True)
    task_name = Name(max_length=255, null=True, blank=True)
    display_name = Name(max_length=255, null=True, blank=True)
    status = models.CharField(
        max_length=20, choices=STATUS_CHOICES, default="pending"
    )
    celery_state = models.CharField(max_length=20, default="PENDING")
    progress = models.IntegerField(default=0)
    progress_text = models.TextField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True, default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    first_at = models.DateTimeField(default=timezone.now)
    retried_at = models.DateTimeField(null=True, blank=True)
    requeued_at = models.DateTimeField(null=True, blank=True)
    eta_at = models.DateTimeField(null=True, blank=True)
    eta = models.TextField(null=True, blank=True)
    task_type = models.TextField(null=True, blank=True)
    worker = models.TextField(null=True, blank=True)
    queue = models.TextField(null=True, blank=True)
    retries = models.BigIntegerField(null=True, blank=True)
    args = models.TextField(null=True, blank=True)
    kwargs = models.TextField(null=True, blank=True)
    result = models.TextField(null=True, blank=True)
    error = models.TextField(null=True, blank=True)
    traceback = models.TextField(null=True, blank=True)
    root_id = models.TextField(null=True, blank=True)
    parent_id = models.TextField(null=True, blank=True)

    if conf.company_model() is None:
        company_id = models.BigIntegerField(null=True, blank=True)
        company_key = models.TextField(null=True, blank=True)
    elif conf.company_has_number():
        company = models.ForeignKey(
            conf.company_model(),
            # The product's companies come and go without asking taskbridge.
            on_delete=models.DO_NOTHING,
            db_constraint=False,
            db_column="company_id",
            related_name=conf.company_related_name(),
            null=True,
            blank=True,
        )
        company_key = models.TextField(null=True, blank=True)
    else:
        company = TextCompany(
            conf.company_model(),
            on_delete=models.DO_NOTHING,
            db_constraint=False,
            db_column="company_key",
            related_name=conf.company_related_name(),
            null=True,
            blank=True,
        )

    objects = Trackers()

    class Meta:
        managed = False
        db_table = conf.table()
        ordering = ["-created_at"]
        verbose_name = "background task"

    def __str__(self) -> str:
        return "%s (%s)" % (self.display_name or self.task_name or self.task_id, self.status)

    @property
    def created(self) -> Any:
        """created_at, as TimeStampedModel calls it."""
        return self.created_at

    @created.setter
    def created(self, at: Any) -> None:
        self.created_at = at

    @property
    def modified(self) -> Any:
        """updated_at, as TimeStampedModel calls it."""
        return self.updated_at

    @modified.setter
    def modified(self, at: Any) -> None:
        self.updated_at = at

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1 on."""
        return (self.retries or 0) + 1

    @classmethod
    def create_for_task(
        cls,
        company: Any,
        task_result: Any,
        task_name: str,
        display_name: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> BackgroundTaskTracker:
        """Say which company a task belongs to; return its row.

        ``company`` is a saved company or its id, ``task_result`` what ``delay()``
        returned or a task's id. It may be called before, between or after the
        task's events, in the caller's transaction, and more than once; the last
        call counts. What Celery's events say of the row is read when it is asked
        for.
        """
        key = company_text(company)
        values = {
            "task_id": task_text(task_result),
            "task_name": task_name,
            "display_name": display_name or None,
            "metadata": metadata or {},
        }
        database = router.db_for_write(cls)
        if standin.stands_in(database):
            return cls._register_in_tests(database, company, key, values)
        with connections[database].cursor() as cursor:
            cursor.execute(
                'SELECT "%s".tracker_register(%%s::text, %%s, %%s, %%s, %%s::jsonb)'
                % conf.schema(),
                [key, *list(values.values())[:3], json.dumps(values["metadata"])],
            )
            (row_id,) = cursor.fetchone()
        known = {"id": row_id, **values, **cls._company_values(company, key)}
        # Without a display name the rule's may be there.
        if display_name is None:
            del known["display_name"]
        row = cls.from_db(database, list(known), list(known.values()))
        return row

    @classmethod
    def _company_values(cls, company: Any, key: str) -> dict[str, Any]:
        """The key as the model's fields have it, by their attributes' names."""
        names = {field.attname: field for field in cls._meta.concrete_fields}
        value: Any = key
        if "company" in {field.name for field in names.values()}:
            value = names["company_id"].target_field.to_python(key)
        else:
            value = int(key) if key.lstrip("-").isdigit() else None
        found = {"company_id": value}
        if "company_key" in names:
            found["company_key"] = key
        return found

    @classmethod
    def _register_in_tests(
        cls, database: str, company: Any, key: str, values: dict[str, Any]
    ) -> BackgroundTaskTracker:
        companies = cls._company_values(company, key)
        row = cls(**values, **companies)
        written = {
            field.name: getattr(row, field.attname)
            for field in cls._meta.concrete_fields
            if not field.primary_key
        }
        row.pk = standin.register(cls, database, written)
        row._state.adding = False
        row._state.db = database
        return row

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refused, but in tests: Celery's events write the row."""
        self._refuse_outside_of_tests(kwargs.get("using"))
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Refused, but in tests: taskbridge's maintenance deletes rows."""
        self._refuse_outside_of_tests(kwargs.get("using"))
        return super().delete(*args, **kwargs)

    def _refuse_outside_of_tests(self, using: str | None) -> None:
        if not standin.stands_in(using or router.db_for_write(type(self), instance=self)):
            raise NotSupportedError(
                "taskbridge writes this row, out of Celery's events; register a task"
                " with BackgroundTaskTracker.create_for_task(...)"
            )
