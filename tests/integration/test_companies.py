"""Whose a task is: as registered, as its events say, by a rule, from its root. Never guessed, and no secret is kept."""

import json
import zlib

import psycopg2
import pytest

from events import letters, wait_until_settled
from harness import wait_until
from harness.seed import seeded
from harness.statements import execute

UUID = "0b9e7d1c-3d2b-4f0a-8a54-6f1f6a0f3c11"
NOON = 1795557600.0
RULES = [{"match": "by.kwarg", "company": {"kwarg": "company_id"}},
         {"match": "by.arg", "company": {"arg": 1}},
         {"match": "by.root", "company": "inherit"},
         {"match": "by.kwarg", "company": {"kwarg": "never the second rule that matches"}},
         {"match": "with.secrets", "company": {"kwarg": "token"}, "redact": ["password", "token"]}]


@pytest.fixture
def ruled(site):
    """A site whose daemon has the rules above, and does not call tasks of another year lost."""
    site.config["tasks"] = RULES
    site.config["maintenance"] = {"enabled": False}
    return site


def received(site, task_id, name, kwargs="{}", args="()", **fields):
    """The event of a task that a worker received."""
    return site.broker.event("task-received", uuid=task_id, name=name, args=args, kwargs=kwargs, retries=0, **fields)


def tracked(site, task_id, company, stamp):
    return {**site.broker.event("task-tracked", uuid=task_id, company_id=company), "timestamp": stamp}


def companies(site):
    """Each task's company, as the key that HTTP asks by."""
    return {task_id: row["company_key"] for task_id, row in site.database.rows().items()}


def register(site, task_id, company=7, **fields):
    given = {"task_name": "named by the product", "display_name": "Nombrada", "metadata": "{}", **fields}
    return site.database.value("SELECT tracker_register(%s, %s, %s, %s, %s)", (
        company, task_id, given["task_name"], given["display_name"], given["metadata"]))


# What stands for a company, and which key it gives under each format: number, uuid, slug.
VALUES = [
    ("73", ("73", None, "73")),
    ("0", ("0", None, "0")),
    ("-5", ("-5", None, None)),
    ("9223372036854775807", ("9223372036854775807", None, "9223372036854775807")),
    ("9223372036854775808", (None, None, "9223372036854775808")),
    ("'73'", ("73", None, "73")),
    ("'007'", (None, None, "007")),
    ("'73a'", (None, None, "73a")),
    ("'acme-norte_2'", (None, None, "acme-norte_2")),
    ("'acme norte'", (None, None, None)),
    ("'ñandú'", (None, None, None)),
    ("''", (None, None, None)),
    (f"'{UUID}'", (None, UUID, UUID)),
    (f"'{UUID.upper()}'", (None, UUID, UUID.upper())),
    (f"UUID('{UUID}')", (None, UUID, UUID)),
    ("UUID('0b9e7d1c')", (None, None, None)),
    ("73.0", (None, None, None)),
    ("True", (None, None, None)),
    ("None", (None, None, None)),
    ("b'73'", (None, None, None)),
    ("Decimal('73')", (None, None, None)),
    ("[73]", (None, None, None)),
    ("<Company: 73>", (None, None, None)),
]
FORMATS = ("number", "uuid", "slug")


@pytest.mark.parametrize("number, name", enumerate(FORMATS))
def test_which_values_are_companies_is_configured(ruled, number, name):
    ruled.config["company"] = {"format": name}
    ruled.start_daemon()
    ruled.broker.publish_all(
        [[received(ruled, f"kwarg {value}", "by.kwarg", f"{{'a': 1, 'company_id': {value}, 'z': [2]}}"),
          received(ruled, f"arg {value}", "by.arg", args=f"('first', {value}, 'last')")] for value, _ in VALUES])
    wait_until_settled(ruled)
    expected = {}
    for value, keys in VALUES:
        expected[f"kwarg {value}"] = expected[f"arg {value}"] = keys[number]
    assert companies(ruled) == expected


# The same of what an event itself carries.
CARRIED = [
    (73, ("73", None, "73")),
    ("73", ("73", None, "73")),
    ("acme", (None, None, "acme")),
    (UUID.upper(), (None, UUID, UUID.upper())),
    ({"__type__": "uuid", "__value__": UUID.replace("-", "")}, (None, UUID, UUID)),
    (73.0, (None, None, None)),
    (True, (None, None, None)),
    (10**30, (None, None, str(10**30))),
    (None, (None, None, None)),
    ([73], (None, None, None)),
]


@pytest.mark.parametrize("number, name", enumerate(FORMATS))
def test_what_an_event_carries_is_measured_alike(ruled, number, name):
    ruled.config["company"] = {"format": name}
    ruled.start_daemon()
    for kind in ("task-progress", "task-tracked"):
        ruled.broker.publish([ruled.broker.event(kind, uuid=f"{kind} {value!r}", progress=1, company_id=value)
                              for value, _ in CARRIED])
    wait_until_settled(ruled)
    rows = ruled.database.rows()
    found = {task_id: row["company_key"] for task_id, row in rows.items()}
    assert found == {f"{kind} {value!r}": keys[number] for value, keys in CARRIED
                     for kind in ("task-progress", "task-tracked")}
    assert {row["company_id"] for row in rows.values() if row["company_key"] == "73"} <= {73}
    assert all(row["company_id"] is None for row in rows.values() if row["company_key"] == UUID)


# Reprs as Celery cuts them, or that only look as if they had the value.
REPRS = [
    ("{'company_id': 73, 'big': 'zzzz...'", "73"),
    ("{'company_id': 73, 'big': 'zzzz...', ...}", "73"),
    ("{'big': 'zzzz...', ...}", None),
    ("{'big': 'zzzz', 'company_id': 73...", None),
    ("{'big': 'zzzz', 'company_id': 7", None),
    ("{'company_id': ...}", None),
    ("{'company_id", None),
    ("{'other': {'company_id': 73}}", None),
    ("{'other': \"'company_id': 73\"}", None),
    ("{'other': '\\', \\'company_id\\': 73'}", None),
    ("{'my_company_id': 73}", None),
    ("{'Company_id': 73}", None),
    ("{\"company_id\": 73}", "73"),
    ("{'at': datetime.datetime(2026, 11, 24), 'who': <User: {'company_id': 5}>, 'company_id': 73}", "73"),
    ("{}", None),
    ("", None),
    ("...", None),
]


def test_what_was_cut_or_only_looks_like_it_gives_no_company(ruled):
    ruled.start_daemon()
    ruled.broker.publish([received(ruled, f"kwargs {repr_}", "by.kwarg", repr_) for repr_, _ in REPRS])
    arguments = [("('first', 73)", "73"), ("('first', 73, ...)", "73"), ("('first', 73...", None), ("('first', 7", None),
                 ("('first', ...)", None), ("('first',)", None), ("(('a', 'b'), 73)", "73"), ("['first', 73]", "73")]
    ruled.broker.publish([received(ruled, f"args {repr_}", "by.arg", args=repr_) for repr_, _ in arguments])
    wait_until_settled(ruled)
    expected = {f"kwargs {repr_}": key for repr_, key in REPRS}
    expected.update({f"args {repr_}": key for repr_, key in arguments})
    assert companies(ruled) == expected


def test_what_was_registered_counts_more_than_an_event_and_that_more_than_a_rule(ruled):
    ruled.start_daemon()
    register(ruled, "all", 1)
    for task_id in ("all", "event and rule", "rule"):
        ruled.broker.publish(received(ruled, task_id, "by.kwarg", "{'company_id': 3}"))
    for task_id in ("all", "event and rule"):
        ruled.broker.publish(tracked(ruled, task_id, 2, NOON))
    wait_until_settled(ruled)
    assert companies(ruled) == {"all": "1", "event and rule": "2", "rule": "3"}


def test_of_two_companies_in_events_the_earlier_one_stays_whatever_comes_first(ruled):
    ruled.start_daemon()
    for task_id, stamps in (("in order", (NOON, NOON + 1)), ("out of order", (NOON + 1, NOON))):
        for stamp in stamps:
            ruled.broker.publish(tracked(ruled, task_id, 5 if stamp == NOON else 6, stamp))
    wait_until_settled(ruled)
    assert companies(ruled) == {"in order": "5", "out of order": "5"}


def test_children_inherit_from_a_root_that_is_known_before_or_after(ruled):
    ruled.start_daemon()
    root = received(ruled, "root", "by.kwarg", "{'company_id': 9}", root_id="root")
    late = received(ruled, "late root", "by.kwarg", "{'company_id': 10}", root_id="late root")
    ruled.broker.publish(root)
    wait_until_settled(ruled)
    for task_id, root_id in (("child", "root"), ("early child", "late root"), ("orphan", "nobody")):
        ruled.broker.publish(received(ruled, task_id, "by.root", root_id=root_id, parent_id=root_id))
    # A grandchild names its root, not its parent; one of another kind is asked for by no rule.
    ruled.broker.publish(received(ruled, "grandchild", "by.root", root_id="late root", parent_id="early child"))
    ruled.broker.publish(received(ruled, "stranger", "by.nothing", root_id="root", parent_id="root"))
    wait_until_settled(ruled)
    assert companies(ruled)["early child"] is None
    ruled.broker.publish(late)
    wait_until_settled(ruled)
    expected = {"root": "9", "child": "9", "late root": "10", "early child": "10", "grandchild": "10", "orphan": None,
                "stranger": None}
    wait_until(lambda: companies(ruled) == expected, 20, f"the companies are {expected}")


def test_children_inherit_what_is_registered_and_carried_later(ruled):
    ruled.start_daemon()
    for number in range(2):
        ruled.broker.publish(received(ruled, f"root {number}", "any.name", root_id=f"root {number}"))
        ruled.broker.publish(received(ruled, f"child {number}", "by.root", root_id=f"root {number}"))
    wait_until_settled(ruled)
    register(ruled, "root 0", 21)
    ruled.broker.publish(tracked(ruled, "root 1", 22, NOON))
    wait_until_settled(ruled)
    expected = {"root 0": "21", "child 0": "21", "root 1": "22", "child 1": "22"}
    wait_until(lambda: companies(ruled) == expected, 20, f"the companies are {expected}")


def sent(site, task_id, name, root, parent=None, kwargs="{}"):
    return site.broker.event("task-sent", uuid=task_id, name=name, args="()", kwargs=kwargs, root_id=root, parent_id=parent)


def cleanup(site):
    """What maintenance does an hour after the end of a task."""
    return execute(site.database, "cleanup_completed", 0.0, 1000)


def test_a_roots_company_outlives_its_row(ruled):
    """A chain that is longer than the retention, by rule and registered; with and without a step before."""
    ruled.start_daemon()
    for number, first_steps in enumerate([1, 0]):
        ruled.broker.publish(sent(ruled, f"root {number}", "by.kwarg", f"root {number}", kwargs="{'company_id': 9}"))
        ruled.broker.publish(sent(ruled, f"registered {number}", "plain", f"registered {number}"))
        register(ruled, f"registered {number}", 9)
        for root in (f"root {number}", f"registered {number}"):
            for step in range(first_steps):
                ruled.broker.publish(sent(ruled, f"{root}, step {step}", "by.root", root, root))
            ruled.broker.publish(ruled.broker.event("task-succeeded", uuid=root, result="None", runtime=0.1))
            ruled.broker.publish(ruled.broker.event("task-succeeded", uuid=f"{root}, step 0", result="None", runtime=0.1))
    wait_until_settled(ruled)
    cleanup(ruled)
    assert "root 0" not in companies(ruled) and "registered 1" not in companies(ruled)
    for root in ("root 0", "root 1", "registered 0", "registered 1"):
        ruled.broker.publish(sent(ruled, f"{root}, last step", "by.root", root, f"{root}, step 0"))
    wait_until_settled(ruled)
    found = companies(ruled)
    assert {found[f"{root}, last step"] for root in ("root 0", "root 1", "registered 0", "registered 1")} == {"9"}


def flow(random, number):
    """The events of one flow, and whose each task of it is."""
    ids, events, own, expected = [f"flow {number}"], [], {}, {}
    for step in range(random.randrange(1, 7)):
        ids.append(f"flow {number} step {step}")
    parents = {task_id: random.choice(ids[:at]) for at, task_id in enumerate(ids) if at}
    for task_id in ids:
        if random.random() < 0.35:
            own[task_id] = str(random.randrange(100, 105))
    for task_id in ids:
        line = [task_id]
        while line[-1] in parents:
            line.append(parents[line[-1]])
        found = next((own[other] for other in [task_id, ids[0], *line] if other in own), None)
        expected[task_id] = found
        events.append((task_id, parents.get(task_id), own.get(task_id)))
    return ids[0], events, expected


def test_whose_a_step_is_does_not_depend_on_what_comes_first(ruled):
    random = seeded()
    ruled.start_daemon()
    events, expected = [], {}
    for number in range(150):
        root, tasks, wanted = flow(random, number)
        expected.update(wanted)
        for task_id, parent, own in tasks:
            name, kwargs = ("by.root", "{}") if own is None else ("by.kwarg", f"{{'company_id': {own}}}")
            events.append(sent(ruled, task_id, name, root, parent, kwargs))
    events += random.sample(events, len(events) // 4)
    random.shuffle(events)
    for event in events:
        ruled.broker.publish(event)
    wait_until_settled(ruled)
    wait_until(lambda: companies(ruled) == expected, 30, "every task has its company")


def test_a_task_may_belong_to_nobody_as_it_should(ruled):
    ruled.config["tasks"] = [{"match": "beat.*", "company": "none"}, *RULES]
    ruled.start_daemon()
    ruled.broker.publish([received(ruled, "job", "beat.nightly"), received(ruled, "odd", "without.a.rule")])
    wait_until_settled(ruled)
    assert companies(ruled) == {"job": None, "odd": None}
    assert [ruled.database.row(task_id)["belongs_to_nobody"] for task_id in ("job", "odd")] == [True, False]


# ---- secrets ----

SECRETS = ["{'password': 'hunter2', 'x': 1}", "{'login': {'user': 'ana', 'password': 'hunter2'}, 'x': 1}",
           "{'x': 1, 'token': ['hunter2', 'hunter2']}", "{\"password\": \"it's hunter2\"}", "{'password': b'hunter2'}",
           "{'x': <Login user='ana', password='hunter2'>}", "{'password': 'hunter2 and it is cut he...",
           "{'x': 1, 'password': 'hunter2"]


def everything(site):
    """All that a daemon writes, as text."""
    tables = ("background_task_trackers", "celery_workers", "worker_incarnations", "bridge_instances", "event_types",
              "maintenance_runs")
    rows = [row["text"] for table in tables for row in site.database.query(f"SELECT t::text AS text FROM {table} t")]
    return "\n".join(rows + [f"{letter} {plain(letter['body'])}" for letter in letters(site)])


def plain(body):
    """What a compressed body holds."""
    try:
        return zlib.decompress(body)
    except zlib.error:
        return body


def test_secrets_are_never_stored_nor_logged(ruled):
    ruled.config["log"] = {"level": "debug"}
    daemon = ruled.start_daemon()
    for number, kwargs in enumerate(SECRETS):
        for kind in ("task-sent", "task-received"):
            ruled.broker.publish(received(ruled, f"t{number}", "with.secrets", kwargs, type=kind))
    ruled.broker.publish(received(ruled, "nameless", None, SECRETS[0]))
    ruled.broker.publish(received(ruled, "open", "by.kwarg", "{'company_id': 7, 'note': 'kept'}"))
    wait_until_settled(ruled)
    rows = ruled.database.rows()
    assert len(rows) == len(SECRETS) + 2 and letters(ruled) == []
    assert "hunter2" not in everything(ruled) and "hunter2" not in daemon.output()
    assert rows["t0"]["kwargs"] == "{'password': '***', 'x': 1}"
    assert rows["t1"]["kwargs"] == "{'login': {'user': 'ana', 'password': '***'}, 'x': 1}"
    assert rows["nameless"]["kwargs"] == "{'password': '***', 'x': 1}"
    assert rows["open"]["kwargs"] == "{'company_id': 7, 'note': 'kept'}"


def test_a_secret_may_be_where_the_company_is(ruled):
    ruled.start_daemon()
    ruled.broker.publish(received(ruled, "t", "with.secrets", "{'token': 42}"))
    wait_until_settled(ruled)
    row = ruled.database.row("t")
    assert (row["company_id"], row["kwargs"]) == (42, "{'token': '***'}")


# What holds a secret besides arguments: by what it is, the event's fields.
HIDING = {
    "shadow": {"name": "a shadow", "kwargs": "{'password': 'hunter2'}"},
    "chord": {"name": "celery.chord_unlock", "args": "('g', {'task': 'a.b', 'kwargs': {'token': 'hunter2'}}, 5)"},
    "signature": {"name": "celery.starmap", "kwargs": "{'task': a.b('x', password='hunter2'), 'it': [(1,)]}"},
    "quoted": {"kwargs": "\"{'company_id': 7, 'password': 'hunter2'}\""},
    "json": {"kwargs": "{\"company_id\": 7, \"Password\": \"hunter2\"}"},
    "deep": {"args": "([{'a': ({'API-KEY': 'hunter2'},)}],)"},
    "result": {"type": "task-succeeded", "result": "{'token': 'hunter2'}"},
    "exception": {"type": "task-failed", "exception": "ValueError(\"no {'password': 'hunter2'}\")"},
    "traceback": {"type": "task-failed", "exception": "ExceptionWithTraceback()",
                  "traceback": "Traceback (most recent call last):\n  x\nE: {'password': 'a\nhunter2'}"},
    "retry": {"type": "task-retried", "exception": "E({'secret': 'hunter2'})"},
    "progress": {"type": "task-progress", "status": "token=hunter2"},
    "position": {"name": "by.position", "args": "('ana', 'hunter2', 3)"},
    "position in a shadow": {"name": "another shadow", "args": "('ana', 'hunter2', 3)"},
    "position in a chord": {"name": "celery.chord_unlock", "args": "('g', [{'task': 'by.position', 'args': ['ana', 'hunter2']}])"},
}


def test_a_secret_is_kept_nowhere_whatever_it_stands_in(ruled):
    ruled.config["tasks"] = [{"match": "by.position", "redact": [1]}, *RULES]
    ruled.config["log"] = {"level": "debug"}
    daemon = ruled.start_daemon()
    for what, fields in HIDING.items():
        good = received(ruled, what, "by.kwarg")
        ruled.broker.publish({**good, **fields})
        ruled.broker.publish({**good, **fields, "uuid": None})
        ruled.broker.publish(json.dumps({**good, **fields})[:-30].encode())
        ruled.broker.publish(json.dumps({**good, **fields}).encode(), content_type="application/x-msgpack")
        ruled.broker.publish(zlib.compress(json.dumps({**good, **fields, "timestamp": "noon"}).encode()),
                             headers={"compression": "application/x-gzip"})
    wait_until_settled(ruled)
    assert len(ruled.database.rows()) == len(HIDING)
    found = letters(ruled)
    assert len(found) == 4 * len(HIDING)
    assert "hunter2" not in everything(ruled) and "hunter2" not in daemon.output()
    assert "'task': a.b('x', " in ruled.database.row("signature")["kwargs"]
    masked = ruled.database.value("SELECT count(*) FROM dead_letters WHERE masked")
    assert masked >= 2 * len(HIDING)
    assert "secrets were taken out" in ruled.cli("dead", "retry", "--all", check=False).stdout
    number = ruled.database.value("SELECT min(id) FROM dead_letters WHERE masked")
    assert "can't be sent again" in ruled.cli("dead", "retry", number, check=1).stderr
    assert ruled.database.value("SELECT count(*) FROM dead_letters WHERE masked AND retried_at IS NOT NULL") == 0


def test_a_dead_letter_without_a_secret_is_kept_as_it_came(ruled):
    ruled.start_daemon()
    body = b'[{"type":   "task-received", "uuid": "", "timestamp": 1795557600.0, "kwargs": "{\'note\': \'kept\'}"}]'
    ruled.broker.publish(body)
    wait_until_settled(ruled)
    (letter,) = letters(ruled)
    assert letter["body"] == body[1:-1] and not ruled.database.value("SELECT masked FROM dead_letters")


# ---- registering, before, between and after the events ----

def life(site, task_id):
    """Received with a company by rule, begun, half done, done."""
    return [received(site, task_id, "by.kwarg", "{'company_id': 3}"),
            site.broker.event("task-started", uuid=task_id),
            site.broker.event("task-progress", uuid=task_id, progress=50),
            site.broker.event("task-succeeded", uuid=task_id, result="None", runtime=0.5)]


@pytest.mark.parametrize("after", range(5))
def test_registering_before_between_and_after_the_events_gives_the_same_row(ruled, after):
    ruled.start_daemon()
    for number, event in enumerate(life(ruled, "t") + [None]):
        if number == after:
            register(ruled, "t", 7, metadata='{"source": "signup"}')
        if event:
            ruled.broker.publish(event)
            wait_until_settled(ruled)
    (row,) = ruled.database.rows().values()
    assert (row["company_id"], row["task_name"], row["display_name"]) == (7, "named by the product", "Nombrada")
    assert (row["celery_state"], row["progress"], row["metadata"]) == ("SUCCESS", 100, {"source": "signup"})
    assert (row["rule_company"], row["received_name"]) == ("3", "by.kwarg")


@pytest.fixture
def product(ruled):
    """The product's connection, whose transactions it ends itself."""
    connection = psycopg2.connect(ruled.database_url)
    yield connection
    connection.close()


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_events_of_a_task_whose_registration_is_not_yet_committed(ruled, product, end):
    """The row waits for the product's transaction, and is right however that ends."""
    ruled.start_daemon()
    with product.cursor() as cursor:
        cursor.execute("SELECT tracker_register(7, 't', 'named by the product', 'Nombrada')")
    ruled.broker.publish(life(ruled, "t"))
    wait_until(lambda: ruled.database.query("SELECT FROM pg_locks WHERE NOT granted"), 20, "the daemon waits")
    getattr(product, end)()
    wait_until_settled(ruled)
    (row,) = ruled.database.rows().values()
    assert (row["celery_state"], row["progress"]) == ("SUCCESS", 100)
    assert row["company_id"] == (7 if end == "commit" else 3)
    assert row["display_name"] == ("Nombrada" if end == "commit" else "kwarg")


def test_a_registration_that_is_rolled_back_after_the_events_leaves_their_row(ruled, product):
    ruled.start_daemon()
    ruled.broker.publish(life(ruled, "t"))
    wait_until_settled(ruled)
    with product.cursor() as cursor:
        cursor.execute("SELECT tracker_register(7, 't', 'x'), tracker_register(7, 'another', 'x')")
    product.rollback()
    assert companies(ruled) == {"t": "3"}
