"""The Django side: add ``taskbridge_celery.django`` to ``INSTALLED_APPS``."""
