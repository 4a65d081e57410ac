"""Lives of tasks, at random: what real workers send, in the orders in which they really send it, and, for every other
task, a soup of events that no worker would ever send. Few different stamps, so that ties happen all the time.

One seed, one result. Each task is a list of events in the order in which they happened; when and how often they
arrive, and in which messages, is the test's business.
"""

import itertools
import uuid

START_US = 1_790_000_000_000_000

# As the configuration of the programs under test has them.
RULES = [
    {"match": "*sync_sii_documents_task", "display_name": "Sincronizando documentos SII",
     "company": {"kwarg": "company_id"}},
    {"match": "shop.*.by_position", "type": "positional", "company": {"arg": 1}},
    {"match": "*child_of_*", "display_name": "Hijo", "company": "inherit"},
    {"match": "*settings?", "type": "settings"},
    {"match": "a shadow with a rule", "type": "shadowed", "display_name": "Sombra", "company": "none"},
]
NAMES = ["onboarding.tasks.sync_sii_documents_task", "shop.tasks.by_position", "shop.tasks.child_of_onboarding",
         "shop.settings1", "shop.settings", "plain", "a.b.ñandú"]
SHADOWS = [None, None, None, "a shadow", "a shadow with a rule", "onboarding.tasks.sync_sii_documents_task"]
TEXTS = ["", "Paso 1 de 3", "año ñandú", "nul \0 inside", "lone \ud800 surrogate", "emoji 🎉", "a" * 300]
NUMBERS = [0, 1, 33.333, 99.99, 100, 250, -5, 1e300, "77", " 12.5 ", "50%", "12 %", {"current": 1, "total": 8}, {"current": 1, "total": 4, "percent": "30%"}, "1e2", "x", "", float("nan"), float("inf"),
           float("-inf"), "Infinity", None, True, [1], {"a": 1}, 10**40, -0.0]
TRACEBACKS = ["Traceback (most recent call last):\n  File \"t.py\"\nValueError: no\n", "one line", "", None]
EXCEPTIONS = ["ValueError('no')", "KeyError('ñ')", "ExceptionWithTraceback()", "", None]


class Worker:
    """A host with a clock that is ahead or behind."""

    def __init__(self, random, number):
        self.hostname = f"w{number}@host-{number}"
        self.pid = 1000 + number
        self.skew_us = random.choice([0, 0, -3_000_000, 7_000_000])


class Lives:
    def __init__(self, random):
        self.random = random
        self.now_us = START_US
        self.workers = [Worker(random, number) for number in range(3)]
        self.clock = itertools.count(1)

    def tasks(self, count):
        """count lists of events, each one task's."""
        return [self.soup() if self.random.random() < 0.5 else self.life() for _ in range(count)]

    # what an event is made of

    def pass_time(self):
        self.now_us += self.random.choice([0, 1, 1000, 250_000])

    def event(self, kind, worker=None, **fields):
        """One event of now. Without a worker it is the publisher's."""
        skew_us = worker.skew_us if worker else 0
        return {"type": kind, "hostname": worker.hostname if worker else "gen1@web", "utcoffset": 0,
                "pid": worker.pid if worker else 1, "clock": next(self.clock),
                "timestamp": (self.now_us + skew_us) / 1e6, **fields}

    def task_id(self):
        if self.random.random() < 0.1:
            return f"custom-id/with spaces ñ {self.random.randrange(10**12)}"
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def message(self, retries):
        """What sent and received say of a task."""
        company = self.random.choice([7, 73, -1])
        kwargs = self.random.choice([f"{{'company_id': {company}, 'password': 'geheim'}}", "{}", None,
                                     f"{{'token': 'x', 'a': [1, 2], 'company_id': {company}}}", "{'company_id': None}"])
        return {"name": self.random.choice(NAMES), "args": self.random.choice([f"(1, {company})", "()", None]),
                "kwargs": kwargs, "retries": retries, "root_id": self.random.choice(["root", None]),
                "parent_id": self.random.choice(["parent", None]),
                "eta": self.random.choice([None, None, "2027-01-01T00:00:00+00:00"]),
                "expires": self.random.choice([None, None, "2027-01-02T00:00:00+00:00"])}

    def progress_fields(self):
        pick = self.random.choice
        fields = pick([{"progress": pick(NUMBERS)}, {"percent": pick(NUMBERS)}, {},
                       {"current": self.random.randrange(5), "total": self.random.randrange(5)},
                       {"progress": None, "percent": 10.5}, {"metadata": {"progress": 40, "status": "dentro"}},
                       {"meta": {"current": 1, "total": 3, "message": "m"}},
                       {"metadata": {"meta": {"progress": {"percent": pick(NUMBERS), "description": "d"}}}}])
        text = pick([{}, {"status": pick(TEXTS)}, {"message": pick([*TEXTS, None])}, {"status": 5, "step": "paso"},
                     {"description": pick(TEXTS)}])
        company = pick([{}, {}, {"company_id": pick([7, 73, "73", None, True, 2**63, 1.5])}])
        retries = pick([{}, {"retries": self.random.randrange(3)}, {"retries": None}])
        return {**fields, **text, **company, **retries}

    def fields_of(self, kind, retries=0):
        """What an event of this kind has beside what all have."""
        pick = self.random.choice
        if kind == "task-sent":
            return {**self.message(retries), "queue": pick(["celery", "onboarding", None])}
        if kind == "task-received":
            message = self.message(retries)
            return {**message, "name": pick(SHADOWS) or message["name"]}
        if kind == "task-succeeded":
            return {"result": pick(["None", "'ñ'", None]), "runtime": pick([0.5, 12, None, -0.0, 20.1543217, -1, 1e300])}
        if kind in ("task-failed", "task-retried"):
            return {"exception": pick(EXCEPTIONS), "traceback": pick(TRACEBACKS)}
        if kind == "task-rejected":
            return {"requeue": pick([True, False, None])}
        if kind == "task-revoked":
            return pick([{"terminated": True, "signum": pick([15, "SIGKILL", None]), "expired": False},
                         {"terminated": False, "signum": None, "expired": pick([True, False])}])
        if kind == "task-progress":
            return self.progress_fields()
        if kind == "task-tracked":
            return {"company_id": pick([7, 73, "73"]), "name": pick([None, None, "plain"])}
        return {}

    # a soup

    KINDS = ["task-sent", "task-received", "task-started", "task-progress", "task-succeeded", "task-failed",
             "task-retried", "task-rejected", "task-revoked", "task-cancelled", "task-tracked"]

    def soup(self):
        task_id = self.task_id()
        # A task that may succeed always ends: without it there is more to see.
        kinds = [kind for kind in self.KINDS if kind != "task-succeeded" or self.random.random() < 0.3]
        events = []
        for _ in range(self.random.randrange(1, 9)):
            self.pass_time()
            kind = self.random.choice(kinds)
            events.append(self.event(kind, self.random.choice([None, *self.workers]), uuid=task_id,
                                     **self.fields_of(kind, self.random.randrange(3))))
            if self.random.random() < 0.2:
                events.append(self.twin(events[-1]))
        return events

    def twin(self, event):
        """The same kind at the same time with one value of another: which of them counts must not depend on luck."""
        other = self.fields_of(event["type"], self.random.randrange(3))
        name = self.random.choice([*other, "hostname"])
        return {**event, "hostname": self.random.choice(self.workers).hostname, **{name: other.get(name, "gen1@web")}}

    # lives

    def life(self):
        task_id = self.task_id()
        self.events = []
        self.tell(task_id, "task-sent", None, 0)
        if self.random.random() < 0.08:
            return self.end_unseen(task_id)
        attempts = self.random.choice([1, 1, 1, 2, 3])
        for attempt in range(attempts):
            self.attempt(task_id, attempt, is_last=attempt == attempts - 1)
        if self.random.random() < 0.05:
            self.events.pop(self.random.randrange(len(self.events)))  # Celery loses one
        return self.events or [self.event("task-tracked", uuid=task_id)]

    def tell(self, task_id, kind, worker, retries, **fields):
        self.pass_time()
        self.events.append(self.event(kind, worker, uuid=task_id, **{**self.fields_of(kind, retries), **fields}))

    def end_unseen(self, task_id):
        """Ended before a worker received it."""
        worker = self.random.choice(self.workers)
        if self.random.random() < 0.5:
            self.tell(task_id, "task-failed", worker, 0, exception="NotRegistered('x')")
        else:
            self.tell(task_id, "task-revoked", worker, 0, terminated=False, signum=None, expired=True)
        return self.events

    def attempt(self, task_id, retries, is_last):
        worker = self.random.choice(self.workers)
        self.tell(task_id, "task-received", worker, retries)
        for _ in range(self.random.choice([0, 0, 1])):  # overtakes the start
            self.tell(task_id, "task-progress", worker, retries)
        self.tell(task_id, "task-started", worker, retries)
        for _ in range(self.random.randrange(4)):
            self.tell(task_id, "task-progress", worker, retries)
        if is_last:
            self.random.choice([self.succeed, self.succeed, self.fail, self.terminate, self.hard_limit, self.reject,
                                self.vanish])(task_id, worker, retries)
        else:
            self.random.choice([self.retry, self.requeue])(task_id, worker, retries)

    def succeed(self, task_id, worker, retries):
        self.tell(task_id, "task-succeeded", worker, retries)
        if self.random.random() < 0.2:
            self.tell(task_id, "task-progress", worker, retries)  # late

    def fail(self, task_id, worker, retries):
        self.tell(task_id, "task-failed", worker, retries)

    def terminate(self, task_id, worker, retries):
        self.tell(task_id, "task-revoked", worker, retries, terminated=True, signum=15, expired=False)
        self.tell(task_id, "task-failed", worker, retries, exception="SystemExit(-241)")

    def hard_limit(self, task_id, worker, retries):
        for _ in range(2):
            self.tell(task_id, "task-failed", worker, retries, exception="ExceptionWithTraceback()",
                      traceback="Traceback:\nbilliard.exceptions.TimeLimitExceeded: TimeLimitExceeded(1,)\n")

    def reject(self, task_id, worker, retries):
        self.tell(task_id, "task-failed", worker, retries, exception="Reject(no)")
        self.tell(task_id, "task-rejected", worker, retries, requeue=False)

    def vanish(self, task_id, worker, retries):
        """Ignore, replace, SIGKILL: nothing is said."""

    def retry(self, task_id, worker, retries):
        """The next attempt is published, and maybe received, before this one's end is stamped."""
        self.tell(task_id, "task-sent", worker, retries + 1)
        overtaken = self.random.random() < 0.5
        if overtaken:
            self.tell(task_id, "task-received", worker, retries + 1)
        self.tell(task_id, "task-retried", worker, retries)

    def requeue(self, task_id, worker, retries):
        if self.random.random() < 0.5:
            self.tell(task_id, "task-rejected", worker, retries, requeue=True)
        else:
            self.tell(task_id, "task-cancelled", worker, retries)

    # what else is on the wire

    def noise(self):
        """Heartbeats, with counts and without, events that nobody knows."""
        worker = self.random.choice(self.workers)
        counts = {"active": 1, "processed": self.random.randrange(100), "loadavg": [0.5, 0.25, 0.125]}
        return self.random.choice([
            self.event("worker-heartbeat", worker, freq=2.0, sw_ident="py-celery", sw_ver="5.6.2", sw_sys="Linux",
                       **self.random.choice([{}, counts])),
            self.event("worker-online", worker, freq=2.0, **counts),
            self.event("worker-offline", worker, freq=2.0),
            self.event("task-custom", worker, uuid="not a task's"),
        ])

    def rubbish(self):
        """An event that can only be a dead letter."""
        worker = self.workers[0]
        return self.random.choice([
            self.event("task-started", worker),
            {**self.event("task-started", worker, uuid="rubbish"), "timestamp": self.random.choice(
                [None, "soon", 0, -1, 1e300, float("nan"), float("inf"), True])},
            {**self.event("task-started", worker), "uuid": self.random.choice([5, "", None, ["a"], "x" * 256])},
            {"uuid": "rubbish"}, {}, 5, "text", None,
        ])


def arrivals(random, events, duplicated=0.3):
    """Messages in an order in which the events may arrive: each a list of events, or one alone (a dict)."""
    events = events + [event for event in events if random.random() < duplicated]
    random.shuffle(events)
    messages = []
    while events:
        size = random.choice([1, 1, 2, 5, 24])
        messages.append(events[:size] if size > 1 or random.random() < 0.5 else events[0])
        del events[:size]
    return messages
