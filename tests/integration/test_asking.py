"""Workers that are asked over the broker, real ones."""

import subprocess

import pytest

from harness import wait_until
from harness.frames import BASIC_PUBLISH, QUEUE_BIND, FrameProxy
from harness.process import base_environment, program

SLEEPER = """
import time
from celery import Celery
app = Celery("sleeper")
app.conf.update(broker_connection_retry_on_startup=True)

@app.task
def nap(seconds, anything=None):
    time.sleep(seconds)
"""


@pytest.fixture
def sleeper(site):
    """A worker, called w1@tests, with one process."""
    (site.directory / "sleeper.py").write_text(SLEEPER, encoding="utf-8")
    site.variables["PYTHONPATH"] = str(site.directory)
    return start_sleeper(site, "w1@tests", "json")


def start_sleeper(site, name, serializer, *arguments):
    code = ("import os; from sleeper import app; app.conf.broker_url = os.environ['TASKBRIDGE_AMQP_URL']; "
            f"app.conf.task_serializer = {serializer!r}; "
            f"app.worker_main(['worker', '--pool=prefork', '--concurrency=1', '--loglevel=info', '-n', {name!r}, *{arguments!r}])")
    worker = site.spawn("sleeper", ["/usr/bin/python3", "-c", code], site.environment(C_FORCE_ROOT="1"), killable=True)
    worker.wait_until(lambda: f"{name} ready." in worker.output(), 60, f"{name} is ready")
    return worker


def send(site, task_id, argument, **options):
    code = ("import os; from sleeper import app, nap; app.conf.broker_url = os.environ['TASKBRIDGE_AMQP_URL']; "
            f"nap.apply_async((60, {argument}), task_id={task_id!r}, **{options!r})")
    subprocess.run(["/usr/bin/python3", "-c", code], env=site.environment(), check=True, timeout=60)


class Asker:
    """A driver that keeps its connection from round to round."""

    def __init__(self, site, method, *questions, url=None, timeout_ms=5000):
        command = [*program("tests/ask_driver"), url or site.amqp_url, method, str(timeout_ms), *questions]
        self.process = subprocess.Popen(command, env=base_environment(), text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.rounds = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(20) == 0

    def ask(self):
        """What the next round printed, a line a string."""
        if self.rounds:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.rounds += 1
        lines = []
        while not lines or not lines[-1].startswith("done "):
            line = self.process.stdout.readline()
            assert line, "the driver ended"
            lines.append(line.rstrip("\n"))
        return lines


def ask(site, *words, **options):
    """One round."""
    with Asker(site, *words, **options) as asker:
        return asker.ask()


def test_a_worker_says_which_tasks_it_has_and_which_it_runs(site, sleeper):
    send(site, "runs", "float('nan')")
    wait_until(lambda: ask(site, "active", "w1@tests")[0] == "answer 0 runs=active", 30, "the task runs")
    send(site, "waits, ñ", "10 ** 30")
    wait_until(lambda: "reserved" in ask(site, "query_task", "w1@tests", "waits, ñ")[0], 30, "the other one is reserved")
    first, last = ask(site, "query_task", "w1@tests", "runs", "waits, ñ", "never heard of")
    assert first == "answer 0 runs=active waits, ñ=reserved"
    assert last == "done 0 "
    assert ask(site, "query_task", "w1@tests", "never heard of")[0] == "answer 0"
    assert ask(site, "active", "w1@tests") == ["answer 0 runs=active", "done 0 "]


def test_a_worker_that_is_not_there_is_waited_for_until_the_time_is_over(site, sleeper):
    lines = ask(site, "query_task", "w1@tests", "a", "--", "w2@tests", "a", timeout_ms=1000)
    assert lines == ["answer 0", "done 0 "]


def test_what_a_worker_of_another_serializer_says_is_a_sign_of_life(site, sleeper):
    start_sleeper(site, "yaml@tests", "yaml", "-Q", "others")
    lines = ask(site, "query_task", "yaml@tests", "a", "--", "w1@tests", "a")
    assert sorted(lines) == ["answer 1", "done 0 ",
                             "unreadable 0 the worker answers in application/x-yaml: it is understood with "
                             "task_serializer = \"json\""]


def test_workers_are_not_disturbed_by_questions(site, sleeper):
    """The exchange of answers, declared otherwise than workers do it, would break their channels."""
    for _ in range(3):
        assert ask(site, "active", "w1@tests")[-1] == "done 0 "
    assert "PRECONDITION_FAILED" not in sleeper.output()


def frame_proxy(site):
    proxy = FrameProxy.of(site.amqp_url)
    site.proxies.append(proxy)
    return proxy


def test_all_rounds_go_over_one_connection(site, sleeper):
    proxy = frame_proxy(site)
    with Asker(site, "active", "w1@tests", url=proxy.url(site.amqp_url)) as asker:
        for _ in range(3):
            assert asker.ask() == ["answer 0", "done 0 "]
    assert proxy.accepted == 1
    assert proxy.methods[QUEUE_BIND] == 1 and proxy.methods[BASIC_PUBLISH] == 3


def test_a_connection_that_broke_is_made_again_for_the_next_round(site, sleeper):
    proxy = frame_proxy(site)
    with Asker(site, "active", "w1@tests", url=proxy.url(site.amqp_url)) as asker:
        assert asker.ask()[-1] == "done 0 "
        proxy.reset()
        wait_until(lambda: asker.ask() == ["answer 0", "done 0 "], 20, "an answer again")
    assert proxy.accepted >= 2


def test_a_mailbox_that_the_broker_does_not_bind_ends_the_round_in_its_time(site, sleeper):
    proxy = frame_proxy(site)
    proxy.swallows.add(QUEUE_BIND)
    with Asker(site, "active", "w1@tests", url=proxy.url(site.amqp_url)) as asker:
        (line,) = asker.ask()
    assert line.endswith("the broker did not set up the mailbox for their answers in time")


def test_where_no_worker_ever_ran_nobody_is_asked(site):
    (line,) = ask(site, "active", "w1@tests")
    assert line.startswith("done 2 no worker can be asked: exchange celery.pidbox does not exist")


def declare_mailboxes(site):
    channel = site.broker.channel()
    channel.exchange_declare("celery.pidbox", "fanout", durable=False, auto_delete=False)
    channel.exchange_declare("reply.celery.pidbox", "direct", durable=False, auto_delete=False)


@pytest.mark.parametrize("write, read, right", [
    (r"^taskbridge\..*$", r"^(taskbridge\..*|celeryev|reply\.celery\.pidbox)$", "write exchange celery.pidbox"),
    (r"^(taskbridge\..*|celery\.pidbox)$", r"^(taskbridge\..*|celeryev)$", "write queues taskbridge.reply.… and read exchange reply.celery.pidbox"),
])
def test_a_right_that_is_missing_is_named(site, stack, write, read, right):
    declare_mailboxes(site)
    user = f"least-{site.name}"
    stack.add_user(user, site.name, r"^taskbridge\..*$", write, read)
    try:
        (line,) = ask(site, "active", "w1@tests", url=url_of(site, user))
        assert line.startswith(f"done 1 workers can't be asked: user {user} needs the right to {right}")
    finally:
        stack.delete_user(user)


def url_of(site, user):
    return site.amqp_url.replace(site.amqp_url.split("//")[1].split("@")[0], f"{user}:secret")


def test_the_user_of_least_privilege_may_ask(site, stack, sleeper):
    user = f"least-{site.name}"
    stack.add_user(user, site.name, r"^taskbridge\..*$", r"^(taskbridge\..*|celery\.pidbox)$",
                   r"^(taskbridge\..*|celeryev|reply\.celery\.pidbox)$")
    try:
        assert ask(site, "active", "w1@tests", url=url_of(site, user)) == ["answer 0", "done 0 "]
    finally:
        stack.delete_user(user)


def test_a_broker_that_takes_no_messages_is_not_a_silent_worker(site, stack):
    declare_mailboxes(site)
    stack.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.00001).")
    try:
        wait_until(lambda: stack.evaluate_json("rabbit_alarm:get_local_alarms() =/= []."), 20, "the alarm")
        (line,) = ask(site, "active", "w1@tests")
    finally:
        stack.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4).")
    assert line.startswith("done -16 workers can't be asked: the broker takes no messages at present (low on memory)")
    wait_until(lambda: stack.evaluate_json("rabbit_alarm:get_local_alarms() == []."), 20, "the end of the alarm")
