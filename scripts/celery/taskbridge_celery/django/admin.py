"""The rows in Django's admin, to look at and never to change."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist
from django.utils.html import format_html

from . import conf
from .models import BackgroundTaskTracker

COMPANY = "company" if conf.company_model() else "company_key"


@admin.register(BackgroundTaskTracker)
class BackgroundTaskTrackerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = (
        "name",
        "company_shown",
        "status",
        "celery_state",
        "progress",
        "attempt",
        "queue",
        "worker",
        "started_at",
        "completed_at",
    )
    list_filter = ("status", "celery_state", "task_type", "queue", "worker")
    search_fields = ("task_id", "task_name", "display_name", "error_message")
    date_hierarchy = "created_at"
    # A count of all rows would read all of them.
    show_full_result_count = False
    list_per_page = 50
    # Companies that are no number can't be joined to the table's text.
    list_select_related = (
        ("company",) if conf.company_model() and conf.company_has_number() else ()
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "task_id",
                    "task_name",
                    "display_name",
                    "company_shown",
                    "console",
                )
            },
        ),
        (
            "State",
            {
                "fields": (
                    "status",
                    "celery_state",
                    "progress",
                    "progress_text",
                    "attempt",
                    "error_message",
                )
            },
        ),
        ("Where", {"fields": ("queue", "worker", "root_id", "parent_id")}),
        (
            "When",
            {"fields": ("created_at", "started_at", "completed_at", "updated_at")},
        ),
        ("What", {"fields": ("args", "kwargs", "result", "traceback", "metadata")}),
    )

    @admin.display(description="task", ordering="display_name")
    def name(self, row: BackgroundTaskTracker) -> str:
        return row.display_name or row.task_name or row.task_id

    @admin.display(description="company", ordering=COMPANY)
    def company_shown(self, row: BackgroundTaskTracker) -> str:
        """The company, or its key where it is no more: rows may outlive companies."""
        try:
            company = getattr(row, "company", None)
        except ObjectDoesNotExist:
            company = None
        key = getattr(row, "company_key", None) or row.company_id
        return str(company or key or "-")

    @admin.display(description="attempt", ordering="retries")
    def attempt(self, row: BackgroundTaskTracker) -> int:
        return row.attempt

    @admin.display(description="console")
    def console(self, row: BackgroundTaskTracker) -> str:
        url = conf.console_url()
        if url is None:
            return "-"
        return format_html(
            '<a href="{}/tasks/{}">{}</a>', url, quote(row.task_id, safe=""), row.task_id
        )

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False
