"""TrackedTask against kombu's in-memory broker: what leaves the worker, and what
happens to the task when nothing can."""

import socket
import sys
import threading
from pathlib import Path

import pytest
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from kombu import Exchange, Queue

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "celery"))

from taskbridge_celery import TrackedTask  # noqa: E402
from taskbridge_celery.task import PAUSE_SECONDS  # noqa: E402

CELERYEV = Exchange("celeryev", type="topic")


@pytest.fixture
def app():
    application = Celery("tracked", broker="memory://", set_as_current=False)
    application.conf.update(task_ignore_result=True, result_backend=None)
    yield application
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


@pytest.mark.parametrize("error", [OSError("broker away"), RuntimeError("pool")])
def test_broken_dispatcher_does_not_break_the_task(app, error, caplog, monkeypatch):
    task = tracked(app, half_way)
    monkeypatch.setattr(app, "events", BrokenDispatcher(error))
    assert run(task) == "done"
    assert "The progress of task id-1 could not be sent" in caplog.text


def test_progress_that_json_cannot_hold_does_not_break_the_task(app, sent):
    def body(self):
        self.update_state(state="PROGRESS", meta={"progress": 1, "lock": object()})
        self.update_state(state="PROGRESS", meta={"progress": 2})
        return "done"

    assert run(tracked(app, body)) == "done"
    assert only(sent())["progress"] == 2


def app_with_broker_at(port):
    url = "amqp://guest:guest@127.0.0.1:%d//" % port
    return Celery("away", broker=url, set_as_current=False)


def test_unreachable_broker_does_not_break_the_task(unused_tcp_port):
    app = app_with_broker_at(unused_tcp_port)
    assert run(tracked(app, half_way)) == "done"


def test_broker_that_stays_away_is_tried_seldom(hanging_up):
    def body(self):
        for progress in range(100):
            self.update_state(state="PROGRESS", meta={"progress": progress})
        return "done"

    assert run(tracked(app_with_broker_at(hanging_up.port), body)) == "done"
    assert 1 <= hanging_up.calls <= 3


def test_events_are_sent_again_after_a_pause(app, sent, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("taskbridge_celery.task.monotonic", lambda: now[0])
    task = tracked(app, half_way)
    with monkeypatch.context() as broken:
        broken.setattr(app, "events", BrokenDispatcher(OSError("broker away")))
        run(task)
    run(task)
    assert sent() == []
    now[0] += PAUSE_SECONDS
    run(task)
    assert only(sent())["progress"] == 50


def test_soft_time_limit_raised_while_sending_reaches_the_task(app, monkeypatch):
    task = tracked(app, half_way)
    monkeypatch.setattr(app, "events", BrokenDispatcher(SoftTimeLimitExceeded()))
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
