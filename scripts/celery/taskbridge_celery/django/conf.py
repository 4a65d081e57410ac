"""The settings of the Django side, read when they are asked for."""

from __future__ import annotations

import importlib
import re
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

TABLE = "background_task_trackers"


def schema() -> str:
    """The schema that taskbridge's tables live in."""
    name = str(getattr(settings, "TASKBRIDGE_SCHEMA", "taskbridge"))
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]{0,62}", name):
        raise ImproperlyConfigured("TASKBRIDGE_SCHEMA is no schema's name: %r" % name)
    return name


def has_schemas() -> bool:
    """Whether the product's database is PostgreSQL; its tests' may be another."""
    engine = settings.DATABASES.get("default", {}).get("ENGINE", "")
    return any(word in engine for word in ("postgres", "postgis", "psycopg"))


def table() -> str:
    """The table's name, found from any search_path.

    Django takes a name in quotes as it is.
    """
    if not has_schemas():
        return "taskbridge_" + TABLE
    return '"%s"."%s"' % (schema(), TABLE)


def company_model() -> str | None:
    return getattr(settings, "TASKBRIDGE_COMPANY_MODEL", None) or None


def company_related_name() -> str:
    return getattr(settings, "TASKBRIDGE_COMPANY_RELATED_NAME", None) or "+"


def company_has_number() -> bool:
    """Whether companies are numbered; else they have a UUID or a text.

    Asked while models are still being loaded. Where the product's are not yet, and
    can't be, a number is what nearly all have.
    """
    label = company_model()
    if label is None:
        return True
    app_label, _, name = label.partition(".")
    try:
        importlib.import_module(apps.get_app_config(app_label).name + ".models")
        model = apps.get_model(app_label, name, require_ready=False)
    except (LookupError, ImportError, ValueError):
        return True  # what is wrong there, Django's own checks say
    key: Any = model._meta.pk
    return key is None or isinstance(key, models.IntegerField)


def completed_after_seconds() -> float:
    return float(getattr(settings, "TASKBRIDGE_COMPLETED_AFTER", 3600))


def failure_messages() -> dict[str, str]:
    """What customers read of a failed task, by a glob on its Celery name."""
    return dict(getattr(settings, "TASKBRIDGE_FAILURE_MESSAGES", None) or {})


def console_url() -> str | None:
    url = getattr(settings, "TASKBRIDGE_CONSOLE_URL", None)
    return str(url).rstrip("/") if url else None
