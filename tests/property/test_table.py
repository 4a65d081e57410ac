"""The table against the oracle: the joins of upsert_trackers.sql and the columns that PostgreSQL computes.

Each event goes in as a row of facts of its own, so that all joining is the table's; what the C joins before is
test_fold.py's.
"""

import itertools
import re

import lifecycles
import oracle
import psycopg2
import psycopg2.extras
import pytest
from cases import budget_s, describe, differences, events_of, from_sql, seeded, time_of, until
from harness.stack import ROOT

TASKS = 300


class Table:
    """The statement as the daemon runs it."""

    def __init__(self, url):
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
        sql = (ROOT / "sql" / "queries" / "upsert_trackers.sql").read_text(encoding="utf-8")
        self.columns = re.search(r"\bAS e \(([^)]*)\)", sql).group(1).replace(",", " ").split()
        types = dict(re.findall(r"\$(\d+)::(\w+\[\])", sql))
        self.parameters = ", ".join(f"%s::{types[str(number)]}" for number in range(1, len(types) + 1))
        assert len(self.columns) == len(types)
        self.cursor.execute("PREPARE upsert AS " + sql)

    def upsert(self, rows):
        """rows: by task id, the facts of one batch."""
        arrays = [[self.value(task_id, row, column) for task_id, row in sorted(rows.items(), key=by_bytes)]
                  for column in self.columns]
        self.cursor.execute(f"EXECUTE upsert ({self.parameters})", arrays)

    @staticmethod
    def value(task_id, row, column):
        if column == "task_id":
            return task_id
        return time_of(row[column]) if column.endswith("_at") else row[column]

    def lose(self, task_id, stamp):
        """As maintenance does."""
        self.cursor.execute("UPDATE background_task_trackers SET lost_at = %s, lost_reason = 'gone' WHERE task_id = %s",
                            (time_of(stamp), task_id))

    def rows(self, task_ids):
        self.cursor.execute("SELECT * FROM background_task_trackers WHERE task_id = ANY(%s)", (list(task_ids),))
        return {row["task_id"]: from_sql(row) for row in self.cursor.fetchall()}

    def forget(self):
        self.cursor.execute("DELETE FROM background_task_trackers")

    def close(self):
        self.connection.close()


def by_bytes(item):
    return item[0].encode()


@pytest.fixture
def table(site):
    opened = Table(site.database_url)
    yield opened
    opened.close()


def write(table, events, sizes):
    """In batches of these sizes; of two events of one task in a batch the second begins the next."""
    batch, size = {}, next(sizes)
    for event in events:
        rows = oracle.rows([event], lifecycles.RULES)
        if batch.keys() & rows.keys() or len(batch) >= size:
            table.upsert(batch)
            batch, size = {}, next(sizes)
        batch.update(rows)
    table.upsert(batch)


def complaints_of(table, expected):
    return differences(expected, table.rows(expected), next(iter(expected.values())))


def fails(table, events):
    """Whether these events alone, one a batch, give another row than the oracle's."""
    table.forget()
    write(table, events, itertools.repeat(1))
    return complaints_of(table, oracle.rows(events, lifecycles.RULES))


def test_any_order_and_any_batches_give_the_row_of_the_oracle(table):
    random = seeded()
    for _ in until(budget_s() / 4):
        events = events_of(lifecycles.Lives(random).tasks(TASKS))
        events += random.sample(events, len(events) // 3)
        random.shuffle(events)
        write(table, events, (random.randrange(1, 60) for _ in itertools.count()))
        complaints = complaints_of(table, oracle.rows(events, lifecycles.RULES))
        assert not complaints, describe(complaints, events, lambda less: fails(table, less))
        table.forget()


def lose(table, known, random):
    """Calls each task lost just before, at or just after the last that happened to it; expected as well."""
    for task_id, row in known.items():
        last = max(row[column] or lifecycles.START_US for column in oracle.HAPPENED)
        row.update(lost_at=last + random.choice([-1, 0, 1]), lost_reason="gone")
        table.lose(task_id, row["lost_at"])
        row.update(oracle.seen(row))


def hear_again(lives, known):
    """Of each a sign of life just before or just after it was called lost."""
    for task_id, row in known.items():
        event = lives.event("task-progress", lives.workers[0], uuid=task_id)
        yield {**event, "timestamp": (row["lost_at"] + lives.random.choice([-10, 10])) / 1e6}


def test_lost_holds_until_a_later_event_and_only_then(table):
    random = seeded()
    states = set()
    for _ in until(budget_s() / 8, least=10):
        table.forget()
        lives = lifecycles.Lives(random)
        events = events_of(lives.tasks(20))
        write(table, events, itertools.repeat(10))
        known = oracle.rows(events, lifecycles.RULES)
        lose(table, known, random)
        complaints = complaints_of(table, known)
        assert not complaints, "\n".join(complaints[:5])
        states |= {row["celery_state"] for row in known.values()}

        more = list(hear_again(lives, known))
        write(table, more, itertools.repeat(10))
        expected = oracle.rows(events + more, lifecycles.RULES)
        for task_id, row in expected.items():
            row.update(lost_at=known[task_id]["lost_at"], lost_reason="gone")
            row.update(oracle.seen(row))
        complaints = complaints_of(table, expected)
        assert not complaints, "\n".join(complaints[:5])
    assert {"LOST", "SUCCESS", "FAILURE", "PROGRESS"} <= states
