"""The document of a company that taskbridge-http serves, for a view of the product's.

The fields, their order and their meaning are the same; it is read from the same rows.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from django.db.models import QuerySet

from . import conf, standin
from .models import BackgroundTaskTracker

RECENT = 20
UNNAMED = "Tarea"


def task_status(company: Any, *, name: str | None = None, limit: int = RECENT) -> dict[str, Any]:
    """The document of ``company``, a company or its id; ``name`` is its name.

    It is the caller who must know that the company may be seen.
    """
    key = getattr(company, "pk", company)
    now = datetime.now(timezone.utc)
    rows = rows_of(key)
    since = now - timedelta(seconds=conf.completed_after_seconds())
    active = list(rows.filter(completed_at=None).order_by("created_at", "id"))
    ended = rows.filter(completed_at__gt=since)
    recent = list(ended.order_by("-completed_at", "-id")[:limit])
    completed = len(recent) if len(recent) < limit else ended.count()
    failed = ended.filter(status="failed").count() if completed else 0
    return {
        "active_tasks": [task(row, now) for row in active],
        "all_completed": not active,
        "summary": {
            "total_tasks": len(active) + completed,
            "active_count": len(active),
            "completed_count": completed,
            "recent_completed": [ended_task(row, now) for row in recent],
            "failed_count": failed,
        },
        "company_id": key if isinstance(key, int) else str(key),
        "company_name": name if name is not None else name_of(company),
        "checked_at": stamp(now),
    }


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


def task(row: BackgroundTaskTracker, now: datetime) -> dict[str, Any]:
    return {
        "task_id": row.task_id,
        "name": row.display_name or last_part(row.task_name) or UNNAMED,
        "status": row.status,
        "progress": row.progress,
        "started_at": stamp(row.started_at),
        "task_type": row.task_type or last_part(row.task_name) or UNNAMED,
        "duration_seconds": duration(row, now),
        "celery_state": row.celery_state,
        "progress_text": row.progress_text,
        "retries": row.retries,
    }


def ended_task(row: BackgroundTaskTracker, now: datetime) -> dict[str, Any]:
    shown = task(row, now)
    ending = {"completed_at": stamp(row.completed_at), "error_message": row.error_message}
    before = ("task_id", "name", "status", "progress", "started_at", "task_type", "duration_seconds")
    return {
        **{name: shown[name] for name in before},
        **ending,
        **{name: value for name, value in shown.items() if name not in before},
    }


def last_part(task_name: str | None) -> str | None:
    return task_name.rpartition(".")[2] if task_name else None


def duration(row: BackgroundTaskTracker, now: datetime) -> float | None:
    # While a retry waits, nothing runs.
    if row.started_at is None or row.celery_state == "RETRY":
        return None
    lasted = (row.completed_at or now) - row.started_at
    return max(lasted.total_seconds(), 0.0)


def stamp(at: datetime | None) -> str | None:
    """As taskbridge writes it: UTC, with microseconds where there are some."""
    if at is None:
        return None
    return at.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"
