"""What a Celery application needs in order to be followed by taskbridge.

``TrackedTask``
    a task whose ``update_state`` is also seen by whoever follows it.
``report_progress``, ``report_steps``
    the same without ``update_state``; neither ever raises in the task.
``install``
    once for an application: a task's end is said again when the connection it
    was said over is lost, and its exact arguments are made known for retries.
``watch_token``
    a short-lived token with which a browser may watch one company.

All of it works with Celery alone. The Django side is ``taskbridge_celery.django``
and is imported only by those who ask for it.
"""

from .follow import install
from .steps import Steps, report_steps
from .task import TrackedTask, report_progress
from .tokens import watch_token

__all__ = [
    "Steps",
    "TrackedTask",
    "install",
    "report_progress",
    "report_steps",
    "watch_token",
]
