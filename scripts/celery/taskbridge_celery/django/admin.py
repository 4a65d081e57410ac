"""The rows in Django's admin, to look at and never to change."""

from django.contrib import admin

from .models import BackgroundTaskTracker


@admin.register(BackgroundTaskTracker)
class BackgroundTaskTrackerAdmin(admin.ModelAdmin):
    list_display = (
        "display_name",
        "company_key",
        "status",
        "progress",
        "started_at",
        "completed_at",
    )
    list_filter = ("status", "task_name")
    search_fields = ("task_id", "task_name", "display_name")
    date_hierarchy = "created_at"
    show_full_result_count = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
