"""A Celery task whose ``update_state`` is also seen outside the result backend.

``update_state(state='PROGRESS', ...)`` writes to the result backend and nowhere
else: no event leaves the worker, so nothing that listens to events learns of it.
``TrackedTask`` sends a ``task-progress`` event beside it.  An event is a courtesy
to whoever watches: one that cannot be sent is logged and forgotten, and the task
goes on.  The result backend is used exactly as Celery uses it, or not at all
where none is configured.
"""

import inspect
import logging
from time import monotonic

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

PROGRESS = "PROGRESS"

# Names that Celery's dispatcher takes for itself; a meta that uses one of them
# would change the event's identity or make the call fail.
RESERVED_FIELDS = frozenset(
    "type uuid hostname timestamp utcoffset pid clock "
    "blind retry retry_policy Event producer fields".split()
)

# One reconnect at once covers a broker that was restarted; waiting longer would
# make the task pay for its spectators.  While the broker stays away, most updates
# do not even try.
PAUSE_SECONDS = 10
EVENT_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}


class TrackedTask(Task):
    """Use as ``@app.task(base=TrackedTask, bind=True)`` or as ``task_cls``."""

    abstract = True
    _silent_until = 0.0  # on the monotonic clock, for this process and task

    def update_state(self, task_id=None, state=None, meta=None, **kwargs):
        """Do what Celery's ``update_state`` does, and announce progress.

        ``meta`` may hold ``progress`` (0 to 100), or ``current`` and ``total``,
        and a text as ``status``; all of it goes into the event.
        """
        if state == PROGRESS and isinstance(meta, dict):
            self._announce_progress(task_id or self.request.id, meta)
        return super().update_state(task_id, state, meta, **kwargs)

    def tracked_company_id(self):
        """The company of the running task, or None when it is not known.

        It is the argument named ``company_id``, given by name or by position.
        Override this where a task knows its company in another way.
        """
        arguments = dict(self.request.kwargs or {})
        if "company_id" not in arguments:
            try:
                signature = inspect.signature(self.run)
                bound = signature.bind_partial(*(self.request.args or ()))
            except (TypeError, ValueError):
                return None
            arguments = bound.arguments
        return arguments.get("company_id")

    def _announce_progress(self, task_id, meta):
        request = self.request
        if task_id is None or request.is_eager:
            return  # no worker runs it, so nobody follows it
        if monotonic() < self._silent_until:
            return
        try:
            self._send_progress(task_id, self._progress_fields(meta))
        except SoftTimeLimitExceeded:
            raise  # meant for the task; it only happened to arrive here
        except Exception as error:  # whatever the broker or the serializer raise
            if isinstance(error, (OperationalError, OSError)):
                self._silent_until = monotonic() + PAUSE_SECONDS
            logger.warning(
                "The progress of task %s could not be sent; the task goes on.",
                task_id,
                exc_info=True,
            )

    def _progress_fields(self, meta):
        fields = {
            name: value
            for name, value in meta.items()
            if isinstance(name, str) and name not in RESERVED_FIELDS
        }
        fields["retries"] = self.request.retries or 0
        if fields.get("company_id") is None:
            fields.pop("company_id", None)
            company_id = self.tracked_company_id()
            if isinstance(company_id, (int, str)) and not isinstance(company_id, bool):
                fields["company_id"] = company_id
        return fields

    def _send_progress(self, task_id, fields):
        with self.app.amqp.producer_pool.acquire(block=True) as producer:
            # Otherwise the channel below would reconnect with long pauses.
            producer.connection.ensure_connection(**EVENT_RETRY_POLICY)
            with self.app.events.Dispatcher(
                connection=producer.connection,
                channel=producer.channel,
                hostname=self.request.hostname,
                buffer_while_offline=False,
            ) as dispatcher:
                dispatcher.send(
                    "task-progress",
                    uuid=task_id,
                    retry=True,
                    retry_policy=EVENT_RETRY_POLICY,
                    **fields,
                )
