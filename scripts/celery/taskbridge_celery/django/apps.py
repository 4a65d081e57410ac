"""The Django application that holds the model; it creates no table."""

from django.apps import AppConfig


class TaskbridgeConfig(AppConfig):
    name = "taskbridge_celery.django"
    label = "taskbridge"
    verbose_name = "taskbridge"
    default_auto_field = "django.db.models.BigAutoField"
