"""Real workers die, freeze, forget and go on: what of their tasks is called lost, and what never is."""

import itertools
import re
import signal
import threading

import psycopg2

from harness import EVENTS_QUEUE, Broker, Proxy, wait_until
from liveness import (GONE, await_runs, await_workers, cut_questions, freeze, lost_of, send, start_judge,
                      start_worker, state, thaw, wait_for, wait_for_loss)


def test_what_a_living_worker_has_is_never_lost_and_what_it_forgot_is(site):
    daemon = start_judge(site)
    worker = start_worker(site, "all", "--prefetch-multiplier=8")
    await_workers(worker)
    ignored = send(site, "all", "ignore")
    replaced = send(site, "all", "replace")
    first, limited = [send(site, "all", "progress_text", "one an hour") for _ in range(2)]
    wait_for(site, {ignored: "STARTED", replaced: "SUCCESS", first: "SUCCESS", limited: "RECEIVED"})
    # Of this one the end goes astray.
    ended = send(site, "all", "sleep", 2)
    wait_for(site, {ended: "STARTED"})
    channel = site.broker.channel()
    channel.queue_unbind(EVENTS_QUEUE, "celeryev", "#")
    worker.wait_for(f"Task faults.sleep[{ended}] succeeded", 30)
    channel.queue_bind(EVENTS_QUEUE, "celeryev", "#")
    waiting = send(site, "all", "add", 1, 2, countdown=600)
    running = [send(site, "all", "sleep", 300) for _ in range(2)]
    wait_for(site, {waiting: "RECEIVED", **dict.fromkeys(running, "STARTED")})
    reserved = send(site, "all", "sleep", 300)
    # A worker's last event that never came, and one that says less than what is: this task was taken up again.
    for kind in ("task-received", "task-started"):
        site.broker.publish_event(kind, uuid="forgotten", hostname=worker.hostname, pid=worker.pid)
    site.broker.publish_event("task-retried", uuid=running[1], hostname=worker.hostname, exception="ValueError()")
    wait_for(site, {reserved: "RECEIVED", "forgotten": "STARTED", running[1]: "RETRY"})

    wait_for_loss(site, ignored, GONE)
    wait_for_loss(site, ended, GONE)
    wait_for_loss(site, "forgotten", GONE)
    living = {limited: "RECEIVED", waiting: "RECEIVED", reserved: "RECEIVED", running[0]: "STARTED",
              running[1]: "STARTED"}
    wait_for(site, living)
    site.broker.publish_event("task-progress", uuid=ignored, hostname=worker.hostname, progress=40)
    site.broker.publish_event("task-succeeded", uuid="forgotten", hostname=worker.hostname, result="3", runtime=1.0)
    wait_for(site, {ignored: "PROGRESS", "forgotten": "SUCCESS"})
    await_runs(site, 3)
    wait_for(site, living)
    assert lost_of(daemon, *living) == []


def test_a_long_task_outlives_an_hour_without_the_daemon(site):
    daemon = start_judge(site)
    worker = start_worker(site, "long", "--prefetch-multiplier=8", concurrency=1)
    await_workers(worker)
    running = send(site, "long", "sleep", 300)
    wait_for(site, {running: "STARTED"})
    reserved = send(site, "long", "sleep", 300)
    wait_for(site, {reserved: "RECEIVED"})
    daemon.terminate()
    site.database.execute("UPDATE background_task_trackers SET updated_at = updated_at - interval '1 hour'")
    site.database.execute("UPDATE celery_workers SET heard_at = heard_at - interval '1 hour'")
    daemon = start_judge(site)
    await_runs(site, 4)
    wait_for(site, {running: "STARTED", reserved: "RECEIVED"})
    assert lost_of(daemon, running, reserved) == []


def test_workers_that_end_in_every_way_lose_what_they_ran(site):
    daemons = [start_judge(site, TASKBRIDGE_DAEMON_INSTANCE=f"judge-{number}") for number in (1, 2)]
    workers = [start_worker(site, name, concurrency=1) for name in ("group", "parent", "cold", "frozen", "replaced")]
    group, parent, cold, frozen, replaced = workers
    await_workers(*workers)
    tasks = {worker.queue: send(site, worker.queue, "sleep", 300) for worker in workers}
    wait_for(site, dict.fromkeys(tasks.values(), "STARTED"))
    group.kill()
    parent.signal(signal.SIGKILL)
    cold.signal(signal.SIGQUIT)
    freeze(frozen)
    replaced.kill()
    start_worker(site, "replaced", concurrency=1)
    for worker in (group, parent, cold, frozen):
        wait_for_loss(site, tasks[worker.queue], f"worker {worker.hostname} vanished")
    # Its name lives on.
    wait_for_loss(site, tasks["replaced"], GONE)
    # Whichever of the daemons found it, it was found once.
    for task in tasks.values():
        assert sum(len(daemon.events("task_lost", task=task)) for daemon in daemons) == 1

    # The one that was only frozen has its task still; the one that comes back under its name has forgotten all.
    site.broker.publish_event("task-received", uuid="reserved", hostname=cold.hostname, name="faults.sleep", retries=0)
    wait_for(site, {"reserved": "RECEIVED"})
    thaw(frozen)
    await_workers(start_worker(site, "cold", concurrency=1))
    wait_for(site, {tasks["frozen"]: "STARTED"})
    wait_for_loss(site, "reserved", GONE)
    assert any(daemon.events("task_found") for daemon in daemons)
    assert state(site, tasks["group"]) == "LOST"


def test_a_worker_that_waits_for_its_last_task_ends_well_whatever_was_thought_meanwhile(site):
    start_judge(site)
    worker = start_worker(site, "warm", concurrency=1)
    await_workers(worker)
    task = send(site, "warm", "sleep", 8)
    wait_for(site, {task: "STARTED"})
    worker.signal(signal.SIGTERM)
    # Its goodbye is its last sign until the task ends: whether that is soon enough is not known.
    worker.wait(30)
    wait_for(site, {task: "SUCCESS"})
    assert site.database.row(task)["error_message"] is None


def test_workers_of_every_kind(site):
    daemon = start_judge(site)
    quiet = start_worker(site, "quiet", "--without-heartbeat")
    threads = start_worker(site, "threads", pool="threads")
    yaml = start_worker(site, "yaml", SERIALIZER="yaml")
    solo = start_worker(site, "solo", pool="solo", concurrency=1)
    twins = [start_worker(site, "twin", concurrency=1) for _ in range(2)]
    workers = [quiet, threads, yaml, solo, *twins]
    await_workers(*workers)
    working = send(site, "solo", "sleep", 12)
    living = {worker.queue: send(site, worker.queue, "sleep", 300) for worker in (quiet, threads, yaml, twins[0])}
    ignored = {worker.queue: send(site, worker.queue, "ignore") for worker in (quiet, threads, yaml)}
    wait_for(site, dict.fromkeys([*living.values(), *ignored.values()], "STARTED"))
    wait_for_loss(site, ignored["quiet"], GONE)
    wait_for_loss(site, ignored["threads"], GONE)
    # While it works, a worker of this pool sends nothing and answers nothing: whatever was thought of it meanwhile.
    wait_for(site, {working: "SUCCESS"})
    quiet.kill()
    wait_for_loss(site, living["quiet"], f"worker {quiet.hostname} vanished")
    await_runs(site, 2)
    # Who answers in what can't be read lives, and nothing more is known.
    still = [living["threads"], living["yaml"], living["twin"], ignored["yaml"]]
    wait_for(site, dict.fromkeys(still, "STARTED"))
    assert lost_of(daemon, *still) == []
    assert daemon.events("answer_unreadable")
    assert "application/x-yaml" in daemon.output()
    # Of two workers under one name the one dies that had the task: then the other one's no counts.
    (had,) = [twin for twin in twins if living["twin"] in twin.output()]
    had.kill()
    wait_for_loss(site, living["twin"], GONE)


def test_without_the_right_to_ask_silence_decides(site, stack):
    user = f"mute-{site.name}"
    stack.add_user(user, site.name, r"^taskbridge\..*$", r"^taskbridge\..*$", r"^(taskbridge\..*|celeryev)$")
    try:
        daemon = start_judge(site, TASKBRIDGE_AMQP_URL=re.sub("//.*@", f"//{user}:secret@", site.amqp_url))
        living, dying = [start_worker(site, name, concurrency=1) for name in ("living", "dying")]
        await_workers(living, dying)
        ignored = send(site, "living", "ignore")
        running, lost = send(site, "living", "sleep", 300), send(site, "dying", "sleep", 300)
        wait_for(site, dict.fromkeys([ignored, running, lost], "STARTED"))
        dying.kill()
        wait_for_loss(site, lost, f"worker {dying.hostname} vanished")
        await_runs(site, 2)
        wait_for(site, dict.fromkeys([ignored, running], "STARTED"))
        warnings = [line for line in daemon.output().splitlines() if "lost tasks are found by silence alone" in line]
        assert len(warnings) == 1
        assert f"user {user} needs the right to " in warnings[0]
        daemon.terminate()
    finally:
        stack.delete_user(user)


def test_a_connection_that_breaks_while_workers_are_asked_gives_no_verdict(site):
    daemon = start_judge(site)
    worker = start_worker(site, "cut", concurrency=1)
    await_workers(worker)
    task = send(site, "cut", "sleep", 300)
    wait_for(site, {task: "STARTED"})
    freeze(worker)

    def fails():
        """The connection is kept from one round to the next: only what is cut meanwhile costs a round."""
        cut_questions(site)
        return site.database.query("SELECT * FROM maintenance_runs WHERE job = 'update_task_statuses' "
                                   "AND outcome = 'failed' ORDER BY started_at LIMIT 1")

    (failed,) = wait_until(fails, 60, "a failed run")
    assert failed["rows"] == 0
    assert failed["detail"].startswith("1 asked for, 0 lost, ") and "cut by a test" in failed["detail"]
    # Whoever ends while it asks does not wait for long.
    wait_until(lambda: any("asking workers" in name for name in site.broker.connections()), 30, "workers are asked again")
    daemon.terminate(timeout=15)
    start_judge(site)
    wait_for_loss(site, task, f"worker {worker.hostname} vanished")


def test_a_daemon_that_is_never_idle_finds_the_lost_too(site):
    start_judge(site)
    worker = start_worker(site, "busy", concurrency=1)
    await_workers(worker)
    task = send(site, "busy", "sleep", 300)
    wait_for(site, {task: "STARTED"})
    ended = threading.Event()

    def bodies():
        for number in itertools.count():
            if ended.wait(0.003):
                return
            yield [site.broker.event("task-progress", uuid=f"busy-{number % 500}-{part}", hostname="other@tests",
                                     progress=number % 100) for part in range(8)]

    others = Broker(site.stack, site.name, site.amqp_url)
    thread = threading.Thread(target=lambda: others.publish_all(bodies()))
    thread.start()
    try:
        wait_until(lambda: state(site, "busy-10-7"), 20, "the others' events")
        worker.kill()
        wait_for_loss(site, task, f"worker {worker.hostname} vanished")
        assert not ended.is_set() and thread.is_alive()
    finally:
        ended.set()
        thread.join()
        others.close()


def test_while_events_wait_to_be_written_nothing_is_judged(site):
    daemon = start_judge(site)
    worker = start_worker(site, "waiting", concurrency=1)
    await_workers(worker)
    task = send(site, "waiting", "sleep", 300)
    site.broker.publish_event("task-started", uuid="in the way")
    wait_for(site, {task: "STARTED", "in the way": "STARTED"})
    with psycopg2.connect(site.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM background_task_trackers WHERE task_id = 'in the way' FOR UPDATE")
        site.broker.publish_event("task-progress", uuid="in the way", progress=1)
        worker.kill()
        wait_until(lambda: site.database.value(
            "SELECT count(*) FROM maintenance_runs WHERE detail LIKE '%: nothing is judged while events wait%'") >= 3,
            30, "runs that judge nothing")
        assert state(site, task) == "STARTED"
        assert lost_of(daemon, task) == []
    connection.close()
    wait_for_loss(site, task, f"worker {worker.hostname} vanished")


def test_outages_make_nobody_lost_but_an_end_without_an_event_is_found(site, stack):
    # Celery connects again seconds after the daemon does; so long a worker must be allowed to be silent.
    daemon = start_judge(site, TASKBRIDGE_MAINTENANCE_SILENT_AFTER_S=20)
    worker = start_worker(site, "outage")
    await_workers(worker)
    running = send(site, "outage", "sleep", 300)
    ending = send(site, "outage", "sleep", 5)
    wait_for(site, dict.fromkeys([running, ending], "STARTED"))
    stack.kill("rabbitmq")
    stack.kill("postgresql")
    worker.wait_for(f"Task faults.sleep[{ending}] succeeded", 30)
    stack.start("postgresql")
    stack.start("rabbitmq")
    # Celery may have sent the event, or never will: either way the end is told in bounded time.
    wait_until(lambda: state(site, ending) in ("SUCCESS", "LOST"), 90, "the end of the task that ended")
    if state(site, ending) == "LOST":
        assert site.database.row(ending)["error_message"] == GONE
    await_runs(site, 3, timeout=90)
    wait_for(site, {running: "STARTED"})
    assert lost_of(daemon, running) == []


def test_what_a_daemon_without_its_database_holds_makes_no_other_daemon_judge(site):
    proxy = Proxy.of(site.database_url)
    try:
        judge = start_judge(site, TASKBRIDGE_DAEMON_INSTANCE="judge")
        start_judge(site, TASKBRIDGE_DAEMON_INSTANCE="cut off", TASKBRIDGE_DATABASE_URL=proxy.url(site.database_url))
        worker = start_worker(site, "busy", concurrency=4)
        await_workers(worker)
        await_runs(site, 2, asking=False)
        proxy.stall()
        tasks = [send(site, "busy", "sleep", 1) for _ in range(20)]
        for task in tasks:
            worker.wait_for(f"Task faults.sleep[{task}] succeeded", 60)
        # What was said of some of them waits with the daemon that is cut off, for longer than any silence may last.
        wait_until(lambda: site.database.value(
            "SELECT count(*) FROM maintenance_runs WHERE detail LIKE %s", ("%not all who consume%",)) >= 10, 90)
        assert lost_of(judge, *tasks) == []
        states = [state(site, task) for task in tasks]
        assert "SUCCESS" in states and set(states) != {"SUCCESS"}, "each daemon got its share"
        proxy.restore()
        wait_for(site, dict.fromkeys(tasks, "SUCCESS"), 60)
        assert lost_of(judge, *tasks) == []
    finally:
        proxy.close()


def test_a_stranger_that_consumes_the_queue_makes_silence_mean_nothing(site):
    daemon = start_judge(site)
    worker = start_worker(site, "w", concurrency=1)
    await_workers(worker)
    task = send(site, "w", "sleep", 300)
    wait_for(site, {task: "STARTED"})
    channel = site.broker.channel()
    tag = channel.basic_consume(EVENTS_QUEUE, callback=lambda message: None)
    worker.kill()
    await_runs(site, 12, asking=False)
    assert lost_of(daemon, task) == []
    channel.basic_cancel(tag)
    channel.close()
    wait_for_loss(site, task, f"worker {worker.hostname} vanished")
