"""Many tasks' lives at once, and what their rows must be."""

import json
import sys
import threading

from events import at
from harness.stack import ROOT

sys.path.insert(0, str(ROOT / "tests" / "bench"))

from backlog import EVENTS_PER_TASK, INTERLEAVED, NAMES, lifecycle  # noqa: E402

BEGAN = 1795557600.0
COLUMNS = ("celery_state", "progress", "progress_text", "company_id", "task_name", "result", "runtime_s", "worker",
           "retries", "error_message", "sent_at", "started_at", "completed_at")
PER_MESSAGE = 8


def stamp_of(number):
    return BEGAN + number * 0.001


def messages(count, first=0):
    """Bodies of task.multi with the five events of so many tasks (a multiple of sixteen), sixteen tasks taking turns."""
    events = []
    for start in range(first, first + count, INTERLEAVED):
        tasks = [lifecycle(number, stamp_of(number)) for number in range(start, start + INTERLEAVED)]
        events += [task[step] for step in range(EVENTS_PER_TASK) for task in tasks]
    return [json.dumps(events[start:start + PER_MESSAGE]) for start in range(0, len(events), PER_MESSAGE)]


def expected_row(number):
    """As backlog.py's lives have it: received, started 20 ms later, two steps, success 80 ms after the beginning."""
    received = stamp_of(number)
    return ("SUCCESS", 100, "paso 3", number % 1000 + 1, NAMES[number % 4], "{'documents': 120}", 0.0712, "w1@host-a", 0,
            None, None, at(received + 0.02), at(received + 4 * 0.02))


def check_rows(site, count, first=0):
    """Every task's row is right, and there is no other."""
    rows = site.database.query(f"SELECT task_id, {', '.join(COLUMNS)} FROM background_task_trackers")
    found = {row["task_id"]: tuple(row[name] for name in COLUMNS) for row in rows}
    expected = {lifecycle(number, 0)[0]["uuid"]: expected_row(number) for number in range(first, first + count)}
    wrong = [f"{task_id}: {found.get(task_id)}, not {row}" for task_id, row in expected.items()
             if found.get(task_id) != row]
    assert wrong[:5] == [] and len(found) == len(expected)


class Publisher(threading.Thread):
    """Publishes meanwhile, over the site's connection, which nobody else may use until join."""

    def __init__(self, site, bodies):
        super().__init__(daemon=True)
        self.site = site
        self.bodies = bodies
        self.failure = None
        self.start()

    def run(self):
        try:
            self.site.broker.publish_all(self.bodies)
        except Exception as failure:
            self.failure = failure

    def finish(self, timeout=60):
        self.join(timeout)
        assert not self.is_alive() and self.failure is None, f"publishing: {self.failure!r}"
