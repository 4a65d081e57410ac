"""Heartbeats of a worker whose own loop does not run while its tasks do.

A worker of the solo pool runs the task in the very thread that would beat; one that
shuts down warmly has said goodbye and waits for its tasks. Both look dead to those
who listen. A thread beats for them, over a connection of its own, exactly while a
task runs and the worker itself was silent; a worker whose process is stuck for
good beats no longer than its task runs.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import signals
from celery.utils.sysinfo import load_average
from celery.worker import state

logger = logging.getLogger(__name__)


class Beats:
    """Of one worker; its thread ends with the process."""

    def __init__(self, consumer: Any):
        self.app = consumer.app
        self.hostname = consumer.hostname
        self.is_solo = type(consumer.pool).__module__ == "celery.concurrency.solo"
        heart = consumer.heart
        # Without a heart (--without-heartbeat) nobody expects the worker to beat.
        self.interval = heart.interval if heart is not None else None
        self.over = threading.Event()
        self.shutting_down = False
        self.thread: threading.Thread | None = None
        self.connection: Any = None

    def start(self) -> None:
        if self.interval is None:
            return
        signals.worker_shutting_down.connect(self.on_shutting_down, weak=False)
        signals.worker_shutdown.connect(self.on_shutdown, weak=False)
        if self.is_solo:
            self.ensure_thread()

    def on_shutting_down(self, **_: Any) -> None:
        self.shutting_down = True
        if state.active_requests:
            self.ensure_thread()

    def on_shutdown(self, **_: Any) -> None:
        """Say goodbye where the worker itself said it too early."""
        if self.thread is not None and self.thread.is_alive():
            self.over.set()
            self.thread.join(2.0)

    def ensure_thread(self) -> None:
        if self.thread is None:
            self.thread = threading.Thread(
                target=self.run, name="taskbridge-beats", daemon=True
            )
            self.thread.start()

    def run(self) -> None:
        interval = float(self.interval or 2.0)
        while not self.over.wait(interval):
            if not state.active_requests:
                if self.shutting_down:
                    break
                continue
            self.say("worker-heartbeat", interval)
        self.say("worker-offline", interval)
        self.close()

    def say(self, event: str, interval: float) -> None:
        try:
            if self.connection is None:
                self.connection = self.app.connection_for_write(
                    connect_timeout=interval
                )
            with self.app.events.Dispatcher(
                connection=self.connection,
                hostname=self.hostname,
                buffer_while_offline=False,
            ) as dispatcher:
                dispatcher.send(
                    event,
                    freq=interval,
                    active=len(state.active_requests),
                    processed=state.all_total_count[0],
                    loadavg=load_average(),
                    **state.SOFTWARE_INFO,
                )
        except Exception as error:  # the next one may get through
            logger.debug("taskbridge could not beat: %r", error)
            self.close()

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:  # it was lost anyway
                pass
