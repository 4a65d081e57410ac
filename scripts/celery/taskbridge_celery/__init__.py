"""What a Celery application needs in order to be followed by taskbridge.

``TrackedTask`` works with Celery alone.  The Django model lives in
``taskbridge_celery.django`` and is imported only by those who ask for it.
"""

from .task import TrackedTask

__all__ = ["TrackedTask"]
