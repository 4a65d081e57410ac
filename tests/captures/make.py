"""make.py DIRECTORY: captures what real workers of the Celery that is installed here send, and what really happened.

For each scenario DIRECTORY gets celery-VERSION-SCENARIO.ndjson, the deliveries in the order in which they came, and
celery-VERSION-SCENARIO.truth, what the tasks themselves wrote down. Servers and workers are its own. Run it in a Debian whose
Celery is wanted: scripts/test's roots have the servers, see src/README.md.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import celery  # noqa: E402
from harness import Proxy, Stack, wait_until  # noqa: E402
from harness.broker import connect  # noqa: E402

VERSION = ".".join(celery.__version__.split(".")[:2])


class Capture:
    """One scenario: a virtual host, workers, and a queue that takes what they say."""

    def __init__(self, stack, name, directory):
        self.name = name
        self.directory = directory
        self.truth = directory / f"celery-{VERSION}-{name}.truth"
        self.truth.unlink(missing_ok=True)
        stack.add_vhost(name)
        self.url = stack.amqp_url.rpartition("/")[0] + f"/{name}"
        self.lines = []
        self.workers = []
        self.connection = connect(self.url)
        channel = self.connection.channel()
        channel.exchange_declare("celeryev", "topic", durable=True, auto_delete=False)
        queue = channel.queue_declare("", exclusive=True).queue
        channel.queue_bind(queue, "celeryev", "#")
        channel.basic_consume(queue, no_ack=True, callback=self.take)

    def take(self, message):
        self.lines.append({
            "routing_key": message.delivery_info["routing_key"], "content_type": message.content_type,
            "content_encoding": message.content_encoding, "headers": message.headers,
            "delivery_mode": message.properties.get("delivery_mode", 1), "body": message.body})

    def listen(self, predicate, timeout=60, what="what the scenario waits for"):
        def heard():
            try:
                while True:
                    self.connection.drain_events(timeout=0.05)
            except (socket.timeout, TimeoutError):
                return predicate()

        return wait_until(heard, timeout, f"{self.name}: {what}")

    def listen_for(self, seconds):
        end = time.monotonic() + seconds
        self.listen(lambda: time.monotonic() >= end, seconds + 60)

    def count(self, kind, task_id=None):
        bodies = [json.loads(line["body"]) for line in self.lines]
        events = [event for body in bodies for event in (body if isinstance(body, list) else [body])]
        return sum(event["type"] == kind and task_id in (None, event.get("uuid")) for event in events)

    def heard(self, kind, *task_ids, timeout=60):
        for task_id in task_ids:
            self.listen(lambda: self.count(kind, task_id), timeout, f"{kind} of {task_id}")

    def environment(self, **variables):
        return {**os.environ, "CAPTURE_URL": self.url, "CAPTURE_TRUTH": str(self.truth), "PYTHONPATH": str(HERE),
                **variables}

    def worker(self, hostname, concurrency=4, **variables):
        path = self.directory / f"{self.name}-{hostname}-{len(self.workers)}.log"
        log = open(path, "wb")
        command = [sys.executable, "-m", "celery", "-A", "capapp", "worker", "-E", "-c", str(concurrency), "-n", hostname,
                   "--loglevel", "info"]
        self.workers.append(subprocess.Popen(command, env=self.environment(**variables), stdout=log, stderr=log,
                                             cwd=self.directory, start_new_session=True))
        # It says that it is online before it has made the exchanges of delayed delivery.
        self.listen(lambda: " ready." in path.read_text(encoding="utf-8"), 60, f"{hostname} is ready")
        return self.workers[-1]

    def run(self, code, **variables):
        """Python that sends, in a process of its own, as a product's web server would be."""
        subprocess.run([sys.executable, "-c", "import capapp\nfrom capapp import *\n" + code], check=True, timeout=60,
                       env=self.environment(**variables), cwd=self.directory)

    def end(self, worker, *signals, timeout=60):
        for number in signals:
            worker.send_signal(number)
            time.sleep(0.3)
        self.listen(lambda: worker.poll() is not None, timeout, "the worker's end")

    def close(self):
        for worker in self.workers:
            if worker.poll() is None:
                self.end(worker, signal.SIGTERM)
        self.listen_for(1)
        path = self.directory / f"celery-{VERSION}-{self.name}.ndjson"
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines), encoding="utf-8")
        self.connection.close()


def lives(capture):
    """What tasks do by themselves."""
    capture.worker("w1@host-a", 6)
    capture.run("""
add.apply_async((2, 3), task_id="plain")
stamped = add.si(4, 5)
stamped.stamp(customer="73", stamped_headers=["customer"])
stamped.apply_async(task_id="stamped")
add.map([1, 2, 3]).apply_async(task_id="map")
add.starmap([(1, 2), (3, 4)]).apply_async(task_id="starmap")
add.chunks([(n, n) for n in range(6)], 3)().id
from celery import chain
chain(add.si(1, 1).set(task_id="chain-1"), add.si(2, 2).set(task_id="chain-2"), add.si(3, 3).set(task_id="chain-3"))()
fail.apply_async(kwargs={"company_id": 73}, task_id="fails")
ignore.apply_async(task_id="ignored")
reject.apply_async(task_id="rejected")
reject_once.apply_async(task_id="requeued")
replace.apply_async((20, 3), task_id="replaced")
retry.apply_async((2,), task_id="retried")
give_up.apply_async(task_id="given-up")
steps.apply_async((2,), task_id="steps")
soft_limit.apply_async(task_id="soft-limit")
soft_limit_caught.apply_async(task_id="soft-limit-caught")
hard_limit.apply_async(task_id="hard-limit")
[limited.apply_async(task_id=f"limited-{n}") for n in range(3)]
add.apply_async((1, 2), countdown=2, task_id="later")
add.apply_async((1, 2), countdown=2, expires=1, task_id="expired")
add.apply_async((1, 2), countdown=30, task_id="revoked")
sleep.apply_async((60,), task_id="terminated")
app.send_task("no.such.task", task_id="unregistered")
""")
    capture.heard("task-received", "revoked")
    capture.heard("task-started", "terminated")
    capture.run('app.control.revoke("revoked"); app.control.revoke("terminated", terminate=True, signal="SIGTERM")')
    capture.heard("task-revoked", "terminated", "expired")
    capture.heard("task-succeeded", "plain", "stamped", "map", "starmap", "chain-3", "requeued", "replaced", "retried",
                  "steps", "soft-limit-caught", "limited-0", "limited-1", "limited-2", "later")
    capture.heard("task-failed", "fails", "given-up", "soft-limit", "hard-limit", "unregistered")
    # A revoked task with an eta is only dropped when that has come.
    capture.heard("task-revoked", "revoked")
    capture.listen_for(5)


def delayed(capture):
    """Quorum queues, whose countdowns wait in the broker and not in the worker."""
    variables = {"CAPTURE_QUEUE_TYPE": "quorum"}
    capture.worker("w1@host-a", **variables)
    capture.run("""
add.apply_async((1, 2), task_id="at-once")
add.apply_async((1, 2), countdown=3, task_id="delayed")
retry.apply_async((2,), {"countdown": 2}, task_id="retried-delayed")
add.apply_async((1, 2), countdown=4, expires=2, task_id="expired-delayed")
add.apply_async((1, 2), countdown=5, task_id="revoked-delayed")
""", **variables)
    capture.heard("task-sent", "revoked-delayed")
    capture.run('app.control.revoke("revoked-delayed")', **variables)
    capture.heard("task-succeeded", "at-once", "delayed", "retried-delayed")
    capture.heard("task-revoked", "revoked-delayed")
    capture.listen_for(5)


def shutdown(capture):
    """Cold, soft and warm, each with a task that is acknowledged early and one that is late, and one that waits."""
    cold = capture.worker("w1@host-a", 2)
    capture.run("""
sleep.apply_async((60,), task_id="cold-early")
sleep_late.apply_async((60,), task_id="cold-late")
add.apply_async((1, 2), task_id="cold-waiting")
""")
    capture.heard("task-started", "cold-early", "cold-late")
    capture.heard("task-received", "cold-waiting")
    capture.end(cold, signal.SIGQUIT)
    soft = capture.worker("w2@host-b", 3, CAPTURE_SOFT_SECONDS="4")
    capture.heard("task-succeeded", "cold-late", "cold-waiting")
    capture.run("""
sleep.apply_async((60,), task_id="soft-early")
sleep_late.apply_async((60,), task_id="soft-late")
sleep.apply_async((2,), task_id="soft-quick")
""")
    capture.heard("task-started", "soft-early", "soft-late", "soft-quick")
    capture.end(soft, signal.SIGQUIT)
    warm = capture.worker("w3@host-c", 2)
    capture.heard("task-succeeded", "soft-late")
    capture.run('sleep.apply_async((3,), task_id="warm"); add.apply_async((1, 2), countdown=4, task_id="warm-eta")')
    capture.heard("task-started", "warm")
    capture.heard("task-received", "warm-eta")
    capture.end(warm, signal.SIGTERM)
    capture.worker("w1@host-a", 2)
    capture.heard("task-succeeded", "warm-eta")
    capture.listen_for(5)


def outage(capture):
    """The worker's connection is cut while two tasks run, and it may come back at once."""
    proxy = Proxy.of(capture.url)
    direct, capture.url = capture.url, proxy.url(capture.url)
    worker = capture.worker("w1@host-a", 4)
    capture.url = direct
    capture.run("""
sleep.apply_async((4,), task_id="cut-early")
sleep_late.apply_async((4,), task_id="cut-late")
retry.apply_async((1,), {"countdown": 8}, task_id="cut-retry")
""")
    capture.heard("task-started", "cut-early", "cut-late")
    capture.heard("task-received", "cut-retry")
    capture.listen(lambda: capture.count("task-retried", "cut-retry"))
    proxy.cut()
    proxy.restore()
    capture.heard("task-succeeded", "cut-late", "cut-retry")
    capture.run('add.apply_async((1, 2), task_id="after")')
    capture.heard("task-succeeded", "after")
    capture.listen_for(8)
    worker.kill()
    worker.wait()
    proxy.close()


SCENARIOS = {"lives": lives, "delayed": delayed, "shutdown": shutdown, "outage": outage}


def main(directory, *names):
    directory = pathlib.Path(directory).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    stack = Stack()
    try:
        for name in names or SCENARIOS:
            capture = Capture(stack, name, directory)
            try:
                SCENARIOS[name](capture)
            finally:
                for worker in capture.workers:
                    if worker.poll() is None and sys.exc_info()[0]:
                        worker.kill()
            capture.close()
            print(f"{name}: {len(capture.lines)} deliveries", flush=True)
    finally:
        stack.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
