"""What stands in RabbitMQ already, and what is configured to stand there."""

import json
import signal

import pytest

from events import letters, wait_until_settled
from harness import wait_until

KIB = 1 << 10


def started(site, count):
    return [site.broker.event("task-started", uuid=f"t{n}") for n in range(count)]


@pytest.fixture
def least(site, stack):
    """The URL of a user that may read celeryev and owns taskbridge.*"""
    name = f"least-{site.name}"
    stack.add_user(name, site.name, r"^taskbridge\..*$", r"^taskbridge\..*$", r"^(taskbridge\..*|celeryev)$")
    login = site.amqp_url.split("//")[1].split("@")[0]
    yield site.amqp_url.replace(login, f"{name}:secret")
    stack.delete_user(name)


def test_an_exchange_of_another_type_is_used_and_the_doctor_says_what_to_do(site):
    channel = site.broker.channel()
    channel.exchange_delete("celeryev")
    channel.exchange_declare("celeryev", "fanout", durable=True, auto_delete=False)
    site.start_daemon()
    site.broker.publish_all(started(site, 3))
    wait_until_settled(site)
    assert len(site.database.rows()) == 3
    lines = json.loads(site.cli("doctor", "--json", check=1).stdout)
    (line,) = [line for line in lines if line["check"] == "exchange"]
    assert line["verdict"] == "bad" and "delete the exchange" in line["remedy"]


def test_a_classic_queue_is_consumed_as_well(site):
    site.broker.declare_queue(arguments={})
    site.broker.publish_all(started(site, 500))
    daemon = site.start_daemon()
    wait_until_settled(site)
    assert len(site.database.rows()) == 500
    assert daemon.output().count("exists with other arguments and is used as it is") == 1


def test_other_names_of_exchange_and_queue_may_be_configured(site):
    site.config["amqp"] = {"exchange": "other.events", "queue": {"name": "taskbridge.other"}}
    daemon = site.start_daemon(wait=False)
    daemon.wait_until(lambda: site.broker.consumers("taskbridge.other") == 1, 30, "it consumes")
    site.broker.publish(started(site, 3), exchange="other.events")
    site.broker.publish([site.broker.event("task-started", uuid="not here")])
    wait_until(lambda: set(site.database.rows()) == {"t0", "t1", "t2"}, 20, "the rows")
    assert site.broker.queue() is None


def test_a_queue_that_grew_beyond_its_bound_has_lost_its_oldest_and_nothing_else(site):
    """A daemon that is forgotten must not fill the broker's disk."""
    site.config["amqp"] = {"queue": {"max_bytes": "1MiB"}}
    site.start_daemon().terminate()
    site.broker.publish_all([json.dumps({**event, "padding": "x" * 4 * KIB}) for event in started(site, 1000)])
    kept = site.broker.queue()["ready"]
    # Of messages of somewhat more than 4 KiB.
    assert 200 <= kept <= 256
    site.start_daemon()
    wait_until_settled(site)
    assert set(site.database.rows()) == {f"t{n}" for n in range(1000 - kept, 1000)}


def test_a_queue_that_is_deleted_under_load_is_made_anew_by_the_user_of_least_privilege(site, least):
    daemon = site.start_daemon(TASKBRIDGE_AMQP_URL=least)
    site.broker.publish_all(started(site, 300))
    site.broker.delete_queue()
    daemon.wait_for("the broker cancelled the consumer")
    wait_until(lambda: site.broker.consumers() == 1, 30, "the queue is there again")
    site.broker.publish_all(started(site, 300))
    wait_until_settled(site)
    assert len(site.database.rows()) == 300 and letters(site) == []


def test_signals_of_a_terminal_end_it_well_too(site):
    daemon = site.start_daemon()
    daemon.signal(signal.SIGINT)
    assert daemon.wait() == 0
    assert site.broker.consumers() == 0
