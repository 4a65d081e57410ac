"""Tasks that end badly, oddly or never, one for each thing that goes wrong.

They are named ``faults.<function>``.  None of them is part of the onboarding.
"""

import os
import signal
import time
from datetime import datetime, timezone
from decimal import Decimal

from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

from taskbridge_celery import TrackedTask

from .app import app


def fault(**options):
    """Register a task under the name ``faults.<function>``."""

    def decorate(function):
        name = "faults." + function.__name__
        return app.task(base=TrackedTask, bind=True, name=name, **options)(function)

    return decorate


@fault()
def add(self, x, y):
    """Succeed at once: the good neighbour of the others."""
    return x + y


@fault()
def fail(self, message="boom"):
    """Raise an ordinary exception."""
    raise ValueError(message)


@fault()
def fail_after_progress(self, progress=40, company_id=None):
    """Report progress, then raise."""
    self.update_state(state="PROGRESS", meta={"progress": progress})
    raise RuntimeError("failed at %s" % progress)


@fault()
def ignore(self):
    """Raise Ignore: started, then no further event."""
    raise Ignore()


@fault()
def replace(self, x=1, y=2):
    """Replace itself by ``add``, which runs under the same id."""
    raise self.replace(add.s(x, y))


@fault()
def die(self):
    """Kill its own process: WorkerLostError, reported as failed."""
    os.kill(os.getpid(), signal.SIGKILL)


@fault(acks_late=True, reject_on_worker_lost=True)
def die_once(self, marker):
    """Kill its own process the first time; the redelivered attempt succeeds.

    ``marker`` is the path of a file that does not exist yet.
    """
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return "second attempt"
    os.kill(os.getpid(), signal.SIGKILL)


@fault()
def kill_worker(self):
    """Kill the whole worker: no event of the task's end, no worker-offline."""
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@fault(soft_time_limit=1)
def soft_limit(self, seconds=30):
    """Sleep beyond its soft time limit of one second."""
    time.sleep(seconds)


@fault(soft_time_limit=1)
def soft_limit_caught(self, seconds=30):
    """Catch its soft time limit of one second and succeed."""
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        return "stopped in time"


@fault(time_limit=1)
def hard_limit(self, seconds=30):
    """Sleep beyond its hard time limit of one second: failed twice."""
    time.sleep(seconds)


@fault(acks_late=True)
def reject(self):
    """Reject itself without requeueing."""
    raise Reject("not wanted", requeue=False)


@fault(acks_late=True)
def reject_requeue_once(self, marker):
    """Reject itself and be requeued the first time; then succeed.

    ``marker`` is the path of a file that does not exist yet.
    """
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return "second attempt"
    raise Reject("not now", requeue=True)


@fault()
def sleep(self, seconds, company_id=None):
    """Sleep in silence: to be revoked, or to look stuck."""
    time.sleep(seconds)


@fault()
def sleep_with_progress(self, seconds, steps=10, company_id=None):
    """Sleep in steps and report each."""
    for step in range(steps):
        self.update_state(state="PROGRESS", meta={"current": step, "total": steps})
        time.sleep(seconds / steps)


@fault(max_retries=None)
def retry_times(self, times, countdown=0.1, company_id=None):
    """Fail and be retried the given number of times, then succeed."""
    if self.request.retries < times:
        error = ConnectionError("attempt %d" % self.request.retries)
        raise self.retry(exc=error, countdown=countdown)
    return self.request.retries


@fault(max_retries=2)
def retry_until_given_up(self, countdown=0.1):
    """Be retried until Celery gives up: failed after the third attempt."""
    raise self.retry(exc=ConnectionError("never works"), countdown=countdown)


@fault()
def odd_events(self):
    """Send events that no well-behaved task sends, then succeed."""
    nan, infinity = float("nan"), float("inf")
    for progress in (25, "77", nan, infinity, -5, 250, None, True, [1], 10**40, 33.3):
        self.send_event("task-progress", progress=progress)
    self.send_event("task-progress", current=1, total=0)
    self.send_event("task-progress", status="nul \x00 and a lone \ud800")
    self.send_event("task-progress", when=datetime.now(timezone.utc))
    self.send_event("task-progress", progress=Decimal("50.5"))
    self.send_event("task-invented", payload={"deep": [[[[{}]]]]})


@fault()
def progress_text(self, text, progress=50, seconds=0, company_id=None):
    """Report the given text, then sleep."""
    self.update_state(state="PROGRESS", meta={"progress": progress, "status": text})
    time.sleep(seconds)


@fault()
def huge_traceback(self, depth=300, message_bytes=200000):
    """Fail deep in a recursion with a very long message."""

    def descend(left):
        if left == 0:
            raise RuntimeError("x" * message_bytes)
        return descend(left - 1) + 1

    return descend(depth)


class Unpicklable(Exception):
    """An exception that cannot be sent from the pool to the worker as it is."""

    def __init__(self, detail, lock):
        super().__init__(detail)
        self.lock = lock

    def __reduce__(self):
        raise TypeError("this exception cannot be pickled")


@fault()
def unserialisable_exception(self):
    """Fail with an exception that cannot be pickled."""
    raise Unpicklable("cannot travel", object())


@fault()
def unserialisable_progress(self):
    """Report progress that JSON cannot hold; the task itself succeeds."""
    self.update_state(state="PROGRESS", meta={"progress": 10, "lock": object()})
    return "still here"


@fault()
def unserialisable_result(self):
    """Return what JSON cannot hold; without a result backend it succeeds."""
    return object()


@fault()
def system_exit(self):
    """Raise SystemExit in the pool's process."""
    raise SystemExit(3)
