"""What operators keep: every setback of a task, in any order of arrival, and failures of one kind together; recounted."""

import collections
import datetime
import math

from events import wait_until_settled
from harness import wait_until
from harness.seed import seeded

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
START_US = 1_795_557_600_000_000
KINDS = {"task-retried": "retried", "task-failed": "failed", "task-revoked": "revoked", "task-cancelled": "cancelled"}


def traceback(place, text, line):
    return ("Traceback (most recent call last):\n"
            f'  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line {line}, in trace_task\n    R = run()\n'
            f'  File "/srv/shop/{place}.py", line {line}, in sell\n    charge()\n'
            f'  File "/srv/venv/lib/python3.11/site-packages/requests/api.py", line {line}, in get\n    raise\n{text}\n')


class Tasks:
    """Tasks of one attempt and of several, some with an end of each kind, and what must be kept of them."""

    def __init__(self, broker, random, count):
        self.broker, self.random, self.now_us = broker, random, START_US
        self.events, self.setbacks, self.starts = [], set(), collections.defaultdict(set)
        self.kinds = collections.Counter()
        for number in range(count):
            self.live(f"task {number}")

    def tell(self, kind, task_id, worker, **fields):
        self.now_us += self.random.choice([1, 1000, 250_000])
        self.events.append({**self.broker.event(kind, uuid=task_id, hostname=worker, **fields),
                            "timestamp": self.now_us / 1e6})
        if kind == "task-started":
            self.starts[task_id].add(self.now_us)
        name = KINDS.get(kind) or (kind == "task-rejected" and ("requeued" if fields["requeue"] else "rejected"))
        if name:
            error = fields.get("exception", "revoked" if kind == "task-revoked" else None)
            self.setbacks.add((task_id, self.now_us, name, worker, error))
            if "exception" in fields:
                self.kinds[fields["traceback"].split("/srv/shop/")[1].split(".py")[0], fields["exception"].split("(")[0]] += 1

    def live(self, task_id):
        random = self.random
        for _ in range(random.choice([0, 0, 1, 2])):
            self.attempt(task_id)
        worker = random.choice(["w1@a", "w2@b"])
        self.tell("task-received", task_id, worker, name="shop.sell", args="()", kwargs="{}")
        self.tell("task-started", task_id, worker)
        self.tell("task-succeeded", task_id, worker, result="None", runtime=0.1)

    def attempt(self, task_id):
        random = self.random
        worker = random.choice(["w1@a", "w2@b"])
        self.tell("task-received", task_id, worker, name="shop.sell", args="()", kwargs="{}")
        self.tell("task-started", task_id, worker)
        place, error = random.choice(["cart", "stock"]), random.choice(["ValueError", "KeyError"])
        failure = {"exception": f"{error}('order {random.randrange(1000)}')",
                   "traceback": traceback(place, error, random.randrange(500))}
        kind = random.choice(["task-retried", "task-failed", "task-revoked", "task-cancelled", "requeued"])
        if kind == "requeued":
            self.tell("task-rejected", task_id, worker, requeue=True)
        elif kind == "task-revoked":
            self.tell(kind, task_id, worker, terminated=False, signum=None, expired=False)
        else:
            self.tell(kind, task_id, worker, **(failure if kind != "task-cancelled" else {}))


def microseconds(stamp):
    return (stamp - EPOCH) // datetime.timedelta(microseconds=1)


def attempts(site):
    rows = site.database.query("SELECT * FROM task_attempts_seen")
    return {(row["task_id"], microseconds(row["ended_at"]), row["kind"], row["worker"], row["error"]) for row in rows}


def test_setbacks_are_a_set_and_failures_are_counted_once_in_any_order(site):
    random = seeded()
    site.config["maintenance"] = {"enabled": False}
    daemons = [site.start_daemon(TASKBRIDGE_DAEMON_INSTANCE=name) for name in ("one", "two")]
    told = Tasks(site.broker, random, 300)
    arriving = told.events + random.sample(told.events, len(told.events) // 3)
    random.shuffle(arriving)
    while arriving:
        size = random.choice([1, 2, 24])
        site.broker.publish(arriving[:size])
        del arriving[:size]
    wait_until_settled(site)
    assert all(daemon.is_running() for daemon in daemons)
    assert attempts(site) == told.setbacks
    counted = {(row["place"].split("/")[1].split(".py")[0], row["exception"]): row["count"]
               for row in site.database.query("SELECT * FROM failures")}
    assert counted == dict(told.kinds)
    for row in site.database.query("SELECT task_id, began_at, starts FROM background_task_trackers"):
        starts = sorted(told.starts[row["task_id"]])
        found = [microseconds(start) for start in row["starts"] or [row["began_at"]]]
        assert found == starts
    for row in site.database.query("SELECT * FROM task_attempts_seen"):
        before = [start for start in told.starts[row["task_id"]] if start <= microseconds(row["ended_at"])]
        assert microseconds(row["began_at"]) == max(before)


RECOUNT = """SELECT completed_at, celery_state, sent_at, received_at, started_at, task_type FROM background_task_trackers
             WHERE completed_at IS NOT NULL"""


def bin_of(start, end):
    """Four for each doubling, from a microsecond on."""
    return math.floor(1e-9 + 4 * math.log2(max(microseconds(end) - microseconds(start), 1)))


def recounted(site):
    """What the rows say now, counted here."""
    found = collections.Counter()
    for row in site.database.query(RECOUNT):
        bucket, kind = microseconds(row["completed_at"]) // 300_000_000, row["task_type"] or ""
        found[bucket, kind, row["celery_state"].lower(), 0] += 1
        came = row["sent_at"] or row["received_at"]
        if came and row["started_at"]:
            found[bucket, kind, "waited", bin_of(came, row["started_at"])] += 1
        if row["started_at"]:
            found[bucket, kind, "ran", bin_of(row["started_at"], row["completed_at"])] += 1
    return dict(found)


def stats(site):
    rows = site.database.query("SELECT * FROM task_stats_seen")
    return {(microseconds(row["bucket"]) // 300_000_000, row["task_type"], row["measure"], row["bin"]): row["count"]
            for row in rows}


def test_stats_are_a_recount_of_the_rows_in_any_order_by_two_daemons(site):
    random = seeded()
    site.config["maintenance"] = {"enabled": False}
    for name in ("one", "two"):
        site.start_daemon(TASKBRIDGE_DAEMON_INSTANCE=name)
    told = Tasks(site.broker, random, 300)
    arriving = [event for event in told.events if random.random() < 0.9]
    arriving += random.sample(arriving, len(arriving) // 3)
    random.shuffle(arriving)
    while arriving:
        size = random.choice([1, 2, 24])
        site.broker.publish(arriving[:size])
        del arriving[:size]
    wait_until_settled(site)
    assert stats(site) == recounted(site)
    site.database.execute("UPDATE background_task_trackers SET lost_at = now(), lost_reason = 'gone' WHERE id % 7 = 0")
    site.database.query("SELECT tracker_register(7, task_id, 'another.name') FROM background_task_trackers WHERE id % 5 = 0")
    assert stats(site) == recounted(site)
    told_by_verdict = sum(times for (_, _, measure, _), times in stats(site).items() if measure == "lost")
    assert told_by_verdict == site.database.value(
        "SELECT count(*) FROM background_task_trackers WHERE celery_state = 'LOST'")
    site.broker.publish([event for event in told.events if random.random() < 0.5])
    wait_until_settled(site)
    assert stats(site) == recounted(site)
    assert {measure for _, _, measure, _ in stats(site)} >= {"success", "waited", "ran"}


def test_a_task_that_succeeds_at_once_has_no_setback(site):
    site.start_daemon()
    for kind, fields in (("task-received", {"name": "shop.sell"}), ("task-started", {}), ("task-succeeded", {"runtime": 1})):
        site.broker.publish_event(kind, uuid="t", **fields)
    wait_until_settled(site)
    row = site.database.row("t")
    assert (row["celery_state"], row["starts"]) == ("SUCCESS", None)
    assert attempts(site) == set()


def test_a_failure_that_was_resolved_is_open_again_when_it_happens_after_that(site):
    site.start_daemon()

    def fail(task_id):
        site.broker.publish_event("task-failed", uuid=task_id, exception="ValueError('x')", traceback=traceback("cart", "E", 1))
        wait_until_settled(site)
        (row,) = site.database.query("SELECT * FROM failures")
        return row

    row = fail("t1")
    assert (row["count"], row["is_open"], row["place"]) == (1, True, "shop/cart.py: sell")
    site.database.execute("UPDATE failures SET resolved_at = now(), resolved_by = 'ana'")
    assert site.database.value("SELECT is_open FROM failures") is False
    row = fail("t2")
    assert (row["count"], row["is_open"]) == (2, True)


def test_a_verdict_is_a_setback_and_all_of_them_go_with_their_row(site):
    site.start_daemon()
    site.broker.publish_event("task-started", uuid="t")
    site.broker.publish_event("task-retried", uuid="t", exception="ValueError('x')", traceback=traceback("cart", "E", 1))
    wait_until_settled(site)
    site.database.execute("UPDATE background_task_trackers SET lost_at = now(), lost_reason = 'gone' WHERE task_id = 't'")
    wait_until(lambda: len(attempts(site)) == 2, 5, "the verdict is a setback")
    assert ("lost", "gone") in {(kind, error) for _, _, kind, _, error in attempts(site)}
    site.database.execute("DELETE FROM background_task_trackers")
    assert attempts(site) == set()
