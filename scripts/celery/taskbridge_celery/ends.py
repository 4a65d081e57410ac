"""A pool's process says its task's end itself where its worker can't.

While a prefork worker connects anew, it reads nothing of its processes; Celery 5.5
then forgets what ended meanwhile, and has the task for active for ever. The worker
counts in memory shared with its processes how often it lost its connection; a
process in which that count changed while the task ran tells the end as well. Where
the worker tells it too, the two say the same.
"""

from __future__ import annotations

import logging
import os
from time import monotonic
from typing import Any

from celery import signals
from celery.utils.saferepr import saferepr
from celery.utils.serialization import get_pickled_exception
from kombu.utils.encoding import safe_repr

from .sender import sender_of

logger = logging.getLogger(__name__)

FOLLOWED = "_taskbridge"  # where an application has its Followed

# Of each task that runs here: when it began, and the worker's count then.
RUNNING: dict[str, tuple[float, int]] = {}


def connect() -> None:
    """Hear of the tasks of this process; it may be called again."""
    for signal, receiver in (
        (signals.task_prerun, on_begin),
        (signals.task_success, on_success),
        (signals.task_failure, on_failure),
        (signals.task_retry, on_retry),
        (signals.task_postrun, on_over),
    ):
        signal.connect(receiver, dispatch_uid="taskbridge-ends")


def losses_of(task: Any) -> int | None:
    """The worker's count of lost connections; None in the worker's own process."""
    followed = task.app.__dict__.get(FOLLOWED)
    if followed is None or followed.worker in (0, os.getpid()):
        return None
    return int(followed.losses)


def on_begin(sender: Any = None, task_id: str = "", **_: Any) -> None:
    losses = losses_of(sender)
    if losses is not None:
        RUNNING[task_id] = (monotonic(), losses)


def on_over(task_id: str = "", **_: Any) -> None:
    RUNNING.pop(task_id, None)


def on_success(sender: Any = None, result: Any = None, **_: Any) -> None:
    say(
        sender,
        sender.request,
        "task-succeeded",
        lambda began: {
            "result": saferepr(result, sender.resultrepr_maxsize),
            "runtime": monotonic() - began,
        },
    )


def on_failure(
    sender: Any = None, exception: Any = None, einfo: Any = None, **_: Any
) -> None:
    say(
        sender,
        sender.request,
        "task-failed",
        lambda began: {
            "exception": safe_repr(get_pickled_exception(exception)),
            "traceback": str(einfo.traceback),
        },
    )


def on_retry(
    sender: Any = None, request: Any = None, reason: Any = None, einfo: Any = None, **_: Any
) -> None:
    say(
        sender,
        request,
        "task-retried",
        lambda began: {
            "exception": safe_repr(getattr(reason, "exc", reason)),
            "traceback": str(einfo.traceback),
        },
    )


def say(task: Any, request: Any, event: str, fields: Any) -> None:
    try:
        began, losses = RUNNING.get(request.id, (0.0, None))
        if losses is None or losses_of(task) == losses or not task.send_events:
            return
        if task.app.__dict__[FOLLOWED].is_off():
            return
        sender_of(task.app).offer(
            request.id, request.hostname, fields(began), type=event
        )
    except Exception:  # the task is not to suffer from those who watch it
        logger.warning("taskbridge could not tell a task's end.", exc_info=True)
