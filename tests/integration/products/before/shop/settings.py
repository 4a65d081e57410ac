"""A product as it was before it joined: its own table of trackers, and beat jobs that look after it."""

import os

from demo.settings import database

SECRET_KEY = "only for tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "shop"]
MIDDLEWARE = []
DATABASES = {"default": database(os.environ["DEMO_DATABASE_URL"])}
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [], "DEFAULT_PERMISSION_CLASSES": [],
                  "UNAUTHENTICATED_USER": None}
LOGGING = {"version": 1, "disable_existing_loggers": False, "handlers": {"terminal": {"class": "logging.StreamHandler"}},
           "loggers": {"django.request": {"handlers": ["terminal"], "level": "ERROR"}}}
