"""A small onboarding, run by real Celery workers, for demonstrations and tests."""
