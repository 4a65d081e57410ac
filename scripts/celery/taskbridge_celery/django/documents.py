"""The document of a company that taskbridge-http serves, for a view of the product's.

The fields, their order and their meaning are the same; it is read from the same rows.
Only ``stale`` and ``as_of``, whether taskbridge itself is behind, are left to
taskbridge-http, which looks at its daemons.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from . import conf, standin
from .models import BackgroundTaskTracker

RECENT = 20
ACTIVE_MAX = 1000
UNNAMED = {"es": "Tarea", "en": "Task"}
FAILED = {
    "es": "No se pudo completar esta tarea.",
    "en": "This task could not be completed.",
}


def task_status(
    company: Any,
    *,
    name: str | None = None,
    limit: int = RECENT,
    language: str = "es",
    raw_errors: bool = False,
) -> dict[str, Any]:
    """The document of ``company``, a company or its id; ``name`` is its name.

    It is the caller who must know that the company may be seen. Customers never read
    an exception: of a failure they read ``TASKBRIDGE_FAILURE_MESSAGES``'s words for
    the task or a general sentence, and operators, with ``raw_errors``, the error.
    """
    key = getattr(company, "pk", company)
    now = datetime.now(timezone.utc)
    shown = Shown(now, "en" if language.startswith("en") else "es", raw_errors)
    rows = rows_of(key)
    since = now - timedelta(seconds=conf.completed_after_seconds())
    active = rows.filter(completed_at=None).order_by("first_at", "id")
    listed = list(active[:ACTIVE_MAX])
    active_count = len(listed) if len(listed) < ACTIVE_MAX else active.count()
    ended = rows.filter(completed_at__gt=since)
    recent = list(ended.order_by("-completed_at", "-id")[:limit])
    completed = len(recent) if len(recent) < limit else ended.count()
    failed = ended.filter(status="failed").count() if completed else 0
    document = {
        "active_tasks": [shown.task(row) for row in listed],
        "all_completed": active_count == 0,
        "summary": {
            "total_tasks": active_count + completed,
            "active_count": active_count,
            "completed_count": completed,
            "recent_completed": [shown.task(row) for row in recent],
            "failed_count": failed,
        },
        "company_id": key if isinstance(key, int) else str(key),
        "company_name": name if name is not None else name_of(company),
    }
    version = version_of(document)
    return {**document, "checked_at": stamp(now), "version": version}


def rows_of(key: Any) -> QuerySet[BackgroundTaskTracker]:
    rows = BackgroundTaskTracker.objects.all()
    names = {field.attname for field in BackgroundTaskTracker._meta.concrete_fields}
    # The key is what the table's indexes are for; rows that a test made have none.
    if "company_key" in names and not standin.stands_in(rows.db):
        return rows.filter(company_key=str(key))
    return rows.filter(company_id=key)


def name_of(company: Any) -> str | None:
    for attribute in ("name", "legal_name", "title"):
        value = getattr(company, attribute, None)
        if isinstance(value, str):
            return value
    return None


def version_of(document: dict[str, Any]) -> str:
    """Another one exactly when anything but the clock changed."""

    def timeless(task: dict[str, Any]) -> dict[str, Any]:
        if task.get("completed_at") is not None:
            return task
        return {k: v for k, v in task.items() if k != "duration_seconds"}

    still = {**document, "active_tasks": [timeless(t) for t in document["active_tasks"]]}
    text = json.dumps(still, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Shown:
    """Rows as one reader sees them at one moment."""

    def __init__(self, now: datetime, language: str, raw_errors: bool):
        self.now = now
        self.language = language
        self.raw_errors = raw_errors

    def task(self, row: BackgroundTaskTracker) -> dict[str, Any]:
        unnamed = UNNAMED[self.language]
        shown = {
            "task_id": row.task_id,
            "name": row.display_name or last_part(row.task_name) or unnamed,
            "status": row.status,
            "progress": row.progress,
            "started_at": stamp(row.started_at),
            "task_type": row.task_type or last_part(row.task_name) or unnamed,
            "duration_seconds": self.duration(row),
        }
        if row.completed_at is not None:
            shown["completed_at"] = stamp(row.completed_at)
            shown["error_message"] = self.error(row)
        shown.update(
            celery_state=row.celery_state,
            progress_text=row.progress_text,
            retries=row.retries,
            attempt=row.attempt,
            next_try_at=stamp(next_try_at(row)),
            reference=reference_of(row.task_id),
        )
        return shown

    def duration(self, row: BackgroundTaskTracker) -> float | None:
        # While a task waits, for its first start or its next, nothing runs.
        if row.started_at is None or row.status == "pending":
            return None
        lasted = (row.completed_at or self.now) - row.started_at
        return max(lasted.total_seconds(), 0.0)

    def error(self, row: BackgroundTaskTracker) -> str | None:
        if self.raw_errors or row.status != "failed":
            return row.error_message
        for pattern, words in conf.failure_messages().items():
            if fnmatchcase(row.task_name or "", pattern):
                return words
        return FAILED[self.language]


def next_try_at(row: BackgroundTaskTracker) -> datetime | None:
    """When the task that waits runs (again), where that was set for after it began to."""
    if row.status != "pending" or not row.eta or row.eta_at is None:
        return None
    for since in (row.retried_at, row.requeued_at):
        if since is not None and row.eta_at < since:
            return None
    try:
        at = parse_datetime(row.eta)
    except ValueError:
        return None
    return at.replace(tzinfo=timezone.utc) if at and at.tzinfo is None else at


def reference_of(task_id: str) -> str:
    """What a customer can read out over the telephone."""
    return task_id[:8] if len(task_id) == 36 and task_id[8] == "-" else task_id


def last_part(task_name: str | None) -> str | None:
    return task_name.rpartition(".")[2] if task_name else None


def stamp(at: datetime | None) -> str | None:
    """As taskbridge writes it: UTC, with microseconds where there are some."""
    if at is None:
        return None
    return at.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"
