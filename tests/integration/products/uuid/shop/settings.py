"""A product whose companies have UUIDs, and which is told of in an order that loads its models last."""

import os

from demo.settings import database

SECRET_KEY = "only for tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework",
                  "taskbridge_celery.django", "shop"]
MIDDLEWARE = []
DATABASES = {"default": database(os.environ["DEMO_DATABASE_URL"])}
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [], "DEFAULT_PERMISSION_CLASSES": [],
                  "UNAUTHENTICATED_USER": None}
LOGGING = {"version": 1, "disable_existing_loggers": False, "handlers": {"terminal": {"class": "logging.StreamHandler"}},
           "loggers": {"django.request": {"handlers": ["terminal"], "level": "ERROR"}}}
TASKBRIDGE_COMPANY_MODEL = "shop.Company"
