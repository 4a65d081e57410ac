"""The worker's event dispatcher, which outlives the connection it was made with.

A Celery task keeps the dispatcher of the connection it came on. When that is lost,
the worker makes another, and the end of every task that ran meanwhile is said into
the closed one: nobody hears of it, though the task succeeded. Here a dispatcher
that was replaced hands on to its successor, with all that it still held; and since
what was written to a dying connection may not have arrived, the ends of the last
minutes are said again, with the stamps that they had. Followers join equal events,
so one that is heard twice changes nothing.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any, Optional

# What is never followed by anything: it would be missed for ever.
ENDS = frozenset(
    (
        "task-succeeded",
        "task-failed",
        "task-retried",
        "task-revoked",
        "task-rejected",
        "task-cancelled",
    )
)
# A dead connection is noticed after two of the broker's heartbeats: four minutes.
SAID_AGAIN_SECONDS = 300.0
SAID_AGAIN_MAX = 1000
LIST_MAX = 24  # as many events as Celery itself puts into one message


class HandsOn:
    """Mixed into the application's own dispatcher class."""

    successor: Optional[Any] = None

    def __init__(self, *args: Any, **kwargs: Any):
        self.handing_on = threading.RLock()
        # When each end was first said, and the end; by identity, oldest first.
        self.said: dict[int, tuple[float, dict[str, Any]]] = {}
        super().__init__(*args, **kwargs)

    def send(self, type: str, *args: Any, **fields: Any) -> Any:
        """Send the event, over the connection there is now."""
        with self.handing_on:
            successor = self.successor
            if successor is None:
                return super().send(type, *args, **fields)  # type: ignore[misc]
        return successor.send(type, *args, **fields)

    def flush(self, errors: bool = True, groups: bool = True) -> None:
        """Publish what was gathered.

        Celery publishes a list and empties it then: what a thread of the pool adds
        between the two is lost.
        """
        gathered = []
        if groups:
            with self.handing_on:
                for group, events in self._group_buffer.items():  # type: ignore[attr-defined]
                    if events:
                        gathered.append((events[:], "%s.multi" % group))
                        events[:] = []
        super().flush(errors, False)  # type: ignore[misc]
        for events, key in gathered:
            with self.mutex:  # type: ignore[attr-defined]
                self._publish(events, self.producer, key)  # type: ignore[attr-defined]

    def _publish(self, event: Any, producer: Any, routing_key: str, **kw: Any) -> Any:
        # Celery empties the list after this, also where it only put it aside.
        if isinstance(event, list):
            if not event:
                return None
            event = list(event)
        for one in as_list(event):
            if one.get("type") in ENDS:
                self.remember(monotonic(), one)
        return super()._publish(event, producer, routing_key, **kw)  # type: ignore[misc]

    def remember(self, at: float, end: dict[str, Any]) -> None:
        self.said.setdefault(id(end), (at, end))
        if len(self.said) > SAID_AGAIN_MAX:
            del self.said[next(iter(self.said))]

    def extend_buffer(self, other: Any) -> None:
        """Take over from the dispatcher of the connection that was lost."""
        if not isinstance(other, HandsOn):
            super().extend_buffer(other)  # type: ignore[misc]
            return
        with other.handing_on:
            other.successor = self
            waiting = [
                (event, key) for event, key, _ in other._outbound_buffer if event  # type: ignore[attr-defined]
            ]
            for group, events in other._group_buffer.items():  # type: ignore[attr-defined]
                if events:
                    waiting.append((list(events), "%s.multi" % group))
                    events[:] = []
            known = {id(one) for event, _ in waiting for one in as_list(event)}
            horizon = monotonic() - SAID_AGAIN_SECONDS
            again = []
            for at, end in other.said.values():
                if at > horizon:
                    self.remember(at, end)
                    if id(end) not in known:
                        again.append(end)
        for start in range(0, len(again), LIST_MAX):
            waiting.append((again[start : start + LIST_MAX], "task.multi"))
        # Celery publishes these next; what fails then is said again with the next.
        for event, key in waiting:
            self._outbound_buffer.append((event, key, None))  # type: ignore[attr-defined]


def as_list(event: Any) -> list[Any]:
    return event if isinstance(event, list) else [event]
