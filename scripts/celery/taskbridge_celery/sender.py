"""Sends events beside the task, so that the task never waits for its spectators.

The task hands an update over and goes on; a thread of the process sends it. Of
one task at most ten a second leave, and the last always does: what comes sooner
replaces what still waits. While the broker is away the newest update of each task
is kept, with the time at which it was made, and sent when the broker is back.

Handing over waits for the sending, but never longer than ``HANDOVER_SECONDS``,
and not at all while the sender has trouble: a task that ends its own process after
an update has been heard nearly always.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from typing import Any

from celery import Celery, signals

logger = logging.getLogger(__name__)

PROGRESS = "task-progress"
INTERVAL_SECONDS = 0.1  # between two updates of one task
HANDOVER_SECONDS = 0.1  # the longest that a task waits for its update to leave
CLOSING_SECONDS = 1.0  # the longest that the end of a process waits for what is left
PAUSES_SECONDS = (1, 2, 5, 10)  # after the first, second, … attempt that failed
KEPT_TASKS = 1000  # updates kept while the broker is away, one a task
IDLE_SECONDS = 60.0  # then the thread ends; the next update starts another

# The number of an update, in the dialects that taskbridge reads. A later number
# replaces all of the earlier one, whatever the two were called.
NUMBERS = frozenset(("progress", "percent", "current", "total", "meta", "metadata"))

# Reconnecting is tried once at once: a broker that was restarted is back by then.
RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}


class Update:
    """One event that waits: of a task the newest, with what it did not replace."""

    __slots__ = ("type", "task_id", "hostname", "fields", "due", "left")

    def __init__(
        self, type: str, task_id: str, hostname: str | None, fields: dict[str, Any]
    ):
        self.type = type
        self.task_id = task_id
        self.hostname = hostname
        self.fields = fields
        self.due = 0.0  # on the monotonic clock
        self.left = threading.Event()  # it was sent, or given up

    @property
    def key(self) -> tuple[str, str]:
        return (self.type, self.task_id)

    def replace(self, older: Update) -> None:
        """Take over what the older one said and this one does not."""
        kept = older.fields
        if not NUMBERS.isdisjoint(self.fields):
            kept = {key: value for key, value in kept.items() if key not in NUMBERS}
        self.fields = {**kept, **self.fields}
        older.left.set()


class Sender:
    """The sender of one application in one process."""

    def __init__(self, app: Celery):
        self.app = app
        self.pid = os.getpid()
        self.changed = threading.Condition()
        self.waiting: dict[tuple[str, str], Update] = {}
        self.sent_at: dict[tuple[str, str], float] = {}
        self.thread: threading.Thread | None = None
        self.busy = False
        self.failures = 0
        self.paused_until = 0.0
        self.closing = False

    # The task's side.

    def offer(
        self,
        task_id: str,
        hostname: str | None,
        fields: dict[str, Any],
        type: str = PROGRESS,
    ) -> None:
        """Have the update sent; never raises for want of a broker."""
        fields = {"timestamp": time.time(), **fields}
        update = Update(type, task_id, hostname, fields)
        with self.changed:
            now = time.monotonic()
            older = self.waiting.pop(update.key, None)
            if older is not None:
                update.replace(older)
            elif len(self.waiting) >= KEPT_TASKS:
                self.waiting.pop(next(iter(self.waiting))).left.set()
            last = self.sent_at.get(update.key)
            update.due = now if last is None else max(now, last + INTERVAL_SECONDS)
            self.waiting[update.key] = update
            waits = update.due <= now and not self.busy and self.failures == 0
            self.ensure_thread()
            self.changed.notify()
        if waits:
            update.left.wait(HANDOVER_SECONDS)

    def flush(self, seconds: float = CLOSING_SECONDS) -> bool:
        """Send at once what waits; whether nothing waits any more."""
        end = time.monotonic() + seconds
        with self.changed:
            self.closing = True
            try:
                self.changed.notify()
                while self.waiting or self.busy:
                    left = end - time.monotonic()
                    if left <= 0 or self.failures or self.thread is None:
                        return False
                    self.changed.wait(min(left, 0.05))
                return True
            finally:
                self.closing = False

    # The thread's side.

    def ensure_thread(self) -> None:
        if self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(
                target=self.run, name="taskbridge-sender", daemon=True
            )
            self.thread.start()

    def run(self) -> None:
        while True:
            update = self.take()
            if update is None:
                return
            self.attempt(update)

    def take(self) -> Update | None:
        """The next update that is due; None when there was none for long."""
        with self.changed:
            idle_until = time.monotonic() + IDLE_SECONDS
            while True:
                now = time.monotonic()
                update = min(
                    self.waiting.values(), key=lambda one: one.due, default=None
                )
                if update is None:
                    if now >= idle_until:
                        self.thread = None
                        return None
                    self.changed.wait(idle_until - now)
                    continue
                due = max(update.due, self.paused_until)
                if self.closing and not self.failures:
                    due = now
                if due <= now:
                    del self.waiting[update.key]
                    self.busy = True
                    return update
                self.changed.wait(due - now)

    def attempt(self, update: Update) -> None:
        error = None
        try:
            self.send(update)
        except Exception as caught:  # whatever the broker or the serializer raise
            error = caught
        with self.changed:
            now = time.monotonic()
            self.busy = False
            if error is None:
                self.failures = 0
                self.note_sent(update.key, now)
            elif is_of_the_event(error):
                logger.warning(
                    "An update of task %s could not be sent; the task goes on: %r",
                    update.task_id,
                    error,
                )
            else:
                self.put_back(update, now, error)
            update.left.set()
            self.changed.notify_all()

    def note_sent(self, key: tuple[str, str], now: float) -> None:
        if len(self.sent_at) >= KEPT_TASKS:
            horizon = now - INTERVAL_SECONDS
            self.sent_at = {k: at for k, at in self.sent_at.items() if at > horizon}
        self.sent_at[key] = now

    def put_back(self, update: Update, now: float, error: Exception) -> None:
        if self.failures == 0:
            logger.warning(
                "The progress of task %s could not be sent; the task goes on,"
                " and its newest progress is sent when the broker is back: %r",
                update.task_id,
                error,
            )
        pause = PAUSES_SECONDS[min(self.failures, len(PAUSES_SECONDS) - 1)]
        self.failures += 1
        self.paused_until = now + pause
        newer = self.waiting.get(update.key)
        if newer is not None:
            newer.replace(update)
        elif len(self.waiting) < KEPT_TASKS:
            self.waiting[update.key] = update

    def send(self, update: Update) -> None:
        """Publish one event over a connection of the application's pool."""
        with self.app.amqp.producer_pool.acquire(block=True) as producer:
            # Otherwise the channel below would reconnect with long pauses.
            producer.connection.ensure_connection(**RETRY_POLICY)
            with self.app.events.Dispatcher(
                connection=producer.connection,
                channel=producer.channel,
                hostname=update.hostname,
                buffer_while_offline=False,
            ) as dispatcher:
                dispatcher.send(
                    update.type,
                    uuid=update.task_id,
                    retry=True,
                    retry_policy=RETRY_POLICY,
                    **update.fields,
                )


def is_of_the_event(error: Exception) -> bool:
    """Whether the event itself can't be sent, by any broker."""
    from kombu.exceptions import EncodeError, SerializerNotInstalled

    return isinstance(
        error,
        (EncodeError, SerializerNotInstalled, TypeError, ValueError, RecursionError),
    )


SENDERS = "_taskbridge_sender"
MAKING = threading.Lock()


def sender_of(app: Celery) -> Sender:
    """The application's sender in this process; a child gets one of its own."""
    found: Sender | None = app.__dict__.get(SENDERS)
    if found is not None and found.pid == os.getpid():
        return found
    with MAKING:
        found = app.__dict__.get(SENDERS)
        if found is None or found.pid != os.getpid():
            found = Sender(app)
            app.__dict__[SENDERS] = found
            close_with_the_process(found)
    return found


def close_with_the_process(sender: Sender) -> None:
    def close(**_: Any) -> None:
        if sender.pid == os.getpid():
            sender.flush()

    # A child of the prefork pool ends without atexit, and says so by the signal.
    signals.worker_process_shutdown.connect(close, weak=False, dispatch_uid=id(sender))
    atexit.register(close)
