"""A Django project in one file, run by test_django.py with a command out of COMMANDS. Prints JSON."""

import json
import os
import sys
import uuid
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.urls import path

DATABASE = urlsplit(os.environ["TASKBRIDGE_DATABASE_URL"])

settings.configure(
    SECRET_KEY="for tests",
    DEBUG=False,
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    STATIC_URL="/static/",
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages", "taskbridge_celery.django"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                                                   "django.contrib.auth.context_processors.auth",
                                                   "django.contrib.messages.context_processors.messages"]}}],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": DATABASE.path[1:],
                           "USER": DATABASE.username, "PASSWORD": unquote(DATABASE.password),
                           "HOST": DATABASE.hostname, "PORT": DATABASE.port}},
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import ProgrammingError  # noqa: E402
from django.forms.models import model_to_dict  # noqa: E402
from django.test import Client  # noqa: E402

from taskbridge_celery.django.models import BackgroundTaskTracker  # noqa: E402

urlpatterns = [path("admin/", admin.site.urls)]


class Company:
    pk = 73


class TaskResult:
    """What delay() returns, as far as it is looked at."""

    def __init__(self, task_id):
        self.id = task_id


def create(task_id, company):
    return BackgroundTaskTracker.create_for_task(
        company=company, task_result=TaskResult(task_id), task_name="sii.sync_sii_documents_task",
        display_name="Sincronizando documentos SII", metadata={"source": "tests"})


def register(task_id):
    return model_to_dict(create(task_id, Company()))


def register_uuid(task_id):
    return create(task_id, uuid.UUID("6F9619FF-8B86-D011-B42D-00C04FC964FF")).task_id


def register_blindly(task_id):
    """As the role of a product: what is known without reading, and what reading says."""
    row = create(task_id, Company())
    try:
        read = row.status
    except ProgrammingError as error:
        read = "permission denied" if "permission denied" in str(error) else str(error)
    return {"task_id": row.task_id, "read": read}


def show(task_id):
    return model_to_dict(BackgroundTaskTracker.objects.get(task_id=task_id))


def look_at_admin():
    """The HTTP status of each of the admin's pages for a superuser."""
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    pages = "/admin/taskbridge/backgroundtasktracker/"
    row = f"{pages}{BackgroundTaskTracker.objects.get().pk}/"
    shown = client.get(pages)
    return {
        "list": shown.status_code,
        "list_names_the_task": "Sincronizando documentos SII" in shown.content.decode(),
        "detail": client.get(f"{row}change/").status_code,
        "add": client.get(f"{pages}add/").status_code,
        "delete": client.post(f"{row}delete/", {"post": "yes"}).status_code,
        "change": client.post(f"{row}change/", {"status": "failed"}).status_code,
    }


COMMANDS = {"register": register, "register_uuid": register_uuid, "register_blindly": register_blindly, "show": show,
            "admin": look_at_admin}
print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:]), cls=DjangoJSONEncoder))
