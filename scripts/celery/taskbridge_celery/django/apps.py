"""The Django application that holds the model; it makes no table but in tests."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class TaskbridgeConfig(AppConfig):
    name = "taskbridge_celery.django"
    label = "taskbridge"
    verbose_name = "taskbridge"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401

        pre_migrate.connect(make_stand_in, sender=self)
        # Sent after Django has emptied its own tables, too.
        post_migrate.connect(clear_stand_in, sender=self)


def make_stand_in(sender: AppConfig, using: str, **_: Any) -> None:
    from . import standin

    if standin.in_test_run():
        standin.make(sender.get_model("BackgroundTaskTracker"), using)


def clear_stand_in(sender: AppConfig, using: str, **_: Any) -> None:
    from . import standin

    if standin.in_test_run():
        standin.clear(sender.get_model("BackgroundTaskTracker"), using)
