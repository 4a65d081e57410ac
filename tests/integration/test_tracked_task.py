"""TrackedTask against kombu's in-memory broker: what leaves the worker, and what
happens to the task when nothing can."""

import os
import socket
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from kombu import Exchange, Queue

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "celery"))

from harness import wait_until  # noqa: E402

from taskbridge_celery import TrackedTask, report_progress, report_steps  # noqa: E402
from taskbridge_celery.sender import sender_of  # noqa: E402

CELERYEV = Exchange("celeryev", type="topic")


@pytest.fixture
def app():
    application = Celery("tracked", broker="memory://", set_as_current=False)
    application.conf.update(task_ignore_result=True, result_backend=None)
    yield application
    # All of them share one broker in memory; what this one still wants to send is not for the next test.
    sender_of(application).waiting.clear()
    application.close()


@pytest.fixture
def sent(app):
    """A function that returns the events sent since it was called last."""
    with app.connection_for_read() as connection:
        queue = Queue("spectator", CELERYEV, routing_key="#", auto_delete=True)
        bound = queue(connection.default_channel)
        bound.declare()
        bound.purge()

        def read():
            events = []
            while True:
                message = bound.get(no_ack=True)
                if message is None:
                    return events
                events.append(message.decode())

        yield read


class BrokenDispatcher:
    """Stands where Celery's events are, and raises what it was given."""

    def __init__(self, error):
        self.error = error

    def Dispatcher(self, **_):
        raise self.error


def wait_for_event(sent, is_it, timeout=10):
    """All events up to the one for which this is true."""
    events = []

    def arrived():
        events.extend(sent())
        return any(is_it(event) for event in events)

    wait_until(arrived, timeout, "the event")
    return events


def tracked(app, function):
    return app.task(base=TrackedTask, bind=True, name="tracked.task")(function)


def run(task, args=(), kwargs=None, **request):
    """Run the task's body the way a worker's process does."""
    kwargs = kwargs or {}
    request = {"id": "id-1", "retries": 0, "hostname": "w1@test", **request}
    task.push_request(args=args, kwargs=kwargs, **request)
    try:
        return task.run(*args, **kwargs)
    finally:
        task.pop_request()


def half_way(self, company_id=None):
    self.update_state(
        state="PROGRESS", meta={"progress": 50, "status": "año ñandú"}
    )
    return "done"


def only(events):
    assert len(events) == 1
    return events[0]


def test_progress_leaves_as_an_event_with_text_and_retries(app, sent):
    assert run(tracked(app, half_way), retries=2) == "done"
    event = only(sent())
    assert event["type"] == "task-progress"
    assert event["uuid"] == "id-1"
    assert event["hostname"] == "w1@test"
    assert event["progress"] == 50
    assert event["status"] == "año ñandú"
    assert event["retries"] == 2
    assert "company_id" not in event


@pytest.mark.parametrize(
    "args, kwargs",
    [((), {"company_id": 73}), ((73,), {})],
    ids=["by name", "by position"],
)
def test_company_is_taken_from_the_argument(app, sent, args, kwargs):
    run(tracked(app, half_way), args, kwargs)
    assert only(sent())["company_id"] == 73


def test_company_in_meta_wins_over_the_argument(app, sent):
    def body(self, company_id):
        self.update_state(state="PROGRESS", meta={"progress": 1, "company_id": 8})

    run(tracked(app, body), (73,))
    assert only(sent())["company_id"] == 8


@pytest.mark.parametrize("value", [True, None, [73], {"id": 73}])
def test_company_that_is_no_id_is_left_out(app, sent, value):
    run(tracked(app, half_way), kwargs={"company_id": value})
    assert "company_id" not in only(sent())


def test_meta_cannot_change_the_identity_of_the_event(app, sent):
    def body(self):
        meta = {"progress": 7, "uuid": "other", "type": "task-failed", "timestamp": 1}
        meta.update(hostname="elsewhere", retry="x", retries=99)
        self.update_state(state="PROGRESS", meta=meta)

    run(tracked(app, body))
    event = only(sent())
    assert (event["uuid"], event["type"]) == ("id-1", "task-progress")
    assert event["hostname"] == "w1@test"
    assert event["timestamp"] > 1_700_000_000
    assert (event["progress"], event["retries"]) == (7, 0)


def test_progress_of_another_task_carries_that_id(app, sent):
    def body(self):
        self.update_state(task_id="id-2", state="PROGRESS", meta={"progress": 3})

    run(tracked(app, body))
    assert only(sent())["uuid"] == "id-2"


@pytest.mark.parametrize(
    "state, meta",
    [("STARTED", {"pid": 1}), ("PROGRESS", None), ("PROGRESS", "half"), (None, None)],
)
def test_other_states_and_metas_send_no_event(app, sent, state, meta):
    def body(self):
        self.update_state(state=state, meta=meta)
        return "done"

    assert run(tracked(app, body)) == "done"
    assert sent() == []


def test_eager_task_sends_no_event(app, sent):
    assert tracked(app, half_way).apply().get() == "done"
    assert sent() == []


@pytest.mark.parametrize("state", ["PROGRESS", "DOWNLOADING", "año 2024"])
def test_any_state_that_is_not_celerys_own_is_announced(app, sent, state):
    def body(self):
        self.update_state(state=state, meta={"progress": 5})

    run(tracked(app, body))
    event = only(sent())
    assert (event["progress"], event["state"]) == (5, state)


def test_company_may_be_a_uuid(app, sent):
    company = uuid.uuid4()
    run(tracked(app, half_way), kwargs={"company_id": company})
    assert only(sent())["company_id"] == str(company)


@pytest.mark.parametrize("error", [OSError("broker away"), RuntimeError("pool")])
def test_broken_dispatcher_does_not_break_the_task(app, error, caplog, monkeypatch):
    task = tracked(app, half_way)
    monkeypatch.setattr(app, "events", BrokenDispatcher(error))
    assert run(task) == "done"
    wait_until(lambda: "The progress of task id-1 could not be sent" in caplog.text)


def test_progress_that_json_cannot_hold_does_not_break_the_task(app, sent, caplog):
    def body(self):
        self.update_state(state="PROGRESS", meta={"progress": 1, "lock": object()})
        self.update_state(state="PROGRESS", meta={"progress": 2})
        return "done"

    assert run(tracked(app, body)) == "done"
    assert sender_of(app).flush()
    assert only(sent())["progress"] == 2
    assert "An update of task id-1 could not be sent" in caplog.text


def test_of_many_updates_ten_a_second_leave_and_the_last_always(app, sent):
    def body(self):
        for progress in range(1000):
            self.update_state(state="PROGRESS", meta={"progress": progress / 10})
        return time.time()

    started = time.time()
    ended = run(tracked(app, body))
    events = wait_for_event(sent, lambda event: event["progress"] == 99.9)
    assert len(events) <= 2 + 10 * (ended - started)
    assert events[-1]["timestamp"] <= ended


def test_what_a_later_update_does_not_say_is_kept_from_the_one_it_replaces(app, sent):
    def body(self):
        self.update_state(state="PROGRESS", meta={"progress": 1})
        self.update_state(state="PROGRESS", meta={"progress": 20})
        self.update_state(state="PROGRESS", meta={"status": "mes 5"})

    run(tracked(app, body))
    last = wait_for_event(sent, lambda event: event.get("status") == "mes 5")[-1]
    assert last["progress"] == 20


def test_a_later_number_replaces_an_earlier_one_in_another_dialect(app, sent):
    def body(self):
        self.update_state(state="PROGRESS", meta={"progress": 1})
        self.update_state(state="PROGRESS", meta={"progress": 20})
        self.update_state(state="PROGRESS", meta={"current": 1, "total": 2})

    run(tracked(app, body))
    last = wait_for_event(sent, lambda event: "current" in event)[-1]
    assert "progress" not in last


def app_with_broker_at(port):
    url = "amqp://guest:guest@127.0.0.1:%d//" % port
    return Celery("away", broker=url, set_as_current=False)


def many_updates(self):
    started = time.monotonic()
    for progress in range(100):
        self.update_state(state="PROGRESS", meta={"progress": progress})
    return time.monotonic() - started


def test_unreachable_broker_neither_breaks_nor_slows_the_task(unused_tcp_port):
    assert run(tracked(app_with_broker_at(unused_tcp_port), many_updates)) < 1


def test_broker_that_accepts_and_says_nothing_does_not_slow_the_task():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = app_with_broker_at(silent.getsockname()[1])
        assert run(tracked(app, many_updates)) < 1


def test_broker_that_stays_away_is_tried_seldom(hanging_up):
    app = app_with_broker_at(hanging_up.port)
    run(tracked(app, many_updates))
    sender = sender_of(app)
    wait_until(lambda: sender.failures >= 1)
    run(tracked(app, many_updates))
    assert 1 <= hanging_up.calls <= 6


def test_the_newest_progress_is_sent_when_the_broker_is_back(app, sent, monkeypatch):
    task = tracked(app, half_way)
    with monkeypatch.context() as broken:
        broken.setattr(app, "events", BrokenDispatcher(OSError("broker away")))
        before = time.time()
        run(task)
        after = time.time()
        wait_until(lambda: sender_of(app).failures == 1)
        assert sent() == []
    event = wait_for_event(sent, lambda event: event["progress"] == 50)[0]
    assert before <= event["timestamp"] <= after


def test_a_childs_sender_is_its_own(app, sent):
    run(tracked(app, half_way))
    sent()
    child = os.fork()
    if child == 0:
        os._exit(0 if sender_of(app).thread is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_progress_without_update_state_in_a_task_of_any_base(app, sent):
    def body(self, company_id):
        report_progress(30, "A third", task=self, total_rows=12)
        return "done"

    task = app.task(bind=True, name="plain.task")(body)
    assert run(task, (73,), retries=1) == "done"
    event = only(sent())
    assert (event["progress"], event["status"], event["total_rows"]) == (30, "A third", 12)
    assert (event["company_id"], event["retries"]) == (73, 1)


def test_reporting_outside_of_a_task_does_nothing():
    report_progress(50, "nobody runs")


def test_reporting_never_raises(app, monkeypatch, caplog):
    def body(self):
        self.report_progress(50, "half")
        return "done"

    task = tracked(app, body)
    monkeypatch.setattr("taskbridge_celery.task.sender_of", lambda app: 1 / 0)
    assert run(task) == "done"
    assert "is lost" in caplog.text


def test_steps_tell_which_one_runs_and_how_far_all_of_it_is(app, sent):
    seen = []

    def body(self):
        with report_steps(("emitidos", "Emitidos"), ("recibidos", "Recibidos"), task=self) as steps:
            for step in steps:
                seen.append(step.key)
                sender_of(app).flush()
                steps.progress(50)
                sender_of(app).flush()
        sender_of(app).flush()

    run(tracked(app, body))
    events = sent()
    assert seen == ["emitidos", "recibidos"]
    assert [event["progress"] for event in events] == [0, 25, 50, 75, 100]
    assert [event.get("step_key") for event in events] == ["emitidos", "emitidos", "recibidos", "recibidos", None]
    assert [step["state"] for step in events[2]["steps"]] == ["done", "running"]
    assert events[0]["status"] == "Emitidos"


def test_a_step_that_raises_is_told_as_failed(app, sent):
    def body(self):
        with report_steps("uno", "dos", task=self) as steps:
            steps.start("dos")
            sender_of(app).flush()
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        run(tracked(app, body))
    sender_of(app).flush()
    assert [step["state"] for step in sent()[-1]["steps"]] == ["done", "failed"]


def test_soft_time_limit_raised_while_handing_over_reaches_the_task(app, monkeypatch):
    task = tracked(app, half_way)

    def too_late(*_):
        raise SoftTimeLimitExceeded()

    monkeypatch.setattr(sender_of(app), "offer", too_late)
    with pytest.raises(SoftTimeLimitExceeded):
        run(task)


def test_result_backend_is_written_as_celery_writes_it():
    app = Celery("kept", broker="memory://", backend="cache+memory://")
    task = tracked(app, half_way)
    run(task, id="id-9")
    result = app.AsyncResult("id-9")
    assert result.state == "PROGRESS"
    assert result.info == {"progress": 50, "status": "año ñandú"}


class HangingUp(threading.Thread):
    """A broker that closes every connection at once, and counts them."""

    def __init__(self):
        super().__init__(daemon=True)
        self.calls = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()


@pytest.fixture
def hanging_up():
    broker = HangingUp()
    broker.start()
    yield broker
    broker.listener.shutdown(socket.SHUT_RDWR)
    broker.listener.close()
    broker.join(timeout=5)


@pytest.fixture
def unused_tcp_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Collecting:
    """A producer that keeps what it is given."""

    def __init__(self):
        self.events = []

    def publish(self, events, **_):
        self.events.extend(events)
        time.sleep(0.001)


def test_no_event_of_a_thread_is_lost_while_the_worker_publishes_others(app):
    tracked(app, half_way).name  # binds the task, and so hooks the application up
    with app.connection_for_write() as connection:
        dispatcher = app.events.Dispatcher(connection, buffer_group=["task"], on_send_buffered=lambda: None)
        dispatcher.producer = Collecting()

        def send():
            for number in range(3000):
                dispatcher.send("task-started", uuid=str(number))

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            dispatcher.flush()
        dispatcher.flush()
        assert len(dispatcher.producer.events) == 4 * 3000


def test_secret_names_are_those_of_the_sample_configuration():
    import yaml

    from taskbridge_celery.tracked import REDACT

    sample = Path(__file__).resolve().parents[2] / "config" / "taskbridge.yaml"
    assert list(REDACT) == yaml.safe_load(sample.read_text(encoding="utf-8"))["redact"]
