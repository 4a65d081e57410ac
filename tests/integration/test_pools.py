"""Workers of every pool, with the package: what they tell, over an outage of the broker too, and how long they beat."""

import json
import re
import sys

import pytest
from harness import wait_until

POOLS = ["prefork", "threads", "gevent", "eventlet", "solo"]
GREEN = ("gevent", "eventlet")
# With few, a worker of the threads pool stops for good now and then: two of its threads share a connection.
PREFETCH = ("--prefetch-multiplier", "50")

SEND = """
import json, sys
from demo.app import app
print(json.dumps([app.send_task("faults." + name, args).id for name, args in json.loads(sys.argv[1])]))
"""
CONTROL = "import sys\nfrom demo.app import app\ngetattr(app.control, sys.argv[1])(reply=True, timeout=5)"


def send(site, *tasks):
    return json.loads(site.python("-c", SEND, json.dumps(tasks)))


def wait_for_state(site, task_id, *states, timeout=60):
    last = {}

    def arrived():
        last["row"] = site.database.row(task_id)
        return last["row"] and last["row"]["celery_state"] in states and last["row"]

    return wait_until(arrived, timeout, f"{task_id} is {' or '.join(states)}, not {last}")


def silent_worker(site, name):
    """One that runs without -E."""
    command = [sys.executable, "-m", "celery", "-A", "demo.app", "worker", "--concurrency=1", "-n", f"{name}@%h",
               "--loglevel=info"]
    worker = site.spawn(name, command, site.python_environment(DEMO_EVENTS="off"), killable=True)
    worker.wait_for(" ready.", 60)
    return worker


@pytest.mark.parametrize("pool", POOLS)
def test_every_pool_tells_of_progress_retries_failures_and_results(site, pool):
    site.start_daemon()
    site.start_worker("demo.app", pool, *PREFETCH)
    done, failed, retried, given_up = send(
        site, ["sleep_with_progress", [1, 4, 73]], ["fail_after_progress", [40, 73]], ["retry_times", [2, 0.1, 73]],
        ["retry_until_given_up", []])
    row = wait_for_state(site, done, "SUCCESS")
    assert (row["progress_value"], row["company_id"], row["event_company"]) == (75, 73, "73")
    assert re.fullmatch("worker@.+", row["worker"])
    row = wait_for_state(site, failed, "FAILURE")
    assert row["progress"] == 40
    # Only prefork's events bring the exception's repr.
    assert row["error_message"] in ("RuntimeError('failed at 40')", "RuntimeError: failed at 40")
    assert wait_for_state(site, retried, "SUCCESS")["retries"] == 2
    assert wait_for_state(site, given_up, "FAILURE")["retries"] == 2
    assert site.database.value("SELECT count(*) FROM dead_letters") == 0


@pytest.mark.parametrize("pool", POOLS)
def test_end_that_no_connection_took_is_said_over_the_next(site, pool):
    site.start_daemon()
    proxy = site.proxy_to(site.amqp_url)
    worker = site.start_worker(pool=pool, TASKBRIDGE_AMQP_URL=proxy.url(site.amqp_url))
    (task_id,) = send(site, ["sleep_with_progress", [2, 20, 73]])
    wait_for_state(site, task_id, "PROGRESS")
    proxy.refuse()
    proxy.cut()
    # Celery's green pools stand still while it connects anew: such a task ends when the broker is back.
    worker.wait_for("Connection to broker lost" if pool in GREEN else f"[{task_id}] succeeded in", 60)
    assert site.database.row(task_id)["status"] == "running"
    proxy.restore()
    assert wait_for_state(site, task_id, "SUCCESS")["progress"] == 100


def test_end_that_was_said_into_a_dying_connection_is_said_again(site):
    site.start_daemon()
    proxy = site.proxy_to(site.amqp_url)
    worker = site.start_worker(pool="threads", TASKBRIDGE_AMQP_URL=proxy.url(site.amqp_url))
    (task_id,) = send(site, ["sleep_with_progress", [2, 20, 73]])
    wait_for_state(site, task_id, "PROGRESS")
    proxy.half_open()
    worker.wait_for(f"[{task_id}] succeeded in", 60)
    proxy.restore()
    proxy.cut()
    wait_for_state(site, task_id, "SUCCESS")


def heartbeat(site):
    rows = site.database.query("SELECT * FROM celery_workers WHERE hostname LIKE 'worker@%%'")
    return rows[0] if rows else None


@pytest.mark.parametrize("pool", ["solo", "gevent"])
def test_worker_whose_task_is_long_and_says_nothing_beats_and_its_task_is_not_lost(site, pool):
    site.config["maintenance"] = {"silent_after_s": 5, "statuses_every_s": 1, "ask_apart_s": 1}
    site.start_daemon()
    site.start_worker("demo.app", pool, "--heartbeat-interval=1", concurrency=1)
    (task_id,) = send(site, ["sleep", [20, 73]])
    wait_until(lambda: (heartbeat(site) or {}).get("active") == 1, 30, "a heartbeat that tells of the running task")
    # Ten of its heartbeats, and more than silent_after_s.
    first = heartbeat(site)["heartbeat_at"]
    wait_until(lambda: (heartbeat(site)["heartbeat_at"] - first).total_seconds() > 12, 60, "12 seconds of heartbeats")
    row = wait_for_state(site, task_id, "SUCCESS")
    assert row["lost_at"] is None


def test_worker_that_shuts_down_warmly_beats_until_its_task_ended_and_then_says_goodbye(site):
    site.start_daemon()
    worker = site.start_worker(concurrency=1)
    wait_until(lambda: (heartbeat(site) or {}).get("heartbeat_at"), 30, "a heartbeat")
    (task_id,) = send(site, ["sleep_with_progress", [6, 60, 73]])
    wait_for_state(site, task_id, "PROGRESS")
    worker.signal(15)
    worker.wait_for("Warm shutdown")
    after = site.database.value("SELECT now() AS now")
    wait_until(lambda: heartbeat(site)["heartbeat_at"] > after, 30, "a heartbeat during the shutdown")
    wait_for_state(site, task_id, "SUCCESS")
    wait_until(lambda: heartbeat(site)["offline_at"] is not None, 30, "the worker's goodbye")
    worker.wait(60)


def test_progress_is_quiet_where_the_workers_events_are_off_until_they_are_switched_on(site):
    site.start_daemon()
    worker = silent_worker(site, "silent")
    (first,) = send(site, ["sleep_with_progress", [1, 5, 73]])
    worker.wait_for(f"[{first}] succeeded in")
    site.python("-c", CONTROL, "enable_events")
    (second,) = send(site, ["sleep_with_progress", [1, 5, 73]])
    wait_for_state(site, second, "SUCCESS")
    row = site.database.row(first)
    assert (row["celery_state"], row["alive_at"]) == ("PENDING", None)
    assert site.database.row(second)["progress_value"] == 80


def test_exact_arguments_are_told_once_and_never_masked_ones(site):
    site.start_daemon()
    site.start_worker(concurrency=1)
    channel = site.broker.channel()
    channel.queue_declare("spectator", auto_delete=False)
    channel.queue_bind("spectator", "celeryev", "#")
    told = {}

    def tracked():
        while True:
            message = site.broker.get("spectator")
            if message is None:
                return told
            body = json.loads(message.body)
            for event in body if isinstance(body, list) else [body]:
                if event["type"] == "task-tracked":
                    assert event["uuid"] not in told
                    told[event["uuid"]] = event

    plain, hidden, deep, shown, retried, large = json.loads(site.python("-c", """
import json
from demo.app import app
def send(name, *args, **options):
    return app.send_task("faults." + name, args, **options).id
print(json.dumps([
    send("add", 1, 2, routing_key="celery"),
    send("add", 1, 2, argsrepr="(1, <hidden>)"),
    send("add", 1, {"outer": [{"DB_Password": "x"}]}),
    send("add", [1, (2, 3)], {"a": "ñ"}),
    send("retry_times", 1),
    send("progress_text", "x" * 40000)]))"""))
    wait_for_state(site, retried, "SUCCESS")
    wait_for_state(site, large, "SUCCESS")
    wait_until(lambda: len(tracked()) == 6, 20, "six events")
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    assert json.loads(told[plain]["body"]) == [[1, 2], {}, embed]
    assert told[plain]["name"] == "faults.add"
    assert told[plain]["hostname"].startswith("worker@")
    assert json.loads(told[shown]["body"])[0] == [[1, [2, 3]], {"a": "ñ"}]
    assert json.loads(told[retried]["body"])[0] == [1]
    for task_id, reason in ((hidden, "masked"), (deep, "masked"), (large, "too large")):
        assert told[task_id]["body_absent"] == reason
        assert "body" not in told[task_id]
