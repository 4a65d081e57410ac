"""What the property tests share: the fold without its servers, comparing, shrinking, the seed and the time budget."""

import datetime
import json
import os
import subprocess
import time

import oracle
from harness.process import base_environment, program
from harness.seed import seeded  # noqa: F401

# Of one difference more is not worth reading.
SHOWN = 5
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)


def budget_s():
    """How long the property tests may take in all."""
    return float(os.environ.get("TASKBRIDGE_PROPERTY_SECONDS", "40"))


def until(seconds, least=1):
    """Round numbers, until the time is over; so many at least."""
    end = time.monotonic() + seconds
    number = 0
    while number < least or time.monotonic() < end:
        yield number
        number += 1


def time_of(stamp):
    """For PostgreSQL."""
    return None if stamp is None else EPOCH + stamp * MICROSECOND


def from_sql(row):
    """A row of the table, with stamps as the oracle has them."""
    return {name: (value - EPOCH) // MICROSECOND if isinstance(value, datetime.datetime) else value
            for name, value in row.items()}


class Driver:
    """tests/property/fold_driver.c, fed one case after another."""

    def __init__(self, config_file):
        self.process = subprocess.Popen([*program("tests/fold_driver"), str(config_file)], env=base_environment(),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def fold(self, bodies, cuts=()):
        """The facts by task id, and what the last line counts. A batch ends before each of these bodies."""
        lines = []
        for number, body in enumerate(bodies):
            lines += ["b\n"] if number in cuts else []
            lines.append(f"d{body}\n")
        self.process.stdin.write("".join(lines) + "e\n")
        self.process.stdin.flush()
        found = {}
        while True:
            line = self.process.stdout.readline()
            assert line, f"fold_driver ended with {self.process.wait()}"
            row = json.loads(line)
            if "task_id" not in row:
                return found, row
            found[row.pop("task_id")] = row

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


def body_of(message):
    return json.dumps(message)


def events_of(messages):
    """All the events, as one list."""
    return [event for message in messages for event in (message if isinstance(message, list) else [message])]


def is_rubbish(event):
    return not isinstance(event, dict) or event.get("type") not in oracle.TASK_TYPES \
        or oracle.stamp_of(event) is None or not isinstance(event.get("uuid"), str) \
        or not 1 <= len(event["uuid"]) <= 255


def expected_rows(messages, rules):
    return oracle.rows([event for event in events_of(messages) if not is_rubbish(event)], rules)


def differences(expected, actual, columns=None):
    """Sentences, one for each value that is not as expected; columns None compares those of actual."""
    found = [f"{task_id!r} has no row" for task_id in expected.keys() - actual.keys()]
    found += [f"{task_id!r} has a row and should not" for task_id in actual.keys() - expected.keys()]
    for task_id in sorted(expected.keys() & actual.keys()):
        wanted, got = expected[task_id], actual[task_id]
        for column in columns or got:
            if wanted[column] != got[column]:
                found.append(f"{task_id!r}: {column} is {got[column]!r}, and should be {wanted[column]!r}")
    return found


def without_each(items):
    for number in range(len(items)):
        yield items[:number] + items[number + 1:]


def smaller_events(event):
    for name in event:
        if name not in ("type", "uuid", "timestamp"):
            yield {other: value for other, value in event.items() if other != name}


def smaller(events):
    """Whatever is one step simpler: half of them, one less, a field less."""
    half = len(events) // 2
    if half:
        yield from (events[:half], events[half:])
    yield from without_each(events)
    for number, event in enumerate(events):
        if isinstance(event, dict):
            for less in smaller_events(event):
                yield events[:number] + [less] + events[number + 1:]


def shrink(events, fails, seconds=60):
    """The simplest list of events found that still fails."""
    end = time.monotonic() + seconds
    found = True
    while found and time.monotonic() < end:
        found = next((less for less in smaller(events) if less and time.monotonic() < end and fails(less)), None)
        events = found or events
    return events


def describe(complaints, messages, fails):
    """What is wrong, and the smallest case that shows it: single events if these are enough, else whole messages."""
    text = "\n".join(complaints[:SHOWN])
    candidates = [case for case in (events_of(messages), messages) if fails(case)]
    if not candidates:
        return f"{text}\nthe same {len(messages)} messages do not fail again"
    minimal = shrink(candidates[0], fails)
    lines = "\n".join(json.dumps(message) for message in minimal)
    return f"{text}\nminimal case, {len(minimal)} messages:\n{lines}"
