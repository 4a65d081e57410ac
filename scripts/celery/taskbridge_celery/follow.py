"""Hooks an application's workers up: ``follow`` what TrackedTask needs, ``install``
that and the exact arguments of every task.

``follow`` puts a dispatcher that outlives its connection (dispatcher.py) in place
of Celery's, and a step into the worker's consumer that keeps, in memory that the
pool's processes share, whether the worker sends task events at present (where it
does not, progress is not sent either) and how often it lost its connection.
"""

from __future__ import annotations

import logging
import mmap
import os
from typing import Any, Iterable

from celery import Celery, bootsteps, signals

from . import ends
from .beats import Beats
from .dispatcher import HandsOn
from .ends import FOLLOWED
from .tracked import REDACT, Tracker

logger = logging.getLogger(__name__)

UNKNOWN, ON, OFF = 0, 1, 2
EVENTS, LOSSES = 0, 1  # places in the memory that is shared


class Followed:
    """What belongs to one application that is followed."""

    def __init__(self) -> None:
        # Anonymous and shared: processes that are forked later see what is written.
        self.shared = mmap.mmap(-1, 2)
        self.worker = 0  # the worker's own process
        self.tracker: Tracker | None = None

    def note_events(self, dispatcher: Any) -> None:
        on = False
        if dispatcher is not None and dispatcher.enabled:
            on = not dispatcher.groups or "task" in dispatcher.groups
        self.shared[EVENTS] = ON if on else OFF

    def is_on(self) -> bool:
        return self.shared[EVENTS] == ON

    def is_off(self) -> bool:
        """Known to be off: a process that is no worker knows nothing."""
        return self.shared[EVENTS] == OFF

    def note_loss(self) -> None:
        self.shared[LOSSES] = (self.shared[LOSSES] + 1) % 256

    @property
    def losses(self) -> int:
        """How often the worker lost its connection; it starts anew at 256."""
        return self.shared[LOSSES]


class Groups(set):  # type: ignore[type-arg]
    """A dispatcher's groups, of which remote control adds and takes "task"."""

    def __init__(self, groups: Iterable[str], changed: Any):
        super().__init__(groups)
        self.changed = changed

    def add(self, group: str) -> None:
        super().add(group)
        self.changed()

    def discard(self, group: str) -> None:
        super().discard(group)
        self.changed()


class FollowStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Starts anew with each of the worker's connections."""

    requires = ("celery.worker.consumer.heart:Heart",)

    def __init__(self, consumer: Any, **kwargs: Any):
        self.beats: Beats | None = None
        super().__init__(consumer, **kwargs)

    def start(self, consumer: Any) -> None:
        followed = consumer.app.__dict__[FOLLOWED]
        dispatcher = consumer.event_dispatcher
        followed.note_events(dispatcher)
        if dispatcher is None:
            return
        dispatcher.groups = Groups(
            dispatcher.groups, lambda: followed.note_events(dispatcher)
        )
        if self.beats is None:
            self.beats = Beats(consumer)
            self.beats.start()

    def stop(self, consumer: Any) -> None:
        consumer.app.__dict__[FOLLOWED].note_loss()


def follow(app: Celery) -> Followed:
    """Hook the application's workers up; it may be called again."""
    followed: Followed | None = app.__dict__.get(FOLLOWED)
    if followed is not None:
        return followed
    followed = app.__dict__[FOLLOWED] = Followed()
    events = app.events
    given: Any = events.Dispatcher
    if isinstance(given, type) and not issubclass(given, HandsOn):
        # Celery's own class, or the product's.
        events.__dict__["Dispatcher"] = type(
            given.__name__, (HandsOn, given), {"__module__": given.__module__}
        )
    app.steps["consumer"].add(FollowStep)
    signals.worker_init.connect(on_worker_init, dispatch_uid="taskbridge-worker")
    ends.connect()
    return followed


def events_are_on(app: Celery) -> bool:
    """Whether this process's worker sends task events, as far as it is known."""
    followed: Followed | None = app.__dict__.get(FOLLOWED)
    return followed is None or not followed.is_off()


def install(app: Celery, *, redact: Iterable[str] = REDACT) -> Celery:
    """Have the workers of ``app`` tell what events alone do not; returns ``app``.

    Call it once, where the application is made, in the module that workers load::

        app = Celery("shop", task_cls=TrackedTask)
        install(app)

    - A task's end is said again over the new connection when the one it was said
      over is lost.
    - Of each task its exact arguments and its place in a canvas are made known once
      (event ``task-tracked``), so that operators can have it run again. ``redact``
      names arguments that must never leave the worker: a task that has one of them,
      at any depth, tells no arguments at all.
    - A worker of the solo pool, and one that shuts down while tasks run, keeps
      beating meanwhile.

    It never raises in a task, and a worker without ``-E`` tells nothing.
    """
    followed = follow(app)
    followed.tracker = Tracker(redact)
    signals.task_received.connect(on_task_received, dispatch_uid="taskbridge")
    return app


def on_worker_init(sender: Any = None, **_: Any) -> None:
    followed = sender.app.__dict__.get(FOLLOWED)
    if followed is not None:
        followed.worker = os.getpid()


def on_task_received(sender: Any = None, request: Any = None, **_: Any) -> None:
    try:
        followed = sender.app.__dict__.get(FOLLOWED)
        dispatcher = sender.event_dispatcher
        if followed is None or followed.tracker is None or dispatcher is None:
            return
        if request.task.send_events and followed.is_on():
            fields = followed.tracker.fields(request)
            if fields is not None:
                dispatcher.send("task-tracked", uuid=request.id, **fields)
    except Exception:  # the task is not to suffer from those who watch it
        logger.warning("taskbridge could not track a task.", exc_info=True)
