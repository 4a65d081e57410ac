"""The sink against a real PostgreSQL: what a batch becomes, and that nothing is counted twice or lost when answers are.

A small program decodes deliveries into batches and submits them as the daemon does, but says which is in which.
"""

import itertools
import json
import subprocess
import uuid
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from harness import Database, Proxy, wait_until
from harness.process import base_environment, program
from harness.statements import execute

COMMITTED, AGAIN, REFUSED, FAILED = 0, 1, 2, 3
TAGS = itertools.count(1)


class Driver:
    def __init__(self, url, instance="one"):
        command = program("tests/sink_driver")
        self.process = subprocess.Popen([*command, url, instance], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1, env=base_environment())

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        answer = self.process.stdout.readline().rstrip("\n")
        assert answer, f"the driver ended with {self.process.wait(10)}"
        return answer

    def add(self, *bodies, batch=0, redelivered=False):
        """Each body is one delivery: text as it is, or events."""
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            assert self.ask("add", batch, "redelivered" if redelivered else "new", next(TAGS), text) == "added"

    def submit(self, batch=0):
        assert self.ask("submit", batch) == "submitted"

    def wait(self, batch=0):
        _, outcome, _text = self.ask("wait", batch).split(" ", 2)
        return int(outcome)

    def write(self, *bodies, batch=0, **options):
        """A batch of these from its beginning to its end."""
        assert self.ask("reset", batch) == "reset"
        self.add(*bodies, batch=batch, **options)
        self.submit(batch)
        return self.wait(batch)

    def again(self, batch=0):
        assert self.ask("again", batch) == "submitted"
        return self.wait(batch)

    def close(self):
        """Its exit code; may be called twice."""
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


@pytest.fixture
def driver(database):
    """A function that starts one; all of them must end well."""
    started = []

    def start(url=None, instance="one"):
        started.append(Driver(url or database.url, instance))
        return started[-1]

    yield start
    assert [one.close() for one in started] == [0] * len(started)


def event(kind, second, **fields):
    return {"type": kind, "hostname": "w1@host", "timestamp": 1714564800 + second, "utcoffset": 0, "pid": 7, "clock": 1,
            **fields}


def started(task_id, second, **fields):
    return event("task-started", second, uuid=task_id, **fields)


def heartbeat(second, processed, **fields):
    return event("worker-heartbeat", second, freq=2.0, active=0, processed=processed, loadavg=[0.5, 0.25, 0.125],
                 sw_ident="py-celery", sw_ver="5.6.2", sw_sys="Linux", **fields)


def counters(database, instance="one"):
    names = "batches deliveries redelivered events task_events worker_events unknown_events dead rows_written"
    (row,) = database.query(f"SELECT {names.replace(' ', ', ')} FROM bridge_instances WHERE instance = %s", (instance,))
    return row


def missed(database):
    return database.value("SELECT missed FROM worker_missed_events")


def test_a_batch_lands_whole(database, driver):
    assert driver().write([started("a", 1), started("b", 2)], started("a", 3), heartbeat(4, 12), event("task-odd", 5),
                          event("task-odd", 5), "no json", []) == COMMITTED
    assert {task_id: row["began_at"].second for task_id, row in database.rows().items()} == {"a": 3, "b": 2}
    (worker,) = database.query("SELECT * FROM celery_workers")
    assert (worker["hostname"], worker["pid"], worker["processed"], worker["loadavg"], worker["sw_ver"]) == (
        "w1@host", 7, 12, [0.5, 0.25, 0.125], "5.6.2")
    (letter,) = database.query("SELECT * FROM dead_letters")
    assert (bytes(letter["body"]), letter["routing_key"], letter["headers"], letter["instance"]) == (
        b"no json", "task.multi", {"hostname": "w"}, "one")
    assert database.query("SELECT type, count FROM event_types") == [{"type": "task-odd", "count": 2}]
    assert counters(database) == {"batches": 1, "deliveries": 7, "redelivered": 0, "events": 6, "task_events": 3,
                                  "worker_events": 1, "unknown_events": 2, "dead": 1, "rows_written": 2}


def test_counters_add_up_over_batches_and_processes(database, driver):
    for _ in range(2):
        one = driver()
        assert one.write(started("a", 1)) == COMMITTED
        assert one.write(started("b", 1), event("task-odd", 2)) == COMMITTED
    found = counters(database)
    assert (found["batches"], found["deliveries"], found["unknown_events"]) == (4, 6, 2)
    assert database.query("SELECT type, count FROM event_types") == [{"type": "task-odd", "count": 2}]


def test_two_batches_may_be_under_way(database, driver):
    one = driver()
    one.add(*[started(f"t{number}", number) for number in range(300)], batch=0)
    one.add(*[started(f"t{number}", number + 1) for number in range(300)], batch=1)
    one.submit(0)
    one.submit(1)
    assert (one.wait(1), one.wait(0)) == (COMMITTED, COMMITTED)
    assert counters(database)["batches"] == 2
    rows = database.rows()
    assert len(rows) == 300
    assert rows["t5"]["began_at"].second == 6


@pytest.fixture
def hold(database):
    """A function that holds a task's row, and gives what lets it go."""
    holders = []

    def take(task_id):
        holder = psycopg2.connect(database.url)
        holders.append(holder)
        holder.cursor().execute("SELECT 1 FROM background_task_trackers WHERE task_id = %s FOR UPDATE", (task_id,))
        return holder.rollback

    yield take
    for holder in holders:
        holder.close()


def blocked(database):
    """The driver's backends that wait for a lock in this database."""
    return [row["pid"] for row in database.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sink_driver' "
        "AND wait_event_type = 'Lock'")]


EVERYTHING = ([started("held", 1), started("other", 2)], heartbeat(0, 10), heartbeat(3, 12), event("task-odd", 5),
              "no json")


def test_a_batch_whose_answer_was_lost_is_not_counted_twice(database, driver, hold, stack):
    driver(instance="another").write(started("held", 0, pid=8))
    proxy = Proxy.of(stack.database_url)
    try:
        one = driver(proxy.url(database.url))
        let_go = hold("held")
        one.add(*EVERYTHING)
        one.submit()
        wait_until(lambda: blocked(database), 20, "the batch waits for a row")
        # The server gets on with it, and nobody hears its answer.
        proxy.stall()
        let_go()
        wait_until(lambda: database.query("SELECT 1 FROM bridge_instances WHERE instance = 'one'"), 20, "the commit")
        proxy.reset()
        proxy.restore()
        assert one.wait() == AGAIN
        assert one.again() == COMMITTED
    finally:
        proxy.close()
    assert counters(database) == {"batches": 1, "deliveries": 5, "redelivered": 0, "events": 5, "task_events": 2,
                                  "worker_events": 2, "unknown_events": 1, "dead": 1, "rows_written": 2}
    assert database.value("SELECT count(*) FROM dead_letters") == 1
    assert database.query("SELECT type, count FROM event_types") == [{"type": "task-odd", "count": 1}]
    assert database.query("SELECT starts_seen, missed FROM worker_missed_events") == [{"starts_seen": 2, "missed": 0}]


def test_a_batch_that_was_cut_off_before_its_commit_is_written_again(database, driver, hold):
    driver(instance="another").write(started("held", 0, pid=8))
    one = driver()
    let_go = hold("held")
    one.add(*EVERYTHING)
    one.submit()
    wait_until(lambda: blocked(database), 20, "the batch waits for a row")
    database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY (%s)", (blocked(database),))
    assert one.wait() == AGAIN
    assert database.query("SELECT 1 FROM bridge_instances WHERE instance = 'one'") == []
    let_go()
    assert one.again() == COMMITTED
    assert counters(database)["batches"] == 1
    assert database.value("SELECT count(*) FROM dead_letters") == 1
    assert database.value("SELECT starts_seen FROM worker_missed_events") == 2


def test_what_comes_redelivered_is_counted_apart_and_written_once(database, driver):
    # A daemon that was killed between commit and ack; the next one gets the same, and one that it never saw.
    assert driver().write(*EVERYTHING) == COMMITTED
    assert driver().write(*EVERYTHING, started("new", 2.5), "other damage", redelivered=True) == COMMITTED
    found = counters(database)
    assert (found["deliveries"], found["redelivered"]) == (12, 7)
    assert [bytes(row["body"]) for row in database.query("SELECT body FROM dead_letters ORDER BY id")] == [
        b"no json", b"other damage"]
    assert database.value("SELECT starts_seen FROM worker_missed_events") == 3


def test_the_same_damage_twice_is_two_dead_letters(database, driver):
    assert driver().write("no json", "no json") == COMMITTED
    assert database.value("SELECT count(*) FROM dead_letters") == 2


def test_data_that_the_database_refuses_is_told_apart(database, driver):
    database.execute("ALTER TABLE background_task_trackers ADD CONSTRAINT no_bad CHECK (task_id <> 'bad')")
    try:
        one = driver()
        assert one.write(started("good", 1), started("bad", 1)) == REFUSED
        assert database.rows() == {}
        assert one.write(started("good", 1)) == COMMITTED
    finally:
        database.execute("ALTER TABLE background_task_trackers DROP CONSTRAINT no_bad")
    assert set(database.rows()) == {"good"}
    assert counters(database)["batches"] == 1


def test_what_needs_a_person_is_told_apart_and_heals(database, driver):
    one = driver()
    assert one.write(started("a", 1)) == COMMITTED
    database.execute("ALTER TABLE bridge_instances RENAME TO gone")
    try:
        outcomes = [one.write(started("a", 2))] + [one.again() for _ in range(7)]
        assert outcomes == [FAILED] * 8
    finally:
        database.execute("ALTER TABLE gone RENAME TO bridge_instances")
    assert one.again() == COMMITTED
    assert counters(database)["batches"] == 2


def test_after_five_failures_in_a_row_the_session_is_replaced(database, driver):
    def backends():
        return {row["pid"] for row in database.query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sink_driver'")}

    one = driver()
    assert one.write(started("a", 1)) == COMMITTED
    (first,) = backends()
    database.execute("ALTER TABLE bridge_instances RENAME TO gone")
    try:
        assert [one.write(started("a", 2))] + [one.again() for _ in range(3)] == [FAILED] * 4
        assert backends() == {first}
        assert [one.again(), one.again()] == [FAILED, FAILED]
        wait_until(lambda: len(backends()) == 1 and first not in backends(), 20, "another session, and no other")
    finally:
        database.execute("ALTER TABLE gone RENAME TO bridge_instances")
    assert one.again() == COMMITTED


@pytest.fixture
def hostile_settings(database, admin):
    """What an administrator may have set for a database, none of which may stop or weaken a commit."""
    name = database.value("SELECT current_database() AS name")
    settings = {"default_transaction_read_only": "on", "statement_timeout": "1ms", "lock_timeout": "1ms",
                "idle_in_transaction_session_timeout": "1ms", "synchronous_commit": "off", "jit": "on",
                "default_transaction_isolation": "serializable", "plan_cache_mode": "force_custom_plan"}
    for setting, value in settings.items():
        admin.execute(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'")
    yield
    admin.execute(f'ALTER DATABASE "{name}" RESET ALL')


def test_the_session_does_not_depend_on_the_servers_settings(database, driver, hostile_settings):
    database.execute("""
        CREATE TABLE told (synchronous_commit text, statement_timeout text);
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            INSERT INTO told VALUES (current_setting('synchronous_commit'), current_setting('statement_timeout'));
            RETURN NEW;
        END $$;
        CREATE TRIGGER tell AFTER INSERT ON bridge_instances FOR EACH ROW EXECUTE FUNCTION tell()""")
    try:
        assert driver().write(*[started(f"t{number}", 1) for number in range(100)]) == COMMITTED
        assert database.query("SELECT * FROM told") == [{"synchronous_commit": "on", "statement_timeout": "2min"}]
    finally:
        database.execute("DROP TRIGGER tell ON bridge_instances; DROP FUNCTION tell; DROP TABLE told")
    assert len(database.rows()) == 100


@pytest.fixture
def writer_url(database, admin):
    """Of a login that has the writer's rights and no other."""
    name = f"writer-{uuid.uuid4()}"
    admin.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'writes' IN ROLE taskbridge_writer")
    parts = urlsplit(database.url)
    yield urlunsplit(parts._replace(netloc=f"{name}:writes@{parts.hostname}:{parts.port}"))
    admin.execute(f'DROP ROLE "{name}"')


def test_a_daemon_needs_the_writers_rights_and_no_other(database, driver, writer_url):
    child = {"root_id": "root", "name": "n", "args": "()", "kwargs": "{}"}
    for redelivered in (False, True):
        one = driver(writer_url)
        assert one.write(event("task-received", 0, uuid="child", **child), *EVERYTHING, redelivered=redelivered) == 0
        assert one.write(event("task-progress", 1, uuid="child", progress=5, company_id=73)) == COMMITTED
        assert one.close() == 0
    assert database.row("child")["company_id"] == 73
    writer = Database(writer_url)
    try:
        assert execute(writer, "cleanup_completed", 3600, 10)[0][0] == 0
        assert execute(writer, "cleanup_orphaned", 3600, 10)[0][0] == 0
        assert execute(writer, "inherit_waiting", 10)[0][0] == 0
        assert execute(writer, "maintenance_begin", "job", "one", 1, False)[0][0] is not None
        assert execute(writer, "statuses_find", None, 0, 10**12, 10, "") == []
        execute(writer, "instance_beat", "one", "run", "0.1.0", "now", True, None, None, 0, 0, 0, 0, 0, "{}",
                "broker", "queue", 15)
        assert execute(writer, "instances_forget", 86400) == [(0,)]
    finally:
        writer.close()


def test_the_first_connection_may_take_a_while(database, driver, stack):
    proxy = Proxy.of(stack.database_url)
    try:
        proxy.refusing = True
        one = driver(proxy.url(database.url))
        one.add(started("a", 1))
        one.process.stdin.write("submit 0\n")
        proxy.restore()
        assert one.process.stdout.readline() == "submitted\n"
        assert one.wait() == COMMITTED
    finally:
        proxy.close()


def test_a_trickling_network_changes_nothing(database, driver, stack):
    proxy = Proxy.of(stack.database_url)
    try:
        one = driver(proxy.url(database.url))
        assert one.write(started("a", 1)) == COMMITTED
        proxy.trickle()
        assert one.write(started("a", 2), "no json") == COMMITTED
    finally:
        proxy.close()
    assert database.row("a")["began_at"].second == 2


def test_daemons_that_write_the_same_rows_at_once_do_not_block_each_other_for_good(database, driver):
    drivers = [driver(instance=name) for name in ("one", "two", "three")]
    for turn in range(5):
        for one in drivers:
            one.ask("reset", 0)
            one.add([started(f"t{number}", turn) for number in range(200)], heartbeat(turn, turn))
        for one in drivers:
            one.submit()
        assert [one.wait() for one in drivers] == [COMMITTED] * 3
    assert len(database.rows()) == 200


# ---- the meter of missed events ----

def test_started_events_that_never_came_are_missed(database, driver):
    assert driver().write(heartbeat(0, 10), [started("a", 1), started("b", 2)], heartbeat(4, 13)) == COMMITTED
    assert missed(database) == 1


def test_starts_and_heartbeats_may_come_in_any_order(database, driver):
    parts = [heartbeat(0, 10), started("a", 1), started("b", 2), heartbeat(4, 13), started("c", 3)]
    one = driver()
    for order in ([0, 1, 2, 3, 4], [4, 2, 1, 3, 0], [3, 0, 4, 1, 2], [1, 2, 4, 0, 3], [1, 3, 2, 0, 4]):
        database.execute("DELETE FROM worker_incarnations")
        for index in order:
            assert one.write(parts[index]) == COMMITTED
        assert missed(database) == 0, order
        assert database.value("SELECT starts_seen FROM worker_missed_events") == 3


def test_starts_outside_the_time_between_the_heartbeats_do_not_hide_missed_ones(database, driver):
    assert driver().write(started("before", -1), heartbeat(0, 10), heartbeat(4, 11), started("after", 5)) == COMMITTED
    assert missed(database) == 1


def test_each_process_of_a_worker_is_metered_alone(database, driver):
    assert driver().write(heartbeat(0, 10), started("a", 1), heartbeat(2, 11), heartbeat(3, 0, pid=8),
                          started("b", 4, pid=8), heartbeat(5, 3, pid=8)) == COMMITTED
    assert database.query("SELECT pid, missed FROM worker_missed_events ORDER BY pid") == [
        {"pid": 7, "missed": 0}, {"pid": 8, "missed": 2}]


def test_a_process_that_has_the_number_of_a_former_one_begins_anew(database, driver):
    """As in a container that was started again."""
    one = driver()
    assert one.write(heartbeat(0, 0), started("a", 1), heartbeat(2, 5)) == COMMITTED
    assert missed(database) == 4
    assert one.write(heartbeat(10, 0), started("b", 11), started("c", 12), heartbeat(13, 3)) == COMMITTED
    assert missed(database) == 5
    # What comes late of the former one, and again, changes nothing.
    assert one.write(heartbeat(1, 3)) == COMMITTED
    assert one.write(heartbeat(2, 5)) == COMMITTED
    assert database.query("SELECT processed, starts_seen, missed FROM worker_missed_events") == [
        {"processed": 8, "starts_seen": 3, "missed": 5}]
    # Both in one batch: what the former one counted since is not known.
    assert one.write(heartbeat(20, 4), started("d", 21), heartbeat(30, 1), started("e", 31)) == COMMITTED
    assert one.write(heartbeat(32, 3)) == COMMITTED
    assert database.query("SELECT processed, starts_seen, missed FROM worker_missed_events") == [
        {"processed": 10, "starts_seen": 4, "missed": 6}]


def test_heartbeats_without_counts_change_no_count(database, driver):
    one = driver()
    assert one.write(heartbeat(0, 10)) == COMMITTED
    assert one.write(event("worker-heartbeat", 5, freq=2.0, sw_ident="py-celery", sw_ver="5.6.2", sw_sys="Linux")) == 0
    (worker,) = database.query("SELECT processed, loadavg, heartbeat_at FROM celery_workers")
    assert (worker["processed"], worker["loadavg"], worker["heartbeat_at"].second) == (10, [0.5, 0.25, 0.125], 5)
