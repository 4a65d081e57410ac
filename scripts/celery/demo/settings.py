"""Settings of the example product: a small Django product that onboards companies.

``DEMO_DATABASE_URL``  its database (default: ``TASKBRIDGE_DATABASE_URL``; a path that
                       ends in .sqlite3 is one too, for its own tests)
``DEMO_PAGES_URL``     where taskbridge-http is, for the links to its pages
"""

import os
from urllib.parse import unquote, urlsplit


def database(url):
    if url.endswith(".sqlite3"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url}
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        # A login that is called as taskbridge's schema would find that first.
        "OPTIONS": {"options": "-c search_path=public"},
    }


SECRET_KEY = "only for the example"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "demo.urls"
USE_TZ = True
LANGUAGE_CODE = "es"
TIME_ZONE = "America/Santiago"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "demo.companies",
    "taskbridge_celery.django",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": database(
        os.environ.get("DEMO_DATABASE_URL")
        or os.environ.get("TASKBRIDGE_DATABASE_URL")
        or ":memory:.sqlite3"
    )
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

PAGES_URL = os.environ.get("DEMO_PAGES_URL", "")

TASKBRIDGE_COMPANY_MODEL = "companies.Company"
TASKBRIDGE_SCHEMA = os.environ.get("TASKBRIDGE_DATABASE_SCHEMA", "taskbridge")
TASKBRIDGE_CONSOLE_URL = PAGES_URL and PAGES_URL + "/console"

# What went wrong is written to the terminal.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"terminal": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["terminal"], "level": "ERROR"}},
}
