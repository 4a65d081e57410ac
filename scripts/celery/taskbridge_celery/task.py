"""A Celery task whose ``update_state`` is also seen outside the result backend.

``update_state(state='PROGRESS', ...)`` writes to the result backend and nowhere
else: no event leaves the worker, so nothing that listens to events learns of it.
``TrackedTask`` sends a ``task-progress`` event beside it. An event is a courtesy
to whoever watches: it never breaks the task, and never makes it wait (sender.py).
The result backend is used exactly as Celery uses it, or not at all where none is
configured.
"""

from __future__ import annotations

import inspect
import logging
import uuid
from typing import Any

import celery
from celery import Celery, Task, states
from celery.exceptions import SoftTimeLimitExceeded

from .follow import events_are_on, follow
from .sender import sender_of

logger = logging.getLogger(__name__)

# Of these Celery itself tells by events; any other state is the product's.
CELERYS_STATES = frozenset(states.ALL_STATES) | {states.IGNORED, states.REJECTED}

# Names that Celery's dispatcher takes for itself; a meta that uses one of them
# would change the event's identity or make the call fail.
RESERVED_FIELDS = frozenset(
    "type uuid hostname timestamp utcoffset pid clock "
    "blind retry retry_policy Event producer fields self".split()
)


class TrackedTask(Task):  # type: ignore[misc]
    """Use as ``@app.task(base=TrackedTask, bind=True)``, or for all tasks as
    ``Celery(..., task_cls=TrackedTask)``."""

    abstract = True

    @classmethod
    def on_bound(cls, app: Celery) -> None:
        """Have the workers of this application tell of every task's end."""
        follow(app)
        super().on_bound(app)

    def update_state(
        self,
        task_id: str | None = None,
        state: str | None = None,
        meta: Any = None,
        **kwargs: Any,
    ) -> None:
        """Do what Celery's ``update_state`` does, and announce progress.

        ``state`` is any but Celery's own. ``meta`` may hold ``progress`` (0 to
        100), or ``current`` and ``total``, and a text as ``status``; all of it goes
        into the event, with the state, the attempt and, if known, the company.
        """
        if state and state not in CELERYS_STATES and isinstance(meta, dict):
            announce(self, {**meta, "state": state}, task_id)
        super().update_state(task_id, state, meta, **kwargs)

    def report_progress(
        self, progress: float | None = None, status: str | None = None, **fields: Any
    ) -> None:
        """Announce progress without ``update_state``: see :func:`report_progress`."""
        report_progress(progress, status, task=self, **fields)

    def tracked_company_id(self) -> Any:
        """The company of the running task, or None when it is not known.

        It is the argument named ``company_id``, given by name or by position.
        Override this where a task knows its company in another way.
        """
        return company_argument(self, self.request.args, self.request.kwargs)


def report_progress(
    progress: float | None = None,
    status: str | None = None,
    *,
    task: Task | None = None,
    **fields: Any,
) -> None:
    """Say how far the running task is, in any task of any base class.

    ``progress`` is 0 to 100, ``status`` a text for people; further fields
    (``current``, ``total``, ``company_id`` …) go into the event as they are. It
    never raises and never waits for the broker, unlike Celery's ``send_event``,
    which raises ``OperationalError`` in the task while the broker is away. Outside
    of a task it does nothing.
    """
    running = task if task is not None else celery.current_task
    if not running:
        return
    if progress is not None:
        fields["progress"] = progress
    if status is not None:
        fields["status"] = status
    announce(running, fields)


def announce(task: Task, fields: dict[str, Any], task_id: str | None = None) -> None:
    """Hand an event to the sender, unless nobody could make sense of it."""
    try:
        request = task.request
        task_id = task_id or request.id
        app = task.app
        # What no worker runs nobody follows; where the worker's own events are off
        # such a task would begin for its followers and never end.
        if not task_id or request.is_eager or not events_are_on(app):
            return
        sender_of(app).offer(task_id, request.hostname, event_fields(task, fields))
    except SoftTimeLimitExceeded:
        raise  # meant for the task; it only happened to arrive here
    except Exception:  # a spectator's trouble is not the task's
        logger.warning("The progress of task %s is lost.", task_id, exc_info=True)


def event_fields(task: Task, given: dict[str, Any]) -> dict[str, Any]:
    fields = {
        name: value
        for name, value in given.items()
        if isinstance(name, str) and name not in RESERVED_FIELDS
    }
    fields["retries"] = task.request.retries or 0
    company = company_of(fields.pop("company_id", None))
    if company is None:
        if isinstance(task, TrackedTask):
            company = company_of(task.tracked_company_id())
        else:
            company = company_of(
                company_argument(task, task.request.args, task.request.kwargs)
            )
    if company is not None:
        fields["company_id"] = company
    return fields


def company_of(value: Any) -> int | str | None:
    """The value as a company's key; None for what can't be one."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (int, str)) and not isinstance(value, bool) and value != "":
        return value
    return None


def company_argument(task: Task, args: Any, kwargs: Any) -> Any:
    """The argument called company_id, by name or by position; None without one."""
    arguments = dict(kwargs or {})
    if "company_id" not in arguments:
        try:
            bound = inspect.signature(task.run).bind_partial(*(args or ()))
        except (TypeError, ValueError):
            return None
        arguments = dict(bound.arguments)
    return arguments.get("company_id")
